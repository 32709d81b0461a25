#include "kernel/boot/system.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "drivers/api/model.h"
#include "drivers/model/native/induction_model.h"
#include "drivers/model/native/native_model.h"
#include "drivers/model/native/random_model.h"
#include "drivers/model/null/null_model.h"
#include "drivers/retrieval/retrieval.h"
#include "drivers/solver/solvers.h"
#include "drivers/tool/tools.h"
#include "kernel/boot/embedded.h"
#include "kernel/boot/handles.h"
#include "kernel/boot/token_counts.h"
#include "kernel/proc/kernel.h"
#include "kernel/sched/batcher.h"
#include "syscalls/dispatch/dispatch.h"
#include "userland/lua/lua_loader.h"
#include "userland/prompt/prompt_loader.h"

namespace phios {

namespace {

constexpr uint64_t kDefaultKvBytes = uint64_t{1} << 30;  // reserved, touched only as it is used
constexpr uint64_t kMinFrames = 64, kMaxFrames = 1 << 20;

constexpr uint64_t kSwapFactor =
    4;  // the swap file by default, in KV memories; written only when they run out

// The swap file's transfers on the reactors.
class ReactorIo final : public SwapIo {
 public:
  explicit ReactorIo(std::unique_ptr<Runtime>& runtime) : runtime_(runtime) {}
  void read(int fd, std::span<std::byte> buffer, int64_t offset, Done done) override {
    runtime_->async_read(fd, buffer, offset, kNever, std::move(done));
  }
  void write(int fd, std::span<const std::byte> buffer, int64_t offset, Done done) override {
    runtime_->async_write(fd, buffer, offset, kNever, std::move(done));
  }

 private:
  std::unique_ptr<Runtime>& runtime_;
};

// How many pages the swap file takes.
uint32_t swap_slots(uint64_t frame_bytes, uint32_t frames, uint64_t swap_bytes) {
  const uint64_t bytes =
      swap_bytes == Config::kSwapByMemory ? kSwapFactor * frames * frame_bytes : swap_bytes;
  return static_cast<uint32_t>(std::min<uint64_t>(bytes / frame_bytes, kMaxFrames * kSwapFactor));
}

uint32_t frames_for(const ModelInfo& info, uint64_t kv_bytes) {
  const uint64_t frame = std::max<uint64_t>(info.kv.frame_bytes(), 64);
  const uint64_t bytes = kv_bytes != 0 ? kv_bytes : kDefaultKvBytes;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(bytes / frame, kv_bytes != 0 ? 1 : kMinFrames, kMaxFrames));
}

// "null:N": a vocabulary of N tokens.
Result<std::unique_ptr<Model>> open_null_model_of(std::string_view size) {
  NullOptions options;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), options.n_vocab);
  if (error != std::errc{} || end != size.data() + size.size())
    return fail(ErrorCode::EINVAL_, fmt::format("null:{}: a vocabulary's size is a number of tokens", size));
  return open_null_model(options);
}

}  // namespace

Result<std::unique_ptr<Model>> open_model(const std::string& name, uint32_t threads,
                                          uint32_t context_length) {
  const NativeOptions options{.threads = threads, .context_length = context_length};
  if (name == "null") return open_null_model({});
  if (name.starts_with("null:")) return open_null_model_of(std::string_view(name).substr(5));
  if (name.empty() || name == "nano") return open_native_model(embedded_model(), "phi-nano", options);
  if (name == "random") return open_native_model(make_random_model({}), "random", options);
  if (name == "induction") return open_native_model(make_induction_model({}), "induction", options);
  if (name == "shuffled") {
    const Gguf file = TRY(Gguf::parse(embedded_model(), "phi-nano"));
    return open_native_model(shuffle_weights(file, 1), "shuffled", options);
  }
  return open_native_model(name, options);
}

