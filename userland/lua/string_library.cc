#include "userland/lua/string_library.h"

#include <cstring>

#include "userland/lua/buffer.h"
#include "userland/lua/pattern.h"
#include "userland/lua/vm.h"

namespace phios::lua {
namespace {

std::string_view check_text(lua_State* L, int index) {
  size_t len = 0;
  const char* text = luaL_checklstring(L, index, &len);
  return {text, len};
}

std::string_view check_subject(lua_State* L) {
  std::string_view subject = check_text(L, 1);
  if (subject.size() > kSubjectMax)
    luaL_error(L, "a subject of %d bytes; patterns take at most %d", static_cast<int>(subject.size()),
               static_cast<int>(kSubjectMax));
  return subject;
}

void check_error(lua_State* L, const Match& m) {
  if (m.error) luaL_error(L, "%s", m.error);
}

// Capture i, or the whole match from s to e when there are none.
void push_capture(lua_State* L, const Match& m, int i, const char* s, const char* e) {
  if (i >= m.level) {
    if (i != 0) luaL_error(L, "invalid capture index %%%d", i + 1);
    lua_pushlstring(L, s, static_cast<size_t>(e - s));
    return;
  }
  const Match::Capture& c = m.captures[i];
  if (c.len == Match::kOpen) luaL_error(L, "unfinished capture");
  if (c.len == Match::kPosition) {
    lua_pushinteger(L, c.start - m.subject + 1);
  } else {
    lua_pushlstring(L, c.start, static_cast<size_t>(c.len));
  }
}

int push_captures(lua_State* L, const Match& m, const char* s, const char* e, bool whole_if_none) {
  int n = m.level == 0 && whole_if_none ? 1 : m.level;
  luaL_checkstack(L, n, "captures");
  for (int i = 0; i < n; ++i) push_capture(L, m, i, s, e);
  return n;
}

// The third argument as an offset into the subject, which may lie past its end.
size_t start_offset(lua_State* L, size_t len) {
  lua_Integer init = luaL_optinteger(L, 3, 1);
  if (init > 0) return static_cast<size_t>(init - 1);
  if (init == 0 || init < -static_cast<lua_Integer>(len)) return 0;
  return len + static_cast<size_t>(init);
}

int find_plain(lua_State* L, std::string_view subject, std::string_view what, size_t init) {
  size_t at = subject.find(what, init);
  if (at == std::string_view::npos) return luaL_pushfail(L), 1;
  lua_pushinteger(L, static_cast<lua_Integer>(at) + 1);
  lua_pushinteger(L, static_cast<lua_Integer>(at) + static_cast<lua_Integer>(what.size()));
  return 2;
}

int find_or_match(lua_State* L, bool find) {
  check_stack(L);
  std::string_view subject = check_subject(L), pattern = check_text(L, 2);
  size_t init = start_offset(L, subject.size());
  if (init > subject.size()) return luaL_pushfail(L), 1;
  bool special = pattern.find_first_of("^$*+?.([%-") != std::string_view::npos;
  if (find && (lua_toboolean(L, 4) || !special)) return find_plain(L, subject, pattern, init);
  bool anchored = !pattern.empty() && pattern.front() == '^';
  if (anchored) pattern.remove_prefix(1);
  Match m(subject, pattern);
  const char* s = subject.data() + init;
  do {
    if (const char* e = m.at(s)) {
      if (!find) return push_captures(L, m, s, e, true);
      lua_pushinteger(L, s - m.subject + 1);
      lua_pushinteger(L, e - m.subject);
      return 2 + push_captures(L, m, s, e, false);
    }
    check_error(L, m);
  } while (s++ < m.subject_end && !anchored);
  return luaL_pushfail(L), 1;
}

int string_find(lua_State* L) { return find_or_match(L, true); }
int string_match(lua_State* L) { return find_or_match(L, false); }

// Upvalues: subject, pattern, the next offset, the end of the last match (so that none is empty at its
// place).
int gmatch_next(lua_State* L) {
  size_t len = 0, pattern_len = 0;
  const char* subject = lua_tolstring(L, lua_upvalueindex(1), &len);
  const char* pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_len);
  Match m({subject, len}, {pattern, pattern_len});
  const char* last = subject + lua_tointeger(L, lua_upvalueindex(4));
  for (const char* s = subject + lua_tointeger(L, lua_upvalueindex(3)); s <= m.subject_end; ++s) {
    const char* e = m.at(s);
    check_error(L, m);
    if (!e || e == last) continue;
    lua_pushinteger(L, e - subject);
    lua_copy(L, -1, lua_upvalueindex(3));
    lua_replace(L, lua_upvalueindex(4));
    return push_captures(L, m, s, e, true);
  }
  return 0;
}

int string_gmatch(lua_State* L) {
  std::string_view subject = check_subject(L);
  check_text(L, 2);
  size_t init = start_offset(L, subject.size());
  lua_settop(L, 2);
  lua_pushinteger(L, static_cast<lua_Integer>(init > subject.size() ? subject.size() + 1 : init));
  lua_pushinteger(L, -1);
  lua_pushcclosure(L, gmatch_next, 4);
  return 1;
}

void add_template(lua_State* L, const Match& m, Buffer& out, const char* s, const char* e) {
  std::string_view text = check_text(L, 3);
  while (true) {
    size_t at = text.find('%');
    out.add(text.substr(0, at));
    if (at == std::string_view::npos) return;
    text.remove_prefix(at + 1);
    char c = text.empty() ? '\0' : text.front();
    if (c == '%') {
      out.add('%');
    } else if (c == '0') {
      out.add(std::string_view(s, static_cast<size_t>(e - s)));
    } else if (c >= '1' && c <= '9') {
      push_capture(L, m, c - '1', s, e);
      size_t len = 0;
      const char* capture = lua_tolstring(L, -1, &len);
      out.add(std::string_view(capture, len));
      lua_pop(L, 1);
    } else {
      luaL_error(L, "invalid use of '%%' in replacement string");
    }
    text.remove_prefix(1);
  }
}

void add_replacement(lua_State* L, const Match& m, Buffer& out, const char* s, const char* e) {
  int kind = lua_type(L, 3);
  if (kind == LUA_TNUMBER || kind == LUA_TSTRING) return add_template(L, m, out, s, e);
  if (kind == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(L, m, s, e, true), 1);
  } else {
    push_capture(L, m, 0, s, e);
    lua_gettable(L, 3);
  }
  bool replaced = lua_toboolean(L, -1);
  if (replaced && !lua_isstring(L, -1))
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  size_t len = 0;
  const char* text = replaced ? lua_tolstring(L, -1, &len) : s;
  out.add(std::string_view(text, replaced ? len : static_cast<size_t>(e - s)));
  lua_pop(L, 1);
}

