// Decoder: one context being computed and continued. The hot path: prepare → pass → on_logits: mask, sample,
// automaton, then straight into the next pass, or out of the batch with a reason.
//
// Ownership: owned by a prompt process or by a call of ctx_generate; owns its context. Threads: between
// start() and the listener's call the batcher has it; else its owner, one thread at a time. interrupt() from
// any. Errors: a Stop says why it left, error() what went wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/proc/backtrack.h"
#include "kernel/proc/budget.h"
#include "kernel/proc/context.h"
#include "kernel/proc/page_policy.h"
#include "kernel/proc/vocabulary.h"
#include "kernel/runtime/runtime.h"
#include "kernel/sched/batcher.h"
#include "kernel/sched/prompt_lookup.h"
#include "kernel/sched/sampler.h"
#include "mm/pager.h"
#include "syscalls/codec/grammar.h"

namespace phios {

// What every decoder of a kernel uses.
struct DecodeServices {
  Env& env;
  Runtime& runtime;
  Batcher& batcher;
  const Model& model;
  const Vocabulary& vocabulary;
  FramePool& frames;
  PrefixTree& prefixes;
  Pager& pager;
  KvPolicyRef policy;  // of contexts that choose none
};

enum class OutOfFrames : uint8_t { kWait, kFail };

// A context that was SAVEd, with the automaton's state; one out of a file has none, and goes on in its
// loader's.
struct SavedContext {
  Context context;
  std::optional<Matcher> matcher;
};

class Decoder final : public Sequence {
 public:
  enum class Mode : uint8_t { kDecode, kPrefill, kScore, kEmbed };
  enum class Stop : uint8_t {
    kFrame,        // a complete system call: frame()
    kSection,      // the form is complete
    kEndOfText,    // the model ended its text
    kMaxTokens,    // as many tokens as were asked for
    kComputed,     // kPrefill, kScore, kEmbed: all positions are computed
    kInterrupted,  // interrupt() was called
    kError,        // error(): a limit, no frames, a failed pass
  };
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_stop(Decoder& decoder, Stop stop) = 0;  // on a reactor; the decoder is the owner's again
  };

  static constexpr Nanos kFrameWaitMax =
      2 * kSecond;  // how long a decoder waits for frames while nothing can bring any
  static constexpr uint32_t kRedoneMax = 16;  // passes in a row that the disk fails

  Decoder(DecodeServices& services, std::shared_ptr<Budget> budget, Pid pid);
  ~Decoder() override;

  // A fork: the context is shared copy-on-write, the sampler goes on from `seed`.
  std::unique_ptr<Decoder> fork(std::shared_ptr<Budget> budget, Pid pid, uint64_t seed) const;

  Context& context() { return context_; }
  const Context& context() const { return context_; }
  Matcher& matcher() { return matcher_; }
  SamplerState& sampler() { return sampler_; }
  const std::string& frame() const { return matcher_.frame(); }
  const Error& error() const { return error_; }
  std::string& text() { return text_; }  // generated outside frames since the section began
  const std::vector<float>& numbers() const {
    return numbers_;
  }  // kScore: log probability of each token; kEmbed: the vector
  void set_matcher(Matcher matcher) { matcher_ = std::move(matcher); }
  void set_stop(std::vector<std::string> stop) {
    stop_texts_ = std::move(stop);
  }  // any of these ends the text, and is cut off
  void set_out_of_frames(OutOfFrames choice) { out_of_frames_ = choice; }
  void set_policy(KvPolicyRef policy);
  PagePolicy& policy() { return policy_; }
  // Guesses at most so many tokens in passes that have room, by prompt lookup, and fewer while they do not
  // come true: the same text, in fewer passes.
  void set_speculation(uint32_t guesses) { draft_.set_most(guesses); }
  void set_niceness(int niceness) { niceness_.store(niceness, std::memory_order_relaxed); }

