#include "drivers/solver/smt_child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <z3++.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "drivers/solver/smt_reply.h"

namespace phios {

namespace {

using namespace smt;

// Sanitizers reserve far more address space than any limit; Z3's own bound holds there alone.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kBoundAddressSpace = false;
#else
constexpr bool kBoundAddressSpace = true;
#endif

constexpr size_t kMegabyte = 1 << 20;
// What libraries and the stack take of the address space beside Z3's heap.
constexpr size_t kOtherMemory = 96 * kMegabyte;

void limit(__rlimit_resource resource, rlim_t amount) {
  const rlimit both{amount, amount};
  ::setrlimit(resource, &both);
}

// A program can name files as its output channels: from here on none can be opened nor written. No child
// outlives the driver.
void confine(size_t memory_bytes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGXFSZ, SIG_IGN);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, 3);
  if (memory_bytes == 0) return;
  const size_t megabytes = std::max<size_t>(memory_bytes / kMegabyte, 1);
  z3::set_param("memory_max_size", static_cast<int>(std::min<size_t>(megabytes, 1 << 20)));
  if (kBoundAddressSpace) limit(RLIMIT_AS, memory_bytes + kOtherMemory);
}

int reply(std::string_view word, std::string_view detail) {
  std::string cut(detail.substr(0, kDetailMax));
  if (detail.size() > kDetailMax) cut += "…";
  std::cout << word << '\n' << cut << std::flush;
  return std::cout ? 0 : 1;
}

// Z3's "(error \"line 2 column 11: unknown constant y\")" or "unsupported\n; foo line: 1 position: 16" in our
// form, "" when the output has neither.
std::string complaint(const std::string& output) {
  constexpr std::string_view kError = "(error \"";
  if (const size_t at = output.find(kError); at != std::string::npos) {
    const size_t begin = at + kError.size();
    std::string text = output.substr(begin, output.find("\")", begin) - begin);
    unsigned line = 0;
    unsigned column = 0;
    int used = 0;
    if (std::sscanf(text.c_str(), "line %u column %u: %n", &line, &column, &used) == 2 && used > 0) {
      return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + text.substr(used);
    }
    return text;
  }
  constexpr std::string_view kUnsupported = "unsupported\n; ";
  if (const size_t at = output.find(kUnsupported); at != std::string::npos) {
    std::istringstream words(output.substr(at + kUnsupported.size()));
    std::string command, skip, line, column;
    words >> command >> skip >> line >> skip >> column;
    return "line " + line + ", column " + column + ": not supported: " + command;
  }
  return {};
}

bool is_verdict(std::string_view line) { return line == kSat || line == kUnsat || line == kUnknown; }

// The last verdict in an output, and the output without its verdicts.
std::pair<std::string, std::string> split_verdict(const std::string& output) {
  std::string verdict;
  std::string rest;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (is_verdict(line)) {
      verdict = line;
    } else {
      rest += line + '\n';
    }
  }
  return {verdict, rest};
}

std::string evaluate(z3::context& context, const std::string& commands) {
  return Z3_eval_smtlib2_string(context, commands.c_str());
}

int failed(const std::string& what) {
  const bool memory = what.find("memory") != std::string::npos;
  return memory ? reply(kOutOfMemory, what) : reply(kFailed, what);
}

int solve(const std::string& program) {
  z3::context context;
  // Errors come as text in the output, with their place.
  context.set_enable_exceptions(false);
  Z3_set_error_handler(context, nullptr);
  std::string output = evaluate(context, program);
  if (const std::string what = complaint(output); !what.empty()) {
    return what.starts_with("line ") ? reply(kParseError, what) : failed(what);
  }
  auto [verdict, detail] = split_verdict(output);
  if (verdict.empty()) {
    output = evaluate(context, "(check-sat)");
    if (const std::string what = complaint(output); !what.empty()) return failed(what);
    verdict = split_verdict(output).first;
  }
  if (verdict == kUnknown) {
    const std::string reason = evaluate(context, "(get-info :reason-unknown)");
    if (reason.find("out of memory") != std::string::npos) return failed("out of memory");
    if (detail.empty()) detail = reason;
  }
  if (verdict == kSat && detail.empty()) {
    detail = evaluate(context, "(get-model)");
    if (!complaint(detail).empty()) detail.clear();
  }
  if (verdict.empty()) return failed("no answer");
  return reply(verdict, detail);
}

}  // namespace

int solver_child_main(size_t memory_bytes) {
  try {
    confine(memory_bytes);
    const std::string program{std::istreambuf_iterator<char>(std::cin), {}};
    return solve(program);
  } catch (const z3::exception& e) {
    return failed(e.msg());
  } catch (const std::bad_alloc&) {
    return failed("out of memory");
  } catch (const std::exception& e) {
    return failed(e.what());
  }
}

int solver_child_main(int argc, char** argv) {
  size_t memory_bytes = 0;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (!word.starts_with(kMemoryFlag)) continue;
    word.remove_prefix(kMemoryFlag.size());
    std::from_chars(word.data(), word.data() + word.size(), memory_bytes);
  }
  const int code = solver_child_main(memory_bytes);
  // Nothing is torn down: the process is done, and what runs at exit (a leak check) may need what its limits
  // forbid.
  std::fflush(nullptr);
  _exit(code);
}

}  // namespace phios
