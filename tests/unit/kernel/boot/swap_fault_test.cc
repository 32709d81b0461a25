// A running kernel whose disk fails: processes whose contexts are several times the memory, together or each
// by itself, write what they write with room for all, whatever the swap file does to their pages.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/env.h"
#include "kernel/boot/handles.h"
#include "kernel/boot/system.h"
#include "mm/swap.h"
#include "syscalls/abi/phios.h"
#include "tests/unit/mm/store/temp_dir.h"

namespace phios {
namespace {

constexpr int kWritten = 512;
constexpr int kAttempts = 10;

// Processes, the text that each begins with, of which a token is a byte, and their page policy.
struct Load {
  int processes, text_bytes;
  const char* kv = "full";
  // The two answers and what is appended between them included.
  constexpr uint64_t frames() const {
    return static_cast<uint64_t>(processes) * (static_cast<uint64_t>(text_bytes) / PHI_PAGE_TOKENS + 2);
  }
};
constexpr Load kMany{12, 224};
constexpr Load kLarge{2, 1500};
constexpr Load kHeavyHitters{2, 1500, "h2o:1200"};      // all but a fifth of the text
constexpr Load kChosen{2, 1500, "quest:256"};           // 16 pages beside the first and the newest
constexpr uint64_t kLargeMemory = kLarge.frames() / 8;  // a fourth of what each takes by itself

// What the disk does wrong, by a seed: so many of ten thousand transfers.
struct Faults {
  int rate = 0;
  bool reads = true, writes = false;
  uint64_t seed = 0;
};

class FaultyIo final : public SwapIo {
 public:
  FaultyIo(SwapIo& below, const Faults& faults, std::atomic<int>& injected)
      : below_(below), faults_(faults), injected_(injected) {}

  void read(int fd, std::span<std::byte> buffer, int64_t offset, Done done) override {
    switch (faults_.reads ? draw() : kNone) {
      case kError:
        return below_.read(fd, buffer, offset, [done = std::move(done)](const Result<size_t>&) {
          done(fail(ErrorCode::EIO_, "injected"));
        });
      case kShort:
        return below_.read(fd, buffer.first(buffer.size() / 3), offset, std::move(done));
      case kFlip:
        return below_.read(fd, buffer, offset, [buffer, done = std::move(done)](const Result<size_t>& n) {
          buffer[buffer.size() / 2] ^= std::byte{16};
          done(n);
        });
      case kNone:
        return below_.read(fd, buffer, offset, std::move(done));
    }
  }
  void write(int fd, std::span<const std::byte> buffer, int64_t offset, Done done) override {
    switch (faults_.writes ? draw() : kNone) {
      case kError:
        return below_.write(fd, buffer, offset, [done = std::move(done)](const Result<size_t>&) {
          done(fail(ErrorCode::EIO_, "injected"));
        });
      case kShort:
      case kFlip:  // a byte that never arrives is found by the checksum when it is read
        return below_.write(
            fd, buffer.first(buffer.size() / 2), offset,
            [size = buffer.size(), done = std::move(done)](const Result<size_t>&) { done(size); });
      case kNone:
        return below_.write(fd, buffer, offset, std::move(done));
    }
  }

 private:
  static constexpr uint64_t kTransfers = 10'000;
  enum Fault { kError, kShort, kFlip, kNone };
  Fault draw() {
    const uint64_t bits = derive_seed(faults_.seed, n_.fetch_add(1));
    if (static_cast<int>(bits % kTransfers) >= faults_.rate) return kNone;
    injected_.fetch_add(1);
    return static_cast<Fault>(bits / kTransfers % 3);
  }

