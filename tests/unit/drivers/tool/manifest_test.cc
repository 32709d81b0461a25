#include "drivers/tool/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace phios::tool {
namespace {

std::string error(const std::string& text, ManifestFormat format = ManifestFormat::kYaml) {
  const auto manifest = parse_manifest(text, format, "/tools/x.yaml");
  return manifest ? "no error"
                  : std::string(error_name(manifest.error().code)) + " " + manifest.error().message;
}

constexpr const char* kWords =
    "name: words\n"
    "summary: counts words\n"
    "command: [wc, '-w', \"--files0-from={file}\", 3]\n"
    "schema:\n"
    "  properties:\n"
    "    text: {type: string, maxLength: 100}\n"
    "    unit: {type: string, enum: [km, mi]}\n"
    "    file: {type: string}\n"
    "    count: {type: integer, minimum: 1, maximum: 9}\n"
    "  required: [text]\n"
    "stdin: 'text {{{text}}} {unit}'\n"
    "env: {MODE: fast, LEVEL: 3}\n"
    "deadline_ms: 500\n"
    "max_output: 1000\n";

TEST(Manifest, ReadsYaml) {
  const auto manifest = parse_manifest(kWords, ManifestFormat::kYaml, "/tools/words.yaml");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->name, "words");
  EXPECT_EQ(manifest->directory, "/tools");
  EXPECT_EQ(manifest->deadline_ms, 500);
  EXPECT_EQ(manifest->output_max, 1000u);
  EXPECT_EQ(manifest->schema.signature(), "text [unit] [file] [count]");

  const auto arguments = manifest->schema.arguments({"a b", "km"});
  ASSERT_TRUE(arguments) << arguments.error().message;
  const ChildSpec spec = child_of(*manifest, *arguments, 7);
  EXPECT_EQ(spec.argv, (std::vector<std::string>{"wc", "-w", "3"}));
  EXPECT_EQ(spec.input, "text {a b} km");
  EXPECT_EQ(spec.deadline, 7);
  EXPECT_NE(std::ranges::find(spec.env, "LEVEL=3"), spec.env.end());
  EXPECT_NE(std::ranges::find(spec.env, "PATH=/usr/local/bin:/usr/bin:/bin"), spec.env.end());
}

TEST(Manifest, ReadsJson) {
  const char* text =
      R"({"name": "echo", "summary": "says it again", "command": ["cat"], "schema": {"type": "object",
          "properties": {"z": {"type": "string"}, "a": {"type": "number"}}, "required": ["z"]}})";
  const auto manifest = parse_manifest(text, ManifestFormat::kJson, "echo.json");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->schema.signature(), "z [a]");  // in the order written
  const auto arguments = manifest->schema.arguments({"hi", "2.5"});
  EXPECT_EQ(child_of(*manifest, *arguments, kNever).input, "{\"z\":\"hi\",\"a\":2.5}\n");
}

TEST(Manifest, ErrorsNameFileAndKey) {
  const std::string base = "name: x\nsummary: s\ncommand: [cat]\n";
  EXPECT_EQ(error(base), "no error");
  EXPECT_EQ(error(base + "color: red\n"),
            "EINVAL /tools/x.yaml: color: no such key; there are name, summary, command, schema, stdin, env, "
            "deadline_ms, max_output");
  EXPECT_EQ(error("summary: s\ncommand: [cat]"), "EINVAL /tools/x.yaml: name: missing");
  EXPECT_EQ(error("name: -rf\nsummary: s\ncommand: [cat]"),
            "EINVAL /tools/x.yaml: name: letters, digits, '_', '-' and '.' expected");
  EXPECT_EQ(error("name: x\nsummary: s\n"), "EINVAL /tools/x.yaml: command: missing");
  EXPECT_EQ(error("name: x\nsummary: s\ncommand: rm -rf /"),
            "EINVAL /tools/x.yaml: command: a list of words expected: [program, word, …]");
  EXPECT_EQ(error("name: x\nsummary: s\ncommand: ['{a}']\nschema: {properties: {a: {type: string}}}"),
            "EINVAL /tools/x.yaml: command: the program is fixed: its name takes no argument");
  EXPECT_EQ(error(base + "stdin: '{b}'\n"), "EINVAL /tools/x.yaml: stdin: {b} is no argument of the schema");
  EXPECT_EQ(error(base + "stdin: '{b'\n"),
            "EINVAL /tools/x.yaml: stdin: '{' without '}'; a brace is written '{{'");
  EXPECT_EQ(error(base + "deadline_ms: soon\n"), "EINVAL /tools/x.yaml: deadline_ms: an integer expected");
  EXPECT_EQ(error(base + "max_output: 0\n"), "EINVAL /tools/x.yaml: max_output: 1 to 65536 expected");
  EXPECT_EQ(error(base + "name: y\n"), "EPARSE /tools/x.yaml: line 4, column 1: the key name a second time");
  EXPECT_EQ(error("name: [\n"), "EPARSE /tools/x.yaml: line 2, column 1: end of sequence flow not found");
  EXPECT_EQ(error("- x"), "EINVAL /tools/x.yaml: keys and values expected: name, summary, command, …");
  EXPECT_EQ(error(""), "EINVAL /tools/x.yaml: keys and values expected: name, summary, command, …");
  EXPECT_EQ(error("name: \xff"), "EPARSE /tools/x.yaml: byte 7: no UTF-8 text");
  EXPECT_EQ(error(std::string(70000, 'x')), "ETOOBIG /tools/x.yaml: more than 65536 bytes");
  EXPECT_EQ(error("{\"name\": }", ManifestFormat::kJson).substr(0, 58),
            "EINVAL /tools/x.yaml: JSON: parse error at line 1, column ");
}

