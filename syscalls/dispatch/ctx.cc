// SAVE LOAD DROP and what native programs do with their context.
#include <fmt/core.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "kernel/proc/generate.h"
#include "kernel/proc/native_body.h"
#include "kernel/proc/prompt_body.h"
#include "kernel/sched/prompt_lookup.h"
#include "syscalls/dispatch/dispatch.h"

namespace phios {

namespace {

constexpr int64_t kDefaultMaxTokens = 256;

// Private names belong to the process, /shm/ ones to its group. /mem/ ones have no key: they are files.
std::string context_key(const Process& process, const std::string& name) {
  if (cell_kind(name) == CellKind::kShared) return fmt::format("shm{}\n{}", process.group->id, name);
  return fmt::format("{}\n{}", process.pid().value, name);
}

bool lasts(const std::string& name) { return cell_kind(name) == CellKind::kDurable; }

// The store of /mem/ contexts; null once the call has been answered with why there is none.
ContextStore* saved_contexts(const Invocation& in) {
  ContextStore* store = in.kernel.parts().saved_contexts;
  if (!store) in.answer(fail(ErrorCode::EIO_, in.kernel.parts().no_contexts_why));
  return store;
}

// Answers a call of which nothing but its success is to be told.
void answer_status(const PendingRef& pending, const Status& status) {
  if (!status) return pending->answer(std::unexpected(status.error()));
  pending->answer(Reply{});
}

// The decoder that holds the caller's context: the program's, or its own.
Decoder& context_of(const Invocation& in) {
  if (OwnContext* own = own_context(*in.process)) return own->get(*in.process);
  return *in.process->body()->decoder();
}

void save(const Invocation& in) {
  Decoder& decoder = context_of(in);
  // What is saved is what the model has before it; waiting tokens are computed by whoever loads it.
  if (lasts(in.arg(0))) {
    if (ContextStore* store = saved_contexts(in)) {
      store->save(in.arg(0), decoder.context().image(),
                  [pending = in.pending](const Status& saved) { answer_status(pending, saved); });
    }
    return;
  }
  answer_status(in.pending, in.kernel.contexts().save(context_key(*in.process, in.arg(0)),
                                                      {decoder.context(), decoder.matcher()}));
}

// The process goes on in the loaded context; nothing happens when the call was ended meanwhile.
void take_context(const Invocation& in, std::shared_ptr<const SavedContext> saved) {
  const std::shared_ptr<Body> body = in.process->body();
  if (!in.pending->claim()) return;
  auto* prompt = dynamic_cast<PromptBody*>(body.get());
  if (prompt) {
    prompt->set_context(std::move(saved));
  } else {
    context_of(in).replace_context(saved->context);
  }
  in.pending->deliver({Reply{}, prompt != nullptr});
}

void load(const Invocation& in) {
  if (!lasts(in.arg(0))) {
    auto saved = in.kernel.contexts().load(context_key(*in.process, in.arg(0)));
    if (!saved) return in.answer(std::unexpected(saved.error()));
    return take_context(in, std::move(*saved));
  }
  ContextStore* store = saved_contexts(in);
  if (!store) return;
  store->load(in.arg(0), [in](Result<ContextImage> image) {
    if (!image) return in.answer(std::unexpected(image.error()));
    take_context(in, std::make_shared<const SavedContext>(Context(std::move(*image)), std::nullopt));
  });
}

void drop(const Invocation& in) {
  if (!lasts(in.arg(0)))
    return answer_status(in.pending, in.kernel.contexts().drop(context_key(*in.process, in.arg(0))));
  if (ContextStore* store = saved_contexts(in))
    store->drop(in.arg(0),
                [pending = in.pending](const Status& dropped) { answer_status(pending, dropped); });
}

void list(const Invocation& in) {
  const std::string prefix = in.has(0) ? in.arg(0) : std::string();
  if (!lasts(prefix)) return in.answer(Reply{in.kernel.contexts().list(context_key(*in.process, prefix))});
  if (ContextStore* store = saved_contexts(in)) {
    store->list(prefix, [pending = in.pending](Result<std::vector<std::string>> names) {
      if (!names) return pending->answer(std::unexpected(names.error()));
      pending->answer(Reply{std::move(*names)});
    });
  }
}

void append(const Invocation& in) {
  Decoder& decoder = context_of(in);
  const std::vector<Token> tokens = in.kernel.decode().vocabulary.encode(in.arg(0));
  if (decoder.context().size() + tokens.size() > PHI_CONTEXT_MAX) {
    return in.answer(fail(ErrorCode::ELIMIT_, fmt::format("context: {} tokens at most", PHI_CONTEXT_MAX)));
  }
  decoder.context().append(tokens, Origin::kPrompt, in.has(2) ? in.arg(2) : std::string());
  in.answer(std::to_string(tokens.size()));
}

Result<float> fraction(const Invocation& in, size_t i, float otherwise, float most) {
  if (!in.has(i)) return otherwise;
  float x = 0;
  const std::string& text = in.arg(i);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (error != std::errc() || end != text.data() + text.size() || !(x >= 0 && x <= most)) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: {} is no number from 0 to {}", in.call.spec->args[i].name, text, most));
  }
  return x;
}

// max_tokens temperature seed top_k top_p min_p form stop on_trap speculate, as in the table.
Result<GenerateRequest> generate_request(const Invocation& in) {
  GenerateRequest request;
  request.max_tokens =
      static_cast<uint64_t>(in.has(0) ? TRY(in.integer(0, 1, PHI_CONTEXT_MAX)) : kDefaultMaxTokens);
  request.params.temperature = TRY(fraction(in, 1, 0, 100));
  request.seed = in.has(2) ? static_cast<uint64_t>(TRY(in.integer(2, 0, INT64_MAX)))
                           : derive_seed(in.process->seed(), in.process->call_sequence);
  if (in.has(3)) request.params.top_k = static_cast<int32_t>(TRY(in.integer(3, 0, PHI_VOCAB_MAX)));
  request.params.top_p = TRY(fraction(in, 4, 1, 1));
  request.params.min_p = TRY(fraction(in, 5, 0, 1));
  if (in.has(6)) request.form.push_back(in.arg(6));
  if (in.has(7)) request.stop = in.arg(7);
  if (in.has(8)) {
    if (in.arg(8) != "return" && in.arg(8) != "dispatch")
      return fail(ErrorCode::EINVAL_, fmt::format("on_trap: return or dispatch, not {}", in.arg(8)));
    request.return_traps = in.arg(8) == "return";
  }
  if (in.has(9)) request.speculate = static_cast<uint32_t>(TRY(in.integer(9, 0, kGuessesMax)));
  return request;
}

Result<Decoder*> generating_context(const Invocation& in) {
  OwnContext* own = own_context(*in.process);
  if (!own) return fail(ErrorCode::ENOSYS_, "a prompt program's context is decoded by the kernel");
  return &own->get(*in.process);
}

void generate(const Invocation& in) {
  Result<GenerateRequest> request = generate_request(in);
  if (!request) return in.answer(std::unexpected(request.error()));
  Result<Decoder*> decoder = generating_context(in);
  if (!decoder) return in.answer(std::unexpected(decoder.error()));
  GenerateCall::start(in.process, **decoder, std::move(*request), in.pending);
}

// Appends a text, computes it for its numbers, and leaves the context as it was.
void measure(const Invocation& in, Decoder::Mode mode) {
  Result<Decoder*> decoder = generating_context(in);
  if (!decoder) return in.answer(std::unexpected(decoder.error()));
  Context& context = (*decoder)->context();
  const std::vector<Token> tokens = in.kernel.decode().vocabulary.encode(in.arg(0));
  if (tokens.empty()) return in.answer(fail(ErrorCode::EINVAL_, "text: nothing to compute"));
  GenerateRequest request;
  request.mode = mode;
  // The logits that judge the first token come from the position before it: it is computed again.
  if (mode == Decoder::Mode::kScore && context.size() > 0 && context.computed() == context.size())
    (*decoder)->recompute_from(context.size() - 1);
  request.truncate_to = context.size();
  context.append(tokens, Origin::kPrompt, {});
  GenerateCall::start(in.process, **decoder, std::move(request), in.pending);
}

void score(const Invocation& in) { measure(in, Decoder::Mode::kScore); }
void embed(const Invocation& in) { measure(in, Decoder::Mode::kEmbed); }

void truncate(const Invocation& in) {
  Decoder& decoder = context_of(in);
  const Result<int64_t> position = in.integer(0, 0, decoder.context().size());
  if (!position) return in.answer(std::unexpected(position.error()));
  decoder.truncate(static_cast<uint32_t>(*position));
  in.answer();
}

nlohmann::json page_counts(const PageTable& table) {
  constexpr std::array<const char*, kPlaces + 1> kNames = {"f16",  "int8", "int4",   "int2",
                                                           "swap", "lost", "dropped"};
  std::array<uint32_t, kPlaces + 1> counts{};
  std::vector<uint32_t> pages;
  table.numbers(pages);
  for (const uint32_t page : pages)
    ++counts[page == kNoPage ? kPlaces : static_cast<size_t>(table.pool().place(page))];
  nlohmann::json json;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0 || i == 0) json[kNames[i]] = counts[i];
  }
  return json;
}