struct System::Parts {
  Config config;
  std::unique_ptr<SystemEnv> env;
  std::unique_ptr<Trace> trace;
  std::unique_ptr<Model> model;
  std::shared_ptr<const Vocabulary> vocabulary;
  std::unique_ptr<FramePool> frames;
  std::unique_ptr<PrefixTree> prefixes;
  ReactorIo disk{runtime};
  std::unique_ptr<SwapIo> swap_filter;
  std::unique_ptr<SwapFile> swap;
  std::unique_ptr<Pager> pager;
  std::unique_ptr<MaskTables> masks;
  std::unique_ptr<ProgramRegistry> programs;
  std::unique_ptr<DurableCells> durable;
  std::unique_ptr<ContextStore> contexts;
  std::unique_ptr<ToolDriver> tools;
  std::vector<Error> tool_problems;  // broken manifests; the other tools work
  std::unique_ptr<RetrievalDriver> retrieval;
  std::unique_ptr<SolverDriver> solvers;
  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<Batcher> batcher;
  std::unique_ptr<DecodeServices> decode;
  std::unique_ptr<SyscallDispatcher> dispatcher;
  std::unique_ptr<Kernel> kernel;
  phi_kernel handle{};

  nlohmann::json pages_json() const;
};

// Where pages are, and how often they moved.
nlohmann::json System::Parts::pages_json() const {
  constexpr std::array<const char*, kPlaces> kNames = {"f16", "int8", "int4", "int2", "swap", "lost"};
  nlohmann::json pages;
  for (size_t place = 0; place < kPlaces; ++place)
    pages[kNames[place]] = frames->count(static_cast<PagePlace>(place));
  const PagerStats s = pager->stats();
  pages["swapped_out"] = s.swapped_out;
  pages["swapped_in"] = s.swapped_in;
  pages["faults"] = s.faults;
  pages["dropped"] = s.dropped;
  pages["recomputed"] = s.recomputed;
  pages["retiered"] = s.retiered;
  pages["streamed"] = s.streamed;
  pages["io_errors"] = s.io_errors;
  return pages;
}

System::System() : parts_(std::make_unique<Parts>()) {}

Kernel& System::kernel() { return *parts_->kernel; }
Model& System::model() { return *parts_->model; }
Batcher& System::batcher() { return *parts_->batcher; }
const Config& System::config() const { return parts_->config; }