  SwapIo& below_;
  const Faults faults_;
  std::atomic<int>& injected_;
  std::atomic<uint64_t> n_{0};
};

// Appends a text of its own, lets the model go on, twice.
int writer(phi_proc* self, void*) {
  char number[16], bytes[16], out[2][kWritten];
  size_t len = 0;
  const phi_arg name[] = {{"1"}}, size[] = {{"2"}};
  if (phi_syscall(self, PHI_SYS_mem_read, name, 1, PHI_FOREVER, number, sizeof number, &len) != PHI_OK ||
      phi_syscall(self, PHI_SYS_mem_read, size, 1, PHI_FOREVER, bytes, sizeof bytes, &len) != PHI_OK)
    return PHI_ENOENT_;
  const auto seed = static_cast<unsigned>(std::atoi(number));
  const auto length = static_cast<unsigned>(std::atoi(bytes));
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += static_cast<char>('a' + (seed * 31 + i * i * 7 + i / 3) % 26);
  for (int turn = 0; turn < 2; ++turn) {
    const phi_arg append[] = {{turn == 0 ? text.c_str() : "\nMore:"}, {nullptr}, {nullptr}};
    const phi_arg generate[] = {{"12"}, {"0"}};
    phi_status status = phi_syscall(self, PHI_SYS_ctx_append, append, 3, PHI_FOREVER, nullptr, 0, nullptr);
    if (status == PHI_OK)
      status = phi_syscall(self, PHI_SYS_ctx_generate, generate, 2, PHI_FOREVER, out[turn], kWritten, &len);
    if (status != PHI_OK) return status;
  }
  phi_proc_set_exit(self, (std::string(out[0]) + "|" + out[1]).c_str());
  return PHI_OK;
}

struct Outcomes {
  std::vector<std::string> texts;  // of each process: what it wrote, or its error
  nlohmann::json pages;
  int injected = 0;
};

Outcomes run(const Load& load, uint64_t frames, const Faults& faults, uint64_t swap_frames) {
  const TempDir home;
  Outcomes out;
  std::atomic<int> injected{0};
  Config config;
  config.model = "random";
  config.home = home.path();
  config.seed = 1;
  config.kv = load.kv;
  config.kv_bytes = 1;  // of one frame, to learn how large it is
  const auto frame_bytes = (*open_model("random", 1))->info().kv.frame_bytes();
  config.kv_bytes = frames * frame_bytes;
  config.swap_bytes = swap_frames * frame_bytes;
  auto system = System::open(
      config, [&](SwapIo& below) { return std::make_unique<FaultyIo>(below, faults, injected); });
  EXPECT_TRUE(system) << (system ? "" : system.error().message);
  if (!system) return out;
  phi_kernel handle{};
  handle.system = system->get();
  phi_proc* parent = nullptr;
  EXPECT_EQ(phi_proc_attach(&handle, "parent", &parent), PHI_OK);
  std::vector<phi_pid> pids(static_cast<size_t>(load.processes));
  for (int i = 0; i < load.processes; ++i) {
    const std::string number = std::to_string(i), bytes = std::to_string(load.text_bytes);
    const char* args[] = {number.c_str(), bytes.c_str()};
    phi_spawn_options options{};
    options.entry = writer;
    options.args = args;
    options.n_args = 2;
    EXPECT_EQ(phi_proc_start(parent, &options, &pids[static_cast<size_t>(i)]), PHI_OK);
  }
  for (const phi_pid pid : pids) {
    const std::string who = std::to_string(pid);
    const phi_arg args[] = {{who.c_str()}};
    EXPECT_EQ(phi_syscall(parent, PHI_SYS_proc_wait, args, 1, PHI_FOREVER, nullptr, 0, nullptr), PHI_OK);
    size_t len = 0;
    const char* words = phi_result(parent, &len);
    const std::string all(words, len);  // pid, value and error, each with a zero behind it
    out.texts.push_back(all.substr(all.find('\0') + 1));
  }
  out.pages = nlohmann::json::parse((*system)->stats_json())["pages"];
  phi_proc_detach(parent, "");
  system->reset();
  out.injected = injected.load();
  return out;
}

// With room for all; once for each load, since every test may be a process of its own.
const Outcomes& undisturbed(const Load& load) {
  static std::map<std::pair<int, std::string>, Outcomes> runs;
  const auto [at, added] = runs.try_emplace({load.processes, load.kv});
  if (added) at->second = run(load, 2 * load.frames(), {}, 0);
  return at->second;
}

void expect_the_same(const Outcomes& outcomes, const Load& load) {
  ASSERT_EQ(outcomes.texts.size(), static_cast<size_t>(load.processes));
  for (size_t i = 0; i < outcomes.texts.size(); ++i)
    EXPECT_EQ(outcomes.texts[i], undisturbed(load).texts[i])
        << "process " << i << ", pages: " << outcomes.pages;
  EXPECT_EQ(undisturbed(load).pages["swapped_out"], 0);
  EXPECT_NE(outcomes.texts[0], outcomes.texts[1]);
}

class SwapFault : public testing::TestWithParam<Faults> {
 protected:
  // How much is swapped depends on how the processes meet: again, until the faults have met pages.
  void run_until_faults_meet_pages(const Load& load, uint64_t frames) {
    for (int attempt = 0; attempt < kAttempts && (faulty.injected == 0 || faulty.pages["recomputed"] == 0);
         ++attempt) {
      faulty = run(load, frames, GetParam(), 2 * load.frames());
      expect_the_same(faulty, load);
      if (HasFatalFailure()) return;
    }
    EXPECT_GT(faulty.injected, 0);
    EXPECT_GT(faulty.pages["recomputed"], 0);
  }
  Outcomes faulty;
};

TEST_P(SwapFault, EveryProcessWritesWhatItWritesWithRoomForAll) {
  run_until_faults_meet_pages(kMany, kMany.frames() / 4);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SwapFault,
                         testing::Values(Faults{2000, true, false, 1}, Faults{2000, true, false, 2},
                                         Faults{6000, true, false, 3}, Faults{5000, false, true, 4},
                                         Faults{10000, false, true, 5}, Faults{1000, true, true, 6}));

TEST(LargeContext, WritesInAFourthOfItsMemoryWhatItWritesWithRoomForAll) {
  const Outcomes outcomes = run(kLarge, kLargeMemory, {}, kLarge.frames());
  expect_the_same(outcomes, kLarge);
  EXPECT_GT(outcomes.pages["streamed"], 0);
  EXPECT_EQ(outcomes.pages["recomputed"], 0);
}

TEST(LargeContext, WithoutASwapFileItEnds) {
  const Outcomes outcomes = run(kLarge, kLargeMemory, {}, 0);
  for (const std::string& text : outcomes.texts) EXPECT_NE(text.find("ELIMIT"), std::string::npos) << text;
}

TEST(LargeContext, WhereTheSwapFileIsTooSmallForAllSomeAreToldAndOthersWrite) {
  const Outcomes outcomes = run(kLarge, kLargeMemory, {}, kLarge.frames() / 2);
  size_t written = 0;
  for (size_t i = 0; i < outcomes.texts.size(); ++i) {
    if (outcomes.texts[i] == undisturbed(kLarge).texts[i]) {
      ++written;
    } else {
      EXPECT_NE(outcomes.texts[i].find("ELIMIT"), std::string::npos) << outcomes.texts[i];
    }
  }
  EXPECT_GE(written, 1u);
}

TEST(LargeContext, EndsWhereTheDiskGivesNothingBack) {
  for (const Load& load : {kLarge, kChosen}) {
    const Outcomes outcomes = run(load, kLargeMemory, {10000, true, false, 1}, load.frames());
    for (const std::string& text : outcomes.texts) EXPECT_NE(text.find("EIO"), std::string::npos) << text;
  }
}

// A policy sees the pages on disk as they are, and drops them like others.
TEST(LargeContext, DropsThePagesThatItDropsWithRoomForAll) {
  const Outcomes outcomes = run(kHeavyHitters, kLargeMemory, {}, kHeavyHitters.frames());
  expect_the_same(outcomes, kHeavyHitters);
  EXPECT_GT(outcomes.pages["streamed"], 0);
  EXPECT_NE(outcomes.texts, undisturbed(kLarge).texts);
}

// Queries choose among the pages on disk as among others.
TEST(LargeContext, ChoosesThePagesThatItChoosesWithRoomForAll) {
  const Outcomes outcomes = run(kChosen, kLargeMemory, {}, kChosen.frames());
  expect_the_same(outcomes, kChosen);
  EXPECT_GT(outcomes.pages["streamed"], 0);
  EXPECT_NE(outcomes.texts, undisturbed(kLarge).texts);
}

class LargeContextFault : public SwapFault {};

TEST_P(LargeContextFault, IsComputedAgainWhereTheDiskFails) {
  run_until_faults_meet_pages(kLarge, kLargeMemory);
  EXPECT_GT(faulty.pages["streamed"], 0);
}

TEST_P(LargeContextFault, OfPagesThatItChoosesIsComputedAgain) {
  run_until_faults_meet_pages(kChosen, kLargeMemory);
  EXPECT_GT(faulty.pages["streamed"], 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LargeContextFault,
                         testing::Values(Faults{3, true, false, 1}, Faults{3, true, false, 2}));

}  // namespace
}  // namespace phios
