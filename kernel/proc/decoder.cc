#include "kernel/proc/decoder.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernel/sched/prompt_lookup.h"

namespace phios {

namespace {
// log softmax of one entry, in double: a sum over 150,000 floats.
float log_probability(std::span<const float> logits, Token token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x - largest));
  return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(token)] - largest) -
                            std::log(sum));
}
}  // namespace

Decoder::Decoder(DecodeServices& services, std::shared_ptr<Budget> budget, Pid pid)
    : services_(services),
      budget_(std::move(budget)),
      context_(services.frames),
      client_(services.pager, context_.pages()),
      policy_(services.policy),
      pid_(pid) {
  context_.pages().set_tag(static_cast<uint32_t>(policy_.get()->id()));
  task_.decoder = this;
  task_.run = [](Task* task) {
    Decoder& self = *static_cast<PostTask*>(task)->decoder;
    self.listener_->on_stop(self, self.stop_);
  };
}

Decoder::~Decoder() { budget_->refund(Resource::kFrames, charged_frames_); }

std::unique_ptr<Decoder> Decoder::fork(std::shared_ptr<Budget> budget, Pid pid, uint64_t seed) const {
  auto child = std::make_unique<Decoder>(services_, std::move(budget), pid);
  child->replace_context(context_);
  child->policy_ = policy_;
  child->context_.pages().set_tag(context_.pages().tag());
  child->matcher_ = matcher_;
  child->sampler_ = sampler_;
  child->sampler_.reseed(seed);
  child->text_ = text_;
  child->out_of_frames_ = out_of_frames_;
  child->draft_ = draft_;
  return child;
}

void Decoder::replace_context(const Context& context) {
  const TokenCounts counts = context_.counts();
  const Pager::Client::Change change(client_);
  context_ = context;
  policy_.truncate(0);
  context_.pages().set_tag(static_cast<uint32_t>(policy_.get()->id()));
  context_.count_from_zero();
  context_.counts() += counts;
}

void Decoder::set_policy(KvPolicyRef policy) {
  policy_.set(std::move(policy));
  context_.pages().set_tag(static_cast<uint32_t>(policy_.get()->id()));
}

void Decoder::recompute_from(uint32_t n) {
  const Pager::Client::Change change(client_);
  context_.recompute_from(n);
}

void Decoder::truncate(uint32_t n) {
  {
    const Pager::Client::Change change(client_);
    context_.truncate(n);
  }
  policy_.truncate(n);
  share_until_ = std::min(share_until_, n);
  if (context_.pages().pages() < charged_frames_) {
    budget_->refund(Resource::kFrames, charged_frames_ - context_.pages().pages());
    charged_frames_ = context_.pages().pages();
  }
}

void Decoder::reuse_prefix() {
  // One position at least is left to compute: its logits are what decoding goes on from.
  const std::span<const Token> tokens(context_.tokens());
  if (tokens.size() <= PHI_PAGE_TOKENS) return;
  std::vector<FrameRef> known = services_.prefixes.match(prefix_key(), tokens.first(tokens.size() - 1));
  // The newest window is to be as it would be here: what another context has compressed since is computed
  // anew.
  const auto is_cold = [&](const FrameRef& page) {
    const PagePlace place = services_.frames.place(page.index());
    return is_resident(place) && place != PagePlace::kF16;
  };
  while (!known.empty() && known.size() * PHI_PAGE_TOKENS + PHI_KV_WINDOW > tokens.size() &&
         is_cold(known.back()))
    known.pop_back();
  if (known.size() * PHI_PAGE_TOKENS <= context_.computed()) return;
  const Pager::Client::Change change(client_);
  context_.reuse(known);
}

void Decoder::share_prefix() {
  const uint32_t pages = std::min(share_until_, context_.computed()) / PHI_PAGE_TOKENS;
  if (context_.computed() >= share_until_) share_until_ = 0;
  if (pages == 0) return;
  std::vector<FrameRef> frames;
  frames.reserve(pages);
  for (uint32_t page = 0; page < pages && context_.pages().page(page) != kNoPage; page++)
    frames.push_back(context_.pages().frame(page));
  services_.prefixes.insert(prefix_key(), std::span(context_.tokens()).first(frames.size() * PHI_PAGE_TOKENS),
                            frames);
}

