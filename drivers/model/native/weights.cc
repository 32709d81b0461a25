#include "drivers/model/native/weights.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <initializer_list>
#include <string>
#include <utility>

#include "drivers/model/native/pack.h"
#include "drivers/model/native/quant.h"
#include "drivers/model/native/rotations.h"

namespace phios {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kEmbeddingRowsMax = size_t{16} << 20;  // bytes; a larger embedding is unpacked row by row
constexpr size_t kHashWhole = size_t{8} << 20;          // bytes of a tensor that are hashed as a whole
constexpr size_t kHashSample = 4096;                    // bytes taken at each step of a larger one
constexpr size_t kHashStep = size_t{1} << 20;

uint64_t mix(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0x9fb21c651e98df25ULL;
  return h ^ (h >> 29);
}

// Four independent chains: memory speed, not multiplication's latency.
uint64_t hash_bytes(uint64_t seed, std::span<const std::byte> bytes) {
  uint64_t lane[4] = {seed, seed + 1, seed + 2, seed + 3};
  size_t i = 0;
  for (; i + 32 <= bytes.size(); i += 32) {
    uint64_t words[4];
    std::memcpy(words, bytes.data() + i, sizeof words);
    for (int l = 0; l < 4; ++l) lane[l] = mix(lane[l], words[l]);
  }
  for (; i < bytes.size(); ++i) lane[0] = mix(lane[0], static_cast<uint64_t>(bytes[i]));
  return mix(mix(mix(mix(bytes.size(), lane[0]), lane[1]), lane[2]), lane[3]);
}

}  // namespace

