// HubJson: an object out of the JSON files that come with a model on Hugging Face's hub, its values bounded
// as they are read.
//
// Ownership: shares its values, which do not change. Threads: any. Lifetime: what at() gives lives as long as
// it or a copy. Errors: EIO_ (cannot be read), EPARSE_ (names the file
// and the key).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios {

Result<std::string> read_hub_file(const std::string& path);

class HubJson {
 public:
  static Result<HubJson> open(const std::string& path);
  static Result<HubJson> open_if_there(const std::string& path);  // else one without keys

  // What stands at the key; null: nothing does.
  const nlohmann::json& at(const char* key) const;
  bool has(const char* key) const;
  // The object at the key; one without keys where there is none.
  HubJson object(const char* key) const;
  // The text at the key; "": there is none.
  std::string text(const char* key) const;
  Result<uint32_t> count(const char* key, uint32_t max, std::optional<uint32_t> absent = {}) const;
  Result<double> number(const char* key, std::optional<double> absent = {}) const;  // above 0, as the next
  Result<std::vector<float>> numbers(const char* key, size_t n) const;
  std::unexpected<Error> bad(ErrorCode code, const std::string& what) const;

 private:
  HubJson(nlohmann::json json, std::string file);

  std::shared_ptr<const nlohmann::json> json_;
  std::string file_;
};

}  // namespace phios
