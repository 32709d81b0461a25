// Needles and chains in long contexts, recalled by the constructed induction model: its prompt is computed
// once under the policy, and every question goes on from a fork of it.
#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "drivers/api/model.h"
#include "drivers/model/native/induction_model.h"
#include "drivers/model/native/random_model.h"
#include "kernel/boot/cmd/abilities.h"
#include "kernel/boot/system.h"
#include "kernel/proc/decoder.h"
#include "kernel/proc/kernel.h"

namespace phios::abilities {

namespace {

constexpr size_t kAtATime = 32;
constexpr uint32_t kQuestion = PHI_PAGE_TOKENS;  // tokens kept free for a question and its answer
constexpr size_t kPassages = 2;                  // that RETRIEVE gives
constexpr uint32_t kPassage = 96;                // words of a document

// Words by what they are for, so that a needle's key stands once in a haystack.
constexpr uint32_t kChainWords = 512, kFillerWords = 1024;

using Listener = Decoder::Listener;

// Waits for one stop.
class Stopped final : public Listener {
 public:
  void on_stop(Decoder& decoder, Decoder::Stop stop) override {
    if (stop == Decoder::Stop::kError) error_ = decoder.error();
    failed_ = stop == Decoder::Stop::kError;
    waiter_.wake();
  }
  Status await() {
    waiter_.await();
    return failed_ ? Status(std::unexpected(error_)) : Status();
  }

 private:
  Waiter waiter_;
  Error error_;
  bool failed_ = false;
};

// A context that goes on by so many tokens, and what they are.
class Continuation final : private Listener {
 public:
  explicit Continuation(std::unique_ptr<Decoder> decoder) : decoder_(std::move(decoder)) {}
  void start(std::span<const Token> asked, uint32_t n) {
    decoder_->context().append(asked, Origin::kPrompt, {});
    from_ = decoder_->context().size();
    decoder_->start(*this, Decoder::Mode::kDecode, n);
  }
  bool done() const { return done_.load(std::memory_order_acquire); }
  const std::vector<Token>& said() const { return said_; }  // fewer after an error

 private:
  void on_stop(Decoder& decoder, Decoder::Stop) override {
    said_.assign(decoder.context().tokens().begin() + from_, decoder.context().tokens().end());
    done_.store(true, std::memory_order_release);
  }

  std::unique_ptr<Decoder> decoder_;
  uint32_t from_ = 0;
  std::vector<Token> said_;
  std::atomic<bool> done_{false};
};

class Words {
 public:
  explicit Words(const Model& model) : model_(model) { n_ = (model.info().n_vocab - kByteVocabulary) / 2; }
  Token value(uint32_t word) const { return static_cast<Token>(kByteVocabulary + word); }
  Token key(uint32_t word) const { return static_cast<Token>(kByteVocabulary + n_ + word); }
  Token key_of(Token value) const { return value + static_cast<Token>(n_); }
  uint32_t size() const { return n_; }
  std::string text(std::span<const Token> tokens) const {
    std::string out;
    for (const Token token : tokens) out += model_.tokenizer().bytes(token);
    return out;
  }
  std::vector<Token> tokens(std::string_view text) const { return model_.tokenizer().encode(text, false); }
  Token bos() const { return model_.tokenizer().bos(); }

 private:
  const Model& model_;
  uint32_t n_;
};

struct Record {
  Token key, value;
};

// Filler, with records at every depth and links of chains strewn over it.
struct Haystack {
  std::vector<Token> tokens;
  std::array<std::vector<Record>, kDepths> needles;
  std::vector<std::vector<Token>> chains;  // a key, then the values that follow from it
};

class HaystackMaker {
 public:
  HaystackMaker(const Words& words, uint32_t length, const RecallOptions& options)
      : words_(words), random_(derive_seed(options.seed, length)), length_(length) {
    out_.tokens.push_back(words.bos());
    while (out_.tokens.size() < length)
      out_.tokens.push_back(words.value(kFillerWords + word(words.size() - kFillerWords)));
    put_needles(options.needles_per_depth);
    for (uint32_t i = 0; i < options.chains; ++i) put_chain(i);
  }
  Haystack take() { return std::move(out_); }

