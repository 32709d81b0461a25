// tour: the main job, shown: the standard program `solve` answers questions of five kinds, and every system
// call that the model emits is printed with the kernel's answer.
#include <fmt/color.h>
#include <fmt/core.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "drivers/api/model.h"
#include "kernel/boot/cmd/command.h"
#include "kernel/boot/cmd/job.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"

namespace phios {

namespace {

struct Stop {
  std::string_view kind, question;
};

constexpr Stop kStops[] = {
    {"arithmetic in words",
     "Nadia has 48 stamps. Her aunt gives her 27 more stamps. How many stamps does Nadia have now?"},
    {"a fact out of a document", "What is the capital of Varonia?"},
    {"a logic puzzle in words",
     "Every lorpus is a brimpus. Brimpuses are quiet. Each brimpus is a vempus. Vempuses are not sour. Dana "
     "is a lorpus. "
     "Is the following statement true or false? Dana is sour."},
    {"a stored program",
     "# start\nSet x to 3.\n# loop\nAdd -1 to x.\n# test\nJump to loop when x holds something.\n# end\nExit "
     "with done."},
    {"two documents and arithmetic", "How much higher is Mount Keld than Mount Orran?"},
};

const std::vector<Document> kDocuments = {
    {"varonia",
     "# Varonia\n\nVaronia is a small country on the northern coast. The capital of Varonia is Telmora. Its "
     "people fish and build ships."},
    {"keld", "# Mount Keld\n\nMount Keld is a mountain in Varonia. Mount Keld is 2310 m high."},
    {"orran", "# Mount Orran\n\nMount Orran is a mountain in Varonia. Mount Orran is 1840 m high."},
};

// Colour only where a person looks.
std::string dim(const std::string& text) {
  return isatty(STDOUT_FILENO) != 0 ? fmt::format(fmt::emphasis::faint, "{}", text) : text;
}

std::string one_line(std::string text, size_t most) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  if (text.size() > most) text = text.substr(0, most) + "...";
  return text;
}

// Shows a question's calls while they are made, or gathers them for its line of JSON.
class Guide {
 public:
  Guide(System& system, Job& job, bool json) : kernel_(system.kernel()), job_(job), json_(json) {
    kernel_.journal().add_reader();
    (void)kernel_.journal().read(cursor_, lost_);
  }
  ~Guide() { kernel_.journal().drop_reader(); }

  Result<bool> visit(const Stop& stop, size_t number) {
    if (!json_)
      fmt::print("\n{}. {}\n   {}\n", number, stop.kind, one_line(std::string(stop.question), 4 * kShown));
    std::fflush(stdout);
    calls_ = nlohmann::json::array();
    const TokenCounts before = kernel_.ended_counts();
    const Nanos began = kernel_.env().now();
    const phi_pid pid = TRY(job_.start("solve", {std::string(stop.question)}));
    const JobResult result = TRY(job_.wait(pid, [this] { show_calls(); }));
    show_calls();
    TokenCounts spent = kernel_.ended_counts();
    spent.forwarded -= before.forwarded;
    spent.generated -= before.generated;
    spent.reused -= before.reused;
    show_result(stop, result, spent, (kernel_.env().now() - began) / kMillisecond);
    return result.error.empty();
  }

 private:
  static constexpr size_t kShown = 100;  // columns of a call or an answer

  void show_calls() {
    for (const JournalEntry& e : kernel_.journal().read(cursor_, lost_)) {
      if (!e.by_model) continue;
      if (json_) {
        calls_.push_back(
            {{"pid", e.pid.value}, {"program", e.program}, {"call", e.call}, {"reply", e.reply}});
      } else {
        const std::string reply = e.no_return ? "" : dim(" = " + one_line(e.reply, kShown));
        fmt::print("   [{} {}] {}{}\n", e.pid.value, e.program, one_line(e.call, kShown), reply);
      }
    }
    std::fflush(stdout);
  }

  void show_result(const Stop& stop, const JobResult& result, const TokenCounts& spent, Nanos ms) const {
    if (json_) {
      const nlohmann::json line = {{"kind", stop.kind},
                                   {"question", stop.question},
                                   {"answer", result.value},
                                   {"error", result.error},
                                   {"calls", calls_},
                                   {"computed", spent.forwarded},
                                   {"generated", spent.generated},
                                   {"reused", spent.reused},
                                   {"ms", ms}};
      fmt::print("{}\n", line.dump());
      return;
    }
    fmt::print("   answer: {}\n   {}\n",
               result.error.empty() ? result.value : result.value + " (" + result.error + ")",
               dim(fmt::format("{} tokens computed, {} generated, {} reused, {} ms", spent.forwarded,
                               spent.generated, spent.reused, ms)));
  }

  Kernel& kernel_;
  Job& job_;
  bool json_;
  uint64_t cursor_ = 0, lost_ = 0;
  nlohmann::json calls_;
};

Result<int> tour(CommandContext context) {
  // The tour has a home of its own: its documents do not mix with the user's.
  if (context.config.home.empty()) context.config.home = TRY(default_home());
  context.config.home += "/tour";
  auto system = TRY(System::open(context.config));
  TRY(await_result<size_t>(
      [&](auto done) { system->kernel().parts().retrieval->index("default", kDocuments, std::move(done)); }));
  auto job = TRY(Job::attach(*system, "tour"));
  if (!context.json)
    fmt::print(
        "phios: {} ({} parameters) answers five questions. Each line is a system call that the model wrote, "
        "and what the kernel answered.\n",
        system->model().info().name, system->model().info().parameters);
  Guide guide(*system, *job, context.json);
  int status = 0;
  size_t number = 0;
  for (const Stop& stop : kStops)
    if (!TRY(guide.visit(stop, ++number))) status = kExitFailed;
  if (!context.json)
    fmt::print("\nNext: build/phios ask \"...\"   build/phios sh   build/phios --help   docs/tutorial.md\n");
  return status;
}

}  // namespace

void add_tour_command(Command app, CommandContext& context) {
  Command command =
      app.command("tour", "see the standard program solve answer five questions of different kinds");
  command.callback(command_callback(context, [&context] { return tour(context); }));
}

}  // namespace phios
