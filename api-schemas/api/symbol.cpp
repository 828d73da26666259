#include "api/symbol.hpp"

#include <mutex>
#include <shared_mutex>
#include <unordered_set>

namespace unik {
namespace {

std::uint64_t beginning(std::string_view text) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number = number << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
  return number;
}

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  std::size_t operator()(const Symbol::Text& one) const { return (*this)(one.text); }
};
struct SameText {
  using is_transparent = void;
  bool operator()(const Symbol::Text& a, const Symbol::Text& b) const { return a.text == b.text; }
  bool operator()(std::string_view a, const Symbol::Text& b) const { return a == b.text; }
};

class Pool {
 public:
  const Symbol::Text* intern(std::string_view text) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = texts_.find(text); found != texts_.end()) return &*found;
    }
    const std::unique_lock lock(mutex_);
    return &*texts_.insert(Symbol::Text{beginning(text), std::string(text)}).first;
  }

 private:
  std::shared_mutex mutex_;
  std::unordered_set<Symbol::Text, TextHash, SameText> texts_;
};

// Leaked on purpose: Symbols in other static objects must stay valid until the very end of the process.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

const std::string& empty_text() {
  static const std::string text;
  return text;
}

}  // namespace

Symbol::Symbol(std::string_view text) : text_(text.empty() ? nullptr : pool().intern(text)) {}

const std::string& Symbol::str() const {
  return text_ == nullptr ? empty_text() : text_->text;
}

}  // namespace unik
