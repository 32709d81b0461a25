#include "kernel/boot/cmd/documents.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "drivers/api/utf8.h"
#include "drivers/retrieval/retrieval.h"

namespace phios {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

bool is_text_name(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".txt" || extension == ".md" || extension == ".markdown";
}

// An id may be written as a number.
std::string text_or_number(const Json& record, const char* key) {
  const auto it = record.find(key);
  if (it == record.end()) return {};
  if (it->is_string()) return it->get<std::string>();
  return it->is_number_integer() ? it->dump() : std::string();
}

}  // namespace

Status DocumentReader::read(const std::string& path) {
  std::error_code code;
  const auto kind = fs::status(path, code).type();
  if (kind == fs::file_type::directory) return read_directory(path);
  if (kind != fs::file_type::regular) return fail(ErrorCode::ENOENT_, fmt::format("{}: no such file", path));
  const fs::path name(path);
  if (name.extension() == ".jsonl" || name.extension() == ".ndjson") return read_lines(path);
  if (is_text_name(name)) return read_text(path, name.filename().string(), true);
  return fail(ErrorCode::EINVAL_, fmt::format("{}: a directory, .txt, .md or .jsonl expected", path));
}

Status DocumentReader::read_directory(const std::string& path) {
  std::vector<fs::path> files;
  std::error_code code;
  fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, code);
  for (const fs::recursive_directory_iterator end; !code && it != end; it.increment(code)) {
    const bool hidden = it->path().filename().string().starts_with('.');
    std::error_code ignored;
    if (hidden && it->is_directory(ignored)) it.disable_recursion_pending();
    if (!hidden && is_text_name(it->path()) && it->is_regular_file(ignored)) files.push_back(it->path());
  }
  if (code) return fail(ErrorCode::EIO_, fmt::format("{}: {}", path, code.message()));
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    TRY(read_text(file.string(), file.lexically_relative(path).string(), false));
  }
  return {};
}

// A file that was named must be readable; one that was met on the way is skipped with a notice.
Status DocumentReader::read_text(const std::string& path, std::string id, bool wanted) {
  const auto skip = [&](ErrorCode error, std::string why) -> Status {
    if (wanted) return fail(error, std::move(why));
    notices_.push_back(std::move(why));
    return {};
  };
  std::error_code code;
  const auto size = fs::file_size(path, code);
  if (code || size > kDocumentMax) {
    return skip(code ? ErrorCode::EIO_ : ErrorCode::ETOOBIG_,
                code ? fmt::format("{}: {}", path, code.message())
                     : fmt::format("{}: {} bytes, at most {}", path, size, kDocumentMax));
  }
  std::ifstream in(path, std::ios::binary);
  std::string text(size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  if (!in) return skip(ErrorCode::EIO_, fmt::format("{}: cannot be read", path));
  if (const size_t bad = find_bad_utf8(text); bad != std::string::npos) {
    return skip(ErrorCode::EPARSE_, fmt::format("{}: byte {} is no UTF-8 text", path, bad + 1));
  }
  // A heading names the document, else its file does.
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool heading = first != std::string::npos && text[first] == '#';
  std::string title = heading ? std::string() : fs::path(path).stem().string();
  return add({std::move(id), std::move(text), std::move(title)});
}

Status DocumentReader::read_lines(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be read", path));
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    TRY(read_line(line, fmt::format("{}:{}", path, number)));
  }
  return {};
}

// {"id", "title"?, "text"}, or {"paragraphs": [{"title", "text"}, …]} as question sets have it.
Status DocumentReader::read_line(const std::string& line, const std::string& where) {
  const Json record = Json::parse(line, nullptr, false);
  if (!record.is_object()) return fail(ErrorCode::EPARSE_, where + ": a JSON object expected");
  const auto one = [&](const Json& part, std::string id) -> Status {
    if (!part.is_object() || !part.contains("text") || !part["text"].is_string()) {
      return fail(ErrorCode::EPARSE_, where + ": text: a string expected");
    }
    std::string title = text_or_number(part, "title");
    if (id.empty()) id = title;
    if (id.empty()) return fail(ErrorCode::EPARSE_, where + ": id: a string or an integer expected");
    const Status added = add({std::move(id), part["text"].get<std::string>(), std::move(title)});
    return added ? added : fail(added.error().code, fmt::format("{}: {}", where, added.error().message));
  };
  const auto paragraphs = record.find("paragraphs");
  if (paragraphs == record.end()) return one(record, text_or_number(record, "id"));
  if (!paragraphs->is_array()) return fail(ErrorCode::EPARSE_, where + ": paragraphs: a list expected");
  for (const Json& paragraph : *paragraphs) TRY(one(paragraph, text_or_number(paragraph, "id")));
  return {};
}

Status DocumentReader::add(Document document) {
  if (document.text.size() > kDocumentMax) {
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("{} bytes of text, at most {}", document.text.size(), kDocumentMax));
  }
  if (document.id.size() > kDocumentIdMax) {
    return fail(ErrorCode::EINVAL_, fmt::format("an id of more than {} bytes", kDocumentIdMax));
  }
  // Different texts of one name are all kept; the same text again is the same document.
  const std::string name = document.id;
  for (size_t copy = 2; by_id_.contains(document.id); ++copy) {
    if (documents_[by_id_[document.id]].text == document.text) return {};
    document.id = fmt::format("{} ({})", name, copy);
  }
  total_ += document.text.size();
  if (total_ > kTotalMax) {
    return fail(ErrorCode::ETOOBIG_,
                fmt::format("more than {} bytes of text at once: index a part at a time", kTotalMax));
  }
  by_id_.emplace(document.id, documents_.size());
  documents_.push_back(std::move(document));
  return {};
}

}  // namespace phios
