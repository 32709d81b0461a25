#include "kernel/proc/kernel.h"

#include <fmt/core.h>

namespace phios {

Status NamedContexts::save(const std::string& key, SavedContext saved) {
  std::lock_guard lock(mutex_);
  if (contexts_.size() >= kMax && !contexts_.contains(key)) {
    return fail(ErrorCode::ELIMIT_, fmt::format("named contexts: all {} are in use; DROP one", kMax));
  }
  contexts_[key] = std::make_shared<const SavedContext>(std::move(saved));
  return {};
}

Result<std::shared_ptr<const SavedContext>> NamedContexts::load(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto it = contexts_.find(key);
  if (it == contexts_.end())
    return fail(ErrorCode::ENOENT_,
                fmt::format("{}: no context of that name; SAVE it first", key.substr(key.find('\n') + 1)));
  return it->second;
}

Status NamedContexts::drop(const std::string& key) {
  std::lock_guard lock(mutex_);
  if (contexts_.erase(key) == 0)
    return fail(ErrorCode::ENOENT_,
                fmt::format("{}: no context of that name", key.substr(key.find('\n') + 1)));
  return {};
}

std::vector<std::string> NamedContexts::list(const std::string& prefix) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (auto it = contexts_.lower_bound(prefix); it != contexts_.end() && it->first.starts_with(prefix);
       ++it) {
    names.push_back(it->first.substr(it->first.find('\n') + 1));
  }
  return names;
}

void NamedContexts::drop_all(const std::string& prefix) {
  std::lock_guard lock(mutex_);
  std::erase_if(contexts_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

Result<Matcher> MaskTables::matcher(const GrammarSpec& spec) {
  std::shared_ptr<const Grammar> grammar = TRY(Grammar::compile(spec));
  std::lock_guard lock(mutex_);
  const uint64_t id = grammar->id();
  auto it = tables_.find(id);
  if (it == tables_.end()) {
    if (tables_.size() >= kMax) tables_.clear();
    auto masks = make_mask_table(grammar, vocabulary_);
    it = tables_.emplace(id, std::pair(std::move(grammar), std::move(masks))).first;
  }
  return Matcher(it->second.first, it->second.second);
}

void Kernel::add_ended(const TokenCounts& counts) {
  std::lock_guard lock(mutex_);
  ended_ += counts;
}

TokenCounts Kernel::ended_counts() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

}  // namespace phios
