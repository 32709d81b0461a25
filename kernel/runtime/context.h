// Context: one suspended flow of control, and the switch between two of them. Only this pair of files touches
// Boost.Context.
//
// Ownership: a Context does not own its stack. Threads: a context may be resumed on another thread than it
// left; only one thread runs it at a time. Order: make or adopt, any number of switches, leave (once),
// destroy. Sanitizers: every switch is annotated for ASan and TSan, and costs nothing where neither is on.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define PHIOS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PHIOS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define PHIOS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PHIOS_TSAN 1
#endif
#endif

namespace phios::rt {

#if defined(PHIOS_ASAN) || defined(PHIOS_TSAN)
inline constexpr bool kInstrumented = true;
#else
inline constexpr bool kInstrumented = false;
#endif

struct Context;
// What runs first on a new context; `previous` is the one that switched to it. It never returns: it leaves.
using ContextEntry = void (*)(Context* previous, Context* self) noexcept;

struct Context {
  void* handle = nullptr;     // where it is suspended, while it is
  Context* target = nullptr;  // whom it switched to last
  ContextEntry entry = nullptr;
#ifdef PHIOS_ASAN
  const void* stack_bottom = nullptr;
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;
#endif
#ifdef PHIOS_TSAN
  void* tsan_fiber = nullptr;
#endif
};

// The calling thread's own stack becomes a context that can be switched away from and back to.
void adopt_thread(Context& self) noexcept;
void make_context(Context& context, std::byte* bottom, size_t bytes, ContextEntry entry) noexcept;

// Suspends `from`, which must be the caller, and runs `to`. Returns, perhaps on another thread, the context
// that switched back to `from`. Inline, because every return after a switch is one that the processor
// mispredicts: the shorter the way back to the fiber's own code, the better.
#if defined(PHIOS_ASAN) || defined(PHIOS_TSAN)
Context* switch_context(Context& from, Context& to) noexcept;
#else
[[gnu::always_inline]] inline Context* switch_context(Context& from, Context& to) noexcept {
  from.target = &to;
  const auto t = boost::context::detail::jump_fcontext(to.handle, &from);
  auto* previous = static_cast<Context*>(t.data);
  previous->handle = t.fctx;
  return previous;
}
#endif
// The last switch of a context: it is never resumed again, and whoever runs next may destroy it.
[[noreturn]] void leave_context(Context& from, Context& to) noexcept;
// `bottom` and `bytes` name the stack it ran on, which may then be used again.
void destroy_context(Context& context, std::byte* bottom, size_t bytes) noexcept;

// The floors that the runtime is measured against: the bare switch, and creating, entering and destroying a
// bare context on a stack from malloc. Nanoseconds, medians.
double bare_switch_nanos();
double bare_fiber_nanos();

}  // namespace phios::rt
