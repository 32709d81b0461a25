// Arbitrary bytes as a frame, a reply, a tool call, a form and a right: nothing crashes, and what is
// understood is understood again after it has been printed.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "syscalls/codec/grammar.h"
#include "syscalls/codec/text.h"

namespace {

using namespace phios;

constexpr std::string_view kForm = "form:";    // what follows is a form
constexpr std::string_view kRight = "right:";  // … a right

void require(bool holds) {
  if (!holds) std::abort();
}

void fuzz_frame(std::string_view text) {
  const Result<Call> call = parse_call(text);
  if (!call) return;
  const std::string printed = print_call(*call);
  require(printed.find(kMarkerOpen) == std::string::npos);
  // Printing may need more bytes than were read: "\b" becomes "\u0008".
  if (printed.size() <= PHI_FRAME_MAX) require(parse_call(printed) == *call);
  if (!check_call(*call)) return;
  const Result<Call> json = parse_tool_json(print_tool_json(*call));
  require(json && *json == *call);
}

void fuzz_reply(std::string_view text) {
  const auto reply = parse_reply(text);
  if (!reply) return;
  const auto again = parse_reply(print_reply(*reply));
  require(again.has_value() && again->has_value() == reply->has_value());
  require(*reply ? (*again)->words == (*reply)->words : again->error().message == reply->error().message);
}

void fuzz_tool_json(std::string_view text) {
  const Result<Call> call = parse_tool_json(text);
  if (call) require(parse_tool_json(print_tool_json(*call)) == *call);
}

void fuzz_form(std::string_view form) {
  GrammarSpec spec;
  spec.rights = RightSet::all();
  spec.labels = {"a", "loop"};
  spec.form = {std::string(form)};
  const auto grammar = Grammar::compile(spec);
  if (grammar) require(parse_call((*grammar)->completion((*grammar)->start(0))).has_value());
}

void fuzz_right(std::string_view right) {
  const Result<RightSet> set = RightSet::parse({std::string(right)});
  if (!set) return;
  const Result<RightSet> again = RightSet::parse(set->list());
  require(again && again->list() == set->list() && set->subset_of(*again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with(kForm)) {
    fuzz_form(text.substr(kForm.size()));
  } else if (text.starts_with(kRight)) {
    fuzz_right(text.substr(kRight.size()));
  } else {
    fuzz_frame(text);
    fuzz_reply(text);
    fuzz_tool_json(text);
  }
  return 0;
}