 private:
  uint32_t word(uint32_t n) { return static_cast<uint32_t>(random_.below(n)); }

  void put(uint32_t at, Record record) {
    out_.tokens[at] = record.key;
    out_.tokens[at + 1] = record.value;
    taken_.insert(at);
  }

  void put_needles(uint32_t per_depth) {
    uint32_t next = 0;
    const uint32_t last = length_ - 2 * per_depth;
    for (uint32_t depth = 0; depth < kDepths; ++depth) {
      const uint32_t at = 1 + static_cast<uint32_t>(uint64_t{last - 1} * depth / (kDepths - 1));
      for (uint32_t i = 0; i < per_depth; ++i, next += 2) {
        const Record record{words_.key(next), words_.value(next + 1)};
        put(at + 2 * i, record);
        out_.needles[depth].push_back(record);
      }
    }
  }

  // Places are anywhere, in any order: a link may stand before the one that leads to it.
  void put_chain(uint32_t chain) {
    const uint32_t first = kChainWords + chain * (kHops + 1);
    std::vector<Token> due = {words_.key(first)};
    for (uint32_t hop = 0; hop < kHops; ++hop) {
      uint32_t at = 0;
      do at = 1 + word(length_ - 2);
      while (is_taken(at));
      put(at, {words_.key(first + hop), words_.value(first + hop + 1)});
      due.push_back(words_.value(first + hop + 1));
    }
    out_.chains.push_back(std::move(due));
  }
  bool is_taken(uint32_t at) const {
    return taken_.contains(at) || taken_.contains(at + 1) || taken_.contains(at - 1);
  }

  const Words& words_;
  CaseRandom random_;
  const uint32_t length_;
  std::set<uint32_t> taken_;
  Haystack out_;
};

// A question: the token that is asked, and those that are due.
struct Asked {
  Token token;
  std::vector<Token> due;
};

class Bench {
 public:
  Bench(System& system, KvPolicyRef policy)
      : system_(system),
        services_(system.kernel().decode()),
        policy_(std::move(policy)),
        words_(system.model()),
        budget_(std::make_shared<Budget>(nullptr, Pid{})) {}

  Status measure(uint32_t length, const RecallOptions& options, Recall& out) {
    const Haystack hay = HaystackMaker(words_, length - kQuestion, options).take();
    const std::unique_ptr<Decoder> base = TRY(computed(hay.tokens));
    if (length == kBytesAt) out.bytes_per_token = bytes_per_token(base->context());

    NeedleRow row{length, {}};
    std::vector<Asked> asked;
    for (const auto& depth : hay.needles)
      for (const Record& r : depth) asked.push_back({r.key, {r.value}});
    const std::vector<bool> found = TRY(ask(asked, [&](size_t) { return base->fork(budget_, Pid{}, 0); }));
    for (size_t i = 0; i < found.size(); ++i) {
      row.at[i / options.needles_per_depth].add(found[i]);
      out.needle.add(found[i]);
    }
    out.needles.push_back(row);
    TRY(measure_retrieved(hay, asked, length, out));

    std::vector<Asked> chains;
    for (const std::vector<Token>& chain : hay.chains)
      chains.push_back({chain[0], {chain.begin() + 1, chain.end()}});
    for (const bool right : TRY(ask(chains, [&](size_t) { return base->fork(budget_, Pid{}, 0); })))
      out.chain.add(right);
    return {};
  }

 private:
  std::unique_ptr<Decoder> fresh() {
    auto decoder = std::make_unique<Decoder>(services_, budget_, Pid{});
    decoder->set_policy(policy_);
    return decoder;
  }

