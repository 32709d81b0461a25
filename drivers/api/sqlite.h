// SQLite, as the drivers use it: a connection and prepared statements that close themselves and report
// Results.
//
// Ownership: a Statement must not outlive its Database. Threads: one at a time for each Database; interrupt()
// by any. Lifetime of text returned: until the statement's next step. Errors: EBUSY_ (another process
// writes), ETIMEDOUT_/EINTR_ (as `interrupted` says), EIO_ with the file's name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace phios::sqlite {

class Statement;

class Database {
 public:
  // ":memory:" is a database of its own in memory.
  static Result<Database> open(const std::string& path, int busy_timeout_ms);

  Status run(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  int64_t last_rowid() const;
  int64_t changes() const;

  // Asked every few thousand steps of a statement; an error ends the statement with it.
  void set_watch(std::function<Status()> watch);

  Error error(int code, std::string_view doing) const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  struct Watch {
    std::function<Status()> ask;
    Error reason;
    bool fired = false;
  };
  static int on_progress(void* watch);

  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
  std::unique_ptr<Watch> watch_;
};

class Statement {
 public:
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, int64_t number);
  Statement& bind(int index, double number);
  // True when there is a row, false at the end.
  Result<bool> step();
  // Runs to the end, rows dropped.
  Status run();
  std::string_view text(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(const Database& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}

  const Database* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// A transaction that is undone unless commit() was called.
class Transaction {
 public:
  static Result<Transaction> begin(Database& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace phios::sqlite
