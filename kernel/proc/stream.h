// Streams: a process's standard input and output: descriptors, files, cells, channels, or nothing.
//
// Ownership: shared by the processes that inherited them; a channel's last writer that goes closes it.
// Threads: any; lines of one writer keep their order. Units: lines of UTF-8, without their newline. Errors:
// EIO_, EAGAIN_ as ENOENT_ at the end of input ("end of input").
#pragma once

#include <memory>
#include <string>

#include "kernel/proc/channel.h"
#include "kernel/proc/pending_call.h"
#include "kernel/runtime/runtime.h"

namespace phios {

class OutputStream {
 public:
  virtual ~OutputStream() = default;
  virtual void write_line(std::string line, PendingRef call) = 0;
};

class InputStream {
 public:
  virtual ~InputStream() = default;
  virtual void read_line(PendingRef call) = 0;  // one word, or ENOENT_ "end of input"
};

using OutputRef = std::shared_ptr<OutputStream>;
using InputRef = std::shared_ptr<InputStream>;

// `fd` stays the caller's unless `owned`.
OutputRef make_fd_output(Runtime& runtime, int fd, bool owned);
InputRef make_fd_input(Runtime& runtime, int fd, bool owned);
OutputRef make_null_output();
InputRef make_text_input(std::string text);  // a cell's value, line by line
OutputRef make_channel_output(ChannelRef channel);
InputRef make_channel_input(ChannelRef channel);

}  // namespace phios
