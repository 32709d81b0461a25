// The legal frames of a process as a regular expression: table ∩ rights ∩ labels, and the forms of prompt
// programs.
//
// Threads: pure functions. Errors: EPARSE_ with the column of the form.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "syscalls/codec/call.h"
#include "syscalls/codec/operands.h"
#include "syscalls/codec/regex.h"
#include "syscalls/codec/rights.h"
#include "syscalls/codec/slots.h"

namespace phios {

// The rows that may be emitted at all: with a text form, permitted, and JUMP only where there are labels.
std::vector<const CallSpec*> emittable_calls(const RightSet& rights, bool has_labels);

// A place of a frame for one of a section's words: what the word must be, and the scopes that it must be in.
struct OperandSlot {
  enum class Kind : uint8_t { kWord, kInteger, kBigInteger, kLabel };
  Kind kind = Kind::kWord;
  std::vector<std::string> scopes = {"*"};
  bool operator==(const OperandSlot&) const = default;
};

// Any frame of those rows. Optionals stand in the table's order, integers have at most 18 digits; where the
// rights give scopes, the argument that they are about is one of them.
RegexId frames_regex(RegexPool& pool, std::span<const CallSpec* const> rows, const RightSet& rights,
                     std::span<const std::string> labels);
// The same with a slot (slots.h) for each argument of the calls that stay inside the kernel; what goes to a
// driver the model composes.
RegexId frames_regex(RegexPool& pool, std::span<const CallSpec* const> rows, const RightSet& rights,
                     std::vector<OperandSlot>& slots);
// Those of a section's words, spelled as in a frame, that may stand in the slot.
std::vector<SlotWord> words_of_slot(const OperandSlot& slot, const Operands& operands,
                                    std::span<const std::string> labels);

// One frame of a form; see docs/formats/form.md.
Result<RegexId> parse_form(RegexPool& pool, std::string_view form, std::span<const std::string> labels);

}  // namespace phios
