// A folder as Hugging Face's hub has them, made out of a GGUF file; it goes with the value.
#pragma once

#include <filesystem>
#include <string>

#include "drivers/model/native/gguf.h"

namespace phios::testing_support {

class HubFolder {
 public:
  HubFolder();
  HubFolder(const HubFolder&) = delete;
  HubFolder& operator=(const HubFolder&) = delete;
  ~HubFolder();

  std::string path() const { return folder_.string(); }
  void write(const char* name, const std::string& text) const;
  // head_dim: of llama's queries and keys, whose rows are put in the order in which halves of a head turn.
  void write_tensors(const Gguf& file, const std::string& architecture, size_t head_dim) const;
  // tokenizer.json of a vocabulary of byte-level BPE without merges.
  void write_byte_level(const Gguf& file) const;

 private:
  const std::filesystem::path folder_;
};

}  // namespace phios::testing_support
