// The Lua runtime over the fake kernel: calls, errors, limits, and what the sandbox refuses.
#include <gmock/gmock.h>

#include "tests/unit/userland/lua/fake_kernel.h"

namespace phios::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Lua : public ::testing::Test {
 protected:
  std::string value(const std::string& text, const std::vector<std::string>& args = {}) {
    FakeEnd end = kernel_.run_lua(text, args);
    EXPECT_EQ(end.status, PHI_OK) << end.value;
    return end.value;
  }
  std::string failure(const std::string& text, phi_status status) {
    FakeEnd end = kernel_.run_lua(text);
    EXPECT_EQ(end.status, status) << end.value;
    return end.value;
  }
  FakeKernel kernel_;
};

TEST_F(Lua, ReturnsItsExitValue) {
  EXPECT_EQ(value("return 'a' .. 1"), "a1");
  EXPECT_EQ(value("return 3"), "3");
  EXPECT_EQ(value("return true"), "true");
  EXPECT_EQ(value("return {1, 'x'}"), "[1,\"x\"]");
  EXPECT_EQ(value("local x = 1"), "");
}

TEST_F(Lua, ArgumentsAreTheCells) {
  EXPECT_EQ(value("local a, b = ... return b .. a .. select('#', ...)", {"x", "y"}), "yx2");
}

TEST_F(Lua, CallsByNounAndVerb) {
  EXPECT_EQ(value("phi.mem.write('n', 5) return phi.mem.read('n')"), "5");
  EXPECT_EQ(value("return tostring(phi.mem.write('n', 'x'))"), "true");
  EXPECT_EQ(value("return math.type(phi.proc.self())"), "integer");
  EXPECT_EQ(value("phi.mem.write('/shm/a', 1) phi.mem.write('/shm/b', 2) return "
                  "table.concat(phi.mem.list('/shm/'), ' ')"),
            "/shm/a /shm/b");
}

TEST_F(Lua, OptionsAreKeyValue) {
  FakeKernel::Args seen;
  kernel_.handlers[PHI_SYS_drv_retrieve] = [&](phi_proc&, const FakeKernel::Args& args) -> FakeEnd {
    seen = args;
    return {PHI_OK, std::string("one\0two\0", 8)};
  };
  EXPECT_EQ(value("local r = phi.drv.retrieve('q', {k = 2.0, ['in'] = 'x'}) return #r .. r[2]"), "2two");
  EXPECT_EQ(seen, (FakeKernel::Args{"q", "2", "x"}));
  EXPECT_THAT(failure("phi.drv.retrieve('q', {kk = 2})", PHI_EINVAL_),
              HasSubstr("test.lua:1: drv.retrieve: there is no option 'kk'"));
  EXPECT_THAT(failure("phi.mem.read()", PHI_EINVAL_), HasSubstr("the argument 'cell' is missing"));
  EXPECT_THAT(failure("phi.mem.read('a', 'b')", PHI_EINVAL_), HasSubstr("too many"));
  EXPECT_THAT(failure("phi.mem.read(print)", PHI_EINVAL_), HasSubstr("not a function"));
  EXPECT_THAT(failure("phi.mem.write('a', 'x\\0y')", PHI_EINVAL_), HasSubstr("NUL"));
}

TEST_F(Lua, RestArguments) {
  FakeKernel::Args seen;
  kernel_.handlers[PHI_SYS_drv_tool] = [&](phi_proc&, const FakeKernel::Args& args) -> FakeEnd {
    seen = args;
    return {PHI_OK, "42"};
  };
  EXPECT_EQ(value("return phi.drv.tool('calc', '6*7', 1, true)"), "42");
  EXPECT_EQ(seen, (FakeKernel::Args{"calc", "6*7", "1", "true"}));
}

TEST_F(Lua, LongResultsAndJson) {
  kernel_.handlers[PHI_SYS_proc_stat] = [&](phi_proc&, const FakeKernel::Args&) -> FakeEnd {
    return {PHI_OK, R"({"pid":7,"x":[1,2.5,"a\u00e9\n",null,true],"none":null,"long":")" +
                        std::string(5000, 'z') + "\"}"};
  };
  EXPECT_EQ(value("local s = phi.proc.stat(7) return s.pid .. s.x[3] .. tostring(s.none) .. #s.long .. "
                  "tostring(s.x[4] == phi.json.null)"),
            "7a\xc3\xa9\nnil5000true");
}

TEST_F(Lua, ErrorsAreValues) {
  EXPECT_EQ(value("local v, e = phi.mem.read('no') return e.code .. ' ' .. e.call"), "ENOENT mem.read");
  EXPECT_EQ(value("local v, e = phi.mem.read('no') return tostring(e)"),
            "mem.read: ENOENT: READ no: no cell named no");
}

TEST_F(Lua, UncaughtErrorsCarryFileLineAndCall) {
  std::string message = failure("local function f()\n  phi.try(phi.mem.read, 'no')\nend\nf()", PHI_ENOENT_);
  EXPECT_THAT(message,
              StartsWith("test.lua:2: mem.read: ENOENT: READ no: no cell named no\nstack traceback:"));
  EXPECT_THAT(message, HasSubstr("test.lua:4: in main chunk"));
  EXPECT_THAT(failure("\nassert(phi.mem.read('no'))", PHI_ENOENT_),
              StartsWith("test.lua:2: mem.read: ENOENT"));
  EXPECT_THAT(failure("\n\nlocal t = nil; t.x = 1", PHI_EINVAL_), StartsWith("test.lua:3: attempt to index"));
  EXPECT_THAT(failure("x = = 1", PHI_EPARSE_), StartsWith("test.lua:1: unexpected symbol"));
  EXPECT_EQ(value("return phi.try(function() return 'v' end)"), "v");
}