Result<Arena> Arena::create(size_t bytes) {
  Arena arena;
  arena.size_ = round_up(bytes + 1, kHugePage) + kHugePage;
  arena.memory_ = ::mmap(nullptr, arena.size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (arena.memory_ == MAP_FAILED) {
    arena.memory_ = nullptr;
    return fail(ErrorCode::ELIMIT_, fmt::format("no memory for {} MiB of weights", bytes >> 20));
  }
  ::madvise(arena.memory_, arena.size_, MADV_HUGEPAGE);  // a wish; refused, the pages are small ones
  arena.used_ = round_up(reinterpret_cast<uintptr_t>(arena.memory_), kHugePage) -
                reinterpret_cast<uintptr_t>(arena.memory_);
  return arena;
}

Arena::Arena(Arena&& other) noexcept { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  std::swap(used_, other.used_);
  return *this;
}

Arena::~Arena() {
  if (memory_) ::munmap(memory_, size_);
}

void* Arena::take(size_t bytes) {
  assert(padded(bytes) <= size_ - used_);
  return static_cast<std::byte*>(memory_) + std::exchange(used_, used_ + padded(bytes));
}

// Finds and checks every tensor first, adding up the memory, and packs them after that.
class Weights::Loader {
 public:
  Loader(const Gguf& file, Weights& out) : file_(file), out_(out), c_(out.config_) {}

  Status load(uint32_t longest) {
    out_.config_ = TRY(read_config(file_, longest));
    if (c_.n_layers > file_.tensors().size())  // before anything is sized by a number that nothing backs
      return fail(ErrorCode::EPARSE_, fmt::format("{}: {} layers, but {} tensors", file_.name(), c_.n_layers,
                                                  file_.tensors().size()));
    out_.layers_.resize(c_.n_layers);
    TRY(find_all());
    TRY(make_ropes());
    out_.rotations_ = TRY(read_rotations(file_, c_.kv()));
    for (const GgufTensor& t : file_.tensors()) out_.parameters_ += t.elements;
    place_all();
    return {};
  }

 private:
  struct Found {
    GgufTensor tensor;
    PackedMatrix* matrix;  // either
    const float** vector;  // or
  };

  Status matrix(const std::string& name, uint64_t n_in, uint64_t n_out, PackedMatrix& m) {
    found_.push_back({*TRY(file_.tensor(name, n_in, n_out)), &m, nullptr});
    return {};
  }
  Status vector(const std::string& name, uint64_t n, const float*& v) {
    found_.push_back({*TRY(file_.tensor(name, n, 1)), nullptr, &v});
    return {};
  }
  Status vector_if_there(const std::string& name, uint64_t n, const float*& v) {
    return file_.find_tensor(name) ? vector(name, n, v) : Status{};
  }

  Status vector_if(bool needed, const std::string& name, uint64_t n, const float*& v) {
    return needed ? vector(name, n, v) : vector_if_there(name, n, v);
  }
  // Matrices of the same inputs that a file holds one below the other.
  struct Part {
    uint64_t n_out;
    PackedMatrix* matrix;
  };
  Status stacked(const std::string& name, uint64_t n_in, std::initializer_list<Part> parts) {
    uint64_t n_out = 0;
    for (const Part& p : parts) n_out += p.n_out;
    GgufTensor rest = *TRY(file_.tensor(name, n_in, n_out));
    const size_t row_bytes = rest.data.size() / n_out;
    for (const Part& p : parts) {
      GgufTensor part = rest;
      part.shape[1] = p.n_out;
      part.elements = n_in * p.n_out;
      part.data = rest.data.first(row_bytes * p.n_out);
      rest.data = rest.data.subspan(row_bytes * p.n_out);
      found_.push_back({part, p.matrix, nullptr});
    }
    return {};
  }

  Status find_attention(const std::string& p, LayerWeights& l) {
    if (file_.find_tensor(p + "attn_qkv.weight")) {
      TRY(stacked(p + "attn_qkv.weight", c_.n_embd,
                  {{c_.q_size(), &l.q}, {c_.kv_size(), &l.k}, {c_.kv_size(), &l.v}}));
    } else {
      TRY(matrix(p + "attn_q.weight", c_.n_embd, c_.q_size(), l.q));
      TRY(matrix(p + "attn_k.weight", c_.n_embd, c_.kv_size(), l.k));
      TRY(matrix(p + "attn_v.weight", c_.n_embd, c_.kv_size(), l.v));
    }
    TRY(vector_if(c_.qkv_bias, p + "attn_q.bias", c_.q_size(), l.q_bias));
    TRY(vector_if(c_.qkv_bias, p + "attn_k.bias", c_.kv_size(), l.k_bias));
    TRY(vector_if(c_.qkv_bias, p + "attn_v.bias", c_.kv_size(), l.v_bias));
    if (c_.qk_norm) {
      TRY(vector(p + "attn_q_norm.weight", c_.head_dim, l.q_norm));
      TRY(vector(p + "attn_k_norm.weight", c_.head_dim, l.k_norm));
    }
    TRY(matrix(p + "attn_output.weight", c_.q_size(), c_.n_embd, l.o));
    return vector_if_there(p + "attn_output.bias", c_.n_embd, l.o_bias);
  }

  Status find_layer(uint32_t index) {
    LayerWeights& l = out_.layers_[index];
    const std::string p = fmt::format("blk.{}.", index);
    TRY(vector(p + "attn_norm.weight", c_.n_embd, l.attn_norm));
    TRY(find_attention(p, l));
    TRY(vector(p + "ffn_norm.weight", c_.n_embd, l.ffn_norm));
    if (c_.post_norms) {
      TRY(vector(p + "post_attention_norm.weight", c_.n_embd, l.attn_post_norm));
      TRY(vector(p + "post_ffw_norm.weight", c_.n_embd, l.ffn_post_norm));
    }
    if (c_.fused_gate) {
      TRY(stacked(p + "ffn_up.weight", c_.n_embd, {{c_.n_ff, &l.gate}, {c_.n_ff, &l.up}}));
    } else {
      TRY(matrix(p + "ffn_gate.weight", c_.n_embd, c_.n_ff, l.gate));
      TRY(matrix(p + "ffn_up.weight", c_.n_embd, c_.n_ff, l.up));
    }
    return matrix(p + "ffn_down.weight", c_.n_ff, c_.n_embd, l.down);
  }

  Status find_all() {
    out_.embedding_ = TRY(file_.tensor("token_embd.weight", c_.n_embd, c_.n_vocab));
    for (uint32_t i = 0; i < c_.n_layers; ++i) TRY(find_layer(i));
    TRY(vector("output_norm.weight", c_.n_embd, out_.output_norm_));
    const bool tied = !file_.find_tensor("output.weight");
    TRY(matrix(tied ? "token_embd.weight" : "output.weight", c_.n_embd, c_.n_vocab, out_.output_));
    size_t bytes = embedding_rows_bytes();
    for (const Found& f : found_)
      bytes += Arena::padded(f.vector ? round_up(f.tensor.elements, kLanes) * sizeof(float)
                                      : packed_bytes(f.tensor));
    out_.arena_ = TRY(Arena::create(bytes));
    return {};
  }

  size_t embedding_rows_bytes() const {
    const size_t bytes = Arena::padded(out_.embedding_->elements * sizeof(float));
    return bytes <= kEmbeddingRowsMax ? bytes : 0;
  }

  Status make_ropes() {
    const std::vector<float> factors = TRY(read_rope_factors(file_, c_));
    out_.rope_ = Rope(c_.rope, c_.n_rot, c_.rope_neox, factors);
    out_.local_rope_ =
        c_.local_rope == c_.rope ? out_.rope_ : Rope(c_.local_rope, c_.n_rot, c_.rope_neox, {});
    return {};
  }

  void place_all() {
    for (const Found& f : found_) f.vector ? place_vector(f) : place_matrix(f);
    if (embedding_rows_bytes() == 0) return;
    auto* rows = static_cast<float*>(out_.arena_.take(out_.embedding_->elements * sizeof(float)));
    dequantize(out_.embedding_->type, out_.embedding_->data, {rows, out_.embedding_->elements});
    out_.embedding_rows_ = rows;
  }

  void place_vector(const Found& f) {
    auto* v = static_cast<float*>(out_.arena_.take(round_up(f.tensor.elements, kLanes) * sizeof(float)));
    dequantize(f.tensor.type, f.tensor.data, {v, f.tensor.elements});
    *f.vector = v;
  }

  void place_matrix(const Found& f) {
    *f.matrix = pack_matrix(f.tensor, out_.arena_.take(packed_bytes(f.tensor)));
  }

  const Gguf& file_;
  Weights& out_;
  const ModelConfig& c_;
  std::vector<Found> found_;
};

Result<Weights> Weights::load(const Gguf& file, uint32_t longest) {
  Weights weights;
  TRY(Loader(file, weights).load(longest));
  return weights;
}

KvShape Weights::kv() const {
  KvShape shape = config_.kv();
  shape.rotations = rotations_.get();
  return shape;
}

void Weights::embed(int32_t token, float* out) const {
  const auto row = static_cast<size_t>(token);
  if (embedding_rows_)
    std::memcpy(out, embedding_rows_ + row * config_.n_embd, config_.n_embd * sizeof(float));
  else
    dequantize_row(*embedding_, row, {out, config_.n_embd});
  if (config_.embedding_scale == 1.0f) return;
  for (uint32_t i = 0; i < config_.n_embd; ++i) out[i] *= config_.embedding_scale;
}

uint64_t hash_weights(const Gguf& file) {
  uint64_t hash = 0;
  const auto fold = [&](std::span<const std::byte> bytes) { hash = hash_bytes(hash, bytes); };
  for (const GgufTensor& t : file.tensors()) {
    fold(std::as_bytes(std::span(t.name)));
    fold(std::as_bytes(std::span(t.shape)));
    if (t.data.size() <= kHashWhole) {
      fold(t.data);
      continue;
    }
    for (size_t at = 0; at + kHashSample <= t.data.size(); at += kHashStep)
      fold(t.data.subspan(at, kHashSample));
  }
  for (const Gguf::RawEntry& entry : file.raw_entries())
    if (entry.key.starts_with(kRotationPrefix)) fold(entry.bytes);
  return hash;
}

}  // namespace phios
