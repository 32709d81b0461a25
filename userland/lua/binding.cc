#include "userland/lua/binding.h"

#include <charconv>
#include <cstring>
#include <string_view>

#include "userland/lua/json.h"
#include "userland/lua/process.h"
#include "userland/lua/vm.h"

namespace phios::lua {
namespace {

constexpr char kErrorType[] = "phi.error";
constexpr int64_t kNanosPerMilli = 1'000'000;

const phi_call_info& row_of(lua_State* L) {
  return *static_cast<const phi_call_info*>(lua_touserdata(L, lua_upvalueindex(1)));
}

// "mem.read"; upvalue 2 of every call.
const char* name_of(lua_State* L) { return lua_tostring(L, lua_upvalueindex(2)); }

const phi_arg_info* find_option(const phi_call_info& row, std::string_view key) {
  for (size_t i = 0; i < row.n_args; ++i)
    if ((row.args[i].kind == '?' || row.args[i].kind == '1') && key == row.args[i].name) return &row.args[i];
  return nullptr;
}

void check_options(lua_State* L, const phi_call_info& row, int options) {
  for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "%s: an option's name is a string", name_of(L));
    const char* key = lua_tostring(L, -2);
    if (!find_option(row, key) && !(row.blocks && std::strcmp(key, "ms") == 0))
      luaL_error(L, "%s: there is no option '%s'", name_of(L), key);
  }
}

// Fills one slot for each argument of the row but the rest, then the rest. The texts stay on Lua's stack.
size_t collect(lua_State* L, const phi_call_info& row, int given, int options, phi_arg* out) {
  int next = 1;
  size_t n = 0;
  bool rest = false;
  for (size_t i = 0; i < row.n_args; ++i) {
    const phi_arg_info& arg = row.args[i];
    out[n].text = nullptr;
    if (arg.kind == '*') {
      rest = true;
      continue;
    }
    if (arg.kind != '?' && next <= given) {
      if (!lua_isnil(L, next)) out[n].text = argument_text(L, next, arg.type);
      ++next;
    }
    if (!out[n].text && options && arg.kind != '!') {
      lua_pushstring(L, arg.name);
      if (lua_rawget(L, options) != LUA_TNIL) out[n].text = argument_text(L, lua_gettop(L), arg.type);
    }
    if (!out[n].text && arg.kind == '!')
      luaL_error(L, "%s: the argument '%s' is missing", name_of(L), arg.name);
    ++n;
  }
  if (!rest && next <= given) luaL_error(L, "%s: too many arguments", name_of(L));
  for (; next <= given; ++next) {
    if (n == PHI_ARGS_MAX) luaL_error(L, "%s: more than %d arguments", name_of(L), PHI_ARGS_MAX);
    out[n++].text = argument_text(L, next, "value");
  }
  return n;
}

int64_t deadline_of(lua_State* L, const phi_call_info& row, int options) {
  if (!options || !row.blocks || find_option(row, "ms")) return PHI_FOREVER;
  lua_pushliteral(L, "ms");
  if (lua_rawget(L, options) == LUA_TNIL) return PHI_FOREVER;
  lua_Integer ms = luaL_checkinteger(L, -1);
  if (ms < 0 || ms > PHI_SLEEP_MAX_MS) luaL_error(L, "%s: ms is from 0 to %d", name_of(L), PHI_SLEEP_MAX_MS);
  return phi_now() + ms * kNanosPerMilli;
}

int push_words(lua_State* L, std::string_view words) {
  lua_newtable(L);
  for (lua_Integer i = 1; !words.empty(); ++i) {
    size_t end = words.find('\0');
    lua_pushlstring(L, words.data(), end == std::string_view::npos ? words.size() : end);
    lua_rawseti(L, -2, i);
    words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
  }
  return 1;
}

int push_json(lua_State* L, std::string_view text) {
  if (JsonError error = json_decode(L, text); error.reason)
    luaL_error(L, "%s: its result is no JSON (%s)", name_of(L), error.reason);
  return 1;
}

int push_int(lua_State* L, std::string_view text) {
  lua_Integer value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  lua_pushinteger(L, value);
  return 1;
}

int push_result(lua_State* L, const phi_call_info& row, std::string_view result) {
  std::string_view kind = row.result;
  if (kind == "value") return lua_pushlstring(L, result.data(), result.size()), 1;
  if (kind == "int") return push_int(L, result);
  if (kind == "words") return push_words(L, result);
  if (kind == "json") return push_json(L, result);
  lua_pushboolean(L, 1);
  return 1;
}

// Upvalues: the row, its name.
int call_row(lua_State* L) {
  const phi_call_info& row = row_of(L);
  int given = lua_gettop(L), options = 0;
  luaL_checkstack(L, static_cast<int>(row.n_args) + 8, "arguments");
  if (given > 0 && lua_istable(L, given)) {
    options = given--;
    check_options(L, row, options);
  }
  phi_arg args[PHI_ARGS_MAX];
  size_t n = collect(L, row, given, options, args);
  int64_t deadline = deadline_of(L, row, options);

  Vm& vm = vm_of(L);
  char small[kSmallResult];
  size_t len = 0;
  phi_status status = phi_syscall(vm.proc, row.number, args, n, deadline, small, sizeof small, &len);
  if (status != PHI_OK) return push_failure(L, status, phi_error_message(vm.proc), name_of(L));
  if (row.number == PHI_SYS_proc_exit || row.number == PHI_SYS_proc_exec) end_state(L, Ended::kExit);
  const char* result = len < sizeof small ? small : phi_result(vm.proc, &len);
  return push_result(L, row, {result, len});
}

