// Choosing a resource, planning, and exact operations: the frames that the taught model writes when its
// question stands behind a context that the policy has compressed.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "drivers/api/model.h"
#include "kernel/boot/cmd/abilities.h"
#include "kernel/boot/cmd/frame_probe.h"
#include "kernel/boot/cmd/lone_sequence.h"
#include "kernel/boot/embedded.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"
#include "syscalls/codec/text.h"

namespace phios::abilities {

namespace {

constexpr size_t kAtATime = 32;
constexpr uint32_t kCaseMax = 512;  // tokens of a case behind what fills its context
constexpr size_t kAround = 24;      // tokens of a context beside its question
constexpr size_t kJudged = 20;      // cases whose frames are judged token by token

// One case, frame after frame: what is due, and what the frame that came leads to.
class Task {
 public:
  enum class Verdict { kRight, kWrong, kNext };  // kNext: reply() answers the frame, another is due
  virtual ~Task() = default;
  virtual Verdict take(const std::string& frame) = 0;
  const std::string& reply() const { return reply_; }
  isa::Case prompt;

 protected:
  std::string reply_;
};

std::string canonical(const std::string& frame) {
  const Result<Call> call = parse_call(frame);
  return call ? print_call(*call) : frame;
}

// A rule of the instruction set, and the decision behind a test.
class ExactTask final : public Task {
 public:
  Verdict take(const std::string& frame) override {
    if (canonical(frame) != canonical(due_)) return Verdict::kWrong;
    if (answer_.empty()) return Verdict::kRight;
    reply_ = std::exchange(answer_, {});
    due_ = decision_;
    return Verdict::kNext;
  }
  explicit ExactTask(isa::Case c) : due_(c.frame), answer_(c.answer), decision_(c.decision) {
    prompt = std::move(c);
  }

 private:
  std::string due_, answer_, decision_;
};

// The first call that a question leads to.
class ResourceTask final : public Task {
 public:
  ResourceTask(std::string_view question, std::string_view kind) : kind_(kind) {
    prompt.section = fmt::format("Question: {}\n", question);
  }
  Verdict take(const std::string& frame) override {
    return frame.starts_with(call_of(kind_)) ? Verdict::kRight : Verdict::kWrong;
  }

 private:
  static std::string_view call_of(std::string_view kind) {
    if (kind == "calc") return "TOOL calc";
    if (kind == "fact") return "RETRIEVE";
    if (kind == "parts") return "SPAWN solve";
    if (kind == "logic") return "EXEC logic";
    if (kind == "stored") return "EXEC stored";
    return "EXIT \"?\"";
  }
  std::string kind_;
};

// A question of two facts: two parts, both waited for, what they gave put together, and an answer.
class PlanTask final : public Task {
 public:
  PlanTask(std::string_view question, CaseRandom& random) : question_(question) {
    prompt.section = fmt::format("Question: {}\n", question);
    const int64_t first = random.between(2, 60);
    for (size_t i = 0; i < 2; ++i) {
      pids_[i] = std::to_string(first + static_cast<int64_t>(i));
      values_[i] = random.between(100, 9000);
    }
  }
  Verdict take(const std::string& frame) override {
    const size_t step = step_++;
    if (step < 2) {
      if (!frame.starts_with("SPAWN solve ") || frame == part_) return Verdict::kWrong;
      part_ = frame;
      return answer(pids_[step]);
    }
    if (step < 4) {
      if (frame != "WAIT " + pids_[step - 2]) return Verdict::kWrong;
      return answer(fmt::format("{} {}", pids_[step - 2], values_[step - 2]));
    }
    if (step == 4)
      return frame.starts_with("TOOL calc ") && calculate(frame) ? answer(result_) : Verdict::kWrong;
    return is_answer(frame) ? Verdict::kRight : Verdict::kWrong;
  }

