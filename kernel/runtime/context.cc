#include "kernel/runtime/context.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#ifdef PHIOS_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef PHIOS_TSAN
#include <sanitizer/tsan_interface.h>
// Instrumented code around a switch would see its shadow call stack change under it.
#define PHIOS_SWITCHES __attribute__((noinline, no_sanitize("thread")))
#else
#define PHIOS_SWITCHES
#endif

namespace phios::rt {

namespace fc = boost::context::detail;

namespace {

PHIOS_SWITCHES void trampoline(fc::transfer_t t) {
  auto* previous = static_cast<Context*>(t.data);
  previous->handle = t.fctx;
  Context* self = previous->target;
#ifdef PHIOS_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  self->entry(previous, self);
  std::abort();
}

constexpr int kFloorBatches = 31;
constexpr int kFloorRounds = 2000;
constexpr size_t kFloorStack = 16 << 10;

// The median over batches of what one round of `body` takes.
template <class Body>
double median_nanos(Body body) {
  std::vector<double> batches;
  for (int b = 0; b < kFloorBatches; b++) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kFloorRounds; i++) body();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    batches.push_back(took.count() / kFloorRounds);
  }
  std::nth_element(batches.begin(), batches.begin() + kFloorBatches / 2, batches.end());
  return batches[kFloorBatches / 2];
}

PHIOS_SWITCHES void echo(fc::transfer_t t) {
  for (;;) t = fc::jump_fcontext(t.fctx, t.data);
}

}  // namespace

void adopt_thread(Context& self) noexcept {
#ifdef PHIOS_ASAN
  pthread_attr_t attributes;
  void* bottom = nullptr;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &bottom, &self.stack_bytes);
    pthread_attr_destroy(&attributes);
  }
  self.stack_bottom = bottom;
#endif
#ifdef PHIOS_TSAN
  self.tsan_fiber = __tsan_get_current_fiber();
#endif
  self.handle = nullptr;
}

void make_context(Context& context, std::byte* bottom, size_t bytes, ContextEntry entry) noexcept {
  context.handle = fc::make_fcontext(bottom + bytes, bytes, trampoline);
  context.entry = entry;
#ifdef PHIOS_ASAN
  context.stack_bottom = bottom;
  context.stack_bytes = bytes;
#endif
#ifdef PHIOS_TSAN
  context.tsan_fiber = __tsan_create_fiber(0);
#endif
}

#if defined(PHIOS_ASAN) || defined(PHIOS_TSAN)
PHIOS_SWITCHES Context* switch_context(Context& from, Context& to) noexcept {
  from.target = &to;
#ifdef PHIOS_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_bottom, to.stack_bytes);
#else
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
  const fc::transfer_t t = fc::jump_fcontext(to.handle, &from);
#ifdef PHIOS_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
  auto* previous = static_cast<Context*>(t.data);
  previous->handle = t.fctx;
  return previous;
}
#endif

PHIOS_SWITCHES void leave_context(Context& from, Context& to) noexcept {
  from.target = &to;
#ifdef PHIOS_ASAN
  __sanitizer_start_switch_fiber(nullptr, to.stack_bottom, to.stack_bytes);  // null: its fake stack goes
#endif
#ifdef PHIOS_TSAN
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
  fc::jump_fcontext(to.handle, &from);
  std::abort();  // a context that left was resumed
}

void destroy_context([[maybe_unused]] Context& context, [[maybe_unused]] std::byte* bottom,
                     [[maybe_unused]] size_t bytes) noexcept {
#ifdef PHIOS_TSAN
  __tsan_destroy_fiber(context.tsan_fiber);
#endif
#ifdef PHIOS_ASAN
  __asan_unpoison_memory_region(bottom, bytes);  // its last frames never returned
#endif
}

PHIOS_SWITCHES double bare_switch_nanos() {
  std::vector<std::byte> stack(kFloorStack);
  fc::transfer_t t{fc::make_fcontext(stack.data() + stack.size(), stack.size(), echo), nullptr};
  return median_nanos([&t] { t = fc::jump_fcontext(t.fctx, nullptr); }) / 2;
}

PHIOS_SWITCHES double bare_fiber_nanos() {
  return median_nanos([] {
    void* stack = std::malloc(kFloorStack);
    if (stack == nullptr) std::abort();
    fc::jump_fcontext(fc::make_fcontext(static_cast<std::byte*>(stack) + kFloorStack, kFloorStack, echo),
                      nullptr);
    std::free(stack);
  });
}

}  // namespace phios::rt