TEST_F(Lua, PrintWritesLines) {
  value("print('a', 1, nil) print()");
  EXPECT_EQ(kernel_.printed, (std::vector<std::string>{"a\t1\tnil", ""}));
}

TEST_F(Lua, ExitEndsWhateverCatches) {
  EXPECT_EQ(value("pcall(phi.proc.exit, 'x') while true do end"), "x");
  EXPECT_EQ(value("coroutine.wrap(function() pcall(phi.proc.exit, 7) end)() return 'no'"), "7");
}

TEST_F(Lua, MemoryLimit) {
  kernel_.memory_limit = 4 << 20;
  EXPECT_THAT(failure("local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", PHI_ELIMIT_),
              HasSubstr("4194304 bytes"));
  EXPECT_EQ(value("return tostring(pcall(string.rep, 'x', 1 << 30))"), "false");
}

TEST_F(Lua, InstructionLimit) {
  kernel_.instruction_limit = 1'000'000;
  EXPECT_THAT(failure("while true do pcall(function() while true do end end) end", PHI_ELIMIT_),
              HasSubstr("used up its instructions"));
  EXPECT_THAT(
      failure("\nwhile true do pcall(coroutine.wrap(function() while true do end end)) end", PHI_ELIMIT_),
      StartsWith("test.lua:2: "));
}

TEST_F(Lua, SignalsEndIt) {
  kernel_.checks_until_end = 3;
  EXPECT_THAT(failure("while true do pcall(function() while true do end end) end", PHI_EINTR_),
              HasSubstr("test.lua:1"));
  kernel_.checks_until_end = 0;
  kernel_.handlers[PHI_SYS_proc_sleep] = [](phi_proc&, const FakeKernel::Args&) -> FakeEnd {
    return {PHI_EINTR_, "SLEEP: ended"};
  };
  failure("pcall(phi.proc.sleep, 1000) return 'survived'", PHI_EINTR_);
}

TEST_F(Lua, SandboxRefuses) {
  for (const char* name : {"io", "debug", "require", "package", "dofile", "loadfile", "string.dump",
                           "os.exit", "os.execute", "os.getenv", "os.remove"})
    EXPECT_EQ(value(std::string("return tostring(") + name + ")"), "nil") << name;
  EXPECT_THAT(failure("setmetatable({}, {__gc = function() while true do end end})", PHI_EINVAL_),
              HasSubstr("__gc"));
  EXPECT_EQ(value("return tostring(load('\\27Lua'))"), "nil");
  EXPECT_EQ(value("return load('return 1 + ...')(2)"), "3");
  EXPECT_EQ(value("return load('return x', 'n', 't', {x = 5})()"), "5");
  EXPECT_THAT(
      failure("table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 1)", PHI_EINVAL_),
      HasSubstr("elements"));
  EXPECT_THAT(failure("table.move({}, 1, math.maxinteger - 1, 2)", PHI_EINVAL_), HasSubstr("elements"));
}

TEST_F(Lua, NestingIsRefusedBeforeTheStackEnds) {
  for (const char* text :
       {"local function f() return (string.gsub('a', 'a', f)) end f()",
        "local function f() return (string.format('%s', setmetatable({}, {__tostring = f}))) end f()",
        "local function f() local c = coroutine.wrap(f) return (c()) end f()",
        "local function f() table.sort({1, 2, 3}, f) end f()"})
    EXPECT_THAT(failure(text, PHI_EINVAL_), HasSubstr("overflow")) << text;
  EXPECT_EQ(value("local n = 0 local function f() n = n + 1 return pcall(f) end f() return tostring(n > 10)"),
            "true");
}

TEST_F(Lua, Json) {
  EXPECT_EQ(value(R"(return phi.json.encode({a = {1, 2, {}}}))"), R"({"a":[1,2,{}]})");
  EXPECT_EQ(value(R"(return phi.json.encode("q\"\\\n\1é"))"), "\"q\\\"\\\\\\n\\u0001\xc3\xa9\"");
  EXPECT_EQ(
      value(R"(local t = phi.json.decode('[1, -2.5e3, "\\ud83d\\ude00", {}]') return t[1] .. t[2] .. t[3])"),
      "1-2500.0\xf0\x9f\x98\x80");
  EXPECT_EQ(value(R"(return select(2, phi.json.decode('{"a" 1}')))"), "JSON, byte 5: ':' expected");
  EXPECT_EQ(value("return select(2, phi.json.decode(('['):rep(1000)))"), "JSON, byte 64: nested too deeply");
  EXPECT_EQ(value("return select(2, phi.json.encode(print))"), "JSON: a value without a JSON form");
  EXPECT_EQ(value("local t = {} t.t = t return select(2, phi.json.encode(t))"),
            "JSON: nested too deeply, or a table inside itself");
  EXPECT_EQ(value("return phi.json.encode(0/0) == nil"), "true");
}

}  // namespace
}  // namespace phios::test
