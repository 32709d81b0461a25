#include "mm/store/context_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

namespace phios {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".ctx";
constexpr std::string_view kTemporary = ".tmp.";  // and the pid of whoever writes it

// A name may hold any byte and be longer than a file's: its hash stands for it, and the file tells the name.
std::string file_of(std::string_view name) {
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  return fmt::format("{:016x}{:016x}{}", hash.high64, hash.low64, kSuffix);
}

Error io_error(const std::string& path, std::string_view doing) {
  return {ErrorCode::EIO_, fmt::format("{}: {}: {}", path, doing, std::strerror(errno))};
}

void remove_left_behind(const std::string& directory) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    const std::string file = entry.path().filename();
    const size_t at = file.find(kTemporary);
    if (at == std::string::npos) continue;
    pid_t pid = 0;
    std::from_chars(file.data() + at + kTemporary.size(), file.data() + file.size(), pid);
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) fs::remove(entry.path(), ignored);
  }
}

Status flush_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(io_error(directory, "cannot be opened"));
  const bool flushed = ::fsync(fd) == 0;
  const Status status = flushed ? Status() : std::unexpected(io_error(directory, "cannot be flushed"));
  ::close(fd);
  return status;
}

class Store final : public ContextStore {
 public:
  Store(std::string directory, ContextModel model, PageMemory memory)
      : directory_(std::move(directory)), model_(model), memory_(memory), thread_([this] { run(); }) {}
  ~Store() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void save(std::string name, ContextImage image, Done<void> done) override {
    auto held = std::make_shared<ContextImage>(std::move(image));
    queue<void>(std::move(done), [this, name = std::move(name), held] { return save_now(name, *held); });
  }
  void load(std::string name, Done<ContextImage> done) override {
    queue<ContextImage>(std::move(done), [this, name = std::move(name)] { return load_now(name); });
  }
  void drop(std::string name, Done<void> done) override {
    queue<void>(std::move(done), [this, name = std::move(name)] { return drop_now(name); });
  }
  void list(std::string prefix, Done<std::vector<std::string>> done) override {
    queue<std::vector<std::string>>(std::move(done),
                                    [this, prefix = std::move(prefix)] { return list_now(prefix); });
  }

 private:
  template <class T, class Work>
  void queue(Done<T> done, Work work) {
    {
      const std::lock_guard lock(mutex_);
      if (jobs_.size() < kQueueMax) {
        jobs_.push_back([work = std::move(work), done] { done(work()); });
        wake_.notify_one();
        return;
      }
    }
    done(fail(ErrorCode::EAGAIN_,
              fmt::format("{} calls on saved contexts wait already; try again", kQueueMax)));
  }
  void run();
  Status save_now(const std::string& name, const ContextImage& image) const;
  Result<ContextImage> load_now(const std::string& name) const;
  Status drop_now(const std::string& name) const;
  Result<std::vector<std::string>> list_now(const std::string& prefix) const;
  std::vector<fs::path> files() const;
  std::string path_of(std::string_view name) const { return directory_ + "/" + file_of(name); }
  static Error absent(const std::string& name) {
    return {ErrorCode::ENOENT_, fmt::format("{}: no context of that name; SAVE it first", name)};
  }

  const std::string directory_;
  const ContextModel model_;
  const PageMemory memory_;
  std::mutex mutex_;  // guards the three below
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool closing_ = false;
  std::thread thread_;  // last: it uses all of the above
};

void Store::run() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return closing_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

std::vector<fs::path> Store::files() const {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, ignored)) {
    if (entry.path().extension() == kSuffix) found.push_back(entry.path());
  }
  return found;
}

Status Store::save_now(const std::string& name, const ContextImage& image) const {
  const std::string path = path_of(name);
  if (::access(path.c_str(), F_OK) != 0 && files().size() >= kMaxFiles) {
    return fail(ErrorCode::ELIMIT_,
                fmt::format("{}: {} contexts are saved already; DROP one", directory_, kMaxFiles));
  }
  const std::string temporary = fmt::format("{}{}{}", path, kTemporary, ::getpid());
  ::unlink(temporary.c_str());
  Status written = write_context_file(temporary, name, image, model_, memory_.swap);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = std::unexpected(io_error(path, "cannot be put in place"));
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return flush_directory(directory_);
}

Result<ContextImage> Store::load_now(const std::string& name) const {
  Result<ContextImage> image = read_context_file(path_of(name), name, model_, memory_);
  if (!image && image.error().code == ErrorCode::ENOENT_) return std::unexpected(absent(name));
  return image;
}

Status Store::drop_now(const std::string& name) const {
  const std::string path = path_of(name);
  if (::unlink(path.c_str()) != 0)
    return std::unexpected(errno == ENOENT ? absent(name) : io_error(path, "cannot be removed"));
  return flush_directory(directory_);
}

Result<std::vector<std::string>> Store::list_now(const std::string& prefix) const {
  std::vector<std::string> names;
  for (const fs::path& path : files()) {
    // A file that cannot be read has no name to list; LOAD of its name tells what is wrong.
    if (const Result<std::string> name = read_context_name(path.string()); name && name->starts_with(prefix))
      names.push_back(*name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::unique_ptr<ContextStore>> ContextStore::open(const std::string& directory, ContextModel model,
                                                         PageMemory memory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(ErrorCode::EIO_, fmt::format("{}: {}", directory, error.message()));
  remove_left_behind(directory);
  return std::make_unique<Store>(directory, model, memory);
}

}  // namespace phios
