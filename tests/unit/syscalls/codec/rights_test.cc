#include "syscalls/codec/rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "syscalls/codec/text.h"

namespace phios {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RightSet rights(const std::vector<std::string>& list) {
  Result<RightSet> set = RightSet::parse(list);
  EXPECT_TRUE(set) << (set ? "" : set.error().message);
  return *set;
}

TEST(Rights, AreNormalised) {
  EXPECT_THAT(rights({"mem"}).list(), ElementsAre("mem:read", "mem:write"));
  EXPECT_THAT(rights({"mem:read:x", "mem:read", "mem:read:*"}).list(), ElementsAre("mem:read"));
  EXPECT_THAT(rights({"drv:tool:b", "drv:tool:a", "drv:tool:a*"}).list(),
              ElementsAre("drv:tool:a*", "drv:tool:b"));
  EXPECT_THAT(rights({"*", "mem"}).list(), ElementsAre("*"));
  EXPECT_THAT(rights({"chan", "ctx"}).list(), ElementsAre("chan", "ctx"));
  EXPECT_THAT(rights({"mem:read:a:b"}).list(), ElementsAre("mem:read:a:b"));
}

TEST(Rights, MalformedOnesAreNamed) {
  for (const char* right :
       {"", "frob", "mem:frob", "chan:x", "mem:read:", "mem:", "proc:list:x", "me", "mem:reads", ":"})
    EXPECT_FALSE(RightSet::parse({right})) << right;
  EXPECT_EQ(RightSet::parse({"frob"}).error().message, "right frob: no such right; see rights.def");
}

TEST(Rights, CoverByScope) {
  const RightSet set = rights({"mem:write:tmp*", "drv:tool:calc", "io:out"});
  EXPECT_TRUE(set.covers(""));
  EXPECT_TRUE(set.covers("mem:write:tmp"));
  EXPECT_TRUE(set.covers("mem:write:tmp1"));
  EXPECT_FALSE(set.covers("mem:write:tm"));
  EXPECT_FALSE(set.covers("mem:write"));
  EXPECT_FALSE(set.covers("mem:read:tmp1"));
  EXPECT_TRUE(set.covers("drv:tool:calc"));
  EXPECT_FALSE(set.covers("drv:tool:calc2"));
  EXPECT_FALSE(set.covers("drv:tool"));
  EXPECT_TRUE(set.covers("io:out"));
  EXPECT_TRUE(RightSet::all().covers("mem:read:x"));
  EXPECT_FALSE(RightSet::none().covers("mem:read:x"));
}

TEST(Rights, SayWhichCallsMayBeMade) {
  const RightSet set = rights({"drv:tool:calc", "drv:retrieve:wiki", "mem:read"});
  const auto spec = [](std::string_view text) -> const CallSpec& { return *find_call_by_text(text); };
  EXPECT_TRUE(set.may_call(spec("TOOL")));
  EXPECT_THAT(set.scopes(spec("TOOL")), ElementsAre("calc"));
  EXPECT_FALSE(set.may_call(spec("TOOLS")));
  EXPECT_TRUE(set.may_call(spec("READ")));
  EXPECT_THAT(set.scopes(spec("READ")), ElementsAre("*"));
  EXPECT_FALSE(set.may_call(spec("WRITE")));
  EXPECT_THAT(set.scopes(spec("WRITE")), IsEmpty());
  EXPECT_TRUE(set.may_call(spec("NOW")));
  EXPECT_TRUE(set.may_call(spec("RETRIEVE")));
}

TEST(Rights, ACallNeedsTheScopeThatItNames) {
  const auto needs = [](std::string_view frame) { return required_right(*parse_call(frame)); };
  EXPECT_EQ(needs("READ n"), "mem:read:n");
  EXPECT_EQ(needs("TOOL calc 1"), "drv:tool:calc");
  EXPECT_EQ(needs("RETRIEVE q"), "drv:retrieve");
  EXPECT_EQ(needs("RETRIEVE q in=wiki"), "drv:retrieve:wiki");
  EXPECT_EQ(needs("NOW"), "");
  EXPECT_EQ(needs("TOOLS q"), "drv:tool");
}

TEST(Rights, SubsetsAndIntersections) {
  const RightSet parent = rights({"mem", "drv:tool:ca*", "drv:tool:search"});
  const RightSet child = rights({"mem:read:x*", "drv:tool:calc"});
  EXPECT_TRUE(child.subset_of(parent));
  EXPECT_FALSE(parent.subset_of(child));
  EXPECT_TRUE(RightSet::none().subset_of(child));
  EXPECT_TRUE(parent.subset_of(RightSet::all()));
  EXPECT_THAT(parent.intersect(child).list(), ElementsAre("drv:tool:calc", "mem:read:x*"));
  EXPECT_THAT(parent.intersect(RightSet::all()).list(), parent.list());
  EXPECT_THAT(rights({"drv:tool:ab*"}).intersect(rights({"drv:tool:a*", "drv:tool:abc"})).list(),
              ElementsAre("drv:tool:ab*"));
  EXPECT_THAT(rights({"drv:tool:a"}).intersect(rights({"drv:tool:b"})).list(), IsEmpty());
}

}  // namespace
}  // namespace phios