void stat(const Invocation& in) {
  Decoder& decoder = context_of(in);
  const Context& context = decoder.context();
  nlohmann::json spans = nlohmann::json::array();
  constexpr std::string_view kOrigins[] = {"prompt", "model", "result"};
  for (const ContextSpan& span : context.spans()) {
    spans.push_back({{"first", span.first},
                     {"length", span.length},
                     {"origin", kOrigins[static_cast<size_t>(span.origin)]},
                     {"label", span.label}});
  }
  in.answer(nlohmann::json{
      {"tokens", context.size()},
      {"computed", context.computed()},
      {"policy", decoder.policy().get()->name},
      {"pages", page_counts(context.pages())},
      {"spans",
       spans}}.dump());
}

void model_open(const Invocation& in) {
  const ModelInfo& info = in.kernel.decode().model.info();
  if (in.arg(0) != info.name) {
    return in.answer(
        fail(ErrorCode::ENOENT_,
             fmt::format("{}: this kernel runs {}; start another with --model", in.arg(0), info.name)));
  }
  in.answer(nlohmann::json{{"name", info.name},
                           {"architecture", info.architecture},
                           {"parameters", info.parameters},
                           {"context", info.context_length}}
                .dump());
}

void tier(const Invocation& in) {
  Result<KvPolicyRef> policy = find_kv_policy(in.arg(0));
  if (!policy) return in.answer(std::unexpected(policy.error()));
  context_of(in).set_policy(std::move(*policy));
  in.answer();
}

