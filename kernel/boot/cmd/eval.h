// eval: measurements of a model under the kernel, each with its own rules and data.
//
// Threads: each runs on the calling thread and waits for the kernel. Exit codes: 0 when all is as it must be,
// 1 when something is not.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/boot/cmd/command.h"
#include "kernel/boot/system.h"

namespace phios {

void add_eval_isa(Command eval, CommandContext& context);
void add_eval_utm(Command eval, CommandContext& context);
void add_eval_logic(Command eval, CommandContext& context);
void add_eval_questions(Command eval, CommandContext& context);  // math, qa, taught
void add_eval_frames(Command eval, CommandContext& context);
void add_eval_abilities(Command eval, CommandContext& context);

// Deterministic numbers for making cases: the same seed makes the same cases.
class CaseRandom {
 public:
  explicit CaseRandom(uint64_t seed) : seed_(seed) {}
  uint64_t below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(derive_seed(seed_, n_++)) * n) >> 64);
  }
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
  }
  bool chance(double p) { return static_cast<double>(below(1u << 30)) < p * (1u << 30); }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

 private:
  uint64_t seed_;
  uint64_t n_ = 0;
};

// A home that is removed again: what is indexed for a measurement stays out of the user's collections.
class TemporaryHome {
 public:
  TemporaryHome();
  ~TemporaryHome();
  TemporaryHome(const TemporaryHome&) = delete;
  TemporaryHome& operator=(const TemporaryHome&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool made_ = false;
};

// The lines of a JSONL file; what does not parse is EPARSE_ with file and line.
Result<std::vector<std::string>> read_lines(const std::string& path);

// Runs jobs with at most `window` under way: start(i) begins one, finished(i) is polled until it is true.
// Calls progress on a terminal.
struct Batch {
  size_t count = 0, window = 64;
  std::function<void(size_t)> start;
  std::function<bool(size_t)> finished;
  std::string what;  // for the progress line
};
void run_batch(const Batch& batch);

}  // namespace phios
