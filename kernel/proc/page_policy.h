// PagePolicy: the page policy of one context, applied between its passes whenever another page is full.
//
// Ownership: owned by the decoder. Threads: set() and pin() while the context is idle, apply() on the thread
// that forms passes. Errors: none; what cannot be moved at present is moved later.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernel/proc/context.h"
#include "kernel/proc/vocabulary.h"
#include "mm/evict.h"
#include "mm/pager.h"

namespace phios {

class PagePolicy {
 public:
  explicit PagePolicy(KvPolicyRef policy) : policy_(std::move(policy)) {}

  void set(KvPolicyRef policy) { policy_ = std::move(policy), applied_ = 0; }
  const KvPolicyRef& get() const { return policy_; }
  void pin(uint32_t first, uint32_t last, bool on);  // positions; the newest word on a position counts
  void apply(Context& context, Pager& pager, const Vocabulary& vocabulary);

 private:
  struct Pins {
    uint32_t first, last;
    bool on;
  };
  void describe(const Context& context, const Vocabulary& vocabulary);
  bool carry_out(Context& context, Pager& pager);

  KvPolicyRef policy_;
  std::vector<Pins> pins_;
  uint32_t applied_ = 0;  // full pages when it was last applied
  std::vector<uint32_t> numbers_;
  std::vector<phi_kv_page> pages_;
  std::vector<uint8_t> wanted_;
};

}  // namespace phios
