// Which tools match the words of a question: full text over names, summaries and signatures, in memory.
//
// Threads: any, at once. Lifetime: a fixed set of tools, named by their numbers.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drivers/api/sqlite.h"
#include "drivers/api/tool.h"

namespace phios::tool {

class ToolIndex {
 public:
  static Result<std::unique_ptr<ToolIndex>> make(const std::vector<ToolInfo>& tools);
  // The numbers of the k best, best first.
  std::vector<size_t> search(const std::string& query, size_t k);

 private:
  explicit ToolIndex(sqlite::Database db) : db_(std::move(db)) {}
  Result<std::vector<size_t>> find(const std::string& query, size_t k);

  std::mutex mutex_;  // guards db_
  sqlite::Database db_;
};

}  // namespace phios::tool
