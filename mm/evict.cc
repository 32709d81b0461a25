#include "mm/evict.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "syscalls/abi/limits.h"

namespace phios {
namespace {

static_assert(PHI_KV_PAGE_TOKENS == PHI_PAGE_TOKENS && PHI_KV_WINDOW % PHI_PAGE_TOKENS == 0 &&
              PHI_KV_SINKS % PHI_PAGE_TOKENS == 0);

constexpr uint32_t kBudget = 1024;  // tokens that a policy which drops keeps, when it is told no other number
constexpr uint32_t kObservation = 32;  // SnapKV: the newest tokens of the prompt, whose attention chooses
constexpr uint32_t kOld = 1024;        // by age: behind so many tokens int4 follows int8
constexpr uint32_t kVeryOld = 4096;    // by importance: behind so many int2 follows int4
constexpr int kPool = 1;               // SnapKV: a page shares its mass with so many on both sides

// Tokens that have come since the page was full.
uint32_t age(const phi_kv_state& state, const phi_kv_page& page) {
  return state.positions - (page.first + page.tokens);
}
bool is_sink(const phi_kv_page& page) { return page.first < PHI_KV_SINKS; }
uint32_t budget(const phi_kv_state& state) {
  return state.parameter > 0 ? static_cast<uint32_t>(state.parameter) : kBudget;
}
std::span<const phi_kv_page> pages_of(const phi_kv_state& state) { return {state.pages, state.n_pages}; }

void full(const phi_kv_state*, uint8_t*) {}

template <uint8_t place>
void behind_window(const phi_kv_state* state, uint8_t* wanted) {
  std::fill_n(wanted, state->n_pages, place);
}

// StreamingLLM, arXiv 2309.17453: attention sinks and the newest tokens.
void window(const phi_kv_state* state, uint8_t* wanted) {
  for (const phi_kv_page& page : pages_of(*state)) {
    if (!is_sink(page) && age(*state, page) >= budget(*state)) *wanted = PHI_KV_DROP;
    ++wanted;
  }
}

void by_age(const phi_kv_state* state, uint8_t* wanted) {
  for (const phi_kv_page& page : pages_of(*state))
    *wanted++ = age(*state, page) < kOld ? PHI_KV_INT8 : PHI_KV_INT4;
}

// System calls, results and labelled spans stay as they are: they are what a program goes by.
void by_importance(const phi_kv_state* state, uint8_t* wanted) {
  for (const phi_kv_page& page : pages_of(*state)) {
    if (!page.is_special) *wanted = age(*state, page) < kVeryOld ? PHI_KV_INT4 : PHI_KV_INT2;
    ++wanted;
  }
}

// Of the candidates the heaviest stay, up to so many tokens; the rest is dropped.
void keep_heaviest(std::span<const phi_kv_page> pages, std::vector<std::pair<float, uint32_t>>& candidates,
                   uint32_t tokens, uint8_t* wanted) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [mass, index] : candidates) {
    if (tokens >= pages[index].tokens) {
      tokens -= pages[index].tokens;
    } else {
      tokens = 0;
      wanted[index] = PHI_KV_DROP;
    }
  }
}

bool masses_known(const phi_kv_state& state) {
  return std::ranges::all_of(
      pages_of(state), [](const phi_kv_page& page) { return page.mass >= 0 || page.place == PHI_KV_DROP; });
}

// H2O, arXiv 2306.14048: half of the budget for the newest tokens, half for those that got the most attention
// so far.
void heavy_hitters(const phi_kv_state* state, uint8_t* wanted) {
  if (!masses_known(*state)) return;
  const uint32_t half = budget(*state) / 2;
  std::vector<std::pair<float, uint32_t>> candidates;
  for (uint32_t i = 0; i < state->n_pages; ++i) {
    const phi_kv_page& page = state->pages[i];
    if (page.place != PHI_KV_DROP && !is_sink(page) && age(*state, page) >= half)
      candidates.emplace_back(page.mass, i);
  }
  keep_heaviest(pages_of(*state), candidates, half, wanted);
}

