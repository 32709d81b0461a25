#include "kernel/sched/batcher.h"

#include <algorithm>
#include <utility>

namespace phios {

Batcher::Batcher(Env& env, Trace& trace, Model& model) : env_(env), trace_(trace), model_(model) {
  limits_.positions = model.max_pass_positions();
  limits_.prefill_chunk =
      std::max(limits_.positions / 2, std::min<uint32_t>(limits_.positions, PHI_PAGE_TOKENS));
  thread_ = std::thread([this] { loop(); });
}

Batcher::~Batcher() { stop(); }

void Batcher::enqueue(Sequence& sequence) noexcept {
  sequence.enqueued_at = env_.now();
  sequence.waits_to_run = true;
  Sequence* head = inbox_.load(std::memory_order_relaxed);
  do {
    sequence.next_in_inbox = head;
  } while (
      !inbox_.compare_exchange_weak(head, &sequence, std::memory_order_release, std::memory_order_relaxed));
  if (head == nullptr) {
    wakeups_.fetch_add(1, std::memory_order_release);
    wakeups_.notify_one();
  }
}

void Batcher::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  wakeups_.fetch_add(1);
  wakeups_.notify_one();
  thread_.join();
}

BatcherStats Batcher::stats() const noexcept {
  return {passes_.load(),   sequences_.load(), positions_.load(),
          model_ns_.load(), kernel_ns_.load(), largest_.load()};
}

void Batcher::loop() {
  while (!stopping_.load(std::memory_order_acquire)) {
    const uint32_t seen = wakeups_.load(std::memory_order_acquire);
    drain_inbox();
    if (active_.empty()) {
      wakeups_.wait(seen, std::memory_order_acquire);
      continue;
    }
    if (!run_pass()) {
      // Everyone waits for frames that a reactor is about to free: look again soon, or when someone comes.
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  drain_inbox();
  for (Sequence* sequence : active_) sequence->left();
  active_.clear();
}

// The inbox is a stack; reversed, whoever came first stands first.
void Batcher::drain_inbox() {
  Sequence* sequence = inbox_.exchange(nullptr, std::memory_order_acquire);
  const size_t first = active_.size();
  for (; sequence; sequence = sequence->next_in_inbox) active_.push_back(sequence);
  std::reverse(active_.begin() + static_cast<ptrdiff_t>(first), active_.end());
}

bool Batcher::run_pass() {
  const Nanos begin = env_.now();
  items_.clear();
  item_owner_.clear();
  outcome_.clear();
  bool anyone_left = form_pass(begin, false);
  if (items_.empty() && !anyone_left) anyone_left = form_pass(begin, true);
  if (!items_.empty()) compute_pass(begin);
  std::erase(active_, nullptr);
  return !items_.empty() || anyone_left;
}

// Asks sequences, in the order of the policy, for what they add to the pass. True: some left instead.
bool Batcher::form_pass(Nanos begin, bool last_resort) {
  candidates_.clear();
  for (const Sequence* s : active_)
    candidates_.push_back({s->waiting(), s->least(), s->niceness(), s->enqueued_at, s->guesses()});
  PassLimits left = limits_;
  bool anyone_left = false, anyone_waits = true;
  // Who cannot run leaves its positions to others: all may be waiting for one that stands behind them.
  while (std::exchange(anyone_waits, false)) {
    choose_pass(candidates_, left, order_, slots_);
    for (const Slot& slot : slots_) {
      if (last_resort && !items_.empty()) break;
      candidates_[slot.candidate].waiting = 0;  // it has been asked
      const Sequence::Next next = ask(slot, begin, last_resort);
      anyone_waits |= next == Sequence::Next::kWait;
      anyone_left |= next == Sequence::Next::kLeave;
      if (next == Sequence::Next::kWait) continue;
      left.positions -= std::min(left.positions, slot.positions);
      left.prefill_chunk -= std::min(left.prefill_chunk, slot.positions);
    }
  }
  return anyone_left;
}

Sequence::Next Batcher::ask(const Slot& slot, Nanos begin, bool last_resort) {
  Sequence* sequence = active_[slot.candidate];
  PassItem item;
  const Sequence::Next next = sequence->prepare(slot.positions, last_resort, item);
  if (next == Sequence::Next::kLeave) {
    active_[slot.candidate] = nullptr;
    sequence->left();
  }
  if (next != Sequence::Next::kRun) return next;
  if (std::exchange(sequence->waits_to_run, false))
    trace_.emit(EventKind::kRun, item.sequence, static_cast<uint64_t>(begin - sequence->enqueued_at));
  items_.push_back(item);
  item_owner_.push_back(slot.candidate);
  outcome_.push_back(next);
  return next;
}

// One pass of the model; on_logits() is called from within.
void Batcher::compute_pass(Nanos begin) {
  uint64_t positions = 0;
  for (const PassItem& item : items_) positions += item.tokens.size();
  trace_.emit(EventKind::kPassBegin, 0, items_.size(), positions);
  tail_ns_.store(0, std::memory_order_relaxed);
  const Nanos forward_begin = env_.now();
  const bool failed = !model_.forward(items_, *this).has_value();
  const auto forward_ns = static_cast<uint64_t>(env_.now() - forward_begin);
  finish_pass(failed);
  const auto total_ns = static_cast<uint64_t>(env_.now() - begin);
  const uint64_t model_ns = forward_ns - std::min(tail_ns_.load(std::memory_order_relaxed), forward_ns);
  const uint64_t kernel_ns = total_ns - std::min(model_ns, total_ns);
  passes_.fetch_add(1, std::memory_order_relaxed);
  sequences_.fetch_add(items_.size(), std::memory_order_relaxed);
  positions_.fetch_add(positions, std::memory_order_relaxed);
  model_ns_.fetch_add(model_ns, std::memory_order_relaxed);
  kernel_ns_.fetch_add(kernel_ns, std::memory_order_relaxed);
  if (items_.size() > largest_.load(std::memory_order_relaxed))
    largest_.store(items_.size(), std::memory_order_relaxed);
  trace_.emit(EventKind::kPassEnd, 0, items_.size(), positions, model_ns);
  trace_.emit(EventKind::kTail, 0, items_.size(), positions, kernel_ns);
}

void Batcher::on_logits(size_t index, uint32_t position, std::span<float> logits) noexcept {
  const Nanos begin = env_.now();
  outcome_[index] = active_[item_owner_[index]]->on_logits(position, logits);
  tail_ns_.fetch_add(static_cast<uint64_t>(env_.now() - begin), std::memory_order_relaxed);
}

void Batcher::finish_pass(bool failed) {
  const Nanos now = env_.now();
  for (size_t i = 0; i < items_.size(); i++) {
    Sequence*& sequence = active_[item_owner_[i]];
    sequence->enqueued_at = now;
    Sequence::Next next = outcome_[i];
    if (!failed && !items_[i].want_logits && !items_[i].want_all_logits && !items_[i].want_hidden)
      next = sequence->on_computed();
    if (failed || next == Sequence::Next::kLeave) {
      sequence->left();
      sequence = nullptr;
    }
  }
}

}  // namespace phios
