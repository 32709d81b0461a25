#include "syscalls/codec/call.h"

#include <gtest/gtest.h>

#include "syscalls/codec/text.h"

namespace phios {
namespace {

TEST(CallTable, AscendsAndIsFoundByEveryName) {
  uint16_t last = 0;
  for (const CallSpec& spec : call_table()) {
    EXPECT_GT(spec.number, last);
    last = spec.number;
    EXPECT_EQ(find_call(spec.number), &spec);
    EXPECT_EQ(find_call_by_name(spec.c_name), &spec);
    EXPECT_EQ(find_call_by_text(spec.text), spec.text.empty() ? nullptr : &spec);
    EXPECT_LE(spec.args.size(), static_cast<size_t>(PHI_ARGS_MAX));
  }
  EXPECT_EQ(find_call(0), nullptr);
  EXPECT_EQ(find_call(9999), nullptr);
  EXPECT_EQ(find_call_by_text("FROB"), nullptr);
}

TEST(CallTable, ReadsTheArgumentsOfARow) {
  const CallSpec& retrieve = *find_call_by_text("RETRIEVE");
  ASSERT_EQ(retrieve.args.size(), 3u);
  EXPECT_EQ(retrieve.args[0].name, "query");
  EXPECT_EQ(retrieve.args[0].type, ArgType::kValue);
  EXPECT_EQ(retrieve.args[0].kind, ArgKind::kRequired);
  EXPECT_EQ(retrieve.args[1].name, "k");
  EXPECT_EQ(retrieve.args[1].kind, ArgKind::kOptionalKey);
  EXPECT_TRUE(retrieve.blocks);
  EXPECT_EQ(find_call_by_text("EXIT")->args[0].kind, ArgKind::kOptionalPositional);
  EXPECT_EQ(find_call_by_text("TOOL")->args[1].kind, ArgKind::kRest);
  EXPECT_EQ(find_call_by_text("TOOL")->args[1].name, "args");
}

ErrorCode code_of(const std::string& frame) {
  const Result<Call> call = parse_call(frame);
  EXPECT_TRUE(call) << frame;
  const Status status = check_call(*call);
  return status ? ErrorCode{} : status.error().code;
}

TEST(CheckCall, RefusesWhatIsOverItsBoundAndNamesTheArgument) {
  EXPECT_EQ(code_of("READ n"), ErrorCode{});
  EXPECT_EQ(code_of("READ @n"), ErrorCode{});
  EXPECT_EQ(code_of("READ \"\""), ErrorCode::EINVAL_);
  EXPECT_EQ(code_of("READ @"), ErrorCode::EINVAL_);
  EXPECT_EQ(code_of("READ " + std::string(PHI_CELL_NAME_MAX, 'a')), ErrorCode{});
  EXPECT_EQ(code_of("READ " + std::string(PHI_CELL_NAME_MAX + 1, 'a')), ErrorCode::ETOOBIG_);
  EXPECT_EQ(code_of("WAIT 0"), ErrorCode::EINVAL_);
  EXPECT_EQ(code_of("WAIT -3"), ErrorCode::EINVAL_);
  std::string many = "TOOL calc";
  for (int i = 0; i < PHI_ARGS_MAX; ++i) many += " 1";
  EXPECT_EQ(code_of(many), ErrorCode::ETOOBIG_);
}

TEST(CheckCall, CallsFromProgramsAreCheckedWhole) {
  Call call{.spec = find_call_by_text("WRITE"), .args = {"n"}, .rest = {}};
  EXPECT_FALSE(check_call(call));
  call.args = {"n", std::nullopt};
  EXPECT_EQ(check_call(call).error().message, "value: is missing");
  call.args = {"n", std::string("a\0b", 3)};
  EXPECT_EQ(check_call(call).error().message, "value: must not contain NUL");
  call.args = {"n", "\xff"};
  EXPECT_EQ(check_call(call).error().message, "value: must be UTF-8");
  call.args = {"n", std::string(PHI_CELL_MAX + 1, 'x')};
  EXPECT_EQ(check_call(call).error().code, ErrorCode::ETOOBIG_);
  call.args = {"n", "v"};
  EXPECT_TRUE(check_call(call));
  call.rest = {"w"};
  EXPECT_FALSE(check_call(call));
  EXPECT_EQ(check_call(Call{}).error().code, ErrorCode::ENOSYS_);
}

TEST(CheckCall, Integers) {
  EXPECT_EQ(parse_int("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(parse_int("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_int(""), std::nullopt);
  EXPECT_EQ(parse_int("+1"), std::nullopt);
  EXPECT_EQ(parse_int("1 "), std::nullopt);
}

}  // namespace
}  // namespace phios
