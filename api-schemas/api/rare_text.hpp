// A text that is nearly always empty, in eight bytes instead of a string's 32: for what each row of a large table has
// one of. Reads as the `std::string` that it is.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace unik {

class RareText {
 public:
  RareText() = default;
  explicit RareText(std::string text)
      : text_(text.empty() ? nullptr : std::make_unique<const std::string>(std::move(text))) {}
  RareText(const RareText& other) : RareText(other.str()) {}
  RareText(RareText&&) = default;
  RareText& operator=(const RareText& other) { return *this = other.str(); }
  RareText& operator=(RareText&&) = default;
  RareText& operator=(std::string text) { return *this = RareText(std::move(text)); }
  ~RareText() = default;

  bool empty() const { return text_ == nullptr; }
  const std::string& str() const {
    static const std::string kNone;
    return text_ == nullptr ? kNone : *text_;
  }
  operator const std::string&() const { return str(); }

  friend bool operator==(const RareText& a, const RareText& b) { return a.str() == b.str(); }
  friend bool operator==(const RareText& a, std::string_view b) { return a.str() == b; }
  friend std::string operator+(std::string a, const RareText& b) { return std::move(a += b.str()); }
  friend std::string operator+(const RareText& a, std::string_view b) { return a.str() + std::string(b); }

 private:
  std::unique_ptr<const std::string> text_;  // null: empty
};

}  // namespace unik
