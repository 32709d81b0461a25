#include "drivers/api/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "drivers/api/child_pipes.h"
#include "fmt/format.h"

namespace phios {

namespace {

// Env's clock need not be the system's: no wait is longer than this before Env is asked again.
constexpr Nanos kPollSlice = 100 * kMillisecond;
// Without a pidfd (old kernels, some sandboxes) a child's end is seen by asking.
constexpr Nanos kPollSliceBlind = 2 * kMillisecond;
// What a child gets between SIGTERM and SIGKILL, to put its files in order.
constexpr Nanos kTermGrace = 200 * kMillisecond;

// Writing to a child that has gone raises SIGPIPE, which is ours to swallow and nobody else's to see.
class PipeSignalBlock {
 public:
  PipeSignalBlock() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~PipeSignalBlock() {
    const timespec now{};
    while (sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeSignalBlock(const PipeSignalBlock&) = delete;
  PipeSignalBlock& operator=(const PipeSignalBlock&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

Error spawn_error(int code, const std::string& command) {
  const ErrorCode kind = code == ENOENT || code == ENOTDIR                    ? ErrorCode::ENOENT_
                         : code == EACCES || code == EPERM || code == ENOEXEC ? ErrorCode::EPERM_
                                                                              : ErrorCode::EIO_;
  return {kind, fmt::format("cannot run {}: {}", command, strerrordesc_np(code))};
}

// Starts the command in a process group of its own, with the three descriptors and no others, default
// signals and an environment of its own.
Result<pid_t> spawn(const ChildSpec& spec, const ChildPipes::Ends& ends) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  for (int i = 0; i < 3; ++i) posix_spawn_file_actions_adddup2(&files, ends.fds[i].get(), i);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  if (!spec.directory.empty()) posix_spawn_file_actions_addchdir_np(&files, spec.directory.c_str());
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const auto argv = pointers(spec.argv);
  const auto envp = pointers(spec.env);
  pid_t pid = 0;
  const int code = posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (code != 0) return std::unexpected(spawn_error(code, spec.argv[0]));
  return pid;
}

class Child {
 public:
  Child(Env& env, pid_t pid) : env_(env), pid_(pid) {
    handle_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  // The group is signalled before its leader is reaped: until then its number cannot be another's.
  ~Child() {
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int handle() const { return handle_.get(); }

  bool ended() {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }
  // 128 + signal when a signal ended it, as shells say.
  int exit_code() {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0) return -1;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  }
  // SIGTERM, a moment, and the destructor's SIGKILL for the whole group.
  void terminate() {
    ::kill(-pid_, SIGTERM);
    const Nanos until = env_.now() + kTermGrace;
    for (int slices = 0; !ended() && env_.now() < until && slices < 20; ++slices) {
      pollfd set{.fd = handle_.get(), .events = POLLIN, .revents = 0};
      ::poll(&set, 1, static_cast<int>(kTermGrace / kMillisecond / 20));
    }
  }

 private:
  Env& env_;
  pid_t pid_;
  Fd handle_;
  int status_ = 0;
};

int poll_millis(Nanos left, bool blind) {
  const Nanos slice = blind ? kPollSliceBlind : kPollSlice;
  return static_cast<int>((std::clamp<Nanos>(left, 0, slice) + kMillisecond - 1) / kMillisecond);
}

}  // namespace

Result<ChildResult> run_child(Env& env, const ChildSpec& spec, std::stop_token stop) {
  const Nanos began = env.now();
  if (spec.argv.empty()) return fail(ErrorCode::EINVAL_, "a command needs at least its name");
  if (began >= spec.deadline) return fail(ErrorCode::ETIMEDOUT_, "the deadline passed before it began");
  const Fd stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback on_stop(stop, [&stopped] { ::eventfd_write(stopped.get(), 1); });
  const PipeSignalBlock quiet;

  ChildPipes pipes(spec.input, spec.output_max, spec.errors_max);
  pid_t pid = 0;
  {
    const ChildPipes::Ends ends = TRY(pipes.open());
    pid = TRY(spawn(spec, ends));
  }
  Child child(env, pid);
  for (;;) {
    std::array<pollfd, 3> streams;
    pipes.prepare(streams);
    pollfd set[5] = {
        streams[0], streams[1], streams[2], {child.handle(), POLLIN, 0}, {stopped.get(), POLLIN, 0}};
    const Nanos left = spec.deadline == kNever ? kNever : spec.deadline - env.now();
    ::poll(set, 5, poll_millis(left, child.handle() < 0));
    std::copy(set, set + 3, streams.begin());
    pipes.transfer(streams);
    if (pipes.over_bound() || child.ended()) break;
    if (stop.stop_requested()) {
      child.terminate();
      return fail(ErrorCode::EINTR_, "cancelled, and its process killed");
    }
    if (env.now() >= spec.deadline) {
      child.terminate();
      return fail(ErrorCode::ETIMEDOUT_,
                  fmt::format("killed after {} ms", (env.now() - began) / kMillisecond));
    }
  }
  // What it wrote before its end is in the pipes still; what its own children hold open is not waited for.
  if (!pipes.over_bound()) pipes.drain();
  if (pipes.over_bound()) {
    child.terminate();
    return fail(ErrorCode::ETOOBIG_, fmt::format("killed: more than {} bytes of output", spec.output_max));
  }
  return ChildResult{child.exit_code(), pipes.take_output(), pipes.take_errors()};
}

}  // namespace phios