  // Looks for whole pages of the context in the prefix tree. Call before start() when a prompt was appended.
  void reuse_prefix();
  // Makes the pages of the prompt known to others as they are computed, and takes those that others make
  // known before this context comes to them.
  void share_prefix_when_computed() { share_until_ = context_.size(); }
  // Appends what follows without a choice, and charges it. A frame may be complete by that: kFrame; else
  // kNone.
  Result<Matcher::Event> append_forced();
  // Tells the listener of a stop as if a pass had led to it: from a reactor, on no one's stack.
  void leave_with(Listener& listener, Stop stop);
  // Starts or goes on; the listener is called exactly once.
  void start(Listener& listener, Mode mode = Mode::kDecode, uint64_t max_tokens = UINT64_MAX);
  void interrupt() noexcept { interrupted_.store(true, std::memory_order_release); }
  void clear_interrupt() noexcept { interrupted_.store(false, std::memory_order_release); }
  void truncate(uint32_t n);
  void recompute_from(uint32_t n);               // as Context's
  void replace_context(const Context& context);  // LOAD
  // A call is under way that takes so long as a rule: what the pages do meanwhile is the pager's choice.
  void expect_wait(Nanos wait) { client_.expect_wait(wait, niceness()); }

 private:
  int niceness() const noexcept override { return niceness_.load(std::memory_order_relaxed); }
  uint32_t waiting() const noexcept override;
  uint32_t least() const noexcept override;
  uint32_t guesses() const noexcept override { return mode_ == Mode::kDecode ? draft_.next() : 0; }
  Next prepare(uint32_t room, bool last_resort, PassItem& item) noexcept override;
  Next on_logits(uint32_t position, std::span<float> logits) noexcept override;
  Next on_computed() noexcept override;
  void left() noexcept override;

  Next stop_with(Stop stop) noexcept;
  Next fail_with(Error error) noexcept;
  Next decide(uint32_t next, std::span<float> logits) noexcept;
  Next choose(std::span<float> logits) noexcept;
  Next go_back() noexcept;
  Next verify(uint32_t position, std::span<float> logits) noexcept;
  uint32_t guess(uint32_t most) noexcept;
  Next take(Token token) noexcept;
  Next redo_pass() noexcept;
  Next wait_for_frames(Pager::Admission admission, bool last_resort) noexcept;
  Pager::Admission make_room(uint32_t positions, bool last_resort) noexcept;
  Next recompute_lost(uint32_t room, bool last_resort, PassItem& item) noexcept;
  void fill(PassItem& item, std::span<const Token> tokens, uint32_t first, uint32_t pages) noexcept;
  Status charge_frames(uint32_t pages);
  uint64_t prefix_key() const { return services_.model.info().id ^ policy_.get()->id(); }
  void share_prefix();
  bool append_free_text(Token token);  // true: a stop text is complete

  DecodeServices& services_;
  std::shared_ptr<Budget> budget_;
  Context context_;
  Pager::Client client_;
  PagePolicy policy_;
  Matcher matcher_;
  SamplerState sampler_;
  Backtrack backtrack_;
  std::string text_;
  std::vector<std::string> stop_texts_;
  std::vector<KvSpan> view_;
  std::vector<int32_t> forced_;
  std::vector<Token> guessed_text_;  // of the present pass: what waited, then the guesses
  std::vector<float> numbers_;
  Error error_;
  Listener* listener_ = nullptr;
  struct PostTask : Task {
    Decoder* decoder = nullptr;
  } task_;
  Pid pid_;
  uint64_t tokens_left_ = UINT64_MAX;
  Nanos waits_for_frames_since_ = 0;
  uint32_t charged_frames_ = 0;
  uint32_t share_until_ = 0;
  uint32_t score_from_ = 0;
  uint32_t in_pass_ = 0;       // positions of the present pass
  uint32_t redone_ = 0;        // passes in vain since the last that computed what waits
  uint32_t guessed_ = 0;       // of them, at the end
  uint32_t verified_ = 0;      // the last of them that is right so far
  Next verdict_ = Next::kRun;  // of the present pass with guesses
  DraftLength draft_;
  bool recomputing_ = false;  // lost pages come before what waits
  bool frame_waits_ = false;  // it is complete, and its end has yet to be judged
  bool revives_ = false;      // the present pass computes such pages
  std::atomic<int> niceness_{0};
  std::atomic<bool> interrupted_{false};
  Mode mode_ = Mode::kDecode;
  Stop stop_ = Stop::kError;
  OutOfFrames out_of_frames_ = OutOfFrames::kWait;
};

}  // namespace phios
