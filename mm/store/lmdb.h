// Lmdb: one environment of LMDB with phios's format in it, transactions that end by themselves, and a map
// that grows.
//
// Ownership: DurableCells owns it. Threads: view() by any, at once; update() by one thread. Lifetime: a value
// seen in a transaction is gone after it. Errors: EIO_ with the store's path. The format is in
// docs/formats/durable.md.
#pragma once

#include <lmdb.h>

#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "kernel/base/result.h"

namespace phios {

// What can be done inside a transaction. Numbers are LMDB's: 0, MDB_NOTFOUND, MDB_MAP_FULL, …
class LmdbTxn {
 public:
  LmdbTxn(MDB_txn* txn, MDB_dbi cells) : txn_(txn), cells_(cells) {}

  int get(std::string_view name, std::string_view& value) const;
  int put(std::string_view name, std::string_view value);
  int erase(std::string_view name);  // absent already is 0
  // Calls see(name) for the names from `first` on, in order, until it returns false.
  int names(std::string_view first, const std::function<bool(std::string_view)>& see) const;

 private:
  MDB_txn* txn_;
  MDB_dbi cells_;
};

class Lmdb {
 public:
  static Result<std::unique_ptr<Lmdb>> open(const std::string& directory, size_t map_bytes);
  ~Lmdb();
  Lmdb(const Lmdb&) = delete;
  Lmdb& operator=(const Lmdb&) = delete;

  using Body = std::function<int(LmdbTxn&)>;
  // Runs body in a transaction that only reads.
  Status view(const Body& body);
  // Runs body in a transaction and commits it to the disk. Body runs anew each time the map was too small.
  Status update(const Body& body);

 private:
  struct EnvClose {
    void operator()(MDB_env* env) const { mdb_env_close(env); }
  };
  struct DirectoryClaim;

  explicit Lmdb(std::string directory);
  Status start(size_t map_bytes);
  Status open_format();
  Status pad_file() const;
  int begin(unsigned flags, MDB_txn** txn);
  int attempt(unsigned flags, const std::function<int(MDB_txn*)>& body);
  Status transact(unsigned flags, const std::function<int(MDB_txn*)>& body);
  Status adopt_map();
  Status grow_map();
  Error broken(std::string_view what, int code) const;

  std::string directory_;
  std::unique_ptr<DirectoryClaim> claim_;
  std::unique_ptr<MDB_env, EnvClose> env_;
  MDB_dbi cells_ = 0;
  std::shared_mutex map_mutex_;  // shared by every transaction; alone while the map is moved
};

}  // namespace phios
