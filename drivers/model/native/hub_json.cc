#include "drivers/model/native/hub_json.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "drivers/model/native/json_text.h"

namespace phios {

namespace {

using Json = nlohmann::json;

bool positive(const Json& value) {
  return value.is_number() && value.get<double>() > 0 && std::isfinite(value.get<double>());
}

}  // namespace

Result<std::string> read_hub_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return fail(ErrorCode::EIO_, path + ": cannot be read");
  return text;
}

HubJson::HubJson(Json json, std::string file)
    : json_(std::make_shared<const Json>(std::move(json))), file_(std::move(file)) {}

Result<HubJson> HubJson::open(const std::string& path) {
  HubJson made(parse_json_text(TRY(read_hub_file(path))), path);
  if (!made.json_->is_object()) return made.bad(ErrorCode::EPARSE_, "no JSON object");
  return made;
}

Result<HubJson> HubJson::open_if_there(const std::string& path) {
  return std::ifstream(path) ? open(path) : HubJson(Json::object(), path);
}

const Json& HubJson::at(const char* key) const {
  static const Json none;
  const auto found = json_->find(key);
  return found == json_->end() ? none : *found;
}

bool HubJson::has(const char* key) const { return !at(key).is_null(); }

HubJson HubJson::object(const char* key) const {
  return HubJson(at(key).is_object() ? at(key) : Json::object(), file_);
}

std::string HubJson::text(const char* key) const {
  return at(key).is_string() ? at(key).get<std::string>() : std::string();
}

Result<uint32_t> HubJson::count(const char* key, uint32_t max, std::optional<uint32_t> absent) const {
  const Json& value = at(key);
  if (value.is_null() && absent) return *absent;
  if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 || value.get<uint64_t>() > max)
    return bad(ErrorCode::EPARSE_, fmt::format("{} is no number from 1 to {}", key, max));
  return value.get<uint32_t>();
}

Result<double> HubJson::number(const char* key, std::optional<double> absent) const {
  const Json& value = at(key);
  if (value.is_null() && absent) return *absent;
  if (!positive(value)) return bad(ErrorCode::EPARSE_, fmt::format("{} is no number above 0", key));
  return value.get<double>();
}

Result<std::vector<float>> HubJson::numbers(const char* key, size_t n) const {
  const Json& list = at(key);
  if (!list.is_array() || list.size() != n)
    return bad(ErrorCode::EPARSE_, fmt::format("{} is no list of {} numbers", key, n));
  std::vector<float> out;
  for (const Json& value : list) {
    if (!positive(value))
      return bad(ErrorCode::EPARSE_, fmt::format("{}[{}] is no number above 0", key, out.size()));
    out.push_back(value.get<float>());
  }
  return out;
}

std::unexpected<Error> HubJson::bad(ErrorCode code, const std::string& what) const {
  return fail(code, fmt::format("{}: {}", file_, what));
}

}  // namespace phios
