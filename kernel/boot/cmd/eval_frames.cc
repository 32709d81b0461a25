// eval frames: whatever the weights are, what comes out under the grammar are valid frames, and each is
// dispatched to a result or an error.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "kernel/boot/cmd/eval.h"
#include "kernel/boot/cmd/frame_probe.h"
#include "kernel/proc/native_body.h"
#include "syscalls/codec/text.h"

namespace phios {

namespace {

struct FramesOptions {
  size_t n = 10000, window = 64;
  uint64_t seed = 7;
  float temperature = 1.0f;
};

// Calls that would wait, end others, or leave something behind on this machine are made with the rights of a
// process that lacks them: they are answered EPERM.
const std::vector<std::string> kRights = {"mem:read", "mem:write:a*", "chan",         "ctx",
                                          "io:out",   "drv:tool",     "drv:retrieve", "drv:solve"};

Result<int> run(const CommandContext& context, const FramesOptions& options) {
  auto system = TRY(System::open(context.config));
  Kernel& kernel = system->kernel();
  auto budget = std::make_shared<Budget>(nullptr, Pid{});
  isa::Case prompt;
  prompt.labels = {"one", "two"};
  std::vector<std::unique_ptr<FrameProbe>> probes(options.n);
  std::vector<std::string> frames;
  size_t none = 0, refused = 0;
  Status started;
  run_batch({options.n, options.window,
             [&](size_t i) {
               probes[i] = std::make_unique<FrameProbe>(*system, budget);
               prompt.section = fmt::format("{}\n", i);
               if (Status s =
                       probes[i]->start(prompt, PHI_FRAME_MAX + 8, {.temperature = options.temperature},
                                        derive_seed(options.seed, i));
                   !s)
                 started = std::move(s);
             },
             [&](size_t i) {
               if (!started || !probes[i]->done()) return !started;
               if (!probes[i]->error().empty() || probes[i]->frame().empty())
                 none++;
               else
                 frames.push_back(probes[i]->frame());
               probes[i].reset();
               return true;
             },
             "frames"});
  TRY(started);
  std::map<std::string, size_t> answers;
  SpawnSpec spec;
  spec.name = "frames";
  spec.rights = TRY(RightSet::parse(kRights));
  spec.output = make_null_output();
  const ProcessRef process = TRY(kernel.table().create(kernel.table().init(), std::move(spec)));
  process->set_body(std::make_shared<AttachedBody>());
  for (const std::string& frame : frames) {
    const Result<Call> call = parse_call(frame);
    if (!call) {
      if (refused++ == 0) fmt::print(stderr, "refused: {}: {}\n", frame, call.error().message);
      continue;
    }
    auto answered = std::make_shared<std::pair<Waiter, Outcome>>();
    kernel.dispatcher().dispatch(process, *call, kernel.env().now() + 20 * kMillisecond,
                                 [answered](Outcome outcome) {
                                   answered->second = std::move(outcome);
                                   answered->first.wake();
                                 });
    answered->first.await();
    const Outcome& outcome = answered->second;
    answers[outcome.reply ? "result" : std::string(error_name(outcome.reply.error().code))]++;
  }
  process->finish({});
  const nlohmann::json out = {{"asked", options.n},
                              {"frames", frames.size()},
                              {"without", none},
                              {"refused", refused},
                              {"answers", answers}};
  fmt::print("{}\n", context.json ? out.dump() : out.dump(2));
  return refused == 0 && !frames.empty() ? 0 : kExitFailed;
}

}  // namespace

void add_eval_frames(CLI::App& eval, CommandContext& context) {
  auto o = std::make_shared<FramesOptions>();
  CLI::App* command =
      eval.add_subcommand("frames", "under the grammar any weights emit valid frames (try --model random)");
  command->add_option("--n", o->n, "frames")->capture_default_str();
  command->add_option("--temp", o->temperature, "of the sampling")->capture_default_str();
  command->add_option("--case-seed", o->seed, "of the sampling")->capture_default_str();
  command->callback(eval_callback(context, [o, &context] { return run(context, *o); }));
}

}  // namespace phios
