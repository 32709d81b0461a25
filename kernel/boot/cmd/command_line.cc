#include "kernel/boot/cmd/command_line.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "kernel/boot/cmd/command.h"

namespace phios {

Option Option::required() { return Option(option_->required()); }
Option Option::value_name(const std::string& name) { return Option(option_->type_name(name)); }
Option Option::show_default() { return Option(option_->capture_default_str()); }
Option Option::range(double low, double high) { return Option(option_->check(CLI::Range(low, high))); }
Option Option::integer_range(int64_t low, int64_t high) {
  return Option(option_->check(CLI::Range(low, high)));
}
Option Option::positive() { return Option(option_->check(CLI::PositiveNumber)); }
Option Option::one_of(const std::vector<std::string>& values) {
  return Option(option_->check(CLI::IsMember(values)));
}
Option Option::bytes() { return Option(option_->transform(CLI::AsSizeValue(false))); }
Option Option::comma_separated() { return Option(option_->delimiter(',')); }
Option Option::excludes(const std::string& other) { return Option(option_->excludes(other)); }

Command Command::command(const std::string& name, const std::string& help) {
  return Command(app_->add_subcommand(name, help));
}
void Command::need_command() { app_->require_subcommand(1); }

template <class T>
Option Command::option(const std::string& names, T& value, const std::string& help) {
  return Option(app_->add_option(names, value, help));
}
template Option Command::option(const std::string&, std::string&, const std::string&);
template Option Command::option(const std::string&, int&, const std::string&);
template Option Command::option(const std::string&, uint32_t&, const std::string&);
template Option Command::option(const std::string&, int64_t&, const std::string&);
template Option Command::option(const std::string&, uint64_t&, const std::string&);
template Option Command::option(const std::string&, float&, const std::string&);
template Option Command::option(const std::string&, double&, const std::string&);
template Option Command::option(const std::string&, std::vector<std::string>&, const std::string&);
template Option Command::option(const std::string&, std::vector<uint32_t>&, const std::string&);

Option Command::flag(const std::string& names, bool& value, const std::string& help) {
  return Option(app_->add_flag(names, value, help));
}
Option Command::no_flag(const std::string& names, bool& value, const std::string& help) {
  return Option(app_->add_flag_callback(names, [&value] { value = false; }, help));
}

void Command::footer(const std::string& text) { app_->footer(text); }
void Command::callback(std::function<void()> run) { app_->callback(std::move(run)); }

CommandLine::CommandLine(const std::string& help, const std::string& version)
    : app_(std::make_unique<CLI::App>(help)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->fallthrough();
}

CommandLine::~CommandLine() = default;

std::optional<int> CommandLine::run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> rest = app_->remaining();
    if (app_->get_subcommands().empty() && !rest.empty() && rest.front()[0] != '-') {
      fmt::print(stderr, "phios: no command {}; `phios --help` lists them\n", rest.front());
      return kExitUsage;
    }
    return app_->exit(error) == 0 ? 0 : kExitUsage;
  }
}

}  // namespace phios
