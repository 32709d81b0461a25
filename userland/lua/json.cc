#include "userland/lua/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace phios::lua {
namespace {

constexpr size_t kNumberMax = 40;  // bytes of a number's text

struct Reader {
  lua_State* L;
  const char* begin;
  const char* p;
  const char* end;
  const char* reason = nullptr;

  bool fail(const char* why) {
    if (!reason) reason = why;
    return false;
  }
  void space() {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) ++p;
  }
  bool take(char c) {
    if (p == end || *p != c) return false;
    ++p;
    return true;
  }
  bool word(std::string_view w) {
    if (std::string_view(p, static_cast<size_t>(end - p)).substr(0, w.size()) != w) return false;
    p += w.size();
    return true;
  }
};

bool read_hex4(Reader& r, uint32_t& out) {
  if (r.end - r.p < 4) return r.fail("four hexadecimal digits expected after \\u");
  auto [rest, error] = std::from_chars(r.p, r.p + 4, out, 16);
  if (error != std::errc() || rest != r.p + 4) return r.fail("four hexadecimal digits expected after \\u");
  r.p += 4;
  return true;
}

void add_utf8(Buffer& out, uint32_t c) {
  auto tail = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
  if (c < 0x80) {
    out.add(static_cast<char>(c));
  } else if (c < 0x800) {
    out.add(static_cast<char>(0xc0 | (c >> 6)));
    out.add(tail(c));
  } else if (c < 0x10000) {
    out.add(static_cast<char>(0xe0 | (c >> 12)));
    out.add(tail(c >> 6));
    out.add(tail(c));
  } else {
    out.add(static_cast<char>(0xf0 | (c >> 18)));
    out.add(tail(c >> 12));
    out.add(tail(c >> 6));
    out.add(tail(c));
  }
}

bool read_unicode(Reader& r, Buffer& out) {
  uint32_t c = 0;
  if (!read_hex4(r, c)) return false;
  if (c >= 0xd800 && c < 0xdc00) {
    uint32_t low = 0;
    if (!r.word("\\u") || !read_hex4(r, low) || low < 0xdc00 || low > 0xdfff)
      return r.fail("the second half of a surrogate pair expected");
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
  } else if (c >= 0xdc00 && c <= 0xdfff) {
    return r.fail("half a surrogate pair");
  }
  add_utf8(out, c);
  return true;
}

bool read_escape(Reader& r, Buffer& out) {
  if (r.p == r.end) return r.fail("a string without an end");
  constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  char c = *r.p++;
  if (c == 'u') return read_unicode(r, out);
  size_t at = kFrom.find(c);
  if (at == std::string_view::npos) return r.fail("an unknown escape");
  out.add(kTo[at]);
  return true;
}

bool read_string(Reader& r) {
  const char* start = r.p;
  while (r.p < r.end && *r.p != '"' && *r.p != '\\' && static_cast<unsigned char>(*r.p) >= 0x20) ++r.p;
  if (r.p < r.end && *r.p == '"') {  // the common case: nothing to unescape
    lua_pushlstring(r.L, start, static_cast<size_t>(r.p++ - start));
    return true;
  }
  Buffer out = Buffer::open(r.L);
  out.add(std::string_view(start, static_cast<size_t>(r.p - start)));
  while (true) {
    if (r.p == r.end) return r.fail("a string without an end");
    char c = *r.p++;
    if (c == '"') break;
    if (static_cast<unsigned char>(c) < 0x20) return r.fail("a control character in a string");
    if (c == '\\') {
      if (!read_escape(r, out)) return false;
    } else {
      out.add(c);
    }
  }
  out.close();
  return true;
}

bool read_number(Reader& r) {
  const char* start = r.p;
  bool whole = true;
  while (r.p < r.end && r.p - start < static_cast<ptrdiff_t>(kNumberMax)) {
    char c = *r.p;
    if (c == '.' || c == 'e' || c == 'E') whole = false;
    if (!(c >= '0' && c <= '9') && c != '-' && c != '+' && whole) break;
    if (std::string_view("0123456789-+.eE").find(c) == std::string_view::npos) break;
    ++r.p;
  }
  if (r.p == start) return r.fail("a value expected");
  if (whole) {
    lua_Integer i = 0;
    auto [rest, error] = std::from_chars(start, r.p, i);
    if (error == std::errc() && rest == r.p) return lua_pushinteger(r.L, i), true;
  }
  double d = 0;
  auto [rest, error] = std::from_chars(start, r.p, d);
  if (error != std::errc() || rest != r.p) return r.fail("a number expected");
  lua_pushnumber(r.L, d);
  return true;
}

bool read_value(Reader& r, int depth);

bool read_array(Reader& r, int depth) {
  lua_newtable(r.L);
  r.space();
  if (r.take(']')) return true;
  for (lua_Integer i = 1;; ++i) {
    if (!read_value(r, depth)) return false;
    lua_rawseti(r.L, -2, i);
    r.space();
    if (r.take(']')) return true;
    if (!r.take(',')) return r.fail("',' or ']' expected");
  }
}

bool read_object(Reader& r, int depth) {
  lua_newtable(r.L);
  r.space();
  if (r.take('}')) return true;
  while (true) {
    r.space();
    if (!r.take('"')) return r.fail("a name in quotes expected");
    if (!read_string(r)) return false;
    r.space();
    if (!r.take(':')) return r.fail("':' expected");
    if (!read_value(r, depth)) return false;
    if (lua_islightuserdata(r.L, -1)) {
      lua_pop(r.L, 2);  // null: the name stays absent
    } else {
      lua_rawset(r.L, -3);
    }
    r.space();
    if (r.take('}')) return true;
    if (!r.take(',')) return r.fail("',' or '}' expected");
  }
}

