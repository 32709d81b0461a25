#include "drivers/model/native/simd_portable.h"
// The kernels come after the Vec that they are written over.
#include "drivers/model/native/attention_kernels.h"
#include "mm/codec.h"

namespace phios {
namespace {

template <KvTier>
constexpr bool kByPairs = false;
constexpr int kTileQueries = 1, kTilePages = 1, kTileVectors = 1;

template <KvTier tier>
Vec load_packed(const std::byte* p) {
  uint8_t codes[PHI_PAGE_TOKENS];
  unpack_codes(tier, p, codes);
  return vec_each([&](int i) { return static_cast<float>(codes[i]); });
}
inline Vec vec_load_i8(const std::byte* p) {
  return vec_each([&](int i) { return static_cast<float>(static_cast<int8_t>(p[i])); });
}
inline Vec vec_load_scale(const std::byte* p) {
  return vec_each([&](int i) { return kv_scale(static_cast<uint8_t>(p[i])); });
}

template <int half>
Vec vec_swap(const Vec& a) {
  return vec_each([&](int i) { return a.v[i ^ half]; });
}
inline Vec vec_exp2(const Vec& a) {
  return vec_each([&](int i) { return std::exp2(a.v[i]); });
}

}  // namespace
}  // namespace phios

#include "drivers/model/native/attention_impl.h"

namespace phios {

const AttentionKernels kAttentionPortable = attention_table("portable");

}  // namespace phios
