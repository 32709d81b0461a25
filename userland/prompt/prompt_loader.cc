#include "userland/prompt/prompt_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

#include "syscalls/abi/utf8.h"
#include "userland/prompt/document.h"
#include "userland/prompt/front_matter.h"

namespace phios::prompt {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

int line_at(std::string_view text, size_t at) {
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
}

// Windows' and old line ends as line feeds, and no byte order mark.
std::string unify(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  return out;
}

struct Failure {
  phi_status status;
  SourceError error;
};

std::expected<void, Failure> load(std::string_view text, phi_prompt* out) {
  const auto refuse = [](phi_status status, int line, std::string message) {
    return std::unexpected(Failure{status, {line, std::move(message)}});
  };
  if (text.size() > PHI_PROGRAM_MAX) {
    return refuse(PHI_ETOOBIG_, 1, fmt::format("{} bytes, at most {}", text.size(), PHI_PROGRAM_MAX));
  }
  const std::string source = unify(text);
  if (const size_t valid = phi_utf8_valid_prefix(source.data(), source.size()); valid != source.size()) {
    return refuse(PHI_EPARSE_, line_at(source, valid), "this line is no UTF-8 without NUL");
  }
  auto document = read_document(source);
  if (!document) return std::unexpected(Failure{PHI_EPARSE_, std::move(document).error()});
  auto options = read_front_matter(document->front);
  if (!options) return std::unexpected(Failure{PHI_EPARSE_, std::move(options).error()});
  for (const Option& option : *options) {
    const phi_status status = phi_prompt_option(out, option.key.c_str(), option.value.c_str());
    if (status != PHI_OK) {
      return refuse(PHI_EPARSE_, option.line,
                    fmt::format("{}: {} is no value for it", option.written, option.value));
    }
  }
  const bool empty = std::all_of(document->sections.begin(), document->sections.end(),
                                 [](const Section& section) { return section.text.empty(); });
  if (document->base.empty() && empty) return refuse(PHI_EPARSE_, 1, "the program has no text");
  phi_prompt_base(out, document->base.c_str());
  for (const Section& section : document->sections) {
    phi_prompt_section(out, section.label.c_str(), section.text.c_str());
  }
  return {};
}

// One line, cut between characters.
void tell(char* message, size_t cap, std::string text) {
  if (cap == 0) return;
  if (text.size() >= cap) {
    size_t end = cap - 1;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
  }
  std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  std::memcpy(message, text.c_str(), text.size() + 1);
}

phi_status load_prompt(void*, const char* path, const char* text, size_t len, phi_prompt* out, char* message,
                       size_t cap) {
  try {
    const auto loaded = load({text, len}, out);
    if (loaded) return PHI_OK;
    const SourceError& error = loaded.error().error;
    tell(message, cap, fmt::format("{}:{}: {}", path, error.line, error.message));
    return loaded.error().status;
  } catch (const std::exception& exception) {
    tell(message, cap, fmt::format("{}:1: {}", path, exception.what()));
    return PHI_EPARSE_;
  }
}

}  // namespace
}  // namespace phios::prompt

phi_loader phi_prompt_loader(void) { return {"prompt", ".md", nullptr, nullptr, phios::prompt::load_prompt}; }
