#include "kernel/proc/cell_space.h"

#include <fmt/core.h>

#include "kernel/proc/kernel.h"

namespace phios {

CellStore* cell_store(Process& process, std::string_view name) {
  switch (cell_kind(name)) {
    case CellKind::kPrivate:
      return process.cells.get();
    case CellKind::kShared:
      return &process.group->shared;
    case CellKind::kDurable:
      break;
  }
  return nullptr;
}

Result<DurableCells*> durable_cells(Process& process) {
  const Kernel::Parts& parts = process.kernel().parts();
  if (!parts.durable) return fail(ErrorCode::EIO_, fmt::format("no durable store: {}", parts.no_durable_why));
  return parts.durable;
}

Result<std::string> resolve_cell(Process& process, std::string_view operand) {
  if (!operand.starts_with('@')) {
    TRY(check_cell_name(operand));
    return std::string(operand);
  }
  const std::string_view pointer = operand.substr(1);
  TRY(check_cell_name(pointer));
  CellStore* store = cell_store(process, pointer);
  Result<std::string> name = store ? store->read(pointer) : TRY(durable_cells(process))->read(pointer);
  if (!name) return fail(name.error().code, fmt::format("{}: {}", operand, name.error().message));
  TRY(check_cell_name(*name));
  return name;
}

Result<std::string> read_cell(Process& process, std::string_view operand) {
  const std::string name = TRY(resolve_cell(process, operand));
  CellStore* store = cell_store(process, name);
  return store ? store->read(name) : TRY(durable_cells(process))->read(name);
}

Status charge_cells(Process& process) {
  const int64_t holds = static_cast<int64_t>(process.cells->size());
  if (holds > process.charged_cells)
    TRY(process.budget->charge(Resource::kCells, holds - process.charged_cells));
  if (holds < process.charged_cells) process.budget->refund(Resource::kCells, process.charged_cells - holds);
  process.charged_cells = holds;
  return {};
}

}  // namespace phios
