// A fixture that runs the built `phios` in a directory and a home of its own.
//
// Ownership: the directory goes with the fixture. Threads: one a fixture. Errors: a command that cannot be
// started, or outlives its deadline, fails the test and gives exit code -1.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "drivers/api/child.h"

namespace phios {

class Cli : public testing::Test {
 protected:
  Cli();
  ~Cli() override;

  // phios ARGS… with `input` as its standard input.
  ChildResult run(const std::vector<std::string>& args, const std::string& input = "") const;
  // A shell's command line, `build/phios` in it being the command under test.
  ChildResult shell(const std::string& line) const;
  void write(const std::string& name, const std::string& text) const;  // into the directory
  std::string read(const std::string& name) const;
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

 private:
  ChildResult start(std::vector<std::string> argv, const std::string& input) const;

  std::filesystem::path directory_;
};

std::vector<std::string> lines_of(const std::string& text);
std::vector<nlohmann::json> json_lines(const std::string& text);  // a line that is no JSON fails the test

}  // namespace phios
