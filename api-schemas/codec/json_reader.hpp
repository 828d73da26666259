// Reads foreign JSON (a registry's answer, QMP, a request's body) without a library's types in anybody's header.
//
// Nothing here fails but the parse itself: a member that is not there, or is of another type, reads as absent, so that
// callers ask for what they need and say themselves what is missing. Views point into their document and die with it.
// The parse is strict RFC 8259, refuses duplicate keys, bounds its nesting (kMaxNesting) and never throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::codec {

class Tree;
struct TreeNode;

class JsonView {
 public:
  JsonView() = default;  // absent
  explicit JsonView(const TreeNode* node) : node_(node) {}

  bool exists() const { return node_ != nullptr; }
  bool is_object() const;
  bool is_array() const;
  bool is_null() const;

  JsonView operator[](std::string_view key) const;  // a member of an object
  JsonView at(std::size_t index) const;             // an element of an array, found in linear time

  // Walks an object or array: `for (v = first(); v.exists(); v = v.next())`; `key` is the name of a member.
  JsonView first() const;
  JsonView next() const;
  std::string_view key() const { return key_; }
  std::size_t size() const;  // members or elements; 0 for anything else

  std::optional<std::string_view> text() const;
  std::optional<std::int64_t> integer() const;  // whole numbers that fit
  std::optional<std::uint64_t> unsigned_integer() const;
  std::optional<double> real() const;  // any number
  std::optional<bool> boolean() const;

  std::string text_or(std::string_view otherwise) const { return std::string(text().value_or(otherwise)); }

  // For the codec itself.
  const TreeNode* node() const { return node_; }

 private:
  const TreeNode* node_ = nullptr;
  std::string_view key_;
  bool in_object_ = false;
};

class JsonDocument {
 public:
  // Errors: `invalid`/`bad_json` with the line and column, `invalid`/`message_too_large` beyond `max_bytes`.
  static Result<JsonDocument> parse(std::string_view text, std::size_t max_bytes = std::size_t{8} << 20);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonView root() const;

 private:
  explicit JsonDocument(std::unique_ptr<Tree> tree);

  std::unique_ptr<Tree> tree_;
};

}  // namespace unik::codec
