// Workers: a driver's own threads behind a bounded queue, and the Op of each job.
//
// Ownership: a driver owns its Workers; a job owns what it captured. Threads: submit() by any. Threads start
// when there is work for them, up to the bound given, and take no signals. Lifetime: the destructor cancels
// what waits and what runs, completes every job and joins. Errors: EAGAIN_ when the queue is full, EINTR_ for
// a cancelled job, EIO_ for one that threw.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "drivers/api/op.h"

namespace phios {

class Workers {
 public:
  Workers(std::string name, unsigned threads_max, size_t queue_max);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Calls done(work(stop)) exactly once: on a thread of ours, or at once on the caller's when the queue is
  // full. `work` gives up soon after `stop` is requested.
  template <class T>
  OpRef submit(std::function<Result<T>(std::stop_token)> work, Completion<T> done) {
    return enqueue([work = std::move(work), done = std::move(done)](Run run, std::stop_token stop) {
      if (run == Run::kRefused) return done(std::unexpected(refused()));
      if (stop.stop_requested()) return done(std::unexpected(cancelled()));
      Result<T> result = guarded<T>([&] { return work(stop); });
      if (!result && stop.stop_requested()) return done(std::unexpected(cancelled()));
      done(std::move(result));
    });
  }

 private:
  enum class Run { kNow, kRefused };
  using Body = std::function<void(Run, std::stop_token)>;
  class Job;

  OpRef enqueue(Body body);
  void run_jobs();
  static Error refused();
  static Error cancelled();
  static Error thrown(const char* what);

  template <class T, class F>
  static Result<T> guarded(F&& work) {
    try {
      return work();
    } catch (const std::exception& e) {
      return std::unexpected(thrown(e.what()));
    }
  }

  const std::string name_;
  const unsigned threads_max_;
  const size_t queue_max_;

  std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::vector<std::shared_ptr<Job>> running_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
  bool closing_ = false;
};

}  // namespace phios
