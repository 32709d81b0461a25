// READ WRITE MOV COPY DEL LIST CAS ADD: cells.
#include <fmt/core.h>

#include "kernel/proc/cell_space.h"
#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

// The completion of a durable write: "" is no word.
DurableCells::Done durable_done(const Invocation& in) {
  return [pending = in.pending](Result<std::string> value) {
    if (!value) return pending->answer(std::unexpected(value.error()));
    pending->answer(value->empty() ? Reply{} : Reply{{std::move(*value)}});
  };
}

// Answers for a call on a private or shared store, and keeps the budget of cells. A write past the budget is
// undone by `undo`.
void finish_write(const Invocation& in, Status status, const std::string& written, std::string word = {}) {
  if (!status) return in.answer(std::unexpected(status.error()));
  if (Status charged = charge_cells(*in.process); !charged) {
    (void)in.process->cells->erase(written);
    return in.answer(std::unexpected(charged.error()));
  }
  if (word.empty()) return in.answer();
  in.answer(std::move(word));
}

// A source is read: that needs the right to read it, a move the right to write it too.
Status check_source(const Invocation& in, const std::string& src, bool moves) {
  for (const std::string_view verb : {"mem:read:", "mem:write:"}) {
    if (verb == "mem:write:" && !moves) break;
    const std::string right = std::string(verb) + src;
    if (!in.process->rights.covers(right))
      return fail(ErrorCode::EPERM_, fmt::format("{}: needs the right {}", in.call.spec->text, right));
  }
  return {};
}

void read(const Invocation& in) {
  Result<std::string> value = read_cell(*in.process, in.arg(0));
  if (!value) return in.answer(std::unexpected(value.error()));
  in.answer(std::move(*value));
}

void write(const Invocation& in) {
  if (CellStore* store = cell_store(*in.process, in.arg(0)))
    return finish_write(in, store->write(in.arg(0), in.arg(1)), in.arg(0));
  Result<DurableCells*> durable = durable_cells(*in.process);
  if (!durable) return in.answer(std::unexpected(durable.error()));
  (*durable)->write(in.arg(0), in.arg(1), durable_done(in));
}

void erase(const Invocation& in) {
  if (CellStore* store = cell_store(*in.process, in.arg(0)))
    return finish_write(in, store->erase(in.arg(0)), in.arg(0));
  Result<DurableCells*> durable = durable_cells(*in.process);
  if (!durable) return in.answer(std::unexpected(durable.error()));
  (*durable)->erase(in.arg(0), durable_done(in));
}

// Between two stores dst is written first: a crash between the two leaves both, never none.
void transfer_across(const Invocation& in, bool moves) {
  const std::string& dst = in.arg(0);
  const std::string& src = in.arg(1);
  Result<std::string> value = read_cell(*in.process, src);
  if (!value) return in.answer(std::unexpected(value.error()));
  Result<DurableCells*> durable = durable_cells(*in.process);
  CellStore* dst_store = cell_store(*in.process, dst);
  CellStore* src_store = cell_store(*in.process, src);
  if ((!dst_store || !src_store) && !durable) return in.answer(std::unexpected(durable.error()));
  if (!dst_store) {
    const ProcessRef process = in.process;
    (*durable)->write(dst, *value,
                      [process, src_store, src, moves, pending = in.pending](Result<std::string> written) {
                        if (!written) return pending->answer(std::unexpected(written.error()));
                        if (moves) (void)src_store->erase(src);
                        (void)charge_cells(*process);
                        pending->answer(Reply{});
                      });
    return;
  }
  if (Status written = dst_store->write(dst, *value); !written)
    return in.answer(std::unexpected(written.error()));
  if (moves && !src_store) return (*durable)->erase(src, durable_done(in));
  if (moves) (void)src_store->erase(src);
  finish_write(in, {}, dst);
}

void transfer(const Invocation& in, bool moves) {
  const std::string& dst = in.arg(0);
  const std::string& src = in.arg(1);
  if (Status allowed = check_source(in, src, moves); !allowed)
    return in.answer(std::unexpected(allowed.error()));
  if (cell_kind(dst) != cell_kind(src)) return transfer_across(in, moves);
  if (CellStore* store = cell_store(*in.process, dst)) {
    return finish_write(in, moves ? store->move(dst, src) : store->copy(dst, src), dst);
  }
  Result<DurableCells*> durable = durable_cells(*in.process);
  if (!durable) return in.answer(std::unexpected(durable.error()));
  if (moves) return (*durable)->move(dst, src, durable_done(in));
  (*durable)->copy(dst, src, durable_done(in));
}

void move(const Invocation& in) { transfer(in, true); }
void copy(const Invocation& in) { transfer(in, false); }

void list(const Invocation& in) {
  size_t limit = PHI_CELLS_MAX;
  if (in.has(1)) {
    const Result<int64_t> given = in.integer(1, 0, PHI_CELLS_MAX);
    if (!given) return in.answer(std::unexpected(given.error()));
    limit = static_cast<size_t>(*given);
  }
  const std::string& prefix = in.arg(0);
  if (CellStore* store = cell_store(*in.process, prefix)) return in.answer(Reply{store->list(prefix, limit)});
  Result<DurableCells*> durable = durable_cells(*in.process);
  if (!durable) return in.answer(std::unexpected(durable.error()));
  Result<std::vector<std::string>> names = (*durable)->list(prefix, limit);
  if (!names) return in.answer(std::unexpected(names.error()));
  in.answer(Reply{std::move(*names)});
}

void cas(const Invocation& in) {
  if (CellStore* store = cell_store(*in.process, in.arg(0))) {
    Result<bool> swapped = store->compare_and_swap(in.arg(0), in.arg(1), in.arg(2));
    if (!swapped) return in.answer(std::unexpected(swapped.error()));
    return finish_write(in, {}, in.arg(0), *swapped ? "1" : "0");
  }
  Result<DurableCells*> durable = durable_cells(*in.process);
  if (!durable) return in.answer(std::unexpected(durable.error()));
  (*durable)->compare_and_swap(in.arg(0), in.arg(1), in.arg(2), durable_done(in));
}

void add(const Invocation& in) {
  if (CellStore* store = cell_store(*in.process, in.arg(0))) {
    Result<std::string> sum = store->add(in.arg(0), in.arg(1));
    if (!sum) return in.answer(std::unexpected(sum.error()));
    return finish_write(in, {}, in.arg(0), std::move(*sum));
  }
  Result<DurableCells*> durable = durable_cells(*in.process);
  if (!durable) return in.answer(std::unexpected(durable.error()));
  (*durable)->add(in.arg(0), in.arg(1), durable_done(in));
}

}  // namespace

Handler mem_handler(Sys call) {
  switch (call) {
    case Sys::mem_read:
      return read;
    case Sys::mem_write:
      return write;
    case Sys::mem_move:
      return move;
    case Sys::mem_copy:
      return copy;
    case Sys::mem_delete:
      return erase;
    case Sys::mem_list:
      return list;
    case Sys::mem_cas:
      return cas;
    case Sys::mem_add:
      return add;
    default:
      return nullptr;
  }
}

}  // namespace phios
