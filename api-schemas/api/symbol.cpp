#include "api/symbol.hpp"

#include <mutex>
#include <shared_mutex>
#include <unordered_set>

namespace unik {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

class Pool {
 public:
  const std::string* intern(std::string_view text) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = texts_.find(text); found != texts_.end()) return &*found;
    }
    const std::unique_lock lock(mutex_);
    return &*texts_.emplace(text).first;
  }

 private:
  std::shared_mutex mutex_;
  std::unordered_set<std::string, TextHash, std::equal_to<>> texts_;
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
  return text_ == nullptr ? empty_text() : *text_;
}

std::strong_ordering Symbol::operator<=>(const Symbol& other) const {
  if (text_ == other.text_) return std::strong_ordering::equal;
  return str().compare(other.str()) <=> 0;
}

}  // namespace unik
