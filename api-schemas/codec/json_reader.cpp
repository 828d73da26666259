#include "codec/json_reader.hpp"

#include <charconv>
#include <utility>

#include "codec/tree.hpp"

namespace unik::codec {
namespace {

template <typename Number>
std::optional<Number> number_in(const TreeNode* node) {
  if (node == nullptr || node->kind != NodeKind::kPlain) return std::nullopt;
  const std::string_view text = node->text();
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

bool JsonView::is_object() const {
  return node_ != nullptr && node_->kind == NodeKind::kMapping;
}
bool JsonView::is_array() const {
  return node_ != nullptr && node_->kind == NodeKind::kSequence;
}
bool JsonView::is_null() const {
  return node_ != nullptr && codec::is_null(*node_);
}

JsonView JsonView::operator[](std::string_view key) const {
  for (JsonView member = is_object() ? first() : JsonView(); member.exists(); member = member.next())
    if (member.key() == key) return member;
  return {};
}

JsonView JsonView::at(std::size_t index) const {
  JsonView element = is_array() ? first() : JsonView();
  while (element.exists() && index-- > 0) element = element.next();
  return element;
}

JsonView JsonView::first() const {
  if (!is_object() && !is_array()) return {};
  const TreeNode* child = node_->child;
  JsonView view;
  view.in_object_ = is_object();
  if (child != nullptr && view.in_object_) {
    view.key_ = child->text();
    child = child->next;
  }
  view.node_ = child;
  return view;
}

JsonView JsonView::next() const {
  if (node_ == nullptr) return {};
  const TreeNode* sibling = node_->next;
  JsonView view;
  view.in_object_ = in_object_;
  if (sibling != nullptr && in_object_) {
    view.key_ = sibling->text();
    sibling = sibling->next;
  }
  view.node_ = sibling;
  return view;
}

std::size_t JsonView::size() const {
  return is_object() || is_array() ? node_->size : 0;
}

std::optional<std::string_view> JsonView::text() const {
  if (node_ == nullptr || node_->kind != NodeKind::kText) return std::nullopt;
  return node_->text();
}

std::optional<std::int64_t> JsonView::integer() const {
  return number_in<std::int64_t>(node_);
}
std::optional<std::uint64_t> JsonView::unsigned_integer() const {
  return number_in<std::uint64_t>(node_);
}
std::optional<double> JsonView::real() const {
  return number_in<double>(node_);
}

std::optional<bool> JsonView::boolean() const {
  if (node_ == nullptr || node_->kind != NodeKind::kPlain) return std::nullopt;
  if (node_->text() == "true") return true;
  if (node_->text() == "false") return false;
  return std::nullopt;
}

Result<JsonDocument> JsonDocument::parse(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes)
    return invalid("message_too_large",
                   "want JSON of at most " + std::to_string(max_bytes) + " bytes, got " + std::to_string(text.size()));
  auto tree = std::make_unique<Tree>();
  if (!read_json(text, *tree) || !tree->problems().empty()) {
    const Problem& problem = tree->problems().front();
    const Place place = place_in(text, problem.offset);
    return invalid("bad_json", "line " + std::to_string(place.line) + ", column " + std::to_string(place.column) +
                                   ": " + problem.message);
  }
  return JsonDocument(std::move(tree));
}

JsonDocument::JsonDocument(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonView JsonDocument::root() const {
  return JsonView(tree_ == nullptr ? nullptr : tree_->root());
}

}  // namespace unik::codec
