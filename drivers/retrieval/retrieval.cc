#include "drivers/retrieval/retrieval.h"

#include <filesystem>
#include <mutex>

#include "drivers/api/workers.h"
#include "drivers/retrieval/store.h"
#include "fmt/format.h"

namespace phios {

namespace {

constexpr unsigned kThreadsMax = 4;  // each has a connection of its own while it works
constexpr size_t kQueueMax = 4096;

class Retrieval final : public RetrievalDriver {
 public:
  Retrieval(Env& env, std::string path)
      : env_(env), path_(std::move(path)), workers_("retrieval", kThreadsMax, kQueueMax) {}

  // Opens the file once, so that what is wrong with it shows now.
  Status open() {
    return with_store(kNever, {}, [](Store&) -> Status { return {}; });
  }

  OpRef retrieve(RetrieveRequest request, Completion<std::vector<Passage>> done) override {
    return start<std::vector<Passage>>(
        request.deadline, [request](Store& store) { return store.retrieve(request); }, std::move(done));
  }
  OpRef index(std::string collection, std::vector<Document> documents, Completion<size_t> done) override {
    return start<size_t>(
        kNever,
        [this, collection = std::move(collection), documents = std::move(documents)](Store& store) {
          // One writer at a time here; SQLite's own lock, which is polled, is for other processes.
          const std::lock_guard lock(write_mutex_);
          return store.index(collection, documents);
        },
        std::move(done));
  }
  OpRef get(std::string collection, std::string id, Completion<std::string> done) override {
    return start<std::string>(
        kNever, [collection, id](Store& store) { return store.get(collection, id); }, std::move(done));
  }
  OpRef remove(std::string collection, std::string id, Completion<bool> done) override {
    return start<bool>(
        kNever,
        [this, collection, id](Store& store) {
          const std::lock_guard lock(write_mutex_);
          return store.remove(collection, id);
        },
        std::move(done));
  }
  Result<std::vector<std::string>> collections() override {
    return with_store(kNever, {}, [](Store& store) { return store.collections(); });
  }

 private:
  template <class T, class F>
  OpRef start(Nanos deadline, F work, Completion<T> done) {
    return workers_.submit<T>(
        [this, deadline, work = std::move(work)](std::stop_token stop) -> Result<T> {
          return with_store(deadline, std::move(stop), work);
        },
        std::move(done));
  }

  // Lends a connection to `work`, watched by the deadline and the stop token.
  template <class F>
  auto with_store(Nanos deadline, std::stop_token stop, const F& work)
      -> decltype(work(std::declval<Store&>())) {
    std::unique_ptr<Store> store = TRY(take_store());
    store->set_watch([this, deadline, &stop]() -> Status {
      if (stop.stop_requested()) return fail(ErrorCode::EINTR_, "cancelled");
      if (env_.now() >= deadline) return fail(ErrorCode::ETIMEDOUT_, "the deadline passed during the search");
      return {};
    });
    auto result = work(*store);
    store->set_watch(nullptr);
    const std::lock_guard lock(stores_mutex_);
    stores_.push_back(std::move(store));
    return result;
  }

  Result<std::unique_ptr<Store>> take_store() {
    {
      const std::lock_guard lock(stores_mutex_);
      if (!stores_.empty()) {
        auto store = std::move(stores_.back());
        stores_.pop_back();
        return store;
      }
    }
    return Store::open(path_);
  }

  Env& env_;
  std::string path_;
  std::mutex write_mutex_;
  std::mutex stores_mutex_;
  std::vector<std::unique_ptr<Store>> stores_;  // guarded by stores_mutex_: connections not in use
  Workers workers_;                             // last: its threads end before what they use
};

}  // namespace

Result<std::unique_ptr<RetrievalDriver>> open_retrieval(Env& env, const std::string& directory) {
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  if (code) return fail(ErrorCode::EIO_, fmt::format("{}: {}", directory, code.message()));
  auto driver =
      std::make_unique<Retrieval>(env, (std::filesystem::path(directory) / "documents.db").string());
  TRY(driver->open());
  return driver;
}

}  // namespace phios