int string_gsub(lua_State* L) {
  check_stack(L);
  std::string_view subject = check_subject(L), pattern = check_text(L, 2);
  int kind = lua_type(L, 3);
  luaL_argexpected(L,
                   kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE,
                   3, "string/function/table");
  lua_Integer max = luaL_optinteger(L, 4, static_cast<lua_Integer>(subject.size()) + 1), count = 0;
  bool anchored = !pattern.empty() && pattern.front() == '^';
  if (anchored) pattern.remove_prefix(1);
  lua_settop(L, 3);
  Buffer out = Buffer::open(L);
  Match m(subject, pattern);
  const char *s = subject.data(), *last = nullptr;
  while (count < max) {
    const char* e = m.at(s);
    check_error(L, m);
    if (e && e != last) {
      ++count;
      add_replacement(L, m, out, s, e);
      s = last = e;
    } else if (s < m.subject_end) {
      out.add(*s++);
    } else {
      break;
    }
    if (anchored) break;
  }
  out.add(std::string_view(s, static_cast<size_t>(m.subject_end - s)));
  out.close();
  lua_settop(L, out.slot);
  lua_pushinteger(L, count);
  return 2;
}

}  // namespace

void replace_pattern_functions(lua_State* L) {
  static constexpr luaL_Reg kFunctions[] = {{"find", string_find},
                                            {"match", string_match},
                                            {"gmatch", string_gmatch},
                                            {"gsub", string_gsub},
                                            {nullptr, nullptr}};
  luaL_setfuncs(L, kFunctions, 0);
}

}  // namespace phios::lua
