// phi.proc of Lua: spawn's options, wait's answers, fork's copies.
#include <gmock/gmock.h>

#include "tests/unit/userland/lua/fake_kernel.h"

namespace phios::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class LuaProcess : public ::testing::Test {
 protected:
  FakeKernel kernel_;
};

TEST_F(LuaProcess, SpawnAndWait) {
  kernel_.programs["p"] = [](const FakeSpawn& s) -> FakeEnd { return {PHI_OK, s.args[0] + "!"}; };
  FakeEnd end = kernel_.run_lua(
      "local pid = phi.proc.spawn('p', 'a', 2) local p, v, e = phi.proc.wait(pid) return v .. tostring(p == "
      "pid) .. tostring(e)");
  EXPECT_EQ(end.value, "a!truenil");
  EXPECT_THAT(kernel_.spawned[0].args, ElementsAre("a", "2"));
}

TEST_F(LuaProcess, SpawnOptions) {
  kernel_.programs["p"] = [](const FakeSpawn&) -> FakeEnd { return {PHI_ELIMIT_, "tokens"}; };
  FakeEnd end = kernel_.run_lua(R"(
    local pid = phi.proc.spawn('p', {rights = {'mem:read', 'io:out'}, limits = {tokens = 99, wall_ms = 5}, stdin = 'null', stdout = 'cell:x', cells = 'copy',
                                     sampling = {'seed=3'}, nice = 4, group = true})
    local _, v, e = phi.proc.wait('any', {ms = 10})
    return v .. e)");
  EXPECT_EQ(end.value, "tokensELIMIT");
  const FakeSpawn& s = kernel_.spawned[0];
  EXPECT_THAT(s.rights, ElementsAre("mem:read", "io:out"));
  EXPECT_THAT(s.limits, UnorderedElementsAre("tokens=99", "wall_ms=5"));
  EXPECT_THAT(s.sampling, ElementsAre("seed=3"));
  EXPECT_EQ(s.stdin_from + s.stdout_to, "nullcell:x");
  EXPECT_EQ(s.niceness, 4);
  EXPECT_EQ(s.new_group, 1);
  EXPECT_EQ(s.copy_cells, 1);
}

TEST_F(LuaProcess, SpawnErrors) {
  EXPECT_EQ(kernel_.run_lua("local p, e = phi.proc.spawn('nope') return e.code").value, "ENOENT");
  EXPECT_THAT(kernel_.run_lua("phi.proc.spawn('p', {right = {}})").value, HasSubstr("no option 'right'"));
  EXPECT_THAT(
      kernel_.run_lua("local t = {} for i = 1, 33 do t[i] = 'x' end phi.proc.spawn('p', {rights = t})").value,
      HasSubstr("more than 32"));
  EXPECT_EQ(kernel_.run_lua("local p, e = phi.proc.wait(99) return e.code").value, "ECHILD");
}

TEST_F(LuaProcess, ForkRunsTheFunctionInEachChild) {
  FakeEnd end = kernel_.run_lua(R"(
    local pids = phi.proc.fork(3, function(i, t, s) return i * t.by .. s .. tostring(global) end, {by = 10, deep = {1}}, 'x')
    local all = {}
    for i, pid in ipairs(pids) do all[i] = select(2, phi.proc.wait(pid)) end
    return table.concat(all, ' '))");
  EXPECT_EQ(end.value, "10xnil 20xnil 30xnil");
  EXPECT_EQ(kernel_.spawned[0].copy_cells, 1);
}

TEST_F(LuaProcess, ForkRefusesWhatCannotBeCopied) {
  EXPECT_THAT(kernel_.run_lua("local up = 1 phi.proc.fork(1, function() return up end)").value,
              HasSubstr("must not use local variables"));
  EXPECT_THAT(kernel_.run_lua("phi.proc.fork(1, print)").value, HasSubstr("written in Lua"));
  EXPECT_THAT(kernel_.run_lua("phi.proc.fork(1, function() end, function() end)").value,
              HasSubstr("plain tables"));
  EXPECT_THAT(kernel_.run_lua("local t = {} t[1] = t phi.proc.fork(1, function() end, t)").value,
              HasSubstr("nested"));
  EXPECT_THAT(kernel_.run_lua("phi.proc.fork(2000, function() end)").value, HasSubstr("1024"));
}

TEST_F(LuaProcess, ForkedErrorsCarryTheirLine) {
  FakeEnd end = kernel_.run_lua(
      "local pids = phi.proc.fork(1, function()\n error('no') end) return (select(2, "
      "phi.proc.wait(pids[1])))");
  EXPECT_THAT(end.value, StartsWith("test.lua:2: no"));
}

TEST_F(LuaProcess, ForkedMathIsSeeded) {
  EXPECT_EQ(kernel_.run_lua("return math.random(1 << 40)").value,
            kernel_.run_lua("return math.random(1 << 40)").value);
}

}  // namespace
}  // namespace phios::test
