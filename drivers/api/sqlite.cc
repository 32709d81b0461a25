#include "drivers/api/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "fmt/format.h"

namespace phios::sqlite {

namespace {
constexpr int kWatchSteps = 4096;  // virtual machine steps between two questions
}

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Error Database::error(int code, std::string_view doing) const {
  if (code == SQLITE_INTERRUPT && watch_ && watch_->fired) return watch_->reason;
  const int primary = code & 0xff;
  const bool busy = primary == SQLITE_BUSY || primary == SQLITE_LOCKED;
  const char* detail = db_ ? sqlite3_errmsg(db_.get()) : sqlite3_errstr(code);
  if (busy) return {ErrorCode::EBUSY_, fmt::format("{}: another process is writing it; try again", path_)};
  return {ErrorCode::EIO_, fmt::format("{}: {}: {}", path_, doing, detail)};
}

Result<Database> Database::open(const std::string& path, int busy_timeout_ms) {
  Database database;
  database.path_ = path;
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database.db_.reset(db);
  if (code != SQLITE_OK) return std::unexpected(database.error(code, "cannot open"));
  sqlite3_busy_timeout(db, busy_timeout_ms);
  return database;
}

Status Database::run(const std::string& sql) {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error(code, "cannot run"));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error(code, "cannot prepare"));
  return Statement(*this, statement);
}

int64_t Database::last_rowid() const { return sqlite3_last_insert_rowid(db_.get()); }
int64_t Database::changes() const { return sqlite3_changes64(db_.get()); }

void Database::set_watch(std::function<Status()> watch) {
  watch_ = watch ? std::make_unique<Watch>(Watch{std::move(watch), {}, false}) : nullptr;
  sqlite3_progress_handler(db_.get(), watch_ ? kWatchSteps : 0, &Database::on_progress, watch_.get());
}

int Database::on_progress(void* opaque) {
  auto& watch = *static_cast<Watch*>(opaque);
  Status status = watch.ask();
  if (status) return 0;
  watch.reason = std::move(status).error();
  watch.fired = true;
  return 1;
}

Statement& Statement::bind(int index, std::string_view text) {
  // A null pointer would bind NULL: an empty view may have one.
  const char* data = text.data() != nullptr ? text.data() : "";
  sqlite3_bind_text64(statement_.get(), index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}
Statement& Statement::bind(int index, int64_t number) {
  sqlite3_bind_int64(statement_.get(), index, number);
  return *this;
}
Statement& Statement::bind(int index, double number) {
  sqlite3_bind_double(statement_.get(), index, number);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) return std::unexpected(db_->error(code, "failed"));
  sqlite3_reset(statement_.get());
  return false;
}

Status Statement::run() {
  while (TRY(step())) {
  }
  return {};
}

std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}
int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

Result<Transaction> Transaction::begin(Database& db) {
  // IMMEDIATE takes the writer's lock now, where the busy timeout still helps; a later upgrade would fail.
  TRY(db.run("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::~Transaction() {
  // The only thing that can fail here is that there is nothing to undo.
  if (db_ != nullptr) static_cast<void>(db_->run("ROLLBACK"));
}

Status Transaction::commit() {
  TRY(db_->run("COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace phios::sqlite
