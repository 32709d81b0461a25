#include "userland/lua/transfer.h"

#include <cstdint>

namespace phios::lua {
namespace {

enum class Tag : char { kNil, kFalse, kTrue, kInteger, kNumber, kString, kTable, kTableEnd };

void put_tag(Buffer& out, Tag tag) { out.add(static_cast<char>(tag)); }

template <class T>
void put(Buffer& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.add(std::string_view(bytes, sizeof bytes));
}

void put_text(Buffer& out, std::string_view text) {
  put<uint64_t>(out, text.size());
  out.add(text);
}

const char* pack_value(lua_State* L, int index, Buffer& out, int depth);

const char* pack_table(lua_State* L, int index, Buffer& out, int depth) {
  if (depth >= kTransferDepth)
    return "a table nested too deeply, or inside itself, cannot go to another process";
  if (lua_getmetatable(L, index)) return "a table with a metatable cannot go to another process";
  luaL_checkstack(L, 6, "arguments");
  put_tag(out, Tag::kTable);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (const char* why = pack_value(L, lua_gettop(L) - 1, out, depth + 1)) return why;
    if (const char* why = pack_value(L, lua_gettop(L), out, depth + 1)) return why;
  }
  put_tag(out, Tag::kTableEnd);
  return nullptr;
}

const char* pack_value(lua_State* L, int index, Buffer& out, int depth) {
  switch (lua_type(L, index)) {
    case LUA_TNIL:
      put_tag(out, Tag::kNil);
      return nullptr;
    case LUA_TBOOLEAN:
      put_tag(out, lua_toboolean(L, index) ? Tag::kTrue : Tag::kFalse);
      return nullptr;
    case LUA_TNUMBER:
      if (lua_isinteger(L, index)) {
        put_tag(out, Tag::kInteger);
        put<lua_Integer>(out, lua_tointeger(L, index));
      } else {
        put_tag(out, Tag::kNumber);
        put<lua_Number>(out, lua_tonumber(L, index));
      }
      return nullptr;
    case LUA_TSTRING: {
      size_t len = 0;
      const char* text = lua_tolstring(L, index, &len);
      put_tag(out, Tag::kString);
      put_text(out, {text, len});
      return nullptr;
    }
    case LUA_TTABLE:
      return pack_table(L, index, out, depth);
    default:
      return "only nil, booleans, numbers, strings and plain tables can go to another process";
  }
}

// lua_dump's writer. It calls with the function on top; a Buffer that grows puts a block above it and takes
// it off.
int write_chunk(lua_State*, const void* bytes, size_t size, void* out) {
  static_cast<Buffer*>(out)->add(std::string_view(static_cast<const char*>(bytes), size));
  return 0;
}

struct Source {
  const char* p;
  const char* end;

  template <class T>
  T take() {
    T value{};
    std::memcpy(&value, p, sizeof value);
    p += sizeof value;
    return value;
  }
  std::string_view take_text() {
    auto size = take<uint64_t>();
    std::string_view text(p, size);
    p += size;
    return text;
  }
};

void unpack_value(lua_State* L, Source& in, Tag tag) {
  luaL_checkstack(L, 6, "arguments");
  switch (tag) {
    case Tag::kFalse:
    case Tag::kTrue:
      lua_pushboolean(L, tag == Tag::kTrue);
      return;
    case Tag::kInteger:
      lua_pushinteger(L, in.take<lua_Integer>());
      return;
    case Tag::kNumber:
      lua_pushnumber(L, in.take<lua_Number>());
      return;
    case Tag::kString: {
      std::string_view text = in.take_text();
      lua_pushlstring(L, text.data(), text.size());
      return;
    }
    case Tag::kTable:
      lua_newtable(L);
      for (Tag key = in.take<Tag>(); key != Tag::kTableEnd; key = in.take<Tag>()) {
        unpack_value(L, in, key);
        unpack_value(L, in, in.take<Tag>());
        lua_rawset(L, -3);
      }
      return;
    default:
      lua_pushnil(L);
  }
}

// The name of the first upvalue that is not _ENV, or null.
const char* foreign_upvalue(lua_State* L, int index) {
  for (int i = 1;; ++i) {
    const char* name = lua_getupvalue(L, index, i);
    if (!name) return nullptr;
    lua_pop(L, 1);
    if (std::strcmp(name, "_ENV") != 0) return name;
  }
}

}  // namespace

const char* pack_call(lua_State* L, int index, int last, Buffer& out) {
  if (lua_iscfunction(L, index)) return "the function must be written in Lua";
  if (foreign_upvalue(L, index))
    return "the function must not use local variables from outside itself; pass them";
  size_t length_at = out.len;
  put<uint64_t>(out, 0);
  lua_pushvalue(L, index);
  if (lua_dump(L, write_chunk, &out, 0) != 0) return "the function cannot be copied";
  lua_pop(L, 1);
  uint64_t length = out.len - length_at - sizeof length;
  std::memcpy(out.data + length_at, &length, sizeof length);
  put<uint64_t>(out, static_cast<uint64_t>(last - index));
  for (int i = index + 1; i <= last; ++i)
    if (const char* why = pack_value(L, i, out, 0)) return why;
  return nullptr;
}

int unpack_call(lua_State* L, std::string_view bytes) {
  Source in{bytes.data(), bytes.data() + bytes.size()};
  std::string_view code = in.take_text();
  if (luaL_loadbufferx(L, code.data(), code.size(), "fork", "b") != LUA_OK) lua_error(L);
  // A function of a script has _ENV as its only upvalue, or none.
  lua_pushglobaltable(L);
  if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  auto n = static_cast<int>(in.take<uint64_t>());
  luaL_checkstack(L, n + 6, "arguments");
  for (int i = 0; i < n; ++i) unpack_value(L, in, in.take<Tag>());
  return n;
}

}  // namespace phios::lua
