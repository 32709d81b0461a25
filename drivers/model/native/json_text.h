// JSON of files that nobody vouches for: what is nested deeper than any honest one would be is left out,
// since copying and printing a value recurses.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace phios {

// A discarded value where the text is no JSON.
nlohmann::json parse_json_text(std::string_view text);

}  // namespace phios
