// An interned, immortal string: eight bytes to hold, one comparison to test for equality, ordered by its text, of which
// the first eight bytes mostly decide.
//
// Names of tenants, apps and nodes recur in every row of the World; interning them is what lets a row be a plain small
// value. The pool is the one piece of process-wide state; it only grows, so a Symbol never dangles and any thread may
// read it. Only names that passed `is_dns_label` are interned, and the codec bounds how many a message can bring.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace unik {

class Symbol {
 public:
  Symbol() = default;  // the empty string
  explicit Symbol(std::string_view text);

  const std::string& str() const;
  bool empty() const { return text_ == nullptr; }

  bool operator==(const Symbol&) const = default;
  std::strong_ordering operator<=>(const Symbol& other) const {
    if (text_ == other.text_) return std::strong_ordering::equal;
    if (begin() != other.begin()) return begin() <=> other.begin();
    return str().compare(other.str()) <=> 0;
  }

  // What the pool holds of a text.
  struct Text {
    std::uint64_t begin = 0;  // its first eight bytes as one number, ordered as they are; zeros where it is shorter
    std::string text;
  };

 private:
  std::uint64_t begin() const { return text_ == nullptr ? 0 : text_->begin; }

  const Text* text_ = nullptr;
};

}  // namespace unik

template <>
struct std::hash<unik::Symbol> {
  std::size_t operator()(const unik::Symbol& symbol) const { return std::hash<const void*>()(&symbol.str()); }
};
