#include "syscalls/codec/text.h"

#include <fmt/core.h>

#include <algorithm>

#include "syscalls/codec/words.h"

namespace phios {
namespace {

constexpr ErrorCode kErrorCodes[] = {
#define PHI_ERROR(number, name, meaning, example) ErrorCode::name,
#include "syscalls/abi/errors.def"
#undef PHI_ERROR
};

std::unexpected<Error> parse_error(size_t column, std::string_view what) {
  return fail(ErrorCode::EPARSE_, fmt::format("column {}: {}", column, what));
}

Result<const CallSpec*> find_named(std::string_view name) {
  if (name.empty()) return parse_error(1, "the name of a call expected");
  if (const CallSpec* spec = find_call_by_text(name)) return spec;
  const std::string shown = quote_word(name.substr(0, std::min<size_t>(name.size(), 32)));
  if (find_call_by_name(name) != nullptr)
    return fail(ErrorCode::ENOSYS_, fmt::format("column 1: {}: only programs may call it", shown));
  return fail(ErrorCode::ENOSYS_, fmt::format("column 1: {}: no call of that name", shown));
}

// The place of each word of a frame in its row, from left to right.
class Filler {
 public:
  explicit Filler(const CallSpec& spec) : spec_(spec) {
    call_.spec = &spec;
    const bool has_rest = !spec.args.empty() && spec.args.back().kind == ArgKind::kRest;
    call_.args.resize(spec.args.size() - (has_rest ? 1 : 0));
  }

  Status positional(size_t column, std::string word) {
    if (keys_seen_) return parse_error(column, "a value after key=value");
    if (next_ == spec_.args.size() || spec_.args[next_].kind == ArgKind::kOptionalKey)
      return parse_error(column, fmt::format("too many arguments for {}", spec_.text));
    const ArgSpec& arg = spec_.args[next_];
    TRY(check(column, arg, word));
    if (arg.kind == ArgKind::kRest) {
      call_.rest.push_back(std::move(word));
    } else {
      call_.args[next_++] = std::move(word);
    }
    return {};
  }

  Status keyed(size_t column, std::string_view key, std::string word) {
    keys_seen_ = true;
    for (size_t i = 0; i < call_.args.size(); ++i) {
      const ArgSpec& arg = spec_.args[i];
      if (arg.kind != ArgKind::kOptionalKey || arg.name != key) continue;
      if (call_.args[i]) return parse_error(column, fmt::format("{}= stands twice", key));
      TRY(check(column, arg, word));
      call_.args[i] = std::move(word);
      return {};
    }
    return parse_error(column, fmt::format("{} has no argument {}=", spec_.text, key));
  }

  Result<Call> finish(size_t column) && {
    for (size_t i = 0; i < call_.args.size(); ++i) {
      if (spec_.args[i].kind == ArgKind::kRequired && !call_.args[i])
        return parse_error(column,
                           fmt::format("{}: a value for {} expected", spec_.text, spec_.args[i].name));
    }
    return std::move(call_);
  }

 private:
  static Status check(size_t column, const ArgSpec& arg, std::string_view word) {
    Status status = check_arg_form(arg, word);
    if (!status) status.error().message = fmt::format("column {}: {}", column, status.error().message);
    return status;
  }

  const CallSpec& spec_;
  Call call_;
  size_t next_ = 0;
  bool keys_seen_ = false;
};

// May the message stand behind its code as it is? Else it is written as a JSON string.
bool is_plain_message(std::string_view message) {
  if (message.empty() || message.front() == '"' || message.find(kMarkerOpen) != std::string_view::npos)
    return false;
  const auto control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; };
  return is_utf8(message) && std::none_of(message.begin(), message.end(), control);
}

std::optional<ErrorCode> error_code(std::string_view name) {
  for (const ErrorCode code : kErrorCodes)
    if (error_name(code) == name) return code;
  return std::nullopt;
}

Result<Result<Reply>> parse_error_reply(std::string_view text) {
  WordReader reader(text);
  const std::string_view name = reader.name().substr(1);
  const std::optional<ErrorCode> code = error_code(name);
  if (!code) return parse_error(2, "the name of an error expected");
  Error error{*code, {}};
  if (!reader.at_end()) {
    TRY(reader.space());
    if (reader.rest().starts_with('"')) {
      error.message = TRY(reader.word());
      if (!reader.at_end()) return parse_error(reader.column(), "the end of the message expected");
    } else if (is_plain_message(reader.rest())) {
      error.message = reader.rest();
    } else {
      return parse_error(reader.column(), "a message of plain text or a JSON string expected");
    }
  }
  return Result<Reply>(std::unexpected(std::move(error)));
}

}  // namespace

Result<Call> parse_call(std::string_view frame) {
  if (frame.size() > PHI_FRAME_MAX)
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("the frame has {} bytes, at most {}", frame.size(), PHI_FRAME_MAX));
  WordReader reader(frame);
  const CallSpec* spec = TRY(find_named(reader.name()));
  Filler filler(*spec);
  while (!reader.at_end()) {
    TRY(reader.space());
    const size_t column = reader.column();
    const std::string_view key = reader.key();
    std::string word = TRY(reader.word());
    if (key.empty()) {
      TRY(filler.positional(column, std::move(word)));
    } else {
      TRY(filler.keyed(column, key, std::move(word)));
    }
  }
  return std::move(filler).finish(reader.column());
}

std::string print_call(const Call& call) {
  std::string out(call.spec->text.empty() ? call.spec->c_name : call.spec->text);
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (!call.args[i]) continue;
    out += ' ';
    if (call.spec->args[i].kind == ArgKind::kOptionalKey) {
      out += call.spec->args[i].name;
      out += '=';
    }
    out += quote_word(*call.args[i]);
  }
  for (const std::string& word : call.rest) {
    out += ' ';
    out += quote_word(word);
  }
  return out;
}

std::string print_reply(const Result<Reply>& reply) {
  if (!reply) {
    const Error& error = reply.error();
    std::string out = "!";
    out += error_name(error.code);
    if (error.message.empty()) return out;
    return out + ' ' + (is_plain_message(error.message) ? error.message : quote_string(error.message));
  }
  std::string out;
  for (const std::string& word : reply->words) {
    if (!out.empty()) out += ' ';
    out += quote_word(word);
  }
  return out;
}

Result<Result<Reply>> parse_reply(std::string_view text) {
  if (text.starts_with('!')) return parse_error_reply(text);
  Reply reply;
  WordReader reader(text);
  while (!reader.at_end()) {
    if (!reply.words.empty()) TRY(reader.space());
    reply.words.push_back(TRY(reader.word()));
  }
  return Result<Reply>(std::move(reply));
}

}  // namespace phios
