// The bounded matcher gives what Lua's own gives, and ends where Lua's own does not.
#include <gmock/gmock.h>

#include <lua.hpp>

#include "tests/unit/userland/lua/fake_kernel.h"

namespace phios::test {
namespace {

// The expression's results in the plain library, as one text.
std::string plain(const std::string& expression) {
  lua_State* L = luaL_newstate();
  luaL_openlibs(L);
  std::string code = "local r = table.pack(pcall(function() return " + expression +
                     " end)) for i = 1, r.n do r[i] = tostring(r[i]) end return table.concat(r, '|')";
  EXPECT_EQ(luaL_dostring(L, code.c_str()), LUA_OK) << lua_tostring(L, -1);
  std::string out = lua_tostring(L, -1);
  lua_close(L);
  return out;
}

std::string bounded(const std::string& expression) {
  FakeKernel kernel;
  return kernel
      .run_lua("local r = table.pack(pcall(function() return " + expression +
               " end)) for i = 1, r.n do r[i] = tostring(r[i]) end return table.concat(r, '|')")
      .value;
}

TEST(Pattern, EqualsLua) {
  for (const char* expression :
       {"('hello world'):find('o w')",
        "('hello'):find('l+')",
        "('hello'):find('xyz')",
        "('a.b'):find('.', 1, true)",
        "('a.b'):find('%.')",
        "('key = value'):match('^(%w+)%s*=%s*(%w+)$')",
        "('  trim  '):match('^%s*(.-)%s*$')",
        "('abc'):match('()b()')",
        "('abc'):match('b', -1)",
        "('abc'):find('', 10)",
        "('abc'):find('', 4)",
        "('[[x]]'):match('%[%[(.-)%]%]')",
        "('f(a(b)c)d'):match('%b()')",
        "('THE (quick) fox'):find('%f[%a]%a+%f[%A]')",
        "('abab'):match('(ab)%1')",
        "('x]y'):match('[]]')",
        "('x^y'):match('[%^x]+')",
        "('a-z'):match('[a%-z]+')",
        "('09'):match('[^0-8]')",
        "('abc'):gsub('%w', '%0%0')",
        "('abc'):gsub('', '-')",
        "('hello world'):gsub('o', {o = '0'})",
        "('hello'):gsub('l', function(c) return c:upper() end)",
        "('hello'):gsub('(h)(e)', '%2%1')",
        "('abc'):gsub('b', '%%')",
        "('aaa'):gsub('a', 'b', 2)",
        "('aaa'):gsub('^a', 'b')",
        "('a,b,,c'):gsub(',', ';')",
        ("(function() local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do "
         "t[#t+1] = k .. v end return table.concat(t, ' ') end)()"),
        ("(function() local t = {} for w in ('one two'):gmatch('%a*') do t[#t+1] = "
         "'<' .. w .. '>' end return table.concat(t) end)()"),
        "('aXb'):match('%u')",
        "('\\0a\\0'):find('%z')",
        "('x'):rep(3):match('x?x?x?x?y?')",
        "('abc'):match('((a)(b))')",
        "('$5'):match('^%$(%d)$')",
        "('a$'):find('$', 1, true)",
        "('ab'):match('a$b')",
        "('abc'):match('[a-]+')",
        "('a\\nb'):match('a.b')",
        "('test'):match('t$')"})
    EXPECT_EQ(bounded(expression), plain(expression)) << expression;
}

TEST(Pattern, RefusesWhatLuaRefuses) {
  for (const char* expression :
       {"('a'):match('[a')", "('a'):match('%')", "('a'):match('(a')", "('a'):match('a)')",
        "('a'):match('%1')", "('a'):match('%f')", "('a'):match('%b')", "('a'):gsub('a', '%2')",
        "('a'):gsub('a', '%')", "('a'):gsub('a', function() return {} end)"})
    EXPECT_THAT(bounded(expression), ::testing::StartsWith("false|")) << expression;
}

TEST(Pattern, CostlyPatternsEnd) {
  EXPECT_THAT(bounded("('a'):rep(250):find(('a?'):rep(90) .. 'b')"), ::testing::HasSubstr("costs too much"));
  EXPECT_THAT(bounded("('a'):rep(60000):find('.-.-.-b')"), ::testing::HasSubstr("costs too much"));
  EXPECT_THAT(bounded("('a'):rep(250):find(('a?'):rep(190) .. 'b')"), ::testing::HasSubstr("too complex"));
  EXPECT_THAT(bounded("('a'):rep(2 << 20):find('b+')"), ::testing::HasSubstr("at most 1048576"));
}

}  // namespace
}  // namespace phios::test
