// phios_gen ROOT writes the generated files under a checkout's root; phios_gen --check ROOT compares them.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "syscalls/codec/chat.h"
#include "syscalls/gen/generate.h"

namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;  // path → text

constexpr std::string_view kPages = "docs/syscalls";

Files generated() {
  const std::string pages(kPages);
  Files files = {
      {"syscalls/abi/phios_calls.h", phios::gen::c_header()},
      {"userland/lua/phi.d.lua", phios::gen::lua_stubs()},
      {"tests/fuzz/frame/dictionary.txt", phios::gen::dictionary()},
      {pages + "/README.md", phios::gen::index_page()},
      {pages + "/schemas.json", phios::tool_schemas(phios::RightSet::all()) + "\n"},
  };
  for (const phios::CallSpec& spec : phios::call_table())
    files.emplace(fmt::format("{}/{}.md", pages, spec.c_name), phios::gen::call_page(spec));
  return files;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

int write(const fs::path& root) {
  for (const auto& [path, text] : generated()) {
    std::error_code ignored;  // what matters is whether the file can be written
    fs::create_directories((root / path).parent_path(), ignored);
    std::ofstream out(root / path, std::ios::binary | std::ios::trunc);
    out << text;
    if (!out.flush()) {
      fmt::print(stderr, "phios_gen: {}: cannot be written\n", (root / path).string());
      return 1;
    }
  }
  return 0;
}

int check(const fs::path& root) {
  int status = 0;
  const Files files = generated();
  const auto complain = [&status](const std::string& path, std::string_view what) {
    fmt::print(stderr, "phios_gen: {}: {}; run phios_gen on the checkout's root\n", path, what);
    status = 1;
  };
  for (const auto& [path, text] : files)
    if (read(root / path) != text) complain(path, "differs from what the table gives");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / kPages, error)) {
    const std::string path = fmt::format("{}/{}", kPages, entry.path().filename().string());
    if (!files.contains(path)) complain(path, "is of no call");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const bool checks = argc == 3 && std::string_view(argv[1]) == "--check";
  if (argc != 2 && !checks) {
    fmt::print(stderr, "usage: phios_gen [--check] ROOT\n");
    return 2;
  }
  return checks ? check(argv[2]) : write(argv[1]);
}
