#include "drivers/model/native/json_text.h"

#include <nlohmann/json.hpp>

namespace phios {

nlohmann::json parse_json_text(std::string_view text) {
  constexpr int kDepthMax = 64;
  const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth < kDepthMax;
  };
  return nlohmann::json::parse(text, shallow, false);
}

}  // namespace phios
