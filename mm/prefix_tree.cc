#include "mm/prefix_tree.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace phios {
namespace {

using PageKey = std::array<int32_t, PHI_PAGE_TOKENS>;

PageKey key_of(std::span<const int32_t> tokens, size_t page) {
  PageKey key;
  std::copy_n(tokens.begin() + static_cast<ptrdiff_t>(page * PHI_PAGE_TOKENS), key.size(), key.begin());
  return key;
}

struct Page {
  PageKey tokens;
  FrameRef frame;
  uint64_t used = 0;  // the tree's clock when it was last matched or inserted
};

// A run of pages without a branch; only the root of a model has none. The children's keys are their first
// pages' tokens.
struct Node {
  std::vector<Page> run;
  std::map<PageKey, std::unique_ptr<Node>> children;
  Node* parent = nullptr;
  uint64_t model = 0;
};

}  // namespace

struct PrefixTree::Impl {
  // How far a walk along tokens came: the first `pages` of node's run match, and `depth` pages from the root.
  struct Place {
    Node* node;
    size_t pages;
    size_t depth;
  };

  std::mutex mutex;  // guards everything below
  std::unordered_map<uint64_t, Node> roots;
  // The nodes without children, least recently used first.
  std::set<std::pair<uint64_t, Node*>> leaves;
  uint64_t clock = 0;
  uint32_t cached = 0;

  static bool is_leaf(const Node& node) { return node.children.empty() && !node.run.empty(); }
  void unlist(Node& node) {
    if (is_leaf(node)) leaves.erase({node.run.back().used, &node});
  }
  void list(Node& node) {
    if (is_leaf(node)) leaves.insert({node.run.back().used, &node});
  }

  Place walk(Node& root, std::span<const int32_t> tokens, size_t limit);
  void touch(const Place& place);
  void split(Node& node, size_t pages);
  void grow(Place place, std::span<const int32_t> tokens, std::span<const FrameRef> frames);
  bool drop_tail(Node& node);
};

PrefixTree::Impl::Place PrefixTree::Impl::walk(Node& root, std::span<const int32_t> tokens, size_t limit) {
  Place place{&root, 0, 0};
  while (place.depth < limit) {
    const PageKey key = key_of(tokens, place.depth);
    if (place.pages < place.node->run.size()) {
      if (place.node->run[place.pages].tokens != key) break;
    } else {
      const auto child = place.node->children.find(key);
      if (child == place.node->children.end()) break;
      place.node = child->second.get();
      place.pages = 0;
    }
    ++place.pages;
    ++place.depth;
  }
  return place;
}

// Marks the pages from the root to a place as used now.
void PrefixTree::Impl::touch(const Place& place) {
  ++clock;
  size_t pages = place.pages;
  for (Node* node = place.node; node != nullptr; node = node->parent) {
    unlist(*node);
    for (size_t i = 0; i < pages; ++i) node->run[i].used = clock;
    list(*node);
    if (node->parent != nullptr) pages = node->parent->run.size();
  }
}

// Cuts a node's run after so many pages; the rest becomes its only child.
void PrefixTree::Impl::split(Node& node, size_t pages) {
  unlist(node);
  auto rest = std::make_unique<Node>();
  const auto cut = node.run.begin() + static_cast<ptrdiff_t>(pages);
  rest->run.assign(std::make_move_iterator(cut), std::make_move_iterator(node.run.end()));
  node.run.erase(cut, node.run.end());
  rest->children = std::exchange(node.children, {});
  for (auto& [key, child] : rest->children) child->parent = rest.get();
  rest->parent = &node;
  rest->model = node.model;
  list(*rest);
  const PageKey key = rest->run.front().tokens;
  node.children.emplace(key, std::move(rest));
}

// Adds the pages of tokens from place.depth on, each with its frame.
void PrefixTree::Impl::grow(Place place, std::span<const int32_t> tokens, std::span<const FrameRef> frames) {
  if (place.pages < place.node->run.size()) split(*place.node, place.pages);
  Node* node = place.node;
  if (!is_leaf(*node)) {
    const PageKey key = key_of(tokens, place.depth);
    auto& child = node->children[key];
    child = std::make_unique<Node>();
    child->parent = node;
    child->model = node->model;
    node = child.get();
  }
  unlist(*node);
  for (size_t page = place.depth; page < frames.size(); ++page) {
    node->run.push_back({key_of(tokens, page), frames[page], clock});
    ++cached;
  }
  list(*node);
}

// Drops the last page of a leaf, and the leaf with it when that was its only one. False when a context uses
// the page.
bool PrefixTree::Impl::drop_tail(Node& node) {
  if (!node.run.back().frame.unique()) return false;
  unlist(node);
  const PageKey first = node.run.front().tokens;
  node.run.pop_back();
  --cached;
  if (!node.run.empty()) {
    list(node);
    return true;
  }
  Node* parent = node.parent;
  parent->children.erase(first);
  if (!parent->children.empty()) return true;
  if (parent->parent == nullptr) {
    roots.erase(parent->model);
  } else {
    list(*parent);
  }
  return true;
}

PrefixTree::PrefixTree(FramePool&) : impl_(std::make_unique<Impl>()) {}

PrefixTree::~PrefixTree() {
  // Without recursion: a path may be as long as a context.
  std::vector<std::unique_ptr<Node>> nodes;
  const auto take_children = [&](Node& node) {
    for (auto& [key, child] : node.children) nodes.push_back(std::move(child));
  };
  for (auto& [model, root] : impl_->roots) take_children(root);
  while (!nodes.empty()) {
    const auto node = std::move(nodes.back());
    nodes.pop_back();
    take_children(*node);
  }
}

std::vector<FrameRef> PrefixTree::match(uint64_t model, std::span<const int32_t> tokens) {
  std::vector<FrameRef> frames;
  const std::lock_guard lock(impl_->mutex);
  const auto root = impl_->roots.find(model);
  if (root == impl_->roots.end()) return frames;
  const Impl::Place place = impl_->walk(root->second, tokens, tokens.size() / PHI_PAGE_TOKENS);
  if (place.depth == 0) return frames;
  impl_->touch(place);
  frames.resize(place.depth);
  size_t at = place.depth;
  size_t pages = place.pages;
  for (const Node* node = place.node; node->parent != nullptr; node = node->parent) {
    while (pages > 0) frames[--at] = node->run[--pages].frame;
    pages = node->parent->run.size();
  }
  return frames;
}

void PrefixTree::insert(uint64_t model, std::span<const int32_t> tokens, std::span<const FrameRef> frames) {
  frames = frames.first(std::min(frames.size(), tokens.size() / PHI_PAGE_TOKENS));
  if (frames.empty()) return;
  const std::lock_guard lock(impl_->mutex);
  Node& root = impl_->roots[model];
  root.model = model;
  const Impl::Place place = impl_->walk(root, tokens, frames.size());
  impl_->touch(place);
  if (place.depth < frames.size()) impl_->grow(place, tokens, frames);
}

uint32_t PrefixTree::evict(uint32_t frames) {
  uint32_t freed = 0;
  const std::lock_guard lock(impl_->mutex);
  auto& leaves = impl_->leaves;
  for (auto at = leaves.begin(); freed < frames && at != leaves.end();) {
    const auto leaf = *at;
    if (!impl_->drop_tail(*leaf.second)) {
      ++at;  // a context uses it, and so everything before it
      continue;
    }
    ++freed;
    // What the drop laid bare is at least as recent as the page that went.
    at = leaves.lower_bound({leaf.first, nullptr});
  }
  return freed;
}

uint32_t PrefixTree::cached_frames() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->cached;
}

}  // namespace phios
