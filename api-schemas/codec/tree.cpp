#include "codec/tree.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "codec/manifest.hpp"

namespace unik::codec {
namespace {

// Up to here comparing each key with each is quicker than sorting.
constexpr std::size_t kFewKeys = 16;

}  // namespace

bool is_null(const TreeNode& node) {
  if (node.kind != NodeKind::kPlain) return false;
  const std::string_view text = node.text();
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::string nesting_fault() {
  return "want at most " + std::to_string(kMaxNesting) + " levels of nesting";
}

Place place_in(std::string_view source, std::size_t offset) {
  Place place;
  for (const char c : source.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

void Tree::clear() {
  open_.clear();
  anchors_.clear();
  problems_.clear();
  root_ = nullptr;
  last_scalar_ = nullptr;
  cost_ = 0;
  aliased_cost_ = 0;
  arena_.release();
}

TreeNode* Tree::add(NodeKind kind, std::uint32_t offset) {
  TreeNode* const node = new (arena_.allocate(sizeof(TreeNode), alignof(TreeNode))) TreeNode;
  node->kind = kind;
  node->offset = offset;
  ++cost_;
  if (open_.empty()) {
    root_ = node;
    return node;
  }
  Open& parent = open_.back();
  (parent.last == nullptr ? parent.node->child : parent.last->next) = node;
  parent.last = node;
  ++parent.node->size;
  return node;
}

bool Tree::wants_key() const {
  return !open_.empty() && open_.back().node->kind == NodeKind::kMapping && open_.back().node->size % 2 == 0;
}

std::vector<std::uint32_t> Tree::open_offsets() const {
  std::vector<std::uint32_t> offsets;
  for (const Open& open : open_) offsets.push_back(open.node->offset);
  return offsets;
}

bool Tree::begin(NodeKind kind, std::uint32_t offset, std::size_t anchor) {
  if (open_.size() >= kMaxNesting) return fail(offset, nesting_fault());
  const std::size_t cost_before = cost_;
  if (wants_key()) return fail(offset, "want a key that is one scalar, got a mapping or list");
  TreeNode* const node = add(kind, offset);
  remember(anchor, nullptr, 0);
  open_.push_back({node, nullptr, anchor, cost_before});
  return true;
}

bool Tree::end() {
  const Open closed = open_.back();
  open_.pop_back();
  if (closed.node->kind == NodeKind::kMapping) {
    closed.node->size /= 2;
    check_keys(*closed.node);
  }
  remember(closed.anchor, closed.node, cost_ - closed.cost_before);
  return true;
}

bool Tree::scalar(NodeKind kind, std::uint32_t offset, std::string_view text, std::size_t anchor) {
  TreeNode* const node = add(kind, offset);
  if (!text.empty()) {
    char* const copy = static_cast<char*>(arena_.allocate(text.size(), 1));
    std::memcpy(copy, text.data(), text.size());
    node->data = copy;
    node->size = static_cast<std::uint32_t>(text.size());
  }
  cost_ += text.size();
  last_scalar_ = node;
  remember(anchor, node, 1 + text.size());
  return true;
}

bool Tree::alias(std::uint32_t offset, std::size_t anchor) {
  if (anchor == 0 || anchor >= anchors_.size() || anchors_[anchor].node == nullptr)
    return fail(offset, "an alias inside the value that it names: write the value out");
  const Anchor& target = anchors_[anchor];
  if (wants_key() && !target.node->is_scalar())
    return fail(offset, "want a key that is one scalar, got an alias of a mapping or list");
  aliased_cost_ += target.cost;
  if (aliased_cost_ > kMaxAliasedCost)
    return fail(offset, "the aliases of this document unfold to too much: write the values out");
  TreeNode* const node = add(target.node->kind, target.node->offset);
  cost_ += target.cost;
  node->size = target.node->size;
  node->data = target.node->data;
  node->child = target.node->child;
  return true;
}

bool Tree::fail(std::uint32_t offset, std::string message) {
  complain(offset, std::move(message));
  return false;
}

void Tree::complain(std::uint32_t offset, std::string message) {
  if (problems_.size() <= kMaxFaults) problems_.push_back({offset, std::move(message)});
}

void Tree::remember(std::size_t anchor, const TreeNode* node, std::size_t cost) {
  if (anchor == 0) return;
  if (anchors_.size() <= anchor) anchors_.resize(anchor + 1);
  anchors_[anchor] = {node, cost};
}

// The parsers let a key stand twice, and the first or the last would win by accident.
void Tree::check_keys(const TreeNode& mapping) {
  if (mapping.size < 2) return;
  keys_.clear();
  for (const TreeNode* key = mapping.child; key != nullptr; key = key->next->next)
    keys_.emplace_back(key->text(), key->offset);
  const auto twice = [this](std::string_view key, std::uint32_t offset) {
    complain(offset, "duplicate key `" + std::string(key.substr(0, 64)) + "`: it stands above already, remove one");
  };
  if (keys_.size() <= kFewKeys) {
    for (std::size_t i = 1; i < keys_.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (keys_[i].first == keys_[j].first) {
          twice(keys_[i].first, keys_[i].second);
          break;
        }
    return;
  }
  std::sort(keys_.begin(), keys_.end());
  for (std::size_t i = 1; i < keys_.size(); ++i)
    if (keys_[i].first == keys_[i - 1].first) twice(keys_[i].first, keys_[i].second);
}

}  // namespace unik::codec
