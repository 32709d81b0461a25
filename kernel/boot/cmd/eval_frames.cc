// eval frames: whatever the weights are, what comes out under the grammar are valid frames, and each is
// dispatched to a result or an error.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "kernel/boot/cmd/eval.h"
#include "kernel/boot/cmd/frame_probe.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"
#include "kernel/proc/native_body.h"
#include "syscalls/codec/text.h"

namespace phios {

namespace {

constexpr size_t kTextsPerFrame = 20;  // contexts tried for a frame, at most
constexpr Nanos kCallTime = 20 * kMillisecond;

struct FramesOptions {
  size_t n = 10000, window = 64;
  uint64_t seed = 7;
  float temperature = 1.0f;
};

// Calls that would wait, end others, or leave something behind on this machine are made with the rights of a
// process that lacks them: they are answered EPERM.
const std::vector<std::string> kRights = {"mem:read", "mem:write:a*", "chan",         "ctx",
                                          "io:out",   "drv:tool",     "drv:retrieve", "drv:solve"};

struct Emitted {
  std::vector<std::string> frames;
  size_t texts = 0;     // contexts that were decoded
  size_t ended = 0;     // by the model's end of text, which is always admitted where a frame may begin
  size_t cut = 0;       // by the end of the context, in the middle of a frame: its process gets ELIMIT
  size_t unclosed = 0;  // another error, or no end within the bound of a frame
};

// Decodes fresh contexts until there are n frames.
Result<Emitted> collect_frames(System& system, const FramesOptions& options) {
  auto budget = std::make_shared<Budget>(nullptr, Pid{});
  isa::Case prompt;
  prompt.labels = {"one", "two"};
  Emitted out;
  Status started;
  while (started && out.frames.size() < options.n && out.texts < kTextsPerFrame * options.n) {
    const size_t wanted = options.n - out.frames.size();
    std::vector<std::unique_ptr<FrameProbe>> probes(wanted);
    const size_t base = out.texts;
    run_batch({wanted, options.window,
               [&](size_t i) {
                 probes[i] = std::make_unique<FrameProbe>(system, budget);
                 prompt.section = fmt::format("{}\n", base + i);
                 Status s = probes[i]->start(prompt, {.max_tokens = PHI_FRAME_MAX + 8,
                                                      .sampling = {.temperature = options.temperature},
                                                      .seed = derive_seed(options.seed, base + i)});
                 if (!s) started = std::move(s);
               },
               [&](size_t i) {
                 if (!started) return true;
                 if (!probes[i]->done()) return false;
                 if (probes[i]->out_of_context()) {
                   out.cut++;
                 } else if (!probes[i]->error().empty()) {
                   if (out.unclosed++ == 0) fmt::print(stderr, "unclosed: {}\n", probes[i]->error());
                 } else if (probes[i]->frame().empty()) {
                   out.ended++;
                 } else {
                   out.frames.push_back(probes[i]->frame());
                 }
                 probes[i].reset();
                 return true;
               },
               "frames"});
    out.texts += wanted;
  }
  TRY(started);
  return out;
}

struct Dispatched {
  std::map<std::string, size_t> answers;
  size_t refused = 0;  // by the parser
};

Result<Dispatched> dispatch_frames(Kernel& kernel, const std::vector<std::string>& frames) {
  SpawnSpec spec;
  spec.name = "frames";
  spec.rights = TRY(RightSet::parse(kRights));
  spec.output = make_null_output();
  const ProcessRef process = TRY(kernel.table().create(kernel.table().init(), std::move(spec)));
  process->set_body(std::make_shared<AttachedBody>());
  Dispatched out;
  for (const std::string& frame : frames) {
    const Result<Call> call = parse_call(frame);
    if (!call) {
      if (out.refused++ == 0) fmt::print(stderr, "refused: {}: {}\n", frame, call.error().message);
      continue;
    }
    auto answered = std::make_shared<std::pair<Waiter, Outcome>>();
    kernel.dispatcher().dispatch(process, *call, kernel.env().now() + kCallTime, [answered](Outcome outcome) {
      answered->second = std::move(outcome);
      answered->first.wake();
    });
    answered->first.await();
    const Outcome& outcome = answered->second;
    out.answers[outcome.reply ? "result" : std::string(error_name(outcome.reply.error().code))]++;
  }
  process->finish({});
  return out;
}

Result<int> run(const CommandContext& context, const FramesOptions& options) {
  auto system = TRY(System::open(context.config));
  const Emitted emitted = TRY(collect_frames(*system, options));
  const Dispatched dispatched = TRY(dispatch_frames(system->kernel(), emitted.frames));
  const nlohmann::ordered_json out = {{"frames", emitted.frames.size()},
                                      {"refused", dispatched.refused},
                                      {"texts", emitted.texts},
                                      {"ended_without", emitted.ended},
                                      {"cut", emitted.cut},
                                      {"unclosed", emitted.unclosed},
                                      {"answers", dispatched.answers}};
  fmt::print("{}\n", context.json ? out.dump() : out.dump(2));
  return dispatched.refused == 0 && emitted.unclosed == 0 && emitted.frames.size() == options.n ? 0
                                                                                                : kExitFailed;
}

}  // namespace

void add_eval_frames(Command eval, CommandContext& context) {
  auto o = std::make_shared<FramesOptions>();
  Command command =
      eval.command("frames", "under the grammar any weights emit valid frames (try --model random)");
  command.option("--n", o->n, "frames").show_default();
  command.option("--temp", o->temperature, "of the sampling").show_default();
  command.option("--case-seed", o->seed, "of the sampling").show_default();
  command.callback(command_callback(context, [o, &context] { return run(context, *o); }));
}

}  // namespace phios
