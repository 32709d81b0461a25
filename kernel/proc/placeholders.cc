#include "kernel/proc/placeholders.h"

namespace phios {

Result<std::string> fill_placeholders(std::string_view text,
                                      const std::function<Result<std::string>(std::string_view name)>& cell) {
  std::string out;
  for (;;) {
    const size_t open = text.find("{{");
    const size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) {
      out += text;
      return out;
    }
    const std::string_view placeholder = text.substr(open + 2, close - open - 2);
    const size_t bar = placeholder.find('|');
    Result<std::string> value = cell(placeholder.substr(0, bar));
    if (!value && value.error().code != ErrorCode::ENOENT_) return value;
    out += text.substr(0, open);
    if (value) {
      out += *value;
    } else if (bar != std::string_view::npos) {
      out += placeholder.substr(bar + 1);
    }
    text.remove_prefix(close + 2);
  }
}

}  // namespace phios
