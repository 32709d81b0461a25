// The parts of convert_model: what a family's config.json says as metadata, what its tensors are called, and
// its vocabulary.
//
// Ownership: plain values. Threads: pure, but for the writer. Errors: as convert_model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "drivers/model/native/gguf_writer.h"
#include "drivers/model/native/hub_json.h"
#include "drivers/model/native/tokenizer/vocab.h"

namespace phios {

struct HubShape {
  std::string architecture;  // as a GGUF file names it
  uint32_t n_layers = 0, n_embd = 0, n_ff = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, n_vocab = 0;

  bool gemma() const { return architecture.starts_with("gemma"); }
  // Queries and keys whose neighbours turn together, not halves of a head.
  bool interleaved() const { return architecture == "llama"; }
};

Result<HubShape> read_hub_shape(const HubJson& config);

// The metadata of a decoder, and the tensors of factors that its RoPE has, or of an encoder.
Status write_decoder_metadata(const HubJson& config, const HubShape& shape, GgufWriter& writer);
Status write_encoder_metadata(const HubJson& config, const HubShape& shape, const std::string& folder,
                              GgufWriter& writer);

// What the tensor is called in a GGUF file; empty: it is not known.
std::string gguf_tensor_name(std::string_view architecture, std::string_view name);
// Tensors that nothing reads: tables that can be computed, and heads of other tasks.
bool ignored_tensor(std::string_view architecture, std::string_view name);

// tokenizer.json of the folder with the ids and texts that config.json and tokenizer_config.json name.
// n_vocab as read_tokenizer_json has it.
Status write_hub_vocabulary(const HubJson& config, const std::string& folder, uint32_t n_vocab,
                            GgufWriter& writer);

}  // namespace phios