 private:
  Verdict answer(std::string text) {
    reply_ = std::move(text);
    return Verdict::kNext;
  }
  // x - y or x + y of the two values, in either order.
  bool calculate(const std::string& frame) {
    for (const auto& [x, y] : {std::pair(values_[0], values_[1]), std::pair(values_[1], values_[0])}) {
      if (frame == fmt::format("TOOL calc \"{} - {}\"", x, y)) return result_ = std::to_string(x - y), true;
      if (frame == fmt::format("TOOL calc \"{} + {}\"", x, y)) return result_ = std::to_string(x + y), true;
    }
    return false;
  }
  // The number, or one of the two that the question names.
  bool is_answer(const std::string& frame) const {
    const Result<Call> call = parse_call(frame);
    if (!call || !frame.starts_with("EXIT ")) return false;
    std::string said = frame.substr(5);
    std::erase(said, '"');
    return said == result_ || (said.size() > 2 && question_.find(said) != std::string::npos);
  }

  std::string question_, part_, result_;
  std::array<std::string, 2> pids_;
  std::array<int64_t, 2> values_{};
  size_t step_ = 0;
};

// Earlier instructions and their answers, as many bytes of them as the context is to have tokens.
std::vector<isa::Before> padding(const isa::Set& set, CaseRandom& random, uint32_t bytes) {
  std::vector<isa::Before> out;
  size_t size = 0;
  while (size < bytes) {
    const std::string cell = isa::operand(set, random, "bare"), value = isa::operand(set, random, "bare");
    const isa::Before made = random.chance(0.5) ? isa::Before{fmt::format("Write {} to {}.\n", value, cell),
                                                              fmt::format("WRITE {} {}", cell, value), ""}
                                                : isa::Before{fmt::format("Read {}.\n", cell),
                                                              fmt::format("READ {}", cell), value};
    size += made.text.size() + made.frame.size() + made.reply.size() + 4;
    out.push_back(made);
  }
  return out;
}

using Tasks = std::vector<std::unique_ptr<Task>>;

// A case whose context stays shorter than the policy needs is not counted.
Result<Points> run_tasks(System& system, const KvPolicyRef& policy, Tasks tasks, const std::string& what) {
  auto budget = std::make_shared<Budget>(nullptr, Pid{});
  std::vector<std::unique_ptr<FrameProbe>> probes(tasks.size());
  Points points;
  Status failed;
  run_batch({tasks.size(), kAtATime,
             [&](size_t i) {
               probes[i] = std::make_unique<FrameProbe>(system, budget);
               Status s = probes[i]->start(tasks[i]->prompt, {.policy = policy, .goes_on = true});
               if (!s) failed = std::move(s);
             },
             [&](size_t i) {
               if (!failed) return true;
               if (!probes[i]->done()) return false;
               const Task::Verdict verdict =
                   probes[i]->error().empty() ? tasks[i]->take(probes[i]->frame()) : Task::Verdict::kWrong;
               if (verdict == Task::Verdict::kNext) {
                 Status s = probes[i]->go_on(tasks[i]->reply());
                 if (!s) failed = std::move(s);
                 return false;
               }
               if (probes[i]->context_size() >= kWindowsInContext * policy->window)
                 points.add(verdict == Task::Verdict::kRight);
               probes[i].reset();
               return true;
             },
             what});
  TRY(failed);
  return points;
}

struct Question {
  std::string text, kind;
};

std::vector<Question> questions(std::string_view lines) {
  std::vector<Question> out;
  for (size_t from = 0; from < lines.size();) {
    const size_t newline = std::min(lines.find('\n', from), lines.size());
    const auto record = nlohmann::json::parse(lines.substr(from, newline - from), nullptr, false);
    from = newline + 1;
    if (!record.is_discarded()) out.push_back({record.at("question"), record.at("kind")});
  }
  return out;
}

// n of them, evenly spread.
template <class T>
std::vector<T> spread(const std::vector<T>& all, size_t n) {
  std::vector<T> out;
  for (size_t i = 0; i < std::min(n, all.size()); ++i)
    out.push_back(all[i * all.size() / std::min(n, all.size())]);
  return out;
}

bool is_basic(const isa::Case& c) {
  constexpr std::array kBasic = {"MOV ", "COPY ", "JUMP ", "READ ", "WRITE "};
  return std::ranges::any_of(kBasic, [&](std::string_view op) { return c.name.starts_with(op); });
}

// How well the frames of the cases are foretold, each token by the bytes before it as the policy leaves them.
Result<double> frame_perplexity(System& system, const KvPolicyRef& policy,
                                const std::vector<isa::Case>& cases, uint32_t positions) {
  const Vocabulary& vocabulary = system.kernel().decode().vocabulary;
  const auto sequence = TRY(LoneSequence::make(system.model(), positions, policy));
  double nats = 0;
  uint64_t judged = 0;
  for (const isa::Case& c : cases) {
    std::vector<Token> tokens = vocabulary.opening(c.base, RightSet::all());
    const auto append = [&](const std::vector<Token>& more) {
      tokens.insert(tokens.end(), more.begin(), more.end());
    };
    for (const isa::Before& before : c.before) {
      append(vocabulary.request(before.text, false));
      append(FrameProbe::tokens_of(vocabulary, before.frame));
      append(vocabulary.result(before.reply));
    }
    append(vocabulary.request(c.section, false));
    const size_t first = tokens.size();
    append(FrameProbe::tokens_of(vocabulary, c.frame));
    sequence->clear();
    TRY(sequence->compute(tokens, true, [&](uint32_t position, std::span<float> logits) {
      if (position + 1 < first || position + 1 >= tokens.size()) return;
      nats += nats_of(logits, tokens[position + 1]);
      ++judged;
    }));
  }
  return std::exp(nats / static_cast<double>(std::max<uint64_t>(judged, 1)));
}

}  // namespace

Result<Frames> measure_frames(System& system, const KvPolicyRef& policy, const FramesOptions& options) {
  const isa::Set set = TRY(isa::load(embedded_isa()));
  Frames out;
  const uint32_t least = kWindowsInContext * policy->window;
  const uint32_t filled = std::max(options.context, least);
  if (filled + kCaseMax > system.model().info().context_length) return out;
  CaseRandom random(options.seed);

  Tasks exact, resource, plan;
  std::vector<isa::Case> cases = isa::make_cases(set, options.seed);
  std::erase_if(cases,
                [](const isa::Case& c) { return !is_basic(c) || !c.before.empty() || !c.base.empty(); });
  cases = spread(cases, options.cases);
  for (isa::Case& c : cases) {
    c.before = padding(set, random, filled);
    exact.push_back(std::make_unique<ExactTask>(c));
  }
  std::vector<Question> all = questions(embedded_eval_questions("inside"));
  std::vector<Question> parts = all, outside = questions(embedded_eval_questions("outside"));
  all.insert(all.end(), outside.begin(), outside.end());
  std::erase_if(all, [&](const Question& q) { return q.text.size() + kAround < least; });
  std::erase_if(parts, [](const Question& q) { return q.kind != "parts"; });
  for (const Question& q : spread(all, options.cases))
    resource.push_back(std::make_unique<ResourceTask>(q.text, q.kind));
  for (const Question& q : spread(parts, options.cases))
    plan.push_back(std::make_unique<PlanTask>(q.text, random));
  out.exact = TRY(run_tasks(system, policy, std::move(exact), "operations"));
  out.resource = TRY(run_tasks(system, policy, std::move(resource), "resources"));
  out.plan = TRY(run_tasks(system, policy, std::move(plan), "plans"));
  if (cases.size() > kJudged) cases.erase(cases.begin() + kJudged, cases.end());
  out.perplexity = TRY(frame_perplexity(system, policy, cases, filled + kCaseMax));
  return out;
}

Result<KvPolicyRef> policy_named(const std::string& name, uint32_t window) {
  KvPolicyRef found = TRY(find_kv_policy(name, true));
  if (name.find('@') != std::string::npos || window == found->window) return found;
  auto out = std::make_shared<KvPolicy>(*found);
  out->window = window;
  out->name += fmt::format("@{}", window);
  return out;
}

}  // namespace phios::abilities
