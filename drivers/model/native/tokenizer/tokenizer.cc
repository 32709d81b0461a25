#include "drivers/model/native/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include "drivers/model/native/tokenizer/bpe.h"
#include "drivers/model/native/tokenizer/spm.h"
#include "drivers/model/native/tokenizer/word_piece.h"

namespace phios {

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const Gguf& gguf) {
  const VocabData vocab = TRY(read_vocab(gguf));
  return make_tokenizer(vocab);
}

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const VocabData& vocab) {
  TRY(check_vocab(vocab));
  if (vocab.model == "gpt2") return BpeTokenizer::make(vocab);
  if (vocab.model == "llama") return SpmTokenizer::make(vocab);
  if (vocab.model == "bert") return WordPieceTokenizer::make(vocab);
  return fail(
      ErrorCode::EINVAL_,
      fmt::format("tokenizer.ggml.model: no vocabulary of the kind \"{}\"; known are gpt2, llama, bert",
                  printable(vocab.model)));
}

}  // namespace phios
