#include "drivers/tool/tool_index.h"

#include <algorithm>

#include "drivers/api/fts.h"

namespace phios::tool {

namespace {

// "word_count" is found by "count".
std::string spaced(std::string name) {
  std::ranges::replace_if(name, [](char c) { return c == '_' || c == '-' || c == '.'; }, ' ');
  return name;
}

}  // namespace

Result<std::unique_ptr<ToolIndex>> ToolIndex::make(const std::vector<ToolInfo>& tools) {
  std::unique_ptr<ToolIndex> index(new ToolIndex(TRY(sqlite::Database::open(":memory:", 0))));
  TRY(index->db_.run(
      "CREATE VIRTUAL TABLE tools USING fts5(name, summary, signature, tokenize='porter unicode61')"));
  for (size_t i = 0; i < tools.size(); ++i) {
    auto insert =
        TRY(index->db_.prepare("INSERT INTO tools(rowid, name, summary, signature) VALUES (?,?,?,?)"));
    insert.bind(1, static_cast<int64_t>(i)).bind(2, spaced(tools[i].name)).bind(3, tools[i].summary);
    TRY(insert.bind(4, spaced(tools[i].signature)).run());
  }
  return index;
}

std::vector<size_t> ToolIndex::search(const std::string& query, size_t k) {
  const std::lock_guard lock(mutex_);
  return find(query, k).value_or(std::vector<size_t>{});
}

Result<std::vector<size_t>> ToolIndex::find(const std::string& query, size_t k) {
  std::vector<size_t> found;
  const std::string match = sqlite::match_expression(sqlite::query_words(query));
  if (match.empty()) return found;
  // A word in the name says more than one in the summary.
  auto select = TRY(
      db_.prepare("SELECT rowid FROM tools WHERE tools MATCH ? ORDER BY bm25(tools, 4.0, 1.0, 1.0) LIMIT ?"));
  select.bind(1, match).bind(2, static_cast<int64_t>(k));
  while (TRY(select.step())) found.push_back(static_cast<size_t>(select.integer(0)));
  return found;
}

}  // namespace phios::tool