void pin(const Invocation& in) {
  Decoder& decoder = context_of(in);
  const Result<int64_t> first = in.integer(0, 0, decoder.context().size());
  const Result<int64_t> last = in.integer(1, 0, decoder.context().size());
  if (!first) return in.answer(std::unexpected(first.error()));
  if (!last) return in.answer(std::unexpected(last.error()));
  decoder.policy().pin(static_cast<uint32_t>(*first), static_cast<uint32_t>(*last),
                       in.arg(2) == "true" || in.arg(2) == "1");
  in.answer();
}

}  // namespace

Handler ctx_handler(Sys call) {
  switch (call) {
    case Sys::ctx_save:
      return save;
    case Sys::ctx_load:
      return load;
    case Sys::ctx_drop:
      return drop;
    case Sys::ctx_append:
      return append;
    case Sys::ctx_generate:
      return generate;
    case Sys::ctx_score:
      return score;
    case Sys::ctx_embed:
      return embed;
    case Sys::ctx_truncate:
      return truncate;
    case Sys::ctx_pin:
      return pin;
    case Sys::ctx_tier:
      return tier;
    case Sys::ctx_stat:
      return stat;
    case Sys::ctx_list:
      return list;
    case Sys::model_open:
      return model_open;
    default:
      return nullptr;
  }
}

}  // namespace phios
