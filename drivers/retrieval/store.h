// The database of documents: one connection to it, and what the driver asks of it.
//
// Ownership: owns its connection. Threads: one at a time for each Store; several Stores, in this process and
// in others, may have one file open. Errors: as drivers/api/retrieval.h has them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "drivers/api/retrieval.h"
#include "drivers/api/sqlite.h"

namespace phios {

class Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::string& path);

  // `watch` is asked now and then, and ends a statement by its error.
  void set_watch(std::function<Status()> watch) { db_.set_watch(std::move(watch)); }

  Result<std::vector<Passage>> retrieve(const RetrieveRequest& request);
  // All or none; the number of passages.
  Result<size_t> index(const std::string& collection, const std::vector<Document>& documents);
  Result<std::string> get(const std::string& collection, const std::string& id);
  Result<bool> remove(const std::string& collection, const std::string& id);
  Result<std::vector<std::string>> collections();

 private:
  explicit Store(sqlite::Database db) : db_(std::move(db)) {}

  Status prepare_file();
  // The collection's number; ENOENT_ names those that there are.
  Result<int64_t> find_collection(const std::string& name);
  Result<int64_t> make_collection(const std::string& name);
  Result<bool> erase_document(int64_t collection, const std::string& id);
  Result<size_t> add_document(int64_t collection, const Document& document);

  sqlite::Database db_;
};

}  // namespace phios