int error_to_text(lua_State* L) {
  for (const char* field : {"call", "code", "message"}) {
    lua_pushstring(L, field);
    lua_rawget(L, 1);
    if (!lua_isstring(L, -1)) lua_pushliteral(L, "?"), lua_replace(L, -2);
  }
  lua_pushfstring(L, "%s: %s: %s", lua_tostring(L, -3), lua_tostring(L, -2), lua_tostring(L, -1));
  return 1;
}

// phi.try(f, …): f's results; where f returns nil and an error, raises it.
int try_finish(lua_State* L, int, lua_KContext) {
  if (lua_isnil(L, 1) && error_status(L, 2) != PHI_OK) {
    lua_settop(L, 2);
    return lua_error(L);
  }
  return lua_gettop(L);
}

int phi_try(lua_State* L) {
  check_stack(L);
  luaL_checkany(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, try_finish);
  return try_finish(L, LUA_OK, 0);
}

// print(…): one line to standard output. Raises what cannot be written.
int print(lua_State* L) {
  check_stack(L);
  int n = lua_gettop(L);
  luaL_Buffer line;
  luaL_buffinit(L, &line);
  for (int i = 1; i <= n; ++i) {
    if (i > 1) luaL_addchar(&line, '\t');
    luaL_tolstring(L, i, nullptr);
    luaL_addvalue(&line);
  }
  luaL_pushresult(&line);
  const phi_arg text{argument_text(L, lua_gettop(L), "value")};
  Vm& vm = vm_of(L);
  char none[8];
  size_t len = 0;
  phi_status status = phi_syscall(vm.proc, PHI_SYS_io_print, &text, 1, PHI_FOREVER, none, sizeof none, &len);
  if (status == PHI_OK) return 0;
  push_failure(L, status, phi_error_message(vm.proc), "io.print");
  return lua_error(L);
}

// The table of the noun in phi, which is on top.
void push_noun(lua_State* L, std::string_view noun) {
  lua_pushlstring(L, noun.data(), noun.size());
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TTABLE) {
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1);
  lua_createtable(L, 0, 8);
  lua_pushvalue(L, -1);
  lua_insert(L, -3);
  lua_rawset(L, -4);
}

void add_row(lua_State* L, const phi_call_info& row) {
  std::string_view name = row.c_name;
  size_t split = name.find('_');
  if (split == std::string_view::npos) return;
  push_noun(L, name.substr(0, split));
  lua_pushlightuserdata(L, const_cast<phi_call_info*>(&row));
  lua_pushlstring(L, row.c_name, split);
  lua_pushfstring(L, "%s.%s", lua_tostring(L, -1), row.c_name + split + 1);
  lua_remove(L, -2);
  lua_pushcclosure(L, call_row, 2);
  lua_setfield(L, -2, row.c_name + split + 1);
  lua_pop(L, 1);
}

void create_error_type(lua_State* L) {
  luaL_newmetatable(L, kErrorType);
  lua_pushcfunction(L, error_to_text);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}

}  // namespace

void open_binding(lua_State* L) {
  create_error_type(L);
  lua_createtable(L, 0, 12);
  const phi_call_info* rows = nullptr;
  size_t n = phi_call_table(&rows);
  for (size_t i = 0; i < n; ++i) add_row(L, rows[i]);
  push_noun(L, "proc");
  add_process_functions(L);
  lua_pop(L, 1);
  push_json_library(L);
  lua_setfield(L, -2, "json");
  lua_pushcfunction(L, phi_try);
  lua_setfield(L, -2, "try");
  lua_setglobal(L, "phi");
  lua_pushcfunction(L, print);
  lua_setglobal(L, "print");
}

int push_failure(lua_State* L, phi_status status, const char* message, const char* call) {
  if (status == PHI_EINTR_ && phi_proc_check(vm_of(L).proc) != PHI_OK) end_state(L, Ended::kInterrupted);
  lua_pushnil(L);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, phi_error_name(status));
  lua_setfield(L, -2, "code");
  lua_pushstring(L, message ? message : "");
  lua_setfield(L, -2, "message");
  lua_pushstring(L, call);
  lua_setfield(L, -2, "call");
  lua_pushinteger(L, status);
  lua_setfield(L, -2, "status");
  luaL_setmetatable(L, kErrorType);
  return 2;
}

phi_status error_status(lua_State* L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return PHI_OK;
  luaL_getmetatable(L, kErrorType);
  bool is_error = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  if (!is_error) return PHI_OK;
  index = lua_absindex(L, index);
  lua_pushliteral(L, "status");
  lua_rawget(L, index);
  auto status = static_cast<phi_status>(lua_tointeger(L, -1));
  lua_pop(L, 1);
  return status > PHI_OK && status <= PHI_EUNKNOWN_ ? status : static_cast<phi_status>(PHI_EINVAL_);
}

const char* argument_text(lua_State* L, int index, const char* type) {
  if (lua_type(L, index) == LUA_TBOOLEAN) return lua_toboolean(L, index) ? "true" : "false";
  if (lua_type(L, index) == LUA_TNUMBER && !lua_isinteger(L, index) &&
      (std::strcmp(type, "int") == 0 || std::strcmp(type, "bigint") == 0)) {
    int whole = 0;
    lua_Integer value = lua_tointegerx(L, index, &whole);
    if (!whole) luaL_error(L, "an integer expected, not %f", lua_tonumber(L, index));
    lua_pushinteger(L, value);
    lua_replace(L, index);
  }
  size_t len = 0;
  const char* text = lua_tolstring(L, index, &len);
  if (!text)  // luaL_error does not come back, and is not declared so
    return luaL_error(L, "a string, a number or a boolean expected, not a %s", luaL_typename(L, index)),
           nullptr;
  if (std::memchr(text, '\0', len)) luaL_error(L, "a text with a NUL byte in it");
  return text;
}

}  // namespace phios::lua
