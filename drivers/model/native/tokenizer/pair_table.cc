#include "drivers/model/native/tokenizer/pair_table.h"

#include <bit>

namespace phios {

PairTable::PairTable(size_t n) : mask_(std::bit_ceil(2 * n + 2) - 1), slots_(mask_ + 1) {}

void PairTable::insert(uint32_t left, uint32_t right, Merge merge) {
  Slot& slot = slots_[place(key(left, right))];
  if (slot.key != kFree) return;
  slot = {key(left, right), merge};
}

}  // namespace phios
