// new, check: writing programs.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernel/boot/cmd/check.h"
#include "kernel/boot/cmd/command.h"

namespace phios {

namespace {

constexpr std::string_view kLuaScaffold = R"(-- {0}: phios run {0}.lua 3 4
-- Arguments come as `...`; what the program returns is its exit value. docs/tutorial.md explains the rest.
local a, b = ...
if not (a and b) then error("usage: {0} A B", 0) end

phi.mem.write("sum", "0")
phi.mem.add("sum", a)
print("after a: " .. phi.mem.read("sum"))
phi.mem.add("sum", b)

local product, refused = phi.drv.tool("calc", a .. " * " .. b)
if not product then error(refused) end
print("the product: " .. product)
return phi.mem.read("sum")
)";

constexpr std::string_view kPromptScaffold = R"(---
# {0}: phios run {0}.md 3
# A heading is a label, its text the instruction that the model carries out; {{{{1}}}} is the first argument.
rights: [mem:read, mem:write, io:out]
limits: {{tokens: 4096}}
sampling: {{temperature: 0}}
context: fresh
---
# start
Write {{{{1}}}} to counter.

# show
Print {{{{counter}}}}.

# next
Subtract one from counter.

# again
Jump to show when counter holds something.

# done
Exit with done.
)";

Result<int> make_new(const std::string& kind, const std::string& name) {
  if (name.empty() || name.size() > PHI_LABEL_MAX ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
          std::string::npos) {
    return fail(ErrorCode::EINVAL_, fmt::format("{}: a name of letters, digits, _ and -", name));
  }
  const std::string path = name + (kind == "lua" ? ".lua" : ".md");
  if (std::filesystem::exists(path))
    return fail(ErrorCode::EBUSY_,
                fmt::format("{}: exists already; choose another name, or remove it", path));
  std::ofstream out(path);
  out << fmt::format(fmt::runtime(kind == "lua" ? kLuaScaffold : kPromptScaffold), name);
  out.close();
  if (!out) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be written", path));
  fmt::print("{}: written. Try: phios run {} {}\n", path, path, kind == "lua" ? "3 4" : "3");
  return 0;
}

}  // namespace

void add_program_commands(Command app, CommandContext& context) {
  struct NewOptions {
    std::string kind, name;
  };
  auto fresh = std::make_shared<NewOptions>();
  Command command = app.command("new", "write a program that runs, to begin from");
  command.option("KIND", fresh->kind, "lua or prompt").required().one_of({"lua", "prompt"});
  command.option("NAME", fresh->name, "its name").required();
  command.callback(command_callback(context, [fresh] { return make_new(fresh->kind, fresh->name); }));

  auto files = std::make_shared<std::vector<std::string>>();
  command = app.command(
      "check",
      "look a program over without running it: calls, labels, rights, and forms the model was not taught");
  command.option("FILE", *files, "a .lua or .md program").required();
  command.callback([files, &context] {
    bool clean = true;
    for (const std::string& file : *files) {
      const Result<std::vector<Finding>> findings = check_program(file);
      if (!findings) {
        context.status = report(findings.error());
        return;
      }
      for (const Finding& f : *findings) {
        clean = clean && !f.is_error;
        if (context.json) {
          fmt::print(
              "{}\n",
              nlohmann::json{{"file", file}, {"line", f.line}, {"error", f.is_error}, {"message", f.message}}
                  .dump());
        } else {
          fmt::print("{}:{}: {}: {}\n", file, f.line, f.is_error ? "error" : "note", f.message);
        }
      }
      if (findings->empty() && !context.json) fmt::print("{}: nothing found\n", file);
    }
    context.status = clean ? 0 : kExitFailed;
  });
}

}  // namespace phios
