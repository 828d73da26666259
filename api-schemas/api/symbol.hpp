// An interned, immortal string: eight bytes to hold, one comparison to test for equality, ordered by its text.
//
// Names of tenants, apps and nodes recur in every row of the World; interning them is what lets a row be a plain small
// value. The pool is the one piece of process-wide state; it only grows, so a Symbol never dangles and any thread may
// read it. Only names that passed `is_dns_label` are interned, and the codec bounds how many a message can bring.
#pragma once

#include <compare>
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
  std::strong_ordering operator<=>(const Symbol& other) const;

 private:
  const std::string* text_ = nullptr;
};

}  // namespace unik

template <>
struct std::hash<unik::Symbol> {
  std::size_t operator()(const unik::Symbol& symbol) const { return std::hash<const void*>()(&symbol.str()); }
};