bool read_value(Reader& r, int depth) {
  if (depth >= kJsonDepth) return r.fail("nested too deeply");
  luaL_checkstack(r.L, 8, "JSON");
  r.space();
  if (r.take('{')) return read_object(r, depth + 1);
  if (r.take('[')) return read_array(r, depth + 1);
  if (r.take('"')) return read_string(r);
  if (r.word("true")) return lua_pushboolean(r.L, 1), true;
  if (r.word("false")) return lua_pushboolean(r.L, 0), true;
  if (r.word("null")) return lua_pushlightuserdata(r.L, nullptr), true;
  return read_number(r);
}

void encode_string(std::string_view text, Buffer& out) {
  out.add('"');
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.add('\\');
      out.add(c);
    } else if (c == '\n') {
      out.add("\\n");
    } else if (c == '\t') {
      out.add("\\t");
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out.add(escape);
    } else {
      out.add(c);
    }
  }
  out.add('"');
}

const char* encode(lua_State* L, int index, Buffer& out, int depth);

// The number of elements if the table is an array: its keys are 1…n alone.
lua_Integer array_length(lua_State* L, int index) {
  lua_Integer n = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) ++n;
  return n > 0 && n == static_cast<lua_Integer>(lua_rawlen(L, index)) ? n : 0;
}

const char* encode_array(lua_State* L, int index, lua_Integer n, Buffer& out, int depth) {
  out.add('[');
  for (lua_Integer i = 1; i <= n; ++i) {
    if (i > 1) out.add(',');
    lua_rawgeti(L, index, i);
    if (const char* why = encode(L, lua_gettop(L), out, depth)) return why;
    lua_pop(L, 1);
  }
  out.add(']');
  return nullptr;
}

const char* encode_object(lua_State* L, int index, Buffer& out, int depth) {
  out.add('{');
  bool first = true;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) return "a table's keys must all be strings, or 1 to n";
    if (!first) out.add(',');
    first = false;
    size_t len = 0;
    const char* key = lua_tolstring(L, -2, &len);
    encode_string({key, len}, out);
    out.add(':');
    if (const char* why = encode(L, lua_gettop(L), out, depth)) return why;
  }
  out.add('}');
  return nullptr;
}

const char* encode_number(lua_State* L, int index, Buffer& out) {
  char text[kNumberMax];
  std::to_chars_result end{};
  if (lua_isinteger(L, index)) {
    end = std::to_chars(text, text + sizeof text, lua_tointeger(L, index));
  } else {
    double d = lua_tonumber(L, index);
    if (!std::isfinite(d)) return "a number that is not finite";
    end = std::to_chars(text, text + sizeof text, d);
  }
  out.add(std::string_view(text, static_cast<size_t>(end.ptr - text)));
  return nullptr;
}

const char* encode(lua_State* L, int index, Buffer& out, int depth) {
  if (depth >= kJsonDepth) return "nested too deeply, or a table inside itself";
  luaL_checkstack(L, 8, "JSON");
  switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
      out.add(lua_toboolean(L, index) ? "true" : "false");
      return nullptr;
    case LUA_TNIL:
      out.add("null");
      return nullptr;
    case LUA_TLIGHTUSERDATA:
      out.add("null");
      return lua_touserdata(L, index) ? "a value without a JSON form" : nullptr;
    case LUA_TNUMBER:
      return encode_number(L, index, out);
    case LUA_TSTRING: {
      size_t len = 0;
      const char* text = lua_tolstring(L, index, &len);
      encode_string({text, len}, out);
      return nullptr;
    }
    case LUA_TTABLE: {
      lua_Integer n = array_length(L, index);
      return n ? encode_array(L, index, n, out, depth + 1) : encode_object(L, index, out, depth + 1);
    }
    default:
      return "a value without a JSON form";
  }
}

int lua_json_decode(lua_State* L) {
  size_t len = 0;
  const char* text = luaL_checklstring(L, 1, &len);
  JsonError error = json_decode(L, {text, len});
  if (!error.reason) return 1;
  lua_pushnil(L);
  lua_pushfstring(L, "JSON, byte %d: %s", static_cast<int>(error.offset), error.reason);
  return 2;
}

int lua_json_encode(lua_State* L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  Buffer out = Buffer::open(L);
  JsonError error = json_encode(L, 1, out);
  if (error.reason) {
    lua_pushnil(L);
    lua_pushfstring(L, "JSON: %s", error.reason);
    return 2;
  }
  out.close();
  lua_settop(L, out.slot);
  return 1;
}

}  // namespace

JsonError json_decode(lua_State* L, std::string_view text) {
  Reader r{L, text.data(), text.data(), text.data() + text.size()};
  if (read_value(r, 0)) {
    r.space();
    if (r.p == r.end) return {};
    r.fail("more text after the value");
  }
  return {r.reason, static_cast<size_t>(r.p - r.begin)};
}

JsonError json_encode(lua_State* L, int index, Buffer& out) { return {encode(L, index, out, 0), 0}; }

void push_json_library(lua_State* L) {
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, lua_json_decode);
  lua_setfield(L, -2, "decode");
  lua_pushcfunction(L, lua_json_encode);
  lua_setfield(L, -2, "encode");
  lua_pushlightuserdata(L, nullptr);
  lua_setfield(L, -2, "null");
}

}  // namespace phios::lua
