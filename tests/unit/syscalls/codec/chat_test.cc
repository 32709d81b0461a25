#include "syscalls/codec/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace phios {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ToolSchemas, AreThoseOfTheRights) {
  const RightSet rights = *RightSet::parse({"drv:tool:calc", "mem:read"});
  const auto schemas = nlohmann::json::parse(tool_schemas(rights));
  bool tool = false;
  for (const auto& schema : schemas) {
    const auto& function = schema["function"];
    EXPECT_NE(function["name"], "mem_write");
    if (function["name"] != "drv_tool") continue;
    tool = true;
    EXPECT_EQ(function["parameters"]["properties"]["name"]["enum"], nlohmann::json({"calc"}));
    EXPECT_EQ(function["parameters"]["properties"]["args"]["type"], "array");
    EXPECT_EQ(function["parameters"]["required"], nlohmann::json({"name"}));
  }
  EXPECT_TRUE(tool);
}

TEST(SystemPrompt, ExplainsOnlyWhatMayBeCalled) {
  const std::string prompt = system_prompt(*RightSet::parse({"drv:tool:calc", "mem:read"}));
  EXPECT_THAT(prompt, HasSubstr("READ cell → value: the value of a cell\n"));
  EXPECT_THAT(prompt, HasSubstr("TOOL name [args…] → value: runs a tool; name is one of calc\n"));
  EXPECT_THAT(prompt, HasSubstr("WAIT pid [ms=int] → words"));
  EXPECT_THAT(prompt, Not(HasSubstr("WRITE")));
  EXPECT_THAT(prompt, Not(HasSubstr("proc_list")));
}

}  // namespace
}  // namespace phios
