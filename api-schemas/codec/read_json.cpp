// The one place that parses JSON. nlohmann's SAX interface says nothing of places, so its input is an iterator that
// remembers how far it was read; where a token began is found backwards from there.
#include <charconv>
#include <cstddef>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "codec/tree.hpp"

namespace unik::codec {
namespace {

struct Watched {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** reached;

  reference operator*() const { return *at; }
  Watched& operator++() {
    *reached = ++at;
    return *this;
  }
  Watched operator++(int) {
    const Watched before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Watched& other) const { return at == other.at; }
};

bool part_of_number(char c) {
  return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

class ToTree {
 public:
  using number_integer_t = std::int64_t;
  using number_unsigned_t = std::uint64_t;
  using number_float_t = double;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  ToTree(std::string_view text, const char* const& reached, Tree& tree) : text_(text), reached_(reached), tree_(tree) {}

  bool null() { return literal("null"); }
  bool boolean(bool value) { return literal(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return whole_number(value); }
  bool number_unsigned(std::uint64_t value) { return whole_number(value); }
  bool number_float(double, const std::string& written) {
    return tree_.scalar(NodeKind::kPlain, number_begin(), written);
  }
  bool string(std::string& value) { return tree_.scalar(NodeKind::kText, string_begin(), value); }
  bool key(std::string& value) { return tree_.scalar(NodeKind::kText, string_begin(), value); }
  bool binary(binary_t&) { return false; }
  bool start_object(std::size_t) { return tree_.begin(NodeKind::kMapping, behind(1)); }
  bool end_object() { return tree_.end(); }
  bool start_array(std::size_t) { return tree_.begin(NodeKind::kSequence, behind(1)); }
  bool end_array() { return tree_.end(); }

  bool parse_error(std::size_t, const std::string& token, const nlohmann::detail::exception& problem) {
    // `[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ...`: the place is told apart.
    std::string_view what = problem.what();
    if (const std::size_t colon = what.find(": "); colon != std::string_view::npos) what.remove_prefix(colon + 2);
    const auto length = static_cast<std::uint32_t>(token.empty() ? 0 : 1);
    return tree_.fail(behind(length), "no valid JSON: " + std::string(what));
  }

 private:
  template <typename Int>
  bool whole_number(Int value) {
    char digits[24];
    const auto [end, problem] = std::to_chars(digits, digits + sizeof digits, value);
    return tree_.scalar(NodeKind::kPlain, number_begin(), {digits, static_cast<std::size_t>(end - digits)});
  }

  bool literal(std::string_view word) {
    return tree_.scalar(NodeKind::kPlain, behind(static_cast<std::uint32_t>(word.size())), word);
  }

  std::uint32_t reached() const { return static_cast<std::uint32_t>(reached_ - text_.data()); }
  std::uint32_t behind(std::uint32_t length) const { return reached() < length ? 0 : reached() - length; }

  // The parser has read one character more than the number, unless the text ended with it.
  std::uint32_t number_begin() const {
    std::uint32_t at = reached();
    if (at > 0 && !part_of_number(text_[at - 1])) --at;
    while (at > 0 && part_of_number(text_[at - 1])) --at;
    return at;
  }

  // Backwards over the string to the first quote that no odd run of backslashes escapes.
  std::uint32_t string_begin() const {
    std::uint32_t at = behind(1);
    while (at > 0) {
      --at;
      if (text_[at] != '"') continue;
      std::uint32_t slashes = 0;
      while (slashes < at && text_[at - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
    }
    return at;
  }

  std::string_view text_;
  const char* const& reached_;
  Tree& tree_;
};

}  // namespace

bool read_json(std::string_view text, Tree& tree, std::size_t from) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) return tree.fail(0, "want JSON below 4 GiB");
  const char* reached = text.data() + from;
  ToTree sink(text, reached, tree);
  const Watched begin{reached, &reached};
  const Watched end{text.data() + text.size(), &reached};
  if (nlohmann::json::sax_parse(begin, end, &sink)) return true;
  if (tree.problems().empty()) tree.fail(0, "no valid JSON");
  return false;
}

}  // namespace unik::codec
