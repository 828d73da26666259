// The one place that parses JSON: a recursive descent over RFC 8259, whose depth the Tree bounds.
//
// A controller's start reads tens of thousands of rows and every heartbeat is a text, so strings without an escape are
// taken in one piece and nothing is built but the Tree.
#include <array>
#include <limits>
#include <string>

#include "api/ascii.hpp"
#include "codec/tree.hpp"
#include "codec/utf8.hpp"

namespace unik::codec {
namespace {

constexpr std::uint32_t kSurrogates = 0xD800;
constexpr std::uint32_t kLowSurrogates = 0xDC00;
constexpr std::uint32_t kAfterSurrogates = 0xE000;

// What a string may hold as it stands, one byte each.
constexpr std::array<bool, 256> kPlainBytes = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x80; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}();

void append_utf8(std::string& text, std::uint32_t code) {
  const auto byte = [&text](std::uint32_t bits) { text += static_cast<char>(bits); };
  const auto following = [&](int shift) { byte(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    return following(0);
  }
  if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    following(6);
    return following(0);
  }
  byte(0xF0 | (code >> 18));
  following(12);
  following(6);
  following(0);
}

class JsonText {
 public:
  JsonText(std::string_view text, std::size_t from, Tree& tree) : text_(text), at_(from), tree_(tree) {
    if (text_.substr(at_).starts_with(kByteOrderMark)) at_ += kByteOrderMark.size();
  }

  bool document() {
    skip_space();
    if (!value()) return false;
    skip_space();
    return at_ == text_.size() || want("nothing behind the value");
  }

 private:
  bool value() {
    switch (next()) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string();
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      default:
        return number();
    }
  }

  bool object() {
    if (!tree_.begin(NodeKind::kMapping, offset())) return false;
    ++at_;
    skip_space();
    if (take('}')) return tree_.end();
    while (true) {
      if (next() != '"') return want("a key in double quotes");
      if (!string()) return false;
      skip_space();
      if (!take(':')) return want("`:` behind the key");
      skip_space();
      if (!value()) return false;
      skip_space();
      if (take('}')) return tree_.end();
      if (!take(',')) return want("`,` or `}` behind the member");
      skip_space();
    }
  }

  bool array() {
    if (!tree_.begin(NodeKind::kSequence, offset())) return false;
    ++at_;
    skip_space();
    if (take(']')) return tree_.end();
    while (true) {
      if (!value()) return false;
      skip_space();
      if (take(']')) return tree_.end();
      if (!take(',')) return want("`,` or `]` behind the element");
      skip_space();
    }
  }

  bool literal(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return want("a value");
    tree_.scalar(NodeKind::kPlain, offset(), word);
    at_ += word.size();
    return true;
  }

  bool number() {
    const std::size_t begin = at_;
    take('-');
    if (!is_digit(next())) return want(at_ == begin ? "a value" : "a digit");
    if (!take('0')) skip_digits();
    if (take('.') && !some_digits()) return false;
    if (next() == 'e' || next() == 'E') {
      ++at_;
      if (next() == '+' || next() == '-') ++at_;
      if (!some_digits()) return false;
    }
    return tree_.scalar(NodeKind::kPlain, static_cast<std::uint32_t>(begin), text_.substr(begin, at_ - begin));
  }

  bool string() {
    const std::uint32_t begin = offset();
    ++at_;
    const std::size_t content = at_;
    if (!skip_characters()) return false;
    if (next() == '"') {
      tree_.scalar(NodeKind::kText, begin, text_.substr(content, at_ - content));
      ++at_;
      return true;
    }
    unescaped_.assign(text_.substr(content, at_ - content));
    while (!take('"')) {
      if (!escape()) return false;
      const std::size_t more = at_;
      if (!skip_characters()) return false;
      unescaped_.append(text_.substr(more, at_ - more));
    }
    return tree_.scalar(NodeKind::kText, begin, unescaped_);
  }

  // Up to the quote or the backslash that comes next.
  bool skip_characters() {
    while (true) {
      while (at_ < text_.size() && kPlainBytes[static_cast<unsigned char>(text_[at_])]) ++at_;
      if (at_ == text_.size()) return want("a double quote at the end of the text");
      if (text_[at_] == '"' || text_[at_] == '\\') return true;
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return want("control characters written as \\u00XX");
      const std::size_t length = utf8_length(text_, at_);
      if (length == 0) return want("UTF-8");
      at_ += length;
    }
  }

  bool escape() {
    ++at_;
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t letter = at_ < text_.size() ? kLetters.find(text_[at_]) : std::string_view::npos;
    if (letter != std::string_view::npos) {
      unescaped_ += kMeanings[letter];
      ++at_;
      return true;
    }
    if (!take('u')) return want("one of \"\\/bfnrtu behind a backslash");
    std::uint32_t code = 0;
    if (!hexadecimal(code)) return false;
    if (code >= kSurrogates && code < kAfterSurrogates && !second_surrogate(code)) return false;
    append_utf8(unescaped_, code);
    return true;
  }

  bool second_surrogate(std::uint32_t& code) {
    std::uint32_t low = 0;
    if (code >= kLowSurrogates || !take('\\') || !take('u')) return want("a high surrogate and a low one");
    if (!hexadecimal(low)) return false;
    if (low < kLowSurrogates || low >= kAfterSurrogates) return want("a low surrogate");
    code = 0x10000 + ((code - kSurrogates) << 10) + (low - kLowSurrogates);
    return true;
  }

  bool hexadecimal(std::uint32_t& code) {
    for (int digit = 0; digit < 4; ++digit, ++at_) {
      const char c = next();
      const bool small = c >= 'a' && c <= 'f';
      if (!is_digit(c) && !small && !(c >= 'A' && c <= 'F')) return want("four hexadecimal digits behind \\u");
      code = code * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : c - (small ? 'a' : 'A') + 10);
    }
    return true;
  }

  // 0 at the end, which no rule asks for.
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (next() == ' ' || next() == '\n' || next() == '\t' || next() == '\r') ++at_;
  }
  void skip_digits() {
    while (is_digit(next())) ++at_;
  }
  bool some_digits() {
    if (!is_digit(next())) return want("a digit");
    skip_digits();
    return true;
  }

  std::uint32_t offset() const { return static_cast<std::uint32_t>(at_); }

  // One character of what is there is shown, and no more: the text may be a secret.
  bool want(std::string_view wanted) {
    std::string found = "the end";
    if (at_ < text_.size()) {
      const char c = text_[at_];
      found = c > ' ' && c < 0x7F ? '`' + std::string(1, c) + '`'
                                  : "the byte " + std::to_string(static_cast<unsigned char>(c));
    }
    return tree_.fail(offset(), "no valid JSON: want " + std::string(wanted) + ", got " + found);
  }

  const std::string_view text_;
  std::size_t at_;
  Tree& tree_;
  std::string unescaped_;  // of the string at hand
};

}  // namespace

bool read_json(std::string_view text, Tree& tree, std::size_t from) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) return tree.fail(0, "want JSON below 4 GiB");
  return JsonText(text, from, tree).document();
}

}  // namespace unik::codec
