// Whatever is wrong with a file: one error that names the place, exit code 1 or 2, no crash.
#include <gmock/gmock.h>

#include "tests/cli/cli.h"

namespace phios {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CliBadInput : public Cli {
 protected:
  // Exit code 1 or 2, nothing on standard output, and an error that has all of `parts`.
  void expect_refused(const std::vector<std::string>& args, const std::vector<std::string>& parts) const {
    const ChildResult ran = run(args);
    EXPECT_TRUE(ran.exit_code == 1 || ran.exit_code == 2) << testing::PrintToString(args) << ran.exit_code;
    EXPECT_EQ(ran.output, "");
    EXPECT_TRUE(ran.errors.starts_with("phios: ")) << ran.errors;
    for (const std::string& part : parts) EXPECT_THAT(ran.errors, HasSubstr(part));
  }
};

TEST_F(CliBadInput, Models) {
  const std::string nano = read(PHIOS_SOURCE_DIR "/userland/models/phi-nano.gguf");
  ASSERT_GT(nano.size(), 1'000'000u);
  write("cut.gguf", nano.substr(0, 200'000));
  write("head.gguf", nano.substr(0, 20));
  write("text.gguf", "no model at all\n");
  write("empty.gguf", "");
  std::string lying = nano;
  lying.replace(16, 8, std::string(8, '\xff'));  // the number of key-value pairs
  write("lying.gguf", lying);
  for (const char* file : {"cut.gguf", "head.gguf", "text.gguf", "empty.gguf", "lying.gguf", "none.gguf"})
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"model", "info"}, {"ask", "What is 1 plus 1?"}, {"tokenize", "x"}}) {
      std::vector<std::string> args = {"--model", file};
      args.insert(args.end(), command.begin(), command.end());
      expect_refused(args, {file});
    }
  expect_refused({"--model", "cut.gguf", "model", "info"}, {"at byte", "blk.0.attn_k.weight"});
}

TEST_F(CliBadInput, PromptPrograms) {
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"---\nrights: [nope]\n---\n# a\nx\n", {"p.md:2: ", "nope"}},
      {"---\nlimits: {tokens: -4}\n---\n# a\nx\n", {"p.md:2: ", "tokens"}},
      {"---\n\nkv: nope\n---\n# a\nx\n", {"p.md:3: ", "kv"}},
      {"---\nform: ['EXIT {nope}']\n---\n# a\nx\n", {"p.md: ", "form 1: column 6"}},
      {"---\nrights: [\n---\n# a\nx\n", {"p.md:"}},
      {"---\nrights: []\n---\n# a\nx\n# a\ny\n", {"p.md:6: "}},
      {"---\nrights: []\n---\n", {"p.md"}},
      {"---\nrights: []\n---\n# a\n\xff\n", {"p.md:5: ", "UTF-8"}},
  };
  for (const auto& [text, parts] : cases) {
    write("p.md", text);
    expect_refused({"run", "p.md"}, parts);
    const ChildResult checked = run({"check", "p.md"});
    EXPECT_EQ(checked.exit_code, 1) << text;
    EXPECT_TRUE(checked.output.starts_with("p.md:")) << checked.output;
    EXPECT_THAT(checked.output, HasSubstr(": error: "));
    EXPECT_EQ(checked.output.find("p.md", 1), std::string::npos) << checked.output;  // the place is told once
  }
}

TEST_F(CliBadInput, Scripts) {
  write("s.lua", "local x = 1\nx = = 2\n");
  expect_refused({"run", "s.lua"}, {"s.lua:2:"});
  EXPECT_THAT(run({"check", "s.lua"}).output, HasSubstr("s.lua:2: error: "));
  write("s.lua", "\nphi.try(phi.mem.read, 'nothing')\n");
  expect_refused({"run", "s.lua"}, {"s.lua:2:", "mem.read", "ENOENT"});
  write("s.lua", "while true do end\n");
  expect_refused({"run", "s.lua", "--limit", "wall_ms=300"}, {"s.lua", "ELIMIT"});
  write("s.lua", "local t = {}\nfor i = 1, 1e9 do t[i] = ('x'):rep(1e5) .. i end\n");
  expect_refused({"run", "s.lua"}, {"s.lua", "memory"});
  write("s.txt", "x");
  expect_refused({"run", "s.txt"}, {"s.txt"});
  expect_refused({"run", "none.lua"}, {"none.lua", "ENOENT"});
}

TEST_F(CliBadInput, Documents) {
  write("d.jsonl", "{\"id\": \"a\", \"text\": \"fine\"}\n{\"id\": 3\n");
  expect_refused({"index", "d.jsonl"}, {"d.jsonl:2"});
  expect_refused({"index", "none"}, {"none", "ENOENT"});
  write("d.txt", {"\xff\xfe\0", 3});
  expect_refused({"index", "d.txt"}, {"d.txt"});
}

TEST_F(CliBadInput, LogicPrograms) {
  write("l.jsonl", "{\"id\": \"a\"}\n");
  expect_refused({"solver", "--data", "l.jsonl", "--out", "o.jsonl"}, {"l.jsonl:1"});
  write("l.txt", "Facts:\nCat(tom\nQuery:\nCat(tom)\n");
  expect_refused({"solver", "--lang", "rules", "--file", "l.txt"}, {"l.txt: line 2"});
  write("l.smt2", "(assert (> x 3))\n(check-sat)\n");
  expect_refused({"solver", "--lang", "smt2", "--file", "l.smt2"}, {"l.smt2: line 1"});
}

TEST_F(CliBadInput, AToolThatHangsIsKilled) {
  write("home/tools/sleepy.yaml",
        "name: sleepy\nsummary: never ends\ncommand: [sleep, '1000']\nstdin: none\ndeadline_ms: 200\n");
  write("t.lua", "local out, err = phi.drv.tool('sleepy')\nreturn err.code\n");
  const ChildResult ran = run({"run", "t.lua"});
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_EQ(ran.output, "ETIMEDOUT\n");
  write("home/tools/broken.yaml", "name: broken\nsummary: x\ncommand: 7\n");
  write("b.lua", "local out, err = phi.drv.tool('broken')\nreturn err.message\n");
  EXPECT_THAT(run({"run", "b.lua"}).output, AllOf(HasSubstr("broken.yaml"), HasSubstr("command")));
  EXPECT_EQ(run({"run", "t.lua"}).output, "ETIMEDOUT\n");
}

}  // namespace
}  // namespace phios