TEST(Manifest, SchemaKeysThatAreNotReadAreErrors) {
  const std::string base = "name: x\nsummary: s\ncommand: [cat]\nschema: ";
  EXPECT_EQ(error(base + "{oneOf: []}"),
            "EINVAL /tools/x.yaml: schema.oneOf: not supported; there are type, properties, required");
  EXPECT_EQ(
      error(base + "{properties: {a: {type: string, pattern: x}}}"),
      "EINVAL /tools/x.yaml: schema.properties.a.pattern: not supported; there are type, enum, minimum, "
      "maximum, minLength, maxLength, items");
  EXPECT_EQ(error(base + "{properties: {a: {type: text}}}"),
            "EINVAL /tools/x.yaml: schema.properties.a.type: one of string, integer, number, boolean, array, "
            "object "
            "expected");
  EXPECT_EQ(error(base + "{properties: {a: {}}}"), "EINVAL /tools/x.yaml: schema.properties.a.type: missing");
  EXPECT_EQ(error(base + "{required: [b]}"), "EINVAL /tools/x.yaml: schema.required: \"b\" is no property");
  EXPECT_EQ(error(base + "{additionalProperties: false, description: d}"), "no error");
}

TEST(Manifest, NestingAndAliasesAreBounded) {
  EXPECT_EQ(error(std::string(30000, '[')).substr(0, 6), "EPARSE");
  EXPECT_EQ(error(std::string(200, '[') + std::string(200, ']')),
            "EPARSE /tools/x.yaml: line 1, column 34: nested more than 32 deep");
  EXPECT_EQ(error(std::string(30000, '['), ManifestFormat::kJson).substr(0, 6), "EINVAL");
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_EQ(error(bomb), "ETOOBIG /tools/x.yaml: more than 10000 nodes");
}

class Arguments : public testing::Test {
 protected:
  std::string check(const std::vector<std::string>& words) {
    const auto manifest = parse_manifest(
        "name: x\nsummary: s\ncommand: [cat]\nschema:\n  properties:\n"
        "    city: {type: string, minLength: 2}\n    days: {type: integer, minimum: 1, maximum: 9}\n"
        "    unit: {type: string, enum: [c, f]}\n    wind: {type: boolean}\n    at: {type: array, items: "
        "{type: "
        "number}}\n"
        "  required: [city]\n",
        ManifestFormat::kYaml, "x.yaml");
    EXPECT_TRUE(manifest) << manifest.error().message;
    const auto arguments = manifest->schema.arguments(words);
    return arguments ? arguments->dump() : arguments.error().message;
  }
};

TEST_F(Arguments, ArePositionalOrOneObject) {
  EXPECT_EQ(check({"Oslo", "3", "c", "true", "[1, 2.5]"}),
            R"({"city":"Oslo","days":3,"unit":"c","wind":true,"at":[1,2.5]})");
  EXPECT_EQ(check({R"({"days": 2, "city": "Rome"})"}), R"({"days":2,"city":"Rome"})");
  EXPECT_EQ(check({"{no json"}), R"({"city":"{no json"})");
}

TEST_F(Arguments, AreHeldAgainstTheSchema) {
  EXPECT_EQ(check({}), "city: missing: city [days] [unit] [wind] [at]");
  EXPECT_EQ(check({"Oslo", "many"}), "days: expected integer, got \"many\"");
  EXPECT_EQ(check({"Oslo", "2.5"}), "days: expected integer, got \"2.5\"");
  EXPECT_EQ(check({"Oslo", "10"}), "days: 10 breaks maximum 9");
  EXPECT_EQ(check({"Oslo", "0"}), "days: 0 breaks minimum 1");
  EXPECT_EQ(check({"O"}), "city: \"O\" breaks minLength 2");
  EXPECT_EQ(check({"Oslo", "1", "k"}), "unit: \"k\" is none of [\"c\",\"f\"]");
  EXPECT_EQ(check({"Oslo", "1", "c", "yes"}), "wind: expected boolean, got \"yes\"");
  EXPECT_EQ(check({"Oslo", "1", "c", "true", "[\"a\"]"}), "at: expected number items, got \"a\"");
  EXPECT_EQ(check({"a", "1", "c", "true", "[]", "x"}),
            "6 arguments, at most 5: city [days] [unit] [wind] [at]");
  EXPECT_EQ(check({R"({"city": "Rome", "sun": 1})"}),
            "sun: no such argument: city [days] [unit] [wind] [at]");
  EXPECT_EQ(check({R"({"city": 3})"}), "city: expected string, got 3");
  EXPECT_EQ(check({R"({"city": "a\u0000b"})"}), "city: holds a NUL");
}

}  // namespace
}  // namespace phios::tool
