// phios index: files of text into a collection of documents.
//
// Threads: one. Exit codes: as command.h has them; a file that is skipped is a notice on standard error.
#pragma once

#include <string>
#include <vector>

namespace phios {

struct IndexOptions {
  std::vector<std::string> paths;  // directories of .txt and .md, such files, .jsonl files
  std::string collection = "default";
  std::string home;                 // the directory that has documents.db
  std::vector<std::string> remove;  // ids of documents
  bool list = false;                // the collections
  bool json = false;
};

int run_index_command(const IndexOptions& options);

}  // namespace phios
