#include "syscalls/codec/text.h"

#include <gtest/gtest.h>

#include "tests/unit/syscalls/codec/random_call.h"

namespace phios {
namespace {

constexpr int kRandomCalls = 20'000;

std::string fmt_error(const Error& error) {
  return std::string(error_name(error.code)) + " " + error.message;
}

std::string error_of(std::string_view frame) {
  const Result<Call> call = parse_call(frame);
  return call ? "no error" : fmt_error(call.error());
}

TEST(ParseCall, ReadsWordsKeysAndRest) {
  const Call call = *parse_call(R"(RETRIEVE "who was first?" k=2 in=wiki)");
  EXPECT_EQ(call.number(), Sys::drv_retrieve);
  EXPECT_EQ(call.arg(0), "who was first?");
  EXPECT_EQ(call.arg(1), "2");
  EXPECT_EQ(call.arg(2), "wiki");
  EXPECT_EQ(*parse_call(R"(RETRIEVE "who was first?" in=wiki k=2)"), call);
  EXPECT_EQ(parse_call("SPAWN solve a b c")->rest, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_FALSE(parse_call("EXIT")->has(0));
  EXPECT_EQ(parse_call(R"(WRITE n "\u00e9\ud83d\ude00\/\b\"")")->arg(1), "é😀/\b\"");
}

TEST(ParseCall, SaysInWhichColumnItFails) {
  EXPECT_EQ(error_of(""), "EPARSE column 1: the name of a call expected");
  EXPECT_EQ(error_of("FROB x"), "ENOSYS column 1: FROB: no call of that name");
  EXPECT_EQ(error_of("proc_list"), "ENOSYS column 1: proc_list: only programs may call it");
  EXPECT_EQ(error_of("READ"), "EPARSE column 5: READ: a value for cell expected");
  EXPECT_EQ(error_of("READ "), "EPARSE column 6: a value expected");
  EXPECT_EQ(error_of("READ  n"), "EPARSE column 6: a bare word [A-Za-z0-9_./:+@-] or a JSON string expected");
  EXPECT_EQ(error_of("READ n m"), "EPARSE column 8: too many arguments for READ");
  EXPECT_EQ(error_of("ADD n x"), "EINVAL column 7: n: an integer expected, not x");
  EXPECT_EQ(error_of("SLEEP 9223372036854775808"),
            "EINVAL column 7: ms: an integer of 64 bits expected, not 9223372036854775808");
  EXPECT_EQ(error_of("RECV ms=1 ms=2"), "EPARSE column 11: ms= stands twice");
  EXPECT_EQ(error_of("RECV k=1"), "EPARSE column 6: RECV has no argument k=");
  EXPECT_EQ(error_of("RETRIEVE k=1 q"), "EPARSE column 14: a value after key=value");
  EXPECT_EQ(error_of("READ \"a"), "EPARSE column 8: the string is not closed");
  EXPECT_EQ(error_of("READ \"a\"b"), "EPARSE column 9: one space between words expected");
  EXPECT_EQ(error_of("READ \"\xc0\xaf\""), "EPARSE column 7: not UTF-8");
  EXPECT_EQ(error_of("READ \"a\nb\""), "EPARSE column 8: a control character must be written \\u00XX");
  EXPECT_EQ(error_of("READ \"<|\""), "EPARSE column 7: \"<|\" must be written \"\\u003c|\"");
  EXPECT_EQ(error_of("READ \"\\u0000\""), "EPARSE column 13: NUL cannot be written");
  EXPECT_EQ(error_of("READ \"\\ud800x\""), "EPARSE column 13: half of a surrogate pair");
  EXPECT_EQ(error_of("READ \"\\x\""), "EPARSE column 7: no such escape");
  EXPECT_EQ(error_of("READ \"\\u12g4\""), "EPARSE column 11: four hexadecimal digits expected");
  EXPECT_EQ(parse_call("READ " + std::string(PHI_FRAME_MAX, 'a')).error().code, ErrorCode::ETOOBIG_);
}

TEST(PrintCall, RoundTripsEveryCall) {
  testing::Random random(7);
  for (int i = 0; i < kRandomCalls; ++i) {
    const Call call = testing::random_call(random);
    ASSERT_TRUE(check_call(call)) << print_call(call);
    const std::string text = print_call(call);
    EXPECT_EQ(text.find(kMarkerOpen), std::string::npos) << text;
    const Result<Call> back = parse_call(text);
    ASSERT_TRUE(back) << text << ": " << back.error().message;
    EXPECT_EQ(*back, call) << text;
    const Result<Call> json = parse_tool_json(print_tool_json(call));
    ASSERT_TRUE(json) << print_tool_json(call) << ": " << json.error().message;
    EXPECT_EQ(*json, call) << print_tool_json(call);
  }
}

TEST(PrintReply, RoundTripsEveryReply) {
  testing::Random random(8);
  for (int i = 0; i < kRandomCalls; ++i) {
    Result<Reply> reply = Reply{};
    if (random() % 3 == 0) {
      reply =
          std::unexpected(Error{static_cast<ErrorCode>(1 + random() % 14), testing::random_text(random, 80)});
    } else {
      for (uint64_t n = random() % 4; n > 0; --n) reply->words.push_back(testing::random_text(random, 80));
    }
    const std::string text = print_reply(reply);
    EXPECT_EQ(text.find(kMarkerOpen), std::string::npos) << text;
    const auto back = parse_reply(text);
    ASSERT_TRUE(back) << text << ": " << back.error().message;
    ASSERT_EQ(back->has_value(), reply.has_value()) << text;
    if (reply) {
      EXPECT_EQ(**back, *reply) << text;
    } else {
      EXPECT_EQ(back->error().code, reply.error().code);
      EXPECT_EQ(back->error().message, reply.error().message);
    }
  }
}

TEST(PrintReply, LooksAsTheModelWasTaught) {
  EXPECT_EQ(print_reply(Reply{}), "");
  EXPECT_EQ(print_reply(Reply{{""}}), "\"\"");
  EXPECT_EQ(print_reply(Reply{{"12", "a b"}}), "12 \"a b\"");
  EXPECT_EQ(print_reply(fail(ErrorCode::ENOENT_, "READ n: no cell named n")),
            "!ENOENT READ n: no cell named n");
  EXPECT_EQ(print_reply(fail(ErrorCode::EIO_, "a\nb")), "!EIO \"a\\nb\"");
  EXPECT_EQ(print_reply(fail(ErrorCode::EIO_, "")), "!EIO");
  EXPECT_EQ(quote_word("a\x01\x7f\r<|é"), "\"a\\u0001\\u007f\\u000d\\u003c|é\"");
  EXPECT_EQ(quote_word(std::string_view("\xff\0", 2)), "\"\\ufffd\\ufffd\"");
}

TEST(ParseReply, RefusesWhatIsNoReply) {
  for (const char* text : {"!", "!FROB", "!ENOENT_", "!EIO ", "!EIO \"a", "!EIO \"a\"b", "a  b", " a", "a ",
                           "\"a", "a=b", "!EIO <|phi_end|>"})
    EXPECT_FALSE(parse_reply(text)) << text;
}

TEST(ToolJson, TakesWhatChatModelsWrite) {
  EXPECT_EQ(print_call(*parse_tool_json(R"({"name":"mem_read","arguments":{"cell":"n"}})")), "READ n");
  EXPECT_EQ(print_call(*parse_tool_json(R"({"name":"mem_read","arguments":"{\"cell\":\"n\"}"})")), "READ n");
  EXPECT_EQ(print_call(*parse_tool_json(R"({"name":"proc_self"})")), "SELF");
  EXPECT_EQ(print_call(*parse_tool_json(R"({"name":"proc_self","parameters":{}})")), "SELF");
  EXPECT_EQ(print_call(*parse_tool_json(R"({"name":"chan_recv","arguments":{"from":null,"ms":5}})")),
            "RECV ms=5");
  EXPECT_EQ(print_call(*parse_tool_json(
                R"({"name":"mem_add","arguments":{"cell":"n","n":123456789012345678901234567890}})")),
            "ADD n 123456789012345678901234567890");
  EXPECT_EQ(
      print_call(*parse_tool_json(R"({"name":"drv_tool","arguments":{"name":"calc","args":["1 + 1", 2]}})")),
      "TOOL calc \"1 + 1\" 2");
}

TEST(ToolJson, RefusesEverythingElse) {
  for (const char* json : {"",
                           "[]",
                           "1",
                           "{",
                           R"({"name":"mem_read"})",
                           R"({"name":"frob","arguments":{}})",
                           R"({"name":1})",
                           R"({"name":"mem_read","arguments":[]})",
                           R"({"name":"mem_read","arguments":{"cell":{}}})",
                           R"({"name":"mem_read","arguments":{"cell":["n"]}})",
                           R"({"name":"mem_read","arguments":{"cell":"n","x":1}})",
                           R"({"name":"mem_read","arguments":{"cell":"n","cell":"m"}})",
                           R"({"name":"mem_read","arguments":{"cell":""}})",
                           R"({"name":"mem_read","arguments":{"cell":"\u0000"}})",
                           R"({"name":"proc_list"})",
                           R"({"name":"mem_add","arguments":{"cell":"n","n":1.5}})",
                           R"({"name":"mem_read","arguments":{"cell":[[1]]}})",
                           R"({"name":"mem_read","arguments":{"cell":"n"}} x)",
                           R"({"name":"mem_read","arguments":"\"n\""})",
                           R"({"other":{"name":"mem_read"}})",
                           "{\"name\":\"\xff\"}"})
    EXPECT_FALSE(parse_tool_json(json)) << json;
  EXPECT_EQ(parse_tool_json("{\"name\" 1}").error().message, "column 9: no JSON");
}

}  // namespace
}  // namespace phios
