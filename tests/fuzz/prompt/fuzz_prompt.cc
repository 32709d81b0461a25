// Any bytes as a prompt program: an error with its place, or texts that the kernel can take as they are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "syscalls/abi/utf8.h"
#include "tests/unit/userland/prompt/recorder.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// As phi_prompt_section's contract says: trimmed, and ended by one line feed unless empty.
void check_text(const std::string& text) {
  require(phi_utf8_valid_prefix(text.data(), text.size()) == text.size());
  if (text.empty()) return;
  constexpr std::string_view kBlank = " \t\r\n";
  require(text.size() > 1 && text.back() == '\n');
  require(kBlank.find(text.front()) == std::string_view::npos);
  require(kBlank.find(text[text.size() - 2]) == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto loaded = phios::prompt::load_text({reinterpret_cast<const char*>(data), size});
  if (loaded.status != PHI_OK) {
    require(loaded.message.starts_with("p.md:") && loaded.message.find('\n') == std::string::npos);
    return 0;
  }
  require(loaded.message.empty() && !loaded.prompt.sections.empty());
  check_text(loaded.prompt.base);
  std::set<std::string> labels;
  for (const auto& [label, text] : loaded.prompt.sections) {
    require(labels.insert(label).second && !label.empty() && label.size() <= PHI_LABEL_MAX);
    check_text(text);
  }
  return 0;
}
