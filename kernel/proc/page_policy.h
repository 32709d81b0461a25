// PagePolicy: the page policy of one context, applied between its passes whenever another page is full.
//
// Ownership: owned by the decoder. Threads: set() and pin() while the context is idle, apply() and
// masses() on the thread that forms passes. Errors: none; what cannot be moved at present is moved later.
#pragma once

#include <cstdint>
#include <span>
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

  void set(KvPolicyRef policy) { policy_ = std::move(policy), applied_ = 0, masses_.clear(); }
  const KvPolicyRef& get() const { return policy_; }
  // Where a pass over so many pages adds their attention; empty if the policy does not ask for it.
  std::span<PageMass> masses(uint32_t pages);
  void forget_masses() { masses_ = before_; }  // of that pass, which was void
  void truncate(uint32_t positions);
  void pin(uint32_t first, uint32_t last, bool on);  // positions; the newest word on a position counts
  void apply(Context& context, Pager& pager, const Vocabulary& vocabulary);

 private:
  struct Pins {
    uint32_t first, last;
    bool on;
  };
  void describe(const Context& context, const Pager& pager, const Vocabulary& vocabulary);
  bool carry_out(Context& context, Pager& pager);

  KvPolicyRef policy_;
  std::vector<Pins> pins_;
  uint32_t applied_ = 0;          // full pages when it was last applied
  bool prompt_computed_ = false;  // all of it was then
  std::vector<PageMass> masses_;  // by page; of a guess that was wrong they keep what it attended to
  std::vector<PageMass> before_;  // the same, before the last pass
  std::vector<uint32_t> numbers_;
  std::vector<phi_kv_page> pages_;
  std::vector<uint8_t> wanted_;
};

}  // namespace phios
