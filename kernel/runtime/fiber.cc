#include "kernel/runtime/fiber.h"

#include <cstdlib>
#include <new>

#include "kernel/runtime/hub.h"
#include "kernel/runtime/reactor.h"

namespace phios::rt {

namespace {

constexpr size_t kAlign = 64;
// Stacks lie a multiple of a page apart, so that their tops would fight for the same lines of the first-level
// cache; neighbours are therefore shifted against each other.
constexpr size_t kColours = 16;
static_assert(kColours * kAlign + sizeof(Fiber) < kStackBytesMin / 4);

void enter(Context* previous, Context* self) noexcept {
  auto* fiber = static_cast<Fiber*>(self);
  fiber->reactor->arrived(static_cast<Fiber*>(previous));
  fiber->fn();
  fiber->fn = nullptr;  // what it holds ends on its own stack
  fiber->reactor->end_current();
}

}  // namespace

void Fiber::mark(Task*) noexcept { std::abort(); }

Fiber* create_fiber(Hub& hub, uint32_t slot, std::string name, std::function<void()> fn) noexcept {
  std::byte* bottom = hub.stacks().bottom(slot);
  constexpr size_t kTop = (sizeof(Fiber) + kAlign - 1) / kAlign * kAlign;
  std::byte* top = bottom + hub.stacks().stack_bytes() - (slot % kColours) * kAlign - kTop;
  auto* fiber = new (top) Fiber;
  fiber->run = &Fiber::mark;
  fiber->hub = &hub;
  fiber->bottom = bottom;
  fiber->slot = slot;
  fiber->name = std::move(name);
  fiber->fn = std::move(fn);
  make_context(*fiber, bottom, static_cast<size_t>(top - bottom), enter);
  return fiber;
}

void destroy_fiber(Fiber* fiber, uint32_t cache) noexcept {
  Hub& hub = *fiber->hub;
  const uint32_t slot = fiber->slot;
  destroy_context(*fiber, fiber->bottom, hub.stacks().stack_bytes());
  fiber->~Fiber();
  hub.stacks().give(cache, slot);
}

}  // namespace phios::rt
