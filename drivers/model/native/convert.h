// convert_model: a model as Hugging Face keeps it (config.json, tokenizer.json, safetensors) as a GGUF file.
//
// Ownership: the bytes returned are the caller's. Threads: pure. Errors: EIO_ (a file cannot be read),
// EPARSE_ (names the file and key), ENOSYS_ (an architecture, a vocabulary or a feature that is not
// converted).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/tokenizer/vocab.h"

namespace phios {

// Matrices become `type` (one that quantize() writes), where their rows are whole blocks of it; vectors F32.
Result<std::vector<std::byte>> convert_model(const std::string& folder, GgmlType type);

// A file of nothing but the vocabulary, for which tokenizer.json is enough.
Result<std::vector<std::byte>> convert_vocabulary(const std::string& folder);

// tokenizer.json of byte-level BPE, of SentencePiece's BPE or of WordPiece; `n_vocab` tokens, those that it
// lacks unused (0: as many as it has).
Result<VocabData> read_tokenizer_json(const std::string& text, const std::string& name, uint32_t n_vocab);

}  // namespace phios
