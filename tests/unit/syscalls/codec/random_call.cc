#include "tests/unit/syscalls/codec/random_call.h"

#include "syscalls/codec/words.h"

namespace phios::testing {
namespace {

uint64_t below(Random& random, uint64_t n) { return random() % n; }

std::string random_piece(Random& random) {
  static constexpr const char* kPieces[] = {
      "a",  "B7",   ".",    "/shm/", "@",  "=",  " ",           "\"",    "\\",    "<|", "<",
      "|",  "<<|",  "\n",   "\t",    "\r", "\b", "\x1b",        "\x7f",  "é",     "漢", "😀",
      "-1", "\\u0", "{\"}", "!",     "''", "|>", "<|phi_end|>", "key=v", "\u2028"};
  if (below(random, 4) != 0) return kPieces[below(random, std::size(kPieces))];
  std::string out;
  uint32_t point = 1 + static_cast<uint32_t>(below(random, 0x10ffff));
  if (point >= 0xd800 && point <= 0xdfff) point -= 0x800;
  append_utf8(out, point);
  return out;
}

std::string random_word(Random& random, ArgType type) {
  const auto nonempty = [&](size_t most) {
    std::string text = random_text(random, most);
    return text.empty() ? std::string("x") : text;
  };
  switch (type) {
    case ArgType::kInt:
      return std::to_string(static_cast<int64_t>(random()) >> below(random, 64));
    case ArgType::kBigInt:
      return (below(random, 2) ? "-" : "") + std::to_string(random()) + std::to_string(random());
    case ArgType::kPid:
      return below(random, 4) ? std::to_string(1 + below(random, 99999)) : "any";
    case ArgType::kBool:
      return below(random, 2) ? "true" : "0";
    case ArgType::kLabel:
      return below(random, 2) ? "loop" : "A_9-z";
    case ArgType::kCell:
      return below(random, 3) ? nonempty(40) : "@n";
    case ArgType::kName:
      return nonempty(40);
    case ArgType::kValue:
    case ArgType::kText:
      return random_text(random, 60);
  }
  return {};
}

}  // namespace

std::string random_text(Random& random, size_t most) {
  std::string out;
  for (size_t n = below(random, 12); n > 0; --n) {
    const std::string piece = random_piece(random);
    if (out.size() + piece.size() <= most) out += piece;
  }
  return out;
}

Call random_call(Random& random) {
  const auto table = call_table();
  const CallSpec* spec = nullptr;
  do spec = &table[below(random, table.size())];
  while (spec->text.empty());
  Call call;
  call.spec = spec;
  for (const ArgSpec& arg : spec->args) {
    if (arg.kind == ArgKind::kRest) {
      for (size_t n = below(random, 4); n > 0; --n) call.rest.push_back(random_word(random, arg.type));
    } else if (arg.kind == ArgKind::kRequired || below(random, 2)) {
      call.args.emplace_back(random_word(random, arg.type));
    } else {
      call.args.emplace_back(std::nullopt);
    }
  }
  // A cell that starts with '@' must name something behind it.
  for (size_t i = 0; i < call.args.size(); ++i)
    if (call.args[i] == "@") call.args[i] = "@@";
  return call;
}

}  // namespace phios::testing
