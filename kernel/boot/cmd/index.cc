#include "kernel/boot/cmd/index.h"

#include <fmt/core.h>

#include <future>
#include <nlohmann/json.hpp>

#include "drivers/retrieval/retrieval.h"
#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/documents.h"

namespace phios {

namespace {

// What one transaction takes: large enough to be fast, small enough that other writers get their turn.
constexpr size_t kBatchDocuments = 500;
constexpr size_t kBatchBytes = size_t{4} << 20;
constexpr size_t kNoticesShown = 20;

template <class T, class F>
Result<T> wait_for(F&& start) {
  std::promise<Result<T>> promise;
  auto future = promise.get_future();
  const OpRef op = start([&promise](Result<T> result) { promise.set_value(std::move(result)); });
  return future.get();
}

Result<size_t> index_all(RetrievalDriver& driver, const std::string& collection,
                         std::vector<Document>& documents) {
  size_t passages = 0;
  ProgressLine progress("documents", documents.size());
  for (size_t begin = 0; begin < documents.size();) {
    std::vector<Document> batch;
    size_t bytes = 0;
    size_t end = begin;
    while (end < documents.size() && batch.size() < kBatchDocuments && bytes < kBatchBytes) {
      bytes += documents[end].text.size();
      batch.push_back(std::move(documents[end++]));
    }
    auto written =
        wait_for<size_t>([&](auto done) { return driver.index(collection, std::move(batch), done); });
    if (!written) {
      return fail(written.error().code,
                  fmt::format("{} ({} documents are indexed)", written.error().message, begin));
    }
    passages += *written;
    begin = end;
    progress.show(begin);
  }
  return passages;
}

Status list_collections(RetrievalDriver& driver, bool json) {
  const auto names = TRY(driver.collections());
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"collections", names}}.dump());
    return {};
  }
  for (const std::string& name : names) fmt::print("{}\n", name);
  return {};
}

Status remove_documents(RetrievalDriver& driver, const IndexOptions& options) {
  size_t removed = 0;
  for (const std::string& id : options.remove) {
    const bool was_there =
        TRY(wait_for<bool>([&](auto done) { return driver.remove(options.collection, id, done); }));
    if (!was_there) {
      return fail(ErrorCode::ENOENT_,
                  fmt::format("the collection {} has no document {}", options.collection, id));
    }
    ++removed;
  }
  if (options.json) {
    fmt::print("{}\n", nlohmann::json{{"collection", options.collection}, {"removed", removed}}.dump());
  } else {
    fmt::print("removed {} from {}\n", removed, options.collection);
  }
  return {};
}

Status index_paths(RetrievalDriver& driver, const IndexOptions& options) {
  // Everything is read before anything is written: a bad line leaves the collection as it was.
  DocumentReader reader;
  for (const std::string& path : options.paths) TRY(reader.read(path));
  const auto& notices = reader.notices();
  for (size_t i = 0; i < notices.size() && i < kNoticesShown; ++i)
    fmt::print(stderr, "skipped {}\n", notices[i]);
  if (notices.size() > kNoticesShown) fmt::print(stderr, "skipped {} more\n", notices.size() - kNoticesShown);
  const size_t documents = reader.documents().size();
  if (documents == 0) return fail(ErrorCode::EINVAL_, "nothing to index: no .txt, .md or .jsonl there");
  const size_t passages = TRY(index_all(driver, options.collection, reader.documents()));
  if (options.json) {
    const nlohmann::ordered_json line = {{"collection", options.collection},
                                         {"documents", documents},
                                         {"passages", passages},
                                         {"skipped", notices.size()}};
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print("indexed {} documents ({} passages) in {}\n", documents, passages, options.collection);
  }
  return {};
}

Status run(const IndexOptions& options) {
  SystemEnv env;
  const auto driver = TRY(open_retrieval(env, options.home));
  if (options.list) return list_collections(*driver, options.json);
  if (!options.remove.empty()) return remove_documents(*driver, options);
  if (options.paths.empty()) {
    return fail(ErrorCode::EINVAL_,
                "index needs a directory, a .txt, .md or .jsonl file, --list or --remove ID");
  }
  return index_paths(*driver, options);
}

}  // namespace

int run_index_command(const IndexOptions& options) {
  const Status status = run(options);
  return status ? 0 : report(status.error());
}

}  // namespace phios
