// SEND RECV and topics: messages.
#include <fmt/core.h>

#include <charconv>

#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

// A pid is that process's mailbox, any other name a channel.
Result<ChannelRef> find_channel(const Invocation& in, const std::string& name) {
  uint64_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end != name.data() + name.size()) return in.kernel.channels().open(name);
  const ProcessRef process = in.kernel.table().find(Pid{pid});
  if (!process || process->state() == ProcessState::kZombie)
    return fail(ErrorCode::ENOENT_, fmt::format("{}: no such process", name));
  return process->mailbox;
}

void send(const Invocation& in) {
  Result<ChannelRef> channel = find_channel(in, in.arg(0));
  if (!channel) return in.answer(std::unexpected(channel.error()));
  in.process->set_state(ProcessState::kWaiting);
  in.pending->set_deadline(in.deadline, fmt::format("SEND {}: full until the deadline", in.arg(0)));
  (*channel)->send(in.arg(1), in.pending);
}

void receive(const Invocation& in) {
  Result<ChannelRef> channel =
      in.has(0) ? find_channel(in, in.arg(0)) : Result<ChannelRef>(in.process->mailbox);
  if (!channel) return in.answer(std::unexpected(channel.error()));
  const Result<Nanos> deadline = in.deadline_ms(1);
  if (!deadline) return in.answer(std::unexpected(deadline.error()));
  in.process->set_state(ProcessState::kWaiting);
  in.pending->set_deadline(*deadline, "RECV: no message until the deadline");
  (*channel)->receive(in.pending);
}

void publish(const Invocation& in) {
  in.answer(std::to_string(in.kernel.channels().publish(in.arg(0), in.arg(1))));
}

void subscribe(const Invocation& in) {
  in.kernel.channels().subscribe(in.arg(0), in.process->mailbox);
  in.answer();
}

}  // namespace

Handler chan_handler(Sys call) {
  switch (call) {
    case Sys::chan_send:
      return send;
    case Sys::chan_recv:
      return receive;
    case Sys::chan_publish:
      return publish;
    case Sys::chan_subscribe:
      return subscribe;
    default:
      return nullptr;
  }
}

}  // namespace phios
