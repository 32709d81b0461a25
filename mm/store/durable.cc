#include "mm/store/durable.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "mm/store/cells.h"
#include "mm/store/lmdb.h"

namespace phios {
namespace {

constexpr size_t kQueueMax = 65'536;                  // writes that wait
constexpr size_t kQueueBytesMax = size_t{256} << 20;  // what they hold, together
constexpr size_t kGroupMax = 1024;                    // writes of one transaction

enum class Verb { kWrite, kErase, kMove, kCopy, kSwap, kAdd };

struct Write {
  Verb verb;
  std::string name;   // what is written
  std::string value;  // or the source, or what is added
  std::string old_value;
  DurableCells::Done done;
  Result<std::string> result;

  size_t bytes() const { return name.size() + value.size() + old_value.size(); }
};

int set(LmdbTxn& txn, std::string_view name, std::string_view value) {
  return value.empty() ? txn.erase(name) : txn.put(name, value);
}

// One write inside the group's transaction. Its answer goes to write.result; a number that is not 0 is LMDB's
// and fails the group. Nothing is changed when the answer is an error.
int apply(LmdbTxn& txn, Write& write) {
  write.result = std::string();  // of an earlier try, before the map grew
  if (write.verb == Verb::kWrite) return set(txn, write.name, write.value);
  if (write.verb == Verb::kErase) return txn.erase(write.name);
  const bool from_source = write.verb == Verb::kMove || write.verb == Verb::kCopy;
  std::string_view seen;
  const int found = txn.get(from_source ? write.value : write.name, seen);
  if (found != 0 && found != MDB_NOTFOUND) return found;
  // LMDB's memory may move under a write, so what goes into one is copied out first.
  const std::string held(seen);
  switch (write.verb) {
    case Verb::kMove:
    case Verb::kCopy: {
      if (found == MDB_NOTFOUND) {
        write.result = fail(ErrorCode::ENOENT_, fmt::format("no cell named {}; WRITE it first", write.value));
        return 0;
      }
      if (write.name == write.value) return 0;
      const int code = txn.put(write.name, held);
      return code != 0 || write.verb == Verb::kCopy ? code : txn.erase(write.value);
    }
    case Verb::kSwap:
      write.result = held == write.old_value ? "1" : "0";
      return held == write.old_value ? set(txn, write.name, write.value) : 0;
    case Verb::kAdd:
      write.result = add_integers(found == MDB_NOTFOUND ? "0" : held, write.value);
      return write.result ? txn.put(write.name, *write.result) : 0;
    case Verb::kWrite:
    case Verb::kErase:
      break;  // above
  }
  return 0;
}

class Store final : public DurableCells {
 public:
  explicit Store(std::unique_ptr<Lmdb> lmdb) : lmdb_(std::move(lmdb)), writer_([this] { run(); }) {}
  ~Store() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    writer_.join();
  }

  Result<std::string> read(std::string_view name) override;
  Result<std::vector<std::string>> list(std::string_view prefix, size_t limit) override;

  void write(std::string name, std::string value, Done done) override {
    queue({Verb::kWrite, std::move(name), std::move(value), {}, std::move(done), {}});
  }
  void erase(std::string name, Done done) override {
    queue({Verb::kErase, std::move(name), {}, {}, std::move(done), {}});
  }
  void move(std::string dst, std::string src, Done done) override {
    queue({Verb::kMove, std::move(dst), std::move(src), {}, std::move(done), {}});
  }
  void copy(std::string dst, std::string src, Done done) override {
    queue({Verb::kCopy, std::move(dst), std::move(src), {}, std::move(done), {}});
  }
  void compare_and_swap(std::string name, std::string old_value, std::string new_value, Done done) override {
    queue({Verb::kSwap, std::move(name), std::move(new_value), std::move(old_value), std::move(done), {}});
  }
  void add(std::string name, std::string n, Done done) override {
    queue({Verb::kAdd, std::move(name), std::move(n), {}, std::move(done), {}});
  }

 private:
  void queue(Write write);
  Status admit(Write& write);
  void run();
  void commit(std::vector<Write>& group);

  std::unique_ptr<Lmdb> lmdb_;
  std::mutex mutex_;  // guards the four below
  std::condition_variable wake_;
  std::deque<Write> queue_;
  size_t queue_bytes_ = 0;
  bool closing_ = false;
  std::thread writer_;  // last: it uses all of the above
};

Result<std::string> Store::read(std::string_view name) {
  TRY(check_cell_name(name));
  std::string value;
  bool found = false;
  TRY(lmdb_->view([&](LmdbTxn& txn) {
    std::string_view seen;
    const int code = txn.get(name, seen);
    found = code == 0;
    value = seen;
    return code == MDB_NOTFOUND ? 0 : code;
  }));
  if (!found) return fail(ErrorCode::ENOENT_, fmt::format("no cell named {}; WRITE it first", name));
  return value;
}

Result<std::vector<std::string>> Store::list(std::string_view prefix, size_t limit) {
  std::vector<std::string> names;
  if (prefix.size() > PHI_CELL_NAME_MAX || limit == 0) return names;
  TRY(lmdb_->view([&](LmdbTxn& txn) {
    names.clear();
    return txn.names(prefix, [&](std::string_view name) {
      if (!name.starts_with(prefix)) return false;
      names.emplace_back(name);
      return names.size() < limit;
    });
  }));
  return names;
}

Status Store::admit(Write& write) {
  TRY(check_cell_name(write.name));
  if (write.verb == Verb::kMove || write.verb == Verb::kCopy) {
    TRY(check_cell_name(write.value));
  } else {
    TRY(check_cell_value(write.name, write.value));
  }
  const std::lock_guard lock(mutex_);
  if (queue_.size() >= kQueueMax || queue_bytes_ + write.bytes() > kQueueBytesMax) {
    return fail(ErrorCode::EAGAIN_,
                fmt::format("{}: {} durable writes wait already; try again", write.name, queue_.size()));
  }
  queue_bytes_ += write.bytes();
  queue_.push_back(std::move(write));
  return {};
}

void Store::queue(Write write) {
  if (auto admitted = admit(write); !admitted) {
    write.done(std::unexpected(std::move(admitted).error()));
    return;
  }
  wake_.notify_one();
}

// The writer's thread. While one group is on its way to the disk the next one gathers.
void Store::run() {
  std::vector<Write> group;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && group.size() < kGroupMax) {
        queue_bytes_ -= queue_.front().bytes();
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    commit(group);
    group.clear();
  }
}

void Store::commit(std::vector<Write>& group) {
  const Status committed = lmdb_->update([&](LmdbTxn& txn) {
    for (Write& write : group) {
      if (const int code = apply(txn, write); code != 0) return code;
    }
    return 0;
  });
  for (Write& write : group) {
    write.done(committed ? std::move(write.result) : std::unexpected(committed.error()));
  }
}

}  // namespace

Result<std::unique_ptr<DurableCells>> DurableCells::open(const std::string& directory, size_t map_bytes) {
  return std::make_unique<Store>(TRY(Lmdb::open(directory, map_bytes)));
}

}  // namespace phios
