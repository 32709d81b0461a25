#include "tests/cli/cli.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace phios {

namespace {
#ifdef __SANITIZE_THREAD__  // a command takes up to fifty times as long; ctest's own limit grows likewise
constexpr Nanos kDeadline = 1000 * kSecond;
#else
constexpr Nanos kDeadline = 240 * kSecond;
#endif
constexpr size_t kOutputMax = 16u << 20;
}  // namespace

Cli::Cli() {
  std::string pattern = (std::filesystem::temp_directory_path() / "phios-cli-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary directory: " << pattern;
  directory_ = pattern;
  std::filesystem::create_directories(directory_ / "build");
  std::filesystem::create_symlink(PHIOS_COMMAND, directory_ / "build/phios");
}

Cli::~Cli() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

ChildResult Cli::start(std::vector<std::string> argv, const std::string& input) const {
  SystemEnv env;
  ChildSpec spec;
  spec.argv = std::move(argv);
  spec.env = {"PATH=/usr/bin:/bin", "PHIOS_HOME=" + path("home"), "HOME=" + directory_.string()};
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
    if (const char* value = std::getenv(name)) spec.env.push_back(std::string(name) + "=" + value);
  spec.directory = directory_.string();
  spec.input = input;
  spec.output_max = kOutputMax;
  spec.errors_max = kOutputMax;
  spec.deadline = env.now() + kDeadline;
  Result<ChildResult> result = run_child(env, spec, {});
  if (result) return std::move(*result);
  ADD_FAILURE() << spec.argv.back() << ": " << result.error().message;
  return {-1, "", result.error().message};
}

ChildResult Cli::run(const std::vector<std::string>& args, const std::string& input) const {
  std::vector<std::string> argv = {PHIOS_COMMAND};
  argv.insert(argv.end(), args.begin(), args.end());
  return start(std::move(argv), input);
}

ChildResult Cli::shell(const std::string& line) const { return start({"/bin/sh", "-c", line}, ""); }

void Cli::write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories((directory_ / name).parent_path());
  std::ofstream(directory_ / name, std::ios::binary) << text;
}

std::string Cli::read(const std::string& name) const {
  std::stringstream text;
  text << std::ifstream(directory_ / name, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<nlohmann::json> json_lines(const std::string& text) {
  std::vector<nlohmann::json> out;
  for (const std::string& line : lines_of(text)) {
    nlohmann::json one = nlohmann::json::parse(line, nullptr, false);
    if (one.is_discarded()) ADD_FAILURE() << "no JSON: " << line;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace phios
