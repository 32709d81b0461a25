// make_tokenizer: the tokenizer that a model file describes: byte-level BPE ("gpt2"), SentencePiece
// ("llama") or WordPiece ("bert").
//
// Ownership: the tokenizer owns all that it needs; the file may go. Threads: a tokenizer may be used from
// any. Errors: EPARSE_, ETOOBIG_ or ENOENT_ name the metadata key and index; EINVAL_ names a kind of
// vocabulary or a pre-tokenizer that is not known.
#pragma once

#include <memory>

#include "drivers/api/model.h"
#include "drivers/model/native/tokenizer/vocab.h"
#include "kernel/base/result.h"

namespace phios {

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const Gguf& gguf);
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const VocabData& vocab);

}  // namespace phios
