#include "mm/evict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace phios {
namespace {

using testing::HasSubstr;

// A context of full pages in f16, whose masses are not known.
struct Case {
  explicit Case(uint32_t n_pages, uint32_t prompt_pages = 0) : prompt(prompt_pages * 16) {
    for (uint32_t i = 0; i < n_pages; ++i)
      pages.push_back({i * 16, 16, PHI_KV_F16, PHI_KV_MODEL, 0, 0, 0, -1, -1});
  }
  std::vector<uint8_t> choose(const std::string& name) {
    const auto policy = find_kv_policy(name);
    EXPECT_TRUE(policy) << policy.error().message;
    std::vector<uint8_t> wanted(pages.size());
    const phi_kv_state state{sizeof(phi_kv_state),
                             static_cast<uint32_t>(pages.size()),
                             pages.data(),
                             static_cast<uint32_t>(pages.size()) * 16,
                             prompt,
                             (*policy)->parameter};
    (*policy)->choose(state, wanted);
    return wanted;
  }
  std::vector<phi_kv_page> pages;
  uint32_t prompt;
};

// Sinks are pages 0 … 3, the window of 256 tokens is the last 16.
constexpr uint32_t kSinks = 4, kWindow = 16;

TEST(Evict, FullChangesNothing) {
  Case c(100);
  c.pages[50].place = PHI_KV_INT4;
  const auto wanted = c.choose("full");
  EXPECT_EQ(wanted[50], PHI_KV_INT4);
  EXPECT_EQ(std::count(wanted.begin(), wanted.end(), PHI_KV_F16), 99);
}

TEST(Evict, SinksAndTheNewestWindowStayWhateverThePolicy) {
  for (const char* name : {"int8", "int4", "int2", "age", "importance", "window:256"}) {
    const auto wanted = Case(400).choose(name);
    for (uint32_t i = 0; i < 400; ++i) {
      const bool kept = i < kSinks || i >= 400 - kWindow;
      EXPECT_EQ(wanted[i] == PHI_KV_F16, kept) << name << ": page " << i;
    }
  }
}

TEST(Evict, AWindowDropsWhatIsOlder) {
  Case c(200);
  c.pages[10].is_pinned = 1;
  const auto wanted = c.choose("window:512");
  for (uint32_t i = 0; i < 200; ++i) {
    EXPECT_EQ(wanted[i] == PHI_KV_DROP, i >= kSinks && i < 200 - 32 && i != 10) << "page " << i;
  }
}

TEST(Evict, TheNewestWindowIsAsLongAsTheNameSays) {
  Case c(200);
  const auto wanted = c.choose("int4@64");
  for (uint32_t i = 0; i < 200; ++i)
    EXPECT_EQ(wanted[i] == PHI_KV_INT4, i >= kSinks && i < 200 - 4) << "page " << i;
  EXPECT_EQ((*find_kv_policy("window:64@32"))->parameter, 64);
  EXPECT_EQ((*find_kv_policy("window:64@32"))->window, 32u);
}

TEST(Evict, NothingGetsWarmer) {
  Case c(200);
  c.pages[20].place = PHI_KV_INT2;
  c.pages[21].place = PHI_KV_DROP;
  const auto wanted = c.choose("int8");
  EXPECT_EQ(wanted[20], PHI_KV_INT2);
  EXPECT_EQ(wanted[21], PHI_KV_DROP);
  EXPECT_EQ(wanted[22], PHI_KV_INT8);
}

TEST(Evict, AgeGoesFromInt8ToInt4) {
  const auto wanted = Case(200).choose("age");
  EXPECT_EQ(wanted[200 - 17], PHI_KV_INT8);
  EXPECT_EQ(wanted[200 - 64], PHI_KV_INT8);
  EXPECT_EQ(wanted[200 - 65], PHI_KV_INT4);
}

TEST(Evict, ImportanceKeepsCallsAndAnswers) {
  Case c(400);
  c.pages[20].is_special = 1;
  const auto wanted = c.choose("importance");
  EXPECT_EQ(wanted[20], PHI_KV_F16);
  EXPECT_EQ(wanted[21], PHI_KV_INT2);
  EXPECT_EQ(wanted[300], PHI_KV_INT4);
}

TEST(Evict, HeavyHittersStayBesideTheNewest) {
  Case c(200);
  for (phi_kv_page& page : c.pages) page.mass = static_cast<float>(page.first % 7);
  c.pages[30].mass = c.pages[90].mass = 100;
  const auto wanted = c.choose("h2o:1024");  // 32 pages by recency, 32 by mass
  EXPECT_EQ(wanted[30], PHI_KV_F16);
  EXPECT_EQ(wanted[90], PHI_KV_F16);
  EXPECT_EQ(std::count(wanted.begin(), wanted.end(), PHI_KV_DROP), 200 - kSinks - 64);
  for (uint32_t i = 200 - 32; i < 200; ++i) EXPECT_EQ(wanted[i], PHI_KV_F16);
  c.pages[100].mass = -1;
  const auto unknown = c.choose("h2o:1024");
  EXPECT_EQ(std::count(unknown.begin(), unknown.end(), PHI_KV_DROP), 0)
      << "without all masses nothing is judged";
}

TEST(Evict, SnapKeepsWhatTheEndOfThePromptAttendedTo) {
  Case c(200, 100);
  for (phi_kv_page& page : c.pages) page.mass = page.recent_mass = 0.5f;
  c.pages[50].recent_mass = 9;
  const auto wanted = c.choose("snapkv:256");  // 16 pages of the prompt
  for (const uint32_t near : {49u, 50u, 51u}) EXPECT_EQ(wanted[near], PHI_KV_F16) << "pooled over neighbours";
  EXPECT_EQ(wanted[60], PHI_KV_DROP);
  EXPECT_EQ(std::count(wanted.begin(), wanted.end(), PHI_KV_DROP), 98 - static_cast<int>(kSinks) - 16);
  for (uint32_t i = 98; i < 200; ++i)
    EXPECT_EQ(wanted[i], PHI_KV_F16) << "the observation window, and what was written";
}

TEST(Evict, ShotsStayWholeOrGo) {
  Case c(200, 100);  // positions 0 ... 1599 are the prompt
  for (phi_kv_page& page : c.pages) {
    page.shot = page.first / 320;  // five of 20 pages
    page.mass = page.recent_mass = 0.5f;
  }
  c.pages[45].recent_mass = 9;                     // in the third
  c.pages[120].mass = 9;                           // written by the model
  const auto wanted = c.choose("shotkv:1024@16");  // 32 pages of the prompt, 32 of what was written
  for (uint32_t i = kSinks; i < 100; ++i) {
    const bool whole = i / 20 == 2, filled = i < kSinks + 12;  // 12 pages of others fit besides
    EXPECT_EQ(wanted[i], whole || filled ? PHI_KV_F16 : PHI_KV_DROP) << "page " << i;
  }
  EXPECT_EQ(std::count(wanted.begin() + 100, wanted.end(), PHI_KV_F16), 33) << "and the newest";
  EXPECT_EQ(wanted[120], PHI_KV_F16);
  for (uint32_t i = 0; i < 200; ++i) c.pages[i].place = wanted[i];
  EXPECT_EQ(c.choose("shotkv:1024@16"), wanted) << "chosen once";
}

TEST(Evict, QuestKeepsAllAndReadsTheBest) {
  const auto policy = *find_kv_policy("quest:512");
  EXPECT_TRUE(policy->keeps_all());
  EXPECT_EQ(policy->attend_pages(), 32u);
  EXPECT_NE(policy->id(), 0u);
  EXPECT_EQ((*find_kv_policy("int4"))->attend_pages(), 0u);
}

TEST(Evict, NamesAndNumbersAreChecked) {
  EXPECT_TRUE((*find_kv_policy(""))->keeps_all());
  EXPECT_EQ((*find_kv_policy(""))->id(), 0u);
  EXPECT_NE((*find_kv_policy("int4"))->id(), (*find_kv_policy("int8"))->id());
  const auto code = [](const char* name) { return find_kv_policy(name).error().code; };
  EXPECT_EQ(code("no-such"), ErrorCode::ENOENT_);
  EXPECT_THAT(find_kv_policy("no-such").error().message, HasSubstr("importance"));
  EXPECT_EQ(code("window:12"), ErrorCode::EINVAL_);
  EXPECT_EQ(code("window:1x"), ErrorCode::EINVAL_);
  EXPECT_EQ(code("int4@"), ErrorCode::EINVAL_);
  EXPECT_EQ(code("int4@8"), ErrorCode::EINVAL_);
  EXPECT_EQ(code("window:64@128"), ErrorCode::EINVAL_) << "a window shorter than what stays in f16";
  EXPECT_EQ(code("window:99999999999999999999"), ErrorCode::EINVAL_);
  EXPECT_EQ(code("mine.so"), ErrorCode::EPERM_) << "a process names no library";
}

TEST(Evict, ALibraryChooses) {
  const auto policy = find_kv_policy(KV_POLICY_EXAMPLE, true);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_FALSE((*policy)->keeps_all());
  Case c(100);
  c.pages[40].origin = PHI_KV_RESULT;
  const phi_kv_state state{sizeof(phi_kv_state), 100, c.pages.data(), 1600, 0, 0};
  std::vector<uint8_t> wanted(100);
  (*policy)->choose(state, wanted);
  EXPECT_EQ(wanted[40], PHI_KV_INT8);
  EXPECT_EQ(wanted[41], PHI_KV_INT4);
  EXPECT_EQ(wanted[0], PHI_KV_F16);
  EXPECT_THAT(find_kv_policy("/no/such/file.so", true).error().message, HasSubstr("/no/such/file.so"));
  EXPECT_EQ(find_kv_policy(KV_POLICY_NONE, true).error().code, ErrorCode::EINVAL_);
}

}  // namespace
}  // namespace phios
