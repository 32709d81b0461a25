// The command line as it is declared: commands, their options and flags. CLI11 reads it, behind
// command_line.cc alone: its headers take longer to compile than most commands do.
//
// Ownership: CommandLine owns what is declared; Command and Option are handles to it, good as long as it
// lives. The variables that options fill must be there until it has run. Threads: one. Errors: a wrong
// declaration ends the program; a wrong line is told on standard error.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace phios {

class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option required();
  Option value_name(const std::string& name);  // what help calls the value, such as FILE
  Option show_default();                       // in the help
  Option range(double low, double high);       // both may be given
  Option range(std::integral auto low, std::integral auto high) {
    return integer_range(static_cast<int64_t>(low), static_cast<int64_t>(high));
  }
  Option positive();
  Option one_of(const std::vector<std::string>& values);
  Option bytes();            // 512MB is 512 * 2^20
  Option comma_separated();  // a list in one word, a,b,c
  Option excludes(const std::string& other);

 private:
  Option integer_range(int64_t low, int64_t high);

  CLI::Option* option_;
};

class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command command(const std::string& name, const std::string& help);  // one below it
  void need_command();                                                // one of those below must be given

  // "--name", "-n,--name", or "NAME" for one told by its place. T: a number, a string, or a vector of them,
  // which takes several values.
  template <class T>
  Option option(const std::string& names, T& value, const std::string& help);
  Option flag(const std::string& names, bool& value, const std::string& help);     // sets it
  Option no_flag(const std::string& names, bool& value, const std::string& help);  // clears it

  void footer(const std::string& text);  // below the help: examples
  void callback(std::function<void()> run);

 private:
  CLI::App* app_;
};

class CommandLine {
 public:
  CommandLine(const std::string& help, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command root() { return Command(app_.get()); }
  // Runs the callback of the command that is given. Nothing, or the exit code where none ran: 0 after help or
  // the version, kExitUsage after an error.
  std::optional<int> run(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace phios
