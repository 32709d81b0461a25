#include "tests/unit/userland/prompt/recorder.h"

#include "userland/prompt/prompt_loader.h"

void phi_prompt_base(phi_prompt* prompt, const char* text) { prompt->base = text; }
void phi_prompt_section(phi_prompt* prompt, const char* label, const char* text) {
  prompt->sections.emplace_back(label, text);
}
phi_status phi_prompt_option(phi_prompt* prompt, const char* key, const char* value) {
  prompt->options.emplace_back(key, value);
  return key == prompt->refused ? PHI_EINVAL_ : PHI_OK;
}

namespace phios::prompt {

Loaded load_text(std::string_view text, std::string refused, size_t message_cap) {
  Loaded loaded;
  loaded.prompt.refused = std::move(refused);
  std::string message(message_cap, '\0');
  const phi_loader loader = phi_prompt_loader();
  loaded.status = loader.prompt(loader.self, "p.md", text.data(), text.size(), &loaded.prompt, message.data(),
                                message_cap);
  loaded.message = message.c_str();
  return loaded;
}

}  // namespace phios::prompt
