// PRINT INPUT and files under the process's root.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "kernel/proc/open_files.h"
#include "syscalls/codec/text.h"
#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

void print(const Invocation& in) {
  if (!in.process->output) return in.answer(fail(ErrorCode::EIO_, "PRINT: there is no standard output"));
  in.process->set_state(ProcessState::kWaiting);
  in.pending->set_deadline(in.deadline, "PRINT: the reader took nothing until the deadline");
  in.process->output->write_line(in.arg(0), in.pending);
}

void input(const Invocation& in) {
  if (!in.process->input) return in.answer(fail(ErrorCode::EIO_, "INPUT: there is no standard input"));
  in.process->set_state(ProcessState::kWaiting);
  in.pending->set_deadline(in.deadline, "INPUT: no line until the deadline");
  if (!in.has(0) || !in.process->output) return in.process->input->read_line(in.pending);
  auto prompted = std::make_shared<PendingCall>(in.kernel.runtime(), [in](Outcome outcome) {
    if (!outcome.reply) return in.answer(std::move(outcome.reply));
    in.process->input->read_line(in.pending);
  });
  in.process->output->write_line(in.arg(0), std::move(prompted));
}

void open(const Invocation& in) {
  Result<int> handle = in.process->files.open(in.arg(0), in.arg(1));
  if (!handle) return in.answer(std::unexpected(handle.error()));
  in.answer(std::to_string(*handle));
}

Result<std::shared_ptr<OpenFile>> file_of(const Invocation& in) {
  const int64_t handle = TRY(in.integer(0, 0, INT32_MAX));
  return in.process->files.find(static_cast<int>(handle));
}

void read(const Invocation& in) {
  auto file = file_of(in);
  const Result<int64_t> n = in.integer(1, 1, PHI_CELL_MAX);
  if (!file) return in.answer(std::unexpected(file.error()));
  if (!n) return in.answer(std::unexpected(n.error()));
  auto buffer = std::make_shared<std::string>(static_cast<size_t>(*n), '\0');
  in.kernel.runtime().async_read(
      (*file)->fd(), std::as_writable_bytes(std::span(*buffer)), (*file)->offset(), in.deadline,
      [in, file = *file, buffer](Result<size_t> got) {
        if (!got) return in.answer(std::unexpected(got.error()));
        buffer->resize(*got);
        // A character cut at the end of the buffer is left for the next read.
        size_t whole = buffer->size();
        while (whole > 0 && buffer->size() - whole < 4 &&
               !is_utf8(std::string_view(*buffer).substr(0, whole)))
          whole--;
        buffer->resize(is_utf8(std::string_view(*buffer).substr(0, whole)) ? whole : buffer->size());
        if (!is_utf8(*buffer))
          return in.answer(fail(ErrorCode::EINVAL_,
                                fmt::format("io_read: the file is not UTF-8 near byte {}", file->offset())));
        file->advance(buffer->size());
        in.answer(std::move(*buffer));
      });
}

void write(const Invocation& in) {
  auto file = file_of(in);
  if (!file) return in.answer(std::unexpected(file.error()));
  auto text = std::make_shared<std::string>(in.arg(1));
  in.kernel.runtime().async_write(
      (*file)->fd(), std::as_bytes(std::span(*text)), (*file)->offset(), in.deadline,
      [in, file = *file, text](Result<size_t> written) {
        if (!written) return in.answer(std::unexpected(written.error()));
        if (*written < text->size())
          return in.answer(fail(ErrorCode::EIO_, "io_write: the disk took only a part"));
        file->advance(*written);
        in.answer();
      });
}

void close(const Invocation& in) {
  const Result<int64_t> handle = in.integer(0, 0, INT32_MAX);
  if (!handle) return in.answer(std::unexpected(handle.error()));
  if (Status closed = in.process->files.close(static_cast<int>(*handle)); !closed)
    return in.answer(std::unexpected(closed.error()));
  in.answer();
}

}  // namespace

Handler io_handler(Sys call) {
  switch (call) {
    case Sys::io_print:
      return print;
    case Sys::io_input:
      return input;
    case Sys::io_open:
      return open;
    case Sys::io_read:
      return read;
    case Sys::io_write:
      return write;
    case Sys::io_close:
      return close;
    default:
      return nullptr;
  }
}

}  // namespace phios