// SnapKV, arXiv 2404.14469: of the prompt what its last tokens attended to, pooled over neighbours, chosen
// once when the prompt is computed; what the model writes stays.
void snap(const phi_kv_state* state, uint8_t* wanted) {
  if (!masses_known(*state) || state->positions < state->prompt || state->prompt < kObservation) return;
  const auto in_question = [&](const phi_kv_page& page) {
    return page.place != PHI_KV_DROP && !is_sink(page) &&
           page.first + page.tokens <= state->prompt - kObservation;
  };
  std::vector<std::pair<float, uint32_t>> candidates;
  const int n = static_cast<int>(state->n_pages);
  for (int i = 0; i < n; ++i) {
    if (!in_question(state->pages[i])) continue;
    float pooled = 0;
    for (int j = std::max(i - kPool, 0); j <= std::min(i + kPool, n - 1); ++j)
      pooled = std::max(pooled, state->pages[j].recent_mass);
    candidates.emplace_back(pooled, static_cast<uint32_t>(i));
  }
  keep_heaviest(pages_of(*state), candidates, budget(*state), wanted);
}

// ShotKV, arXiv 2502.01941: half of the budget for whole pieces of the prompt, those that its last tokens
// attended to most on average, chosen once, and for pages of others where that leaves room; half for what the
// model writes, its heaviest pages.
void by_shots(const phi_kv_state* state, uint8_t* wanted) {
  if (!masses_known(*state) || state->positions < state->prompt) return;
  struct Shot {
    float mass = 0;
    uint32_t tokens = 0;
    bool whole = true;  // nothing of it has been dropped
  };
  std::map<uint32_t, Shot> shots;
  std::vector<std::pair<float, uint32_t>> written;
  for (uint32_t i = 0; i < state->n_pages; ++i) {
    const phi_kv_page& page = state->pages[i];
    if (is_sink(page)) continue;
    if (page.first + page.tokens > state->prompt) {
      if (page.place != PHI_KV_DROP) written.emplace_back(page.mass, i);
      continue;
    }
    Shot& shot = shots[page.shot];
    shot.mass += page.recent_mass;
    shot.tokens += page.tokens;
    shot.whole = shot.whole && page.place != PHI_KV_DROP;
  }
  std::vector<std::pair<float, uint32_t>> order;
  for (const auto& [number, shot] : shots)
    if (shot.whole) order.emplace_back(shot.mass / static_cast<float>(shot.tokens), number);
  std::ranges::stable_sort(order, std::greater(), &std::pair<float, uint32_t>::first);
  uint32_t left = budget(*state) / 2;
  std::set<uint32_t> kept;
  for (const auto& [mass, number] : order) {
    if (shots[number].tokens > left) continue;
    left -= shots[number].tokens;
    kept.insert(number);
  }
  std::vector<std::pair<float, uint32_t>> parted;
  for (uint32_t i = 0; i < state->n_pages; ++i) {
    const phi_kv_page& page = state->pages[i];
    const bool prompt = !is_sink(page) && page.first + page.tokens <= state->prompt;
    if (prompt && page.place != PHI_KV_DROP && !kept.contains(page.shot))
      parted.emplace_back(page.recent_mass, i);
  }
  keep_heaviest(pages_of(*state), parted, left, wanted);
  keep_heaviest(pages_of(*state), written, budget(*state) / 2, wanted);
}

constexpr std::array kPolicies = {
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "full", full},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "int8", behind_window<PHI_KV_INT8>},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "int4", behind_window<PHI_KV_INT4>},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "int2", behind_window<PHI_KV_INT2>},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "age", by_age},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "importance", by_importance},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "window", window},
    // Quest, arXiv 2406.10774: all pages stay, and the kernel has the model read the best of them.
    phi_kv_policy{PHI_KV_POLICY_VERSION, 0, "quest", full},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 1, "h2o", heavy_hitters},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 1, "snapkv", snap},
    phi_kv_policy{PHI_KV_POLICY_VERSION, 1, "shotkv", by_shots},
};

std::string known_names() {
  std::string names;
  for (const phi_kv_policy& policy : kPolicies)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", policy.name);
  return names;
}

