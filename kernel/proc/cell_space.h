// The cells that a process sees: private ones, /shm/ ones of its group, /mem/ ones of the machine. Names
// become stores here and nowhere else.
//
// Threads: any. Errors: as mm/store/cells.h; EIO_ where there is no durable store.
#pragma once

#include <string>
#include <string_view>

#include "kernel/proc/process.h"
#include "mm/store/durable.h"

namespace phios {

// The store of a private or shared name; null for a durable one.
CellStore* cell_store(Process& process, std::string_view name);
Result<DurableCells*> durable_cells(Process& process);
// A cell operand: `@cell` is the name that stands in that cell (one step).
Result<std::string> resolve_cell(Process& process, std::string_view operand);
Result<std::string> read_cell(Process& process, std::string_view operand);
// Adjusts the process's budget of cells to what its private store holds; ELIMIT_ when that is too much.
Status charge_cells(Process& process);

}  // namespace phios
