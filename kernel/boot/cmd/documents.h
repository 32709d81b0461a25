// Documents out of files: text and Markdown, and JSON lines.
//
// Ownership: plain values. Threads: one. Errors: ENOENT_, EPARSE_ "FILE:LINE: …", ETOOBIG_.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "drivers/api/retrieval.h"
#include "kernel/base/result.h"

namespace phios {

class DocumentReader {
 public:
  static constexpr size_t kTotalMax = size_t{1} << 30;  // bytes of text in one run

  // A directory with all below it, a .txt or .md file, or a .jsonl file.
  Status read(const std::string& path);

  std::vector<Document>& documents() { return documents_; }
  const std::vector<std::string>& notices() const { return notices_; }  // what was skipped, and why

 private:
  Status read_directory(const std::string& path);
  Status read_text(const std::string& path, std::string id, bool wanted);
  Status read_lines(const std::string& path);
  Status read_line(const std::string& line, const std::string& where);
  Status add(Document document);

  std::vector<Document> documents_;
  std::map<std::string, size_t> by_id_;
  std::vector<std::string> notices_;
  size_t total_ = 0;
};

}  // namespace phios
