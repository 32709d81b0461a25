#include "mm/store/lmdb.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

#include "syscalls/abi/limits.h"

namespace phios {
namespace {

constexpr std::string_view kFormat = "1";
constexpr std::string_view kFormatKey = "format";
constexpr unsigned kReaders = 1022;  // slots of all processes together
constexpr size_t kMapMax = size_t{1} << 40;
constexpr mode_t kFileMode = 0600;
static_assert(PHI_CELL_NAME_MAX <= 511, "LMDB's longest key");

MDB_val to_val(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view to_view(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }

}  // namespace

int LmdbTxn::get(std::string_view name, std::string_view& value) const {
  MDB_val key = to_val(name);
  MDB_val found{};
  const int code = mdb_get(txn_, cells_, &key, &found);
  if (code != 0) return code;
  value = to_view(found);
  return value.find('\0') == std::string_view::npos ? 0 : MDB_CORRUPTED;
}

int LmdbTxn::put(std::string_view name, std::string_view value) {
  MDB_val key = to_val(name);
  MDB_val val = to_val(value);
  return mdb_put(txn_, cells_, &key, &val, 0);
}

int LmdbTxn::erase(std::string_view name) {
  MDB_val key = to_val(name);
  const int code = mdb_del(txn_, cells_, &key, nullptr);
  return code == MDB_NOTFOUND ? 0 : code;
}

int LmdbTxn::names(std::string_view first, const std::function<bool(std::string_view)>& see) const {
  MDB_cursor* cursor = nullptr;
  if (const int code = mdb_cursor_open(txn_, cells_, &cursor); code != 0) return code;
  MDB_val key = to_val(first);
  MDB_val value{};
  int code = mdb_cursor_get(cursor, &key, &value, first.empty() ? MDB_FIRST : MDB_SET_RANGE);
  while (code == 0 && see(to_view(key))) code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

// LMDB's locks are those of fcntl: a process that opened an environment twice would lose them at the first
// close. So each directory is open at most once in a process.
struct Lmdb::DirectoryClaim {
  using Id = std::pair<dev_t, ino_t>;
  struct Claims {
    std::mutex mutex;  // guards ids
    std::set<Id> ids;
  };
  static Claims& claims() {
    static Claims all;
    return all;
  }

  explicit DirectoryClaim(Id claimed) : id(claimed) {}
  ~DirectoryClaim() {
    const std::lock_guard lock(claims().mutex);
    claims().ids.erase(id);
  }
  static std::unique_ptr<DirectoryClaim> take(Id id) {
    const std::lock_guard lock(claims().mutex);
    if (!claims().ids.insert(id).second) return nullptr;
    return std::make_unique<DirectoryClaim>(id);
  }

  Id id;
};

Lmdb::Lmdb(std::string directory) : directory_(std::move(directory)) {}
Lmdb::~Lmdb() = default;

Error Lmdb::broken(std::string_view what, int code) const {
  return {ErrorCode::EIO_, fmt::format("{}: {}: {}", directory_, what, mdb_strerror(code))};
}

Result<std::unique_ptr<Lmdb>> Lmdb::open(const std::string& directory, size_t map_bytes) {
  std::unique_ptr<Lmdb> store(new Lmdb(directory));
  TRY(store->start(map_bytes));
  return store;
}

Status Lmdb::start(size_t map_bytes) {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  struct stat info{};
  if (::stat(directory_.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return fail(ErrorCode::EIO_, fmt::format("{}: {}", directory_, error ? error.message() : "no directory"));
  }
  claim_ = DirectoryClaim::take({info.st_dev, info.st_ino});
  if (!claim_) return fail(ErrorCode::EBUSY_, fmt::format("{}: open already in this process", directory_));

  MDB_env* env = nullptr;
  if (const int code = mdb_env_create(&env); code != 0) return std::unexpected(broken("no memory", code));
  env_.reset(env);
  int code = mdb_env_set_mapsize(env, map_bytes);
  if (code == 0) code = mdb_env_set_maxreaders(env, kReaders);
  if (code == 0) code = mdb_env_set_maxdbs(env, 2);
  // NOTLS: a reader's slot belongs to the transaction, since fibers move between threads.
  if (code == 0) code = mdb_env_open(env, directory_.c_str(), MDB_NOTLS, kFileMode);
  if (code != 0) return std::unexpected(broken("cannot be opened", code));
  int stale = 0;
  mdb_reader_check(env, &stale);  // slots of processes that were killed
  TRY(pad_file());
  return open_format();
}

// A page behind the end of a file that was cut short would end this process by SIGBUS. Zeros there are found
// out page by page: LMDB says MDB_CORRUPTED, and a value never holds a NUL. Lengthening is no damage: LMDB
// leaves out the write of pages that a transaction took and gave back.
Status Lmdb::pad_file() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_.get(), &info);
  mdb_env_stat(env_.get(), &stat);
  int file = -1;
  struct stat now{};
  if (mdb_env_get_fd(env_.get(), &file) != 0 || ::fstat(file, &now) != 0) {
    return std::unexpected(broken("cannot be looked at", errno));
  }
  const auto wanted = static_cast<off_t>((info.me_last_pgno + 1) * stat.ms_psize);
  if (now.st_size >= wanted) return {};
  // Not ftruncate, which would cut off what another process has just added.
  const int code = ::posix_fallocate(file, wanted - 1, 1);
  if (code != 0) return std::unexpected(broken("cut short, and cannot be lengthened", code));
  return {};
}

Status Lmdb::open_format() {
  std::string found;
  TRY(transact(0, [&](MDB_txn* txn) {
    MDB_dbi meta = 0;
    int code = mdb_dbi_open(txn, "meta", MDB_CREATE, &meta);
    if (code == 0) code = mdb_dbi_open(txn, "cells", MDB_CREATE, &cells_);
    MDB_val key = to_val(kFormatKey);
    MDB_val value = to_val(kFormat);
    if (code == 0) code = mdb_put(txn, meta, &key, &value, MDB_NOOVERWRITE);
    if (code == 0 || code == MDB_KEYEXIST) found = to_view(value);
    return code == MDB_KEYEXIST ? 0 : code;
  }));
  if (found != kFormat) {
    return fail(ErrorCode::EIO_,
                fmt::format("{}: its format is {}, this phios reads {}", directory_, found, kFormat));
  }
  return {};
}

int Lmdb::begin(unsigned flags, MDB_txn** txn) {
  int code = mdb_txn_begin(env_.get(), nullptr, flags, txn);
  if (code == MDB_READERS_FULL) {
    int stale = 0;
    mdb_reader_check(env_.get(), &stale);
    code = mdb_txn_begin(env_.get(), nullptr, flags, txn);
  }
  return code;
}

int Lmdb::attempt(unsigned flags, const std::function<int(MDB_txn*)>& body) {
  const std::shared_lock lock(map_mutex_);
  MDB_txn* txn = nullptr;
  if (const int code = begin(flags, &txn); code != 0) return code;
  if (const int code = body(txn); code != 0 || flags == MDB_RDONLY) {
    mdb_txn_abort(txn);
    return code;
  }
  return mdb_txn_commit(txn);
}

Status Lmdb::transact(unsigned flags, const std::function<int(MDB_txn*)>& body) {
  while (true) {
    const int code = attempt(flags, body);
    if (code == 0) return {};
    if (code == MDB_MAP_RESIZED) {
      TRY(adopt_map());
    } else if (code == MDB_MAP_FULL) {
      TRY(grow_map());
    } else {
      return std::unexpected(broken(flags == MDB_RDONLY ? "cannot be read" : "cannot be written", code));
    }
  }
}

Status Lmdb::view(const Body& body) {
  return transact(MDB_RDONLY, [&](MDB_txn* raw) {
    LmdbTxn txn(raw, cells_);
    return body(txn);
  });
}

Status Lmdb::update(const Body& body) {
  return transact(0, [&](MDB_txn* raw) {
    LmdbTxn txn(raw, cells_);
    return body(txn);
  });
}

// Another process grew the map: take its size.
Status Lmdb::adopt_map() {
  const std::unique_lock lock(map_mutex_);
  if (const int code = mdb_env_set_mapsize(env_.get(), 0); code != 0) {
    return std::unexpected(broken("the map cannot be moved", code));
  }
  return {};
}

Status Lmdb::grow_map() {
  const std::unique_lock lock(map_mutex_);
  MDB_envinfo info{};
  mdb_env_info(env_.get(), &info);
  if (info.me_mapsize >= kMapMax) {
    return fail(ErrorCode::ELIMIT_, fmt::format("{}: {} bytes, its bound", directory_, info.me_mapsize));
  }
  if (const int code = mdb_env_set_mapsize(env_.get(), info.me_mapsize * 2); code != 0) {
    return std::unexpected(broken("the map cannot be grown", code));
  }
  return {};
}

}  // namespace phios
