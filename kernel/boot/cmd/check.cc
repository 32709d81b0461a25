#include "kernel/boot/cmd/check.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <lua.hpp>
#include <memory>
#include <regex>
#include <set>
#include <sstream>

#include "kernel/boot/capi_spawn.h"
#include "kernel/boot/cmd/isa.h"
#include "kernel/boot/embedded.h"
#include "syscalls/codec/grammar.h"
#include "userland/prompt/prompt_loader.h"

namespace phios {

namespace {

size_t line_of(const std::string& text, size_t at) {
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
}

// A loader's message, "PATH:LINE: what", or "PATH: what", apart.
Finding located(const std::string& path, std::string message) {
  size_t line = 1;
  if (message.starts_with(path + ":")) {
    message.erase(0, path.size() + 1);
    size_t digits = 0;
    while (digits < message.size() && message[digits] >= '0' && message[digits] <= '9') digits++;
    if (digits > 0 && message.compare(digits, 1, ":") == 0) {
      line = static_cast<size_t>(std::max(std::atoi(message.c_str()), 1));
      message.erase(0, digits + 1);
    }
    message.erase(0, message.find_first_not_of(' '));
  }
  return {line, true, std::move(message)};
}

// What stands in Lua's `phi` beside the rows of the table.
const std::set<std::string> kLuaExtras = {"json.encode", "json.decode", "json.null"};

std::vector<Finding> check_lua(const std::string& text) {
  std::vector<Finding> findings;
  const std::unique_ptr<lua_State, void (*)(lua_State*)> state(luaL_newstate(), lua_close);
  // Lua would shorten a long path in its message.
  if (luaL_loadbufferx(state.get(), text.data(), text.size(), "=lua", "t") != LUA_OK)
    return {located("lua", lua_tostring(state.get(), -1))};
  static const std::regex kCall(R"(\bphi\.([a-z]+)\.([a-z_]+))");
  for (std::sregex_iterator it(text.begin(), text.end(), kCall), end; it != end; ++it) {
    const std::string noun = (*it)[1], verb = (*it)[2];
    if (find_call_by_name(fmt::format("{}_{}", noun, verb)) ||
        kLuaExtras.contains(fmt::format("{}.{}", noun, verb)))
      continue;
    // phi.proc.fork(n, fn) and the like have rows of the same name; what has none is no call.
    findings.push_back({line_of(text, static_cast<size_t>(it->position())), true,
                        fmt::format("phi.{}.{}: no such call", noun, verb)});
  }
  return findings;
}

// A sentence of the instruction set as a pattern: slots take a word, a string or a substitution.
struct Sentence {
  std::regex pattern;
  std::vector<std::string> slots;
};

std::vector<Sentence> sentences_of(const isa::Set& set) {
  std::vector<Sentence> out;
  for (const isa::Rule& rule : set.rules) {
    for (const std::string& say : rule.say) {
      Sentence sentence;
      std::string pattern;
      for (size_t i = 0; i < say.size(); i++) {
        if (say[i] == '{') {
          const size_t close = say.find('}', i);
          sentence.slots.push_back(say.substr(i + 1, close - i - 1));
          pattern += R"re(("(?:[^"\\]|\\.)*"|\{\{[^}]*\}\}|[A-Za-z0-9_./:+@-]+?))re";
          i = close;
        } else {
          if (std::string_view(".^$|()[]*+?\\").find(say[i]) != std::string_view::npos) pattern += '\\';
          pattern += say[i];
        }
      }
      sentence.pattern = std::regex(pattern);
      out.push_back(std::move(sentence));
    }
  }
  return out;
}

void check_sentence(const std::vector<Sentence>& sentences, const PromptImage& program,
                    const std::string& line, size_t number, std::vector<Finding>& findings) {
  for (const Sentence& sentence : sentences) {
    std::smatch match;
    if (!std::regex_match(line, match, sentence.pattern)) continue;
    for (size_t i = 0; i < sentence.slots.size(); i++) {
      if (!sentence.slots[i].starts_with("label") || program.find_section(match[i + 1].str()) >= 0) continue;
      findings.push_back(
          {number, true, fmt::format("{}: the program has no such label", match[i + 1].str())});
    }
    return;
  }
  findings.push_back(
      {number, false,
       fmt::format("\"{}\": the embedded model was not taught a sentence of this form", line)});
}

Result<std::vector<Finding>> check_prompt(const std::string& path, const std::string& text) {
  const Result<ImageRef> image = make_loader(phi_prompt_loader()).load(path, path, text);
  if (!image) return std::vector<Finding>{located(path, image.error().message)};
  const PromptImage& program = *(*image)->prompt;
  std::vector<Finding> findings;
  GrammarSpec spec;
  spec.rights = RightSet::all();
  if (program.restricts_rights) {
    Result<RightSet> rights = RightSet::parse(program.rights);
    if (!rights) return std::vector<Finding>{{1, true, rights.error().message}};
    spec.rights = std::move(*rights);
  }
  for (const PromptImage::Section& section : program.sections) spec.labels.push_back(section.label);
  spec.form = program.form;
  if (const auto grammar = Grammar::compile(spec); !grammar)
    findings.push_back({1, true, grammar.error().message});
  // A program with a form has sentences of its own; without one it speaks the instruction set.
  if (!program.form.empty()) return findings;
  const std::vector<Sentence> sentences = sentences_of(TRY(isa::load(embedded_isa())));
  std::istringstream lines(text);
  std::string line;
  bool in_section = false;
  for (size_t number = 1; std::getline(lines, line); number++) {
    if (line.starts_with("# ") && program.find_section(line.substr(2)) >= 0) {
      in_section = true;
    } else if (in_section && line.find_first_not_of(" \t\r") != std::string::npos) {
      check_sentence(sentences, program, line, number, findings);
    }
  }
  return findings;
}

}  // namespace

Result<std::vector<Finding>> check_program(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return fail(ErrorCode::ENOENT_, fmt::format("{}: cannot be read", path));
  if (text.view().size() > PHI_PROGRAM_MAX)
    return fail(ErrorCode::ETOOBIG_, fmt::format("{}: over {} bytes", path, PHI_PROGRAM_MAX));
  if (path.ends_with(".lua")) return check_lua(text.str());
  if (path.ends_with(".md")) return check_prompt(path, text.str());
  return fail(ErrorCode::EINVAL_, fmt::format("{}: a .lua or .md file expected", path));
}

}  // namespace phios