void Decoder::start(Listener& listener, Mode mode, uint64_t max_tokens) {
  listener_ = &listener;
  mode_ = mode;
  stop_ = Stop::kError;
  tokens_left_ = max_tokens;
  waits_for_frames_since_ = 0;
  error_ = {};
  numbers_.clear();
  score_from_ = context_.computed();
  services_.batcher.enqueue(*this);
}

uint32_t Decoder::waiting() const noexcept {
  return recomputing_ ? std::max(context_.size(), least())
                      : std::max(context_.size() - context_.computed(), 1u);
}

uint32_t Decoder::least() const noexcept { return recomputing_ ? PHI_PAGE_TOKENS : 1; }

Status Decoder::charge_frames(uint32_t pages) {
  if (pages > charged_frames_) {
    TRY(budget_->charge(Resource::kFrames, pages - charged_frames_));
    charged_frames_ = pages;
  }
  return {};
}

Pager::Admission Decoder::make_room(uint32_t positions, bool last_resort) noexcept {
  const bool streams = services_.pager.streams(client_);
  if (!streams && context_.pages().append(positions)) return Pager::Admission::kAdmitted;
  const uint32_t used = context_.computed() % PHI_PAGE_TOKENS;
  // The page that is begun counts too: it may be shared, and then has to be copied.
  const uint32_t pages = (used + positions + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS;
  const Pager::Admission room = services_.pager.make_room(client_, pages, last_resort);
  if (room != Pager::Admission::kAdmitted) return room;
  const uint32_t first = context_.computed();
  if (context_.pages().append(positions)) {
    if (!services_.pager.streams(client_) || services_.pager.open_stream(client_)) return room;
    context_.pages().truncate(first);
  }
  return Pager::Admission::kWait;  // someone else was quicker, or streams in this pass
}

Sequence::Next Decoder::wait_for_frames(Pager::Admission admission, bool last_resort) noexcept {
  const bool too_large = admission == Pager::Admission::kTooLarge;
  if (!too_large && admission != Pager::Admission::kStuck) {
    waits_for_frames_since_ = 0;
    return Next::kWait;
  }
  const Nanos now = services_.env.now();
  if (waits_for_frames_since_ == 0) waits_for_frames_since_ = now;
  // Of several that wait for one another one gives up, and the others wait for its frames.
  waits_for_frames_since_ = std::max(waits_for_frames_since_, services_.pager.left_at());
  const bool gave_up = too_large || (last_resort && now - waits_for_frames_since_ > kFrameWaitMax);
  if (out_of_frames_ == OutOfFrames::kWait && !gave_up) return Next::kWait;
  return fail_with({ErrorCode::ELIMIT_,
                    fmt::format("frames: all {} of the pool are in use; give the kernel more memory "
                                "(--kv-bytes) or a larger swap file (--swap-bytes), or choose a policy that "
                                "compresses (--kv)",
                                services_.frames.capacity())});
}

// Tokens from position `first` on, and the pages that they see.
void Decoder::fill(PassItem& item, std::span<const Token> tokens, uint32_t first, uint32_t pages) noexcept {
  view_.clear();
  context_.pages().view(view_, pages);
  in_pass_ = static_cast<uint32_t>(tokens.size());
  item.sequence = pid_.value;
  item.tokens = tokens;
  item.first_pos = first;
  item.kv = view_;
  item.attend_pages = policy_.get()->attend_pages();
  if (!recomputing_) item.masses = policy_.masses(pages);
  // Each row chooses its pages, so that those of several want nearly all.
  const bool few = item.attend_pages > 0 && in_pass_ == 1 && item.masses.empty();
  item.stream = services_.pager.attach_stream(client_, view_,
                                              few ? PageStream::Reads::kChosen : PageStream::Reads::kAll);
  context_.counts().forwarded += in_pass_;
  services_.pager.begin_pass(client_);
}

// Pages that neither memory nor disk holds any more are computed from their tokens, first to last.
Sequence::Next Decoder::recompute_lost(uint32_t room, bool last_resort, PassItem& item) noexcept {
  recomputing_ = true;
  if (room < PHI_PAGE_TOKENS) return Next::kWait;  // asks for more next time: waiting()
  uint32_t page = 0;
  const uint32_t most = std::min(room / PHI_PAGE_TOKENS, services_.pager.most_new_pages(client_));
  const uint32_t pages = services_.pager.revive(client_, most, page);
  if (pages == 0) return wait_for_frames(services_.pager.make_room(client_, 1, last_resort), last_resort);
  if (services_.pager.streams(client_) && !services_.pager.open_stream(client_)) {
    services_.pager.revived(client_, false);
    return wait_for_frames(services_.pager.make_room(client_, pages, last_resort), last_resort);
  }
  const uint32_t first = page * PHI_PAGE_TOKENS;
  const uint32_t n = std::min(pages * PHI_PAGE_TOKENS, context_.computed() - first);
  fill(item, std::span(context_.tokens()).subspan(first, n), first, page + pages);
  item.want_logits = false;
  revives_ = true;
  context_.counts().recomputed += n;
  return Next::kRun;
}

Sequence::Next Decoder::prepare(uint32_t room, bool last_resort, PassItem& item) noexcept {
  if (interrupted_.load(std::memory_order_acquire)) return stop_with(Stop::kInterrupted);
  // Another context may have computed more of the same prompt since: many that start together share the work.
  if (share_until_ > context_.computed() + PHI_PAGE_TOKENS) reuse_prefix();
  const uint32_t first = context_.computed();
  const uint32_t all = context_.size() - first;
  if (all == 0)
    return fail_with({ErrorCode::EINVAL_, "nothing to go on from: the context is empty; append text first"});
  if (context_.size() > services_.model.info().context_length) {
    return fail_with(
        {ErrorCode::ELIMIT_, fmt::format("context: {} tokens, the model takes {}; shorten the prompt, or "
                                         "choose a model of a longer context",
                                         context_.size(), services_.model.info().context_length)});
  }
  const Pager::Admission admission = services_.pager.admit(client_, last_resort);
  if (admission == Pager::Admission::kLost) return recompute_lost(room, last_resort, item);
  if (admission != Pager::Admission::kAdmitted) return wait_for_frames(admission, last_resort);
  recomputing_ = false;
  policy_.apply(context_, services_.pager, services_.vocabulary);
  room = std::min(room, services_.pager.most_new_pages(client_) * PHI_PAGE_TOKENS);
  const uint32_t n = std::min(all, room);
  guessed_ = n == all ? guess(room - n) : 0;
  if (guessed_ == 0) {
    if (const Pager::Admission made = make_room(n, last_resort); made != Pager::Admission::kAdmitted)
      return wait_for_frames(made, last_resort);
  }
  waits_for_frames_since_ = 0;
  if (Status charged = charge_frames((first + n + PHI_PAGE_TOKENS - 1) / PHI_PAGE_TOKENS); !charged) {
    context_.pages().truncate(first);
    guessed_ = 0;
    return fail_with(std::move(charged).error());
  }
  fill(item,
       guessed_ > 0 ? std::span<const Token>(guessed_text_)
                    : std::span<const Token>(context_.tokens()).subspan(first, n),
       first, context_.pages().pages());
  item.want_all_logits = mode_ == Mode::kScore || guessed_ > 0 || backtrack_.watches();
  item.want_hidden = mode_ == Mode::kEmbed;
  item.want_logits = mode_ == Mode::kDecode && n == all;
  return Next::kRun;
}

// Guesses that join what waits, with pages made for all of it; none if frames are short.
uint32_t Decoder::guess(uint32_t most) noexcept {
  if (backtrack_.watches()) return 0;
  const uint32_t room = services_.model.info().context_length - context_.size();
  most = static_cast<uint32_t>(std::min<uint64_t>({most, draft_.next(), room, tokens_left_ - 1}));
  if (most == 0) return 0;
  const std::span<const Token> waiting = context_.pending();
  guessed_text_.assign(waiting.begin(), waiting.end());
  guess_next(context_.tokens(), most, guessed_text_);
  const size_t guesses = guessed_text_.size() - waiting.size();
  const auto positions = static_cast<uint32_t>(guessed_text_.size());
  if (guesses == 0 ||
      (services_.pager.streams(client_) ? make_room(positions, false) != Pager::Admission::kAdmitted
                                        : !context_.pages().append(positions)))
    return 0;
  context_.counts().guessed += guesses;
  verified_ = 0;
  verdict_ = Next::kRun;
  return static_cast<uint32_t>(guesses);
}

Sequence::Next Decoder::choose(std::span<float> logits) noexcept {
  if (share_until_ > 0) share_prefix();
  if (backtrack_.goes_back()) return Next::kRun;
  if (frame_waits_) return stop_with(Stop::kFrame);
  context_.counts().choices++;
  context_.counts().admitted += matcher_.admitted();
  const Token token = sample(sampler_, logits, matcher_.mask());
  if (token >= 0 && sampler_.params().temperature <= 0 && matcher_.guided()) {
    backtrack_.chose(logits, matcher_, token, context_.size());
    if (backtrack_.goes_back()) return Next::kRun;
  }
  return take(token);
}

// The tokens since the choice point are given up for the other branch.
Sequence::Next Decoder::go_back() noexcept {
  Backtrack::Point point = backtrack_.take_back();
  context_.counts().retracted += context_.size() - point.size;
  frame_waits_ = false;
  truncate(point.size);
  matcher_ = std::move(point.matcher);
  return take(point.token);
}

// The logits that the token at `next` comes from: it is there already, or is chosen now.
Sequence::Next Decoder::decide(uint32_t next, std::span<float> logits) noexcept {
  if (next >= context_.size()) return choose(logits);
  backtrack_.judge(logits, context_.tokens()[next]);
  return Next::kRun;
}

// The logits of the pass's positions come in order. As long as the positions are right, the next token is
// chosen as ever (or was forced with the one before), and tells whether the next position is right too.
Sequence::Next Decoder::verify(uint32_t position, std::span<float> logits) noexcept {
  const uint32_t first = context_.computed() - in_pass_, next = first + position + 1;
  if (position == verified_ && verdict_ == Next::kRun) {
    verdict_ = decide(next, logits);
    const bool more = verdict_ == Next::kRun && position + 1 < in_pass_ && next < context_.size();
    if (more && context_.tokens()[next] == guessed_text_[position + 1]) verified_ = position + 1;
  }
  if (position + 1 < in_pass_) return Next::kRun;
  context_.keep_computed(first + verified_ + 1);
  const uint32_t right = verified_ + 1, waited = in_pass_ - guessed_;
  draft_.came_true(right > waited ? right - waited : 0);
  guessed_ = 0;
  return verdict_;
}

// The last pass did not see all of its pages: what it computed is void. Those pages are computed anew, or
// read once more; then it is its turn again.
Sequence::Next Decoder::redo_pass() noexcept {
  if (std::exchange(revives_, false)) {
    services_.pager.revived(client_, false);
  } else {
    policy_.forget_masses();
    const uint32_t first = context_.computed() - in_pass_;
    if (std::exchange(guessed_, 0) > 0)
      context_.keep_computed(first);
    else
      context_.recompute_from(first);
  }
  if (services_.pager.outcome(client_) != PageStream::Outcome::kStalled && ++redone_ <= kRedoneMax)
    return Next::kRun;
  redone_ = 0;
  return fail_with({ErrorCode::EIO_,
                    "pages: the swap file does not give back what a context larger than memory needs; give "
                    "the kernel more memory (--kv-bytes), or look after the disk of its home"});
}

Sequence::Next Decoder::on_logits(uint32_t position, std::span<float> logits) noexcept {
  services_.pager.end_pass(client_);
  if (services_.pager.outcome(client_) != PageStream::Outcome::kRead)
    return position + 1 == in_pass_ ? redo_pass() : Next::kRun;
  redone_ = 0;
  const uint32_t next = context_.computed() - in_pass_ + position + 1;
  if (mode_ == Mode::kDecode) {
    const Next verdict = guessed_ > 0 ? verify(position, logits) : decide(next, logits);
    return position + 1 == in_pass_ && backtrack_.goes_back() ? go_back() : verdict;
  }
  if (mode_ == Mode::kEmbed) {
    numbers_.assign(logits.begin(), logits.end());
    return on_computed();
  }
  // kScore: the logits of position p judge the token at p + 1.
  if (next < context_.size()) numbers_.push_back(log_probability(logits, context_.tokens()[next]));
  return position + 1 == in_pass_ ? on_computed() : Next::kRun;
}

Sequence::Next Decoder::on_computed() noexcept {
  services_.pager.end_pass(client_);
  if (services_.pager.outcome(client_) != PageStream::Outcome::kRead) return redo_pass();
  if (std::exchange(revives_, false)) {
    services_.pager.revived(client_, true);
    return Next::kRun;
  }
  redone_ = 0;  // what was lost and is computed again is no progress
  if (share_until_ > 0) share_prefix();
  if (mode_ == Mode::kDecode || context_.computed() < context_.size()) return Next::kRun;
  return stop_with(Stop::kComputed);
}

bool Decoder::append_free_text(Token token) {
  if (matcher_.in_frame()) return false;
  text_ += services_.vocabulary.bytes(token);
  for (const std::string& stop : stop_texts_) {
    const size_t at =
        text_.size() < stop.size()
            ? std::string::npos
            : text_.find(stop,
                         text_.size() -
                             std::min(text_.size(), stop.size() + services_.vocabulary.bytes(token).size()));
    if (at == std::string::npos) continue;
    text_.resize(at);
    return true;
  }
  return false;
}

Sequence::Next Decoder::take(Token token) noexcept {
  if (token < 0)
    return fail_with({ErrorCode::EINVAL_,
                      "the grammar admits nothing here: rights, labels or form leave no frame and no end"});
  if (Status charged = budget_->charge(Resource::kTokens, 1); !charged)
    return fail_with(std::move(charged).error());
  if (services_.vocabulary.is_end_of_text(token)) return stop_with(Stop::kEndOfText);
  context_.append(token, Origin::kModel);
  if (append_free_text(token)) return stop_with(Stop::kEndOfText);
  Matcher::Event event = matcher_.accept(token);
  forced_.clear();
  if (event == Matcher::Event::kNone) {
    Result<Matcher::Event> forced = append_forced();
    if (!forced) return fail_with(std::move(forced).error());
    event = *forced;
  }
  // What was forced behind a close choice is judged before it traps.
  frame_waits_ = event == Matcher::Event::kFrame && backtrack_.watches() && !forced_.empty();
  if (frame_waits_) return Next::kRun;
  if (event == Matcher::Event::kFrame) return stop_with(Stop::kFrame);
  if (event == Matcher::Event::kSectionDone) return stop_with(Stop::kSection);
  if (--tokens_left_ == 0) return stop_with(Stop::kMaxTokens);
  return Next::kRun;
}

Result<Matcher::Event> Decoder::append_forced() {
  forced_.clear();
  matcher_.forced(forced_);
  TRY(budget_->charge(Resource::kTokens, static_cast<int64_t>(forced_.size())));
  for (const Token token : forced_) {
    context_.append(token, Origin::kModel);
    const Matcher::Event event = matcher_.accept(token);
    if (event != Matcher::Event::kNone) return event;
  }
  return Matcher::Event::kNone;
}

void Decoder::leave_with(Listener& listener, Stop stop) {
  listener_ = &listener;
  stop_ = stop;
  services_.runtime.post(&task_);
}

Sequence::Next Decoder::stop_with(Stop stop) noexcept {
  stop_ = stop;
  return Next::kLeave;
}

Sequence::Next Decoder::fail_with(Error error) noexcept {
  error_ = std::move(error);
  return stop_with(Stop::kError);
}

void Decoder::left() noexcept {
  services_.pager.leave(client_);
  if (std::exchange(guessed_, 0) > 0)
    context_.keep_computed(context_.computed() - in_pass_);  // the pass failed
  revives_ = recomputing_ = false;
  if (stop_ != Stop::kInterrupted) {
    backtrack_ = {};
    frame_waits_ = false;
  }
  // A pass that failed as a whole leaves nobody a reason of his own.
  if (stop_ == Stop::kError && error_.message.empty())
    error_ = {ErrorCode::EIO_, "the model driver failed, or the kernel is stopping"};
  services_.runtime.post(&task_);
}

}  // namespace phios