Status load_library(const std::string& path, KvPolicy& policy) {
  // Without a slash the loader would look among the system's libraries.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  policy.library = std::shared_ptr<void>(::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL), [](void* handle) {
    if (handle != nullptr) ::dlclose(handle);
  });
  if (!policy.library) return fail(ErrorCode::EINVAL_, fmt::format("--kv: {}", ::dlerror()));
  const auto entry =
      reinterpret_cast<phi_kv_policy_entry>(::dlsym(policy.library.get(), PHI_KV_POLICY_SYMBOL));
  if (entry == nullptr)
    return fail(ErrorCode::EINVAL_, fmt::format("{}: it exports no {}", path, PHI_KV_POLICY_SYMBOL));
  policy.table = entry();
  if (policy.table == nullptr || policy.table->version != PHI_KV_POLICY_VERSION ||
      policy.table->choose == nullptr) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: a policy of version {}, this phios takes {}", path,
                            policy.table ? policy.table->version : 0, PHI_KV_POLICY_VERSION));
  }
  return {};
}

// "base@64" → base, and returns "64"; "" where there is no mark, or nothing behind it.
std::string split_number(std::string& name, char mark) {
  const size_t at = name.rfind(mark);
  const size_t slash = name.rfind('/');  // a library's path may hold any mark
  if (at == std::string::npos || (slash != std::string::npos && at < slash)) return {};
  std::string number = name.substr(at + 1);
  name.resize(at);
  return number.empty() ? "?" : number;
}

Result<int64_t> tokens_in(const std::string& of, const std::string& number, uint32_t least) {
  int64_t tokens = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), tokens);
  if (error != std::errc() || end != number.data() + number.size() || tokens < least ||
      tokens > PHI_CONTEXT_MAX)
    return fail(ErrorCode::EINVAL_, fmt::format("{}: {} is no number of tokens from {} to {}", of, number,
                                                least, PHI_CONTEXT_MAX));
  return tokens;
}

}  // namespace

bool KvPolicy::keeps_all() const { return table->choose == full; }

uint32_t KvPolicy::attend_pages() const {
  if (std::string_view(table->name) != "quest" || library) return 0;
  return (parameter > 0 ? static_cast<uint32_t>(parameter) : kBudget) / PHI_PAGE_TOKENS;
}

uint64_t KvPolicy::id() const { return table == kPolicies.data() ? 0 : std::hash<std::string>()(name) | 1; }

void KvPolicy::choose(const phi_kv_state& state, std::span<uint8_t> wanted) const {
  for (uint32_t i = 0; i < state.n_pages; ++i) wanted[i] = state.pages[i].place;
  table->choose(&state, wanted.data());
  for (uint32_t i = 0; i < state.n_pages; ++i) {
    const phi_kv_page& page = state.pages[i];
    const bool held = is_sink(page) || age(state, page) < window || page.tokens < PHI_PAGE_TOKENS ||
                      (page.is_pinned && wanted[i] == PHI_KV_DROP);
    wanted[i] = held ? page.place : std::clamp<uint8_t>(wanted[i], page.place, PHI_KV_DROP);
  }
}

Result<KvPolicyRef> find_kv_policy(std::string_view name, bool libraries) {
  auto policy = std::make_shared<KvPolicy>();
  policy->name = name.empty() ? "full" : std::string(name);
  std::string base = policy->name;
  if (const std::string number = split_number(base, '@'); !number.empty())
    policy->window = static_cast<uint32_t>(TRY(tokens_in("the window of " + base, number, PHI_PAGE_TOKENS)) /
                                           PHI_PAGE_TOKENS * PHI_PAGE_TOKENS);
  if (const std::string number = split_number(base, ':'); !number.empty())
    policy->parameter = TRY(tokens_in(base, number, policy->window));
  if (base.ends_with(".so")) {
    if (!libraries) {
      return fail(ErrorCode::EPERM_,
                  fmt::format("{}: a library is named when phios is started, by --kv", base));
    }
    TRY(load_library(base, *policy));
  } else {
    const auto found =
        std::ranges::find_if(kPolicies, [&](const phi_kv_policy& one) { return base == one.name; });
    if (found == kPolicies.end()) {
      return fail(ErrorCode::ENOENT_, fmt::format("{}: no page policy; there are {}, and a library FILE.so",
                                                  base, known_names()));
    }
    policy->table = &*found;
  }
  return policy;
}

}  // namespace phios