  // The whole context, and the policy applied behind its last page but one.
  Result<std::unique_ptr<Decoder>> computed(std::span<const Token> tokens) {
    auto decoder = fresh();
    GrammarSpec spec;
    spec.free_text = true;
    decoder->set_matcher(TRY(system_.kernel().masks().matcher(spec)));
    for (const auto part : {tokens.first(tokens.size() - 1), tokens.last(1)}) {
      decoder->context().append(part, Origin::kPrompt, {});
      Stopped stopped;
      decoder->start(stopped, Decoder::Mode::kPrefill);
      TRY(stopped.await());
    }
    return decoder;
  }

  double bytes_per_token(const Context& context) const {
    std::vector<uint32_t> pages;
    context.pages().numbers(pages);
    size_t bytes = 0;
    for (const uint32_t page : pages) {
      if (page == kNoPage || !is_resident(services_.frames.place(page))) continue;
      bytes += services_.frames.shape().frame_bytes(static_cast<KvTier>(services_.frames.place(page)));
    }
    return static_cast<double>(bytes) / context.computed();
  }

  template <class From>
  Result<std::vector<bool>> ask(const std::vector<Asked>& asked, From&& from) {
    std::vector<std::unique_ptr<Continuation>> running(asked.size());
    std::vector<bool> right(asked.size());
    run_batch({asked.size(), kAtATime,
               [&](size_t i) {
                 running[i] = std::make_unique<Continuation>(from(i));
                 running[i]->start({&asked[i].token, 1}, static_cast<uint32_t>(asked[i].due.size()));
               },
               [&](size_t i) {
                 if (!running[i]->done()) return false;
                 right[i] = running[i]->said() == asked[i].due;
                 running[i].reset();
                 return true;
               },
               "questions"});
    return right;
  }

  // Each question behind the passage that RETRIEVE finds for it, in place of the haystack.
  Status measure_retrieved(const Haystack& hay, const std::vector<Asked>& asked, uint32_t length,
                           Recall& out) {
    RetrievalDriver& retrieval = *system_.kernel().parts().retrieval;
    const std::string collection = fmt::format("haystack-{}", length);
    std::vector<Document> documents;
    const std::span<const Token> all = std::span(hay.tokens).subspan(1);
    for (size_t at = 0; at < all.size(); at += kPassage - 1)  // no record is cut in two
      documents.push_back(
          {fmt::format("{}", at), words_.text(all.subspan(at, std::min<size_t>(kPassage, all.size() - at)))});
    TRY(await_result<size_t>([&](auto done) { retrieval.index(collection, documents, std::move(done)); }));
    std::vector<std::unique_ptr<Decoder>> contexts;
    for (const Asked& one : asked) {
      const auto passages = TRY(await_result<std::vector<Passage>>([&](auto done) {
        retrieval.retrieve({collection, words_.text({&one.token, 1}), kPassages}, std::move(done));
      }));
      std::vector<Token> tokens = {words_.bos()};
      for (const Passage& passage : passages) {
        const std::vector<Token> text =
            words_.tokens(passage.text.starts_with(' ') ? passage.text : " " + passage.text);
        tokens.insert(tokens.end(), text.begin(), text.end());
      }
      if (tokens.size() < 2) tokens.push_back(words_.bos());
      contexts.push_back(TRY(computed(tokens)));
    }
    for (const bool right : TRY(ask(asked, [&](size_t i) { return std::move(contexts[i]); })))
      out.retrieved.add(right);
    return {};
  }

  System& system_;
  DecodeServices& services_;
  KvPolicyRef policy_;
  Words words_;
  std::shared_ptr<Budget> budget_;
};

}  // namespace

Result<Recall> measure_recall(System& system, const KvPolicyRef& policy, const RecallOptions& options) {
  Recall out;
  Bench bench(system, policy);
  for (const uint32_t length : options.lengths) {
    if (length < kWindowsInContext * policy->window) continue;
    TRY(bench.measure(length, options, out));
  }
  return out;
}

}  // namespace phios::abilities
