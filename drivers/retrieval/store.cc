#include "drivers/retrieval/store.h"

#include "drivers/api/fts.h"
#include "drivers/api/utf8.h"
#include "drivers/retrieval/passages.h"
#include "drivers/retrieval/retrieval.h"
#include "fmt/format.h"
#include "syscalls/abi/limits.h"

namespace phios {

namespace {

constexpr int kBusyTimeoutMs = 10'000;
constexpr int kFormatVersion = 1;
// A passage's row is its document's number and its place in it.
constexpr int kPlaceBits = 20;
constexpr size_t kPassagesMax = size_t{1} << kPlaceBits;
static_assert(kDocumentMax / kPassageBytesMin < kPassagesMax);
static_assert(kTitleMax + 2 + kPassageBytes <= PHI_PASSAGE_MAX);
constexpr size_t kCollectionNameMax = 64;
// A question about something names it: a word of the title says more than one of the text.
constexpr double kTitleWeight = 4.0;
constexpr double kTextWeight = 1.0;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS collections(key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL "
    "UNIQUE);"
    "CREATE TABLE IF NOT EXISTS documents(key INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL,"
    " id TEXT NOT NULL, text TEXT NOT NULL, UNIQUE(collection, id));";

// Each collection has a table of its own, so that how rare a word is is counted within it.
std::string table(int64_t collection) { return fmt::format("passages_{}", collection); }

Status check_name(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
  };
  bool good = !name.empty() && name.size() <= kCollectionNameMax;
  for (const char c : name) good = good && fits(c);
  if (good) return {};
  return fail(ErrorCode::EINVAL_,
              fmt::format("a collection's name has 1 to {} letters, digits, '_', '-', '.' or '/'",
                          kCollectionNameMax));
}

Status check(const Document& document) {
  if (document.id.empty() || document.id.size() > kDocumentIdMax) {
    return fail(ErrorCode::EINVAL_, fmt::format("a document's id has 1 to {} bytes", kDocumentIdMax));
  }
  if (document.text.size() > kDocumentMax) {
    return fail(ErrorCode::ETOOBIG_, fmt::format("document {}: {} bytes, at most {}", document.id,
                                                 document.text.size(), kDocumentMax));
  }
  for (const std::string* text : {&document.id, &document.title, &document.text}) {
    const size_t bad = find_bad_utf8(*text);
    if (bad == std::string::npos) continue;
    return fail(ErrorCode::EINVAL_, fmt::format("document {}: byte {} is no UTF-8 text",
                                                text == &document.id ? "?" : document.id, bad + 1));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  std::unique_ptr<Store> store(new Store(TRY(sqlite::Database::open(path, kBusyTimeoutMs))));
  TRY(store->prepare_file());
  return store;
}

Status Store::prepare_file() {
  // A commit of a text index need not survive a power cut, only stay whole: NORMAL with a write-ahead log.
  TRY(db_.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"));
  auto version = TRY(db_.prepare("PRAGMA user_version"));
  TRY(version.step());
  const int64_t found = version.integer(0);
  TRY(version.run());
  if (found == kFormatVersion) return {};
  if (found != 0) {
    return fail(ErrorCode::EIO_,
                fmt::format("documents.db has format {}, this phios reads {}", found, kFormatVersion));
  }
  auto transaction = TRY(sqlite::Transaction::begin(db_));
  TRY(db_.run(kSchema));
  TRY(db_.run(fmt::format("PRAGMA user_version={}", kFormatVersion)));
  return transaction.commit();
}

Result<std::vector<std::string>> Store::collections() {
  std::vector<std::string> names;
  auto select = TRY(db_.prepare("SELECT name FROM collections ORDER BY name"));
  while (TRY(select.step())) names.emplace_back(select.text(0));
  return names;
}

Result<int64_t> Store::find_collection(const std::string& name) {
  auto select = TRY(db_.prepare("SELECT key FROM collections WHERE name=?"));
  if (TRY(select.bind(1, name).step())) return select.integer(0);
  const auto names = TRY(collections());
  const std::string known = names.empty() ? "there are none; phios index makes one"
                                          : fmt::format("there are {}", fmt::join(names, ", "));
  return fail(ErrorCode::ENOENT_, fmt::format("no collection is called {}: {}", name, known));
}

Result<int64_t> Store::make_collection(const std::string& name) {
  auto insert = TRY(db_.prepare("INSERT OR IGNORE INTO collections(name) VALUES (?)"));
  TRY(insert.bind(1, name).run());
  const int64_t key = TRY(find_collection(name));
  TRY(
      db_.run(fmt::format("CREATE VIRTUAL TABLE IF NOT EXISTS {} USING fts5(title, text, tokenize='porter "
                          "unicode61 remove_diacritics 2')",
                          table(key))));
  return key;
}

Result<std::vector<Passage>> Store::retrieve(const RetrieveRequest& request) {
  if (request.k < 1 || request.k > PHI_RETRIEVE_MAX) {
    return fail(ErrorCode::EINVAL_, fmt::format("k is {}, 1 to {} expected", request.k, PHI_RETRIEVE_MAX));
  }
  const int64_t collection = TRY(find_collection(request.collection));
  std::vector<Passage> out;
  const std::string match = sqlite::match_expression(sqlite::query_words(request.query));
  if (match.empty()) return out;
  auto select = TRY(db_.prepare(fmt::format(
      "SELECT d.id, p.title, p.text, p.score FROM (SELECT rowid AS row, title, text, bm25({0}, {1}, {2}) AS "
      "score"
      " FROM {0} WHERE {0} MATCH ?1 ORDER BY score LIMIT ?2) p JOIN documents d ON d.key = p.row >> {3}"
      " ORDER BY p.score",
      table(collection), kTitleWeight, kTextWeight, kPlaceBits)));
  select.bind(1, match).bind(2, static_cast<int64_t>(request.k));
  // SQLite's bm25 is better the smaller it is.
  while (TRY(select.step())) {
    out.push_back(
        {std::string(select.text(0)), passage_text(select.text(1), select.text(2)), -select.real(3)});
  }
  return out;
}

Result<size_t> Store::index(const std::string& collection, const std::vector<Document>& documents) {
  TRY(check_name(collection));
  for (const Document& document : documents) TRY(check(document));
  auto transaction = TRY(sqlite::Transaction::begin(db_));
  const int64_t key = TRY(make_collection(collection));
  size_t passages = 0;
  for (const Document& document : documents) {
    TRY(erase_document(key, document.id));
    passages += TRY(add_document(key, document));
  }
  TRY(transaction.commit());
  return passages;
}

Result<size_t> Store::add_document(int64_t collection, const Document& document) {
  auto insert = TRY(db_.prepare("INSERT INTO documents(collection, id, text) VALUES (?,?,?)"));
  TRY(insert.bind(1, collection).bind(2, document.id).bind(3, document.text).run());
  const int64_t key = db_.last_rowid();
  const Passages passages = cut_passages(document.title, document.text);
  auto add =
      TRY(db_.prepare(fmt::format("INSERT INTO {}(rowid, title, text) VALUES (?,?,?)", table(collection))));
  for (size_t i = 0; i < passages.texts.size(); ++i) {
    add.bind(1, (key << kPlaceBits) | static_cast<int64_t>(i))
        .bind(2, passages.title)
        .bind(3, passages.texts[i]);
    TRY(add.run());
  }
  return passages.texts.size();
}

Result<bool> Store::erase_document(int64_t collection, const std::string& id) {
  auto select = TRY(db_.prepare("SELECT key FROM documents WHERE collection=? AND id=?"));
  if (!TRY(select.bind(1, collection).bind(2, id).step())) return false;
  const int64_t key = select.integer(0);
  auto passages =
      TRY(db_.prepare(fmt::format("DELETE FROM {} WHERE rowid >= ? AND rowid < ?", table(collection))));
  TRY(passages.bind(1, key << kPlaceBits).bind(2, (key + 1) << kPlaceBits).run());
  auto document = TRY(db_.prepare("DELETE FROM documents WHERE key=?"));
  TRY(document.bind(1, key).run());
  return true;
}

Result<std::string> Store::get(const std::string& collection, const std::string& id) {
  const int64_t key = TRY(find_collection(collection));
  auto select = TRY(db_.prepare("SELECT text FROM documents WHERE collection=? AND id=?"));
  if (TRY(select.bind(1, key).bind(2, id).step())) return std::string(select.text(0));
  return fail(ErrorCode::ENOENT_, fmt::format("the collection {} has no document {}", collection, id));
}

Result<bool> Store::remove(const std::string& collection, const std::string& id) {
  auto transaction = TRY(sqlite::Transaction::begin(db_));
  const int64_t key = TRY(find_collection(collection));
  const bool removed = TRY(erase_document(key, id));
  auto any = TRY(db_.prepare("SELECT 1 FROM documents WHERE collection=? LIMIT 1"));
  const bool empty = !TRY(any.bind(1, key).step());
  TRY(any.run());
  // A collection lives as long as it has documents.
  if (empty)
    TRY(db_.run(fmt::format("DROP TABLE {}; DELETE FROM collections WHERE key={}", table(key), key)));
  TRY(transaction.commit());
  return removed;
}

}  // namespace phios
