#include "drivers/api/workers.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

namespace phios {

namespace {
constexpr size_t kThreadNameMax = 15;  // what the system keeps of a thread's name
}

class Workers::Job final : public Op {
 public:
  explicit Job(Body body) : body_(std::move(body)) {}
  void cancel() noexcept override { stop_.request_stop(); }
  void run(Run how) { std::exchange(body_, nullptr)(how, stop_.get_token()); }

 private:
  std::stop_source stop_;
  Body body_;  // emptied by run(), so that a handle kept by the caller keeps nothing alive
};

Workers::Workers(std::string name, unsigned threads_max, size_t queue_max)
    : name_(name.substr(0, kThreadNameMax)), threads_max_(std::max(1u, threads_max)), queue_max_(queue_max) {}

Workers::~Workers() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& job : queue_) job->cancel();
    for (const auto& job : running_) job->cancel();
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

OpRef Workers::enqueue(Body body) {
  auto job = std::make_shared<Job>(std::move(body));
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    full = closing_ || queue_.size() >= queue_max_;
    if (!full) {
      queue_.push_back(job);
      if (queue_.size() > idle_ && threads_.size() < threads_max_) {
        threads_.emplace_back([this] { run_jobs(); });
      }
    }
  }
  if (full) {
    job->run(Run::kRefused);
  } else {
    wake_.notify_one();
  }
  return job;
}

void Workers::run_jobs() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [&] { return closing_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    const std::shared_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    running_.push_back(job);
    lock.unlock();
    job->run(Run::kNow);
    lock.lock();
    std::erase(running_, job);
  }
}

Error Workers::refused() {
  return {ErrorCode::EAGAIN_, "the driver's queue is full; try again when earlier requests are done"};
}
Error Workers::cancelled() { return {ErrorCode::EINTR_, "cancelled"}; }
Error Workers::thrown(const char* what) {
  return {ErrorCode::EIO_, std::string("the driver failed: ") + what};
}

}  // namespace phios