Result<std::unique_ptr<System>> System::open(const Config& config, const SwapFilter& swap_filter) {
  std::unique_ptr<System> system(new System());
  Parts& p = *system->parts_;
  p.config = config;
  if (p.config.home.empty()) p.config.home = TRY(default_home());
  TRY(make_home(p.config.home));
  const std::string& home = p.config.home;
  const uint32_t cores = std::max(std::thread::hardware_concurrency(), 1u);
  const uint32_t reactors = config.reactors != 0 ? config.reactors : cores;

  p.env = std::make_unique<SystemEnv>(config.seed);
  p.trace = std::make_unique<Trace>(*p.env, reactors);
  p.model =
      TRY(open_model(config.model, config.threads != 0 ? config.threads : cores, config.context_length));
  p.vocabulary = std::make_shared<const Vocabulary>(*p.model);
  const KvShape& kv = p.model->info().kv;
  const uint32_t frames = frames_for(p.model->info(), config.kv_bytes);
  const uint32_t slots = swap_slots(kv.frame_bytes(), frames, config.swap_bytes);
  p.frames = TRY(FramePool::create(kv, frames, slots));
  p.prefixes = std::make_unique<PrefixTree>(*p.frames);
  if (swap_filter) p.swap_filter = swap_filter(p.disk);
  SwapIo& swap_io = p.swap_filter ? *p.swap_filter : p.disk;
  if (slots > 0) p.swap = TRY(SwapFile::create(home, kv, slots, swap_io));
  p.pager = std::make_unique<Pager>(*p.env, *p.frames, *p.prefixes, p.swap.get());
  p.masks = std::make_unique<MaskTables>(p.vocabulary);

  std::vector<std::string> directories = config.program_path;
  directories.push_back(home + "/programs");
  p.programs = std::make_unique<ProgramRegistry>(std::move(directories), embedded_programs());
  p.tools = TRY(open_tools(*p.env, {home + "/tools"}, &p.tool_problems));
  p.solvers = TRY(open_solvers(*p.env));
  p.retrieval = TRY(open_retrieval(*p.env, home));
  std::string no_durable_why;
  if (auto durable = DurableCells::open(home + "/cells")) {
    p.durable = std::move(*durable);
  } else {
    no_durable_why = durable.error().message;
  }

  std::string no_contexts_why;
  const ContextModel saved_for{p.model->info().id, p.model->info().n_vocab};
  if (auto contexts = ContextStore::open(home + "/contexts", saved_for, {*p.frames, p.swap.get()})) {
    p.contexts = std::move(*contexts);
  } else {
    no_contexts_why = contexts.error().message;
  }

  RuntimeOptions runtime_options;
  runtime_options.reactors = reactors;
  runtime_options.allow_uring = config.allow_uring;
  p.runtime = TRY(Runtime::start(*p.env, *p.trace, runtime_options));
  p.batcher = std::make_unique<Batcher>(*p.env, *p.trace, *p.model);
  p.decode = std::make_unique<DecodeServices>(DecodeServices{*p.env, *p.runtime, *p.batcher, *p.model,
                                                             *p.vocabulary, *p.frames, *p.prefixes, *p.pager,
                                                             TRY(find_kv_policy(config.kv, true))});
  p.kernel = std::make_unique<Kernel>(
      Kernel::Parts{*p.env, *p.trace, *p.runtime, *p.decode, *p.masks, *p.programs, p.durable.get(),
                    p.tools.get(), p.retrieval.get(), p.solvers.get(), std::move(no_durable_why),
                    p.contexts.get(), std::move(no_contexts_why)});
  p.dispatcher = std::make_unique<SyscallDispatcher>();
  p.kernel->set_dispatcher(*p.dispatcher);
  p.handle.system = system.get();
  p.kernel->set_owner(&p.handle);
  p.kernel->table().make_init(make_fd_input(*p.runtime, 0, false), make_fd_output(*p.runtime, 1, false));
  TRY(system->add_loader(phi_prompt_loader()));
  TRY(system->add_loader(phi_lua_loader()));
  return system;
}

System::~System() {
  Parts& p = *parts_;
  if (p.kernel) p.kernel->table().shut_down(kShutDownTime);
  if (p.batcher) p.batcher->stop();
  p.contexts.reset();  // what it has queued may read and write the swap file, which the reactors do
  if (p.runtime) p.runtime->stop();
}

std::string System::stats_json() {
  const BatcherStats b = parts_->batcher->stats();
  const TokenCounts t = parts_->kernel->ended_counts();
  const RuntimeStats r = parts_->runtime->stats();
  const auto per = [](uint64_t sum, uint64_t n) {
    return n == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(n);
  };
  return nlohmann::json{{"tokens", t},
                        {"passes", b.passes},
                        {"positions", b.positions},
                        {"largest_batch", b.largest_batch},
                        {"mean_batch", per(b.sequences, b.passes)},
                        {"model_ns", b.model_ns},
                        {"kernel_ns", b.kernel_ns},
                        {"kernel_ns_per_token", per(b.kernel_ns, b.sequences)},
                        {"frames",
                         {{"all", parts_->frames->capacity()},
                          {"free", parts_->frames->free_frames()},
                          {"cached", parts_->prefixes->cached_frames()}}},
                        {"pages", parts_->pages_json()},
                        {"runtime",
                         {{"switches", r.switches},
                          {"steals", r.steals},
                          {"tasks", r.tasks},
                          {"fibers_started", r.fibers_started},
                          {"stack_high_water", r.stack_high_water},
                          {"io_uring", r.uring}}}}
      .dump();
}

void to_json(nlohmann::json& out, const TokenCounts& t) {
  out = {{"forwarded", t.forwarded}, {"prompt", t.prompt},     {"generated", t.generated},
         {"results", t.results},     {"reused", t.reused},     {"recomputed", t.recomputed},
         {"guessed", t.guessed},     {"rejected", t.rejected}, {"retracted", t.retracted}};
}

}  // namespace phios
