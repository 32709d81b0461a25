// Hostile text to the readers of the drivers: rule programs (read and solved under a small budget),
// expressions, manifests in both formats. The first byte chooses; the corpus is one readable file a case.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "drivers/solver/rules.h"
#include "drivers/tool/calc.h"
#include "drivers/tool/manifest.h"

namespace {

using namespace phios;

void require(bool holds) {
  if (!holds) std::abort();
}

void rules_case(std::string_view text) {
  static SystemEnv env(1);
  const rules::Budget budget{.facts = 2000, .joins = 50'000, .deadline = kNever};
  const auto solution = rules::solve(env, text, budget, {});
  // An error names its place, or the budget that was used up.
  require(solution || !solution.error().message.empty());
}

void calc_case(std::string_view text) {
  const auto value = calc::calculate(text);
  if (!value || *value == "true" || *value == "false") return;
  // What is printed reads back as the same number, unless the text became too long to read.
  const auto again = calc::calculate(*value);
  require(again ? *again == *value : again.error().code == ErrorCode::ETOOBIG_);
}

void manifest_case(std::string_view text, tool::ManifestFormat format) {
  const auto manifest = tool::parse_manifest(text, format, "x");
  if (!manifest) return require(manifest.error().message.starts_with("x: "));
  for (const std::string word : {"word", "3", "true", "{}", "[1]"}) {
    const auto arguments = manifest->schema.arguments({word});
    if (arguments) require(!tool::child_of(*manifest, *arguments, kNever).argv.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'r':
      rules_case(text);
      break;
    case 'c':
      calc_case(text);
      break;
    case 'j':
      manifest_case(text, tool::ManifestFormat::kJson);
      break;
    case 'y':
      manifest_case(text, tool::ManifestFormat::kYaml);
      break;
    default:
      break;
  }
  return 0;
}
