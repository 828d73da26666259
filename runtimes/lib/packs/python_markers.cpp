#include "runtimes/lib/packs/python_markers.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <vector>

namespace unik::runtimes {
namespace {

constexpr int kMaxDepth = 32;  // of brackets

std::vector<std::uint64_t> release_numbers(std::string_view text) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < text.size() && std::isdigit(static_cast<unsigned char>(text[i]));) {
    std::uint64_t number = 0;
    for (; i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])); ++i)
      number = std::min<std::uint64_t>(number * 10 + static_cast<std::uint64_t>(text[i] - '0'), 1'000'000'000);
    numbers.push_back(number);
    if (i < text.size() && text[i] == '.') ++i;
  }
  return numbers;
}

struct Operand {
  std::string text;
  bool variable = false;
  bool known = true;
  bool version = false;
};

// One pass over the text; `failed` once it is no marker.
class Reader {
 public:
  Reader(std::string_view text, const std::string& python) : rest_(text), python_(python) {}

  std::optional<bool> read() {
    const bool value = any(0);
    skip();
    if (failed_ || !rest_.empty()) return std::nullopt;
    return value;
  }

 private:
  void skip() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
  }
  bool take(std::string_view word) {
    skip();
    if (!rest_.starts_with(word)) return false;
    const bool letters = std::isalpha(static_cast<unsigned char>(word.front()));
    if (letters && rest_.size() > word.size() && std::isalnum(static_cast<unsigned char>(rest_[word.size()])))
      return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool any(int depth) {
    bool value = all(depth);
    while (take("or")) value = all(depth) || value;
    return value;
  }
  bool all(int depth) {
    bool value = one(depth);
    while (take("and")) value = one(depth) && value;
    return value;
  }
  bool one(int depth) {
    if (depth > kMaxDepth) failed_ = true;
    if (failed_) return true;
    if (take("(")) {
      const bool value = any(depth + 1);
      if (!take(")")) failed_ = true;
      return value;
    }
    const Operand left = operand();
    const std::string op = comparison();
    const Operand right = operand();
    return failed_ || !left.known || !right.known || compare(left, op, right);
  }
  std::string comparison() {
    if (take("not")) return take("in") ? "not in" : (failed_ = true, "");
    for (const char* op : {"===", "==", "!=", "<=", ">=", "~=", "<", ">", "in"})
      if (take(op)) return op;
    failed_ = true;
    return "";
  }
  Operand operand() {
    skip();
    if (!rest_.empty() && (rest_.front() == '\'' || rest_.front() == '"')) {
      const std::size_t end = rest_.find(rest_.front(), 1);
      if (end == std::string_view::npos) return failed_ = true, Operand{};
      Operand literal{std::string(rest_.substr(1, end - 1))};
      rest_.remove_prefix(end + 1);
      return literal;
    }
    std::size_t end = 0;
    while (end < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[end])) || rest_[end] == '_')) ++end;
    if (end == 0) return failed_ = true, Operand{};
    const std::string name(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return variable(name);
  }
  Operand variable(const std::string& name) const {
    static const std::map<std::string, std::string> fixed = {
        {"extra", ""},
        {"implementation_name", "cpython"},
        {"os_name", "posix"},
        {"platform_machine", "x86_64"},
        {"platform_python_implementation", "CPython"},
        {"platform_system", "Linux"},
        {"sys_platform", "linux"},
    };
    if (name == "python_full_version" || name == "implementation_version") return {python_, true, true, true};
    if (name == "python_version")
      return {python_.substr(0, python_.find('.', python_.find('.') + 1)), true, true, true};
    const auto it = fixed.find(name);
    return it == fixed.end() ? Operand{"", true, false, false} : Operand{it->second, true, true, false};
  }
  static bool compare(const Operand& left, const std::string& op, const Operand& right) {
    if (op == "in") return right.text.find(left.text) != std::string::npos;
    if (op == "not in") return right.text.find(left.text) == std::string::npos;
    if (!left.version && !right.version) return op == "!=" ? left.text != right.text : left.text == right.text;
    if (right.text.ends_with(".*")) {
      const auto want = release_numbers(right.text), have = release_numbers(left.text);
      const bool same = want.size() <= have.size() && std::equal(want.begin(), want.end(), have.begin());
      return op == "!=" ? !same : same;
    }
    const int order = compare_versions(left.text, right.text);
    if (op == "<") return order < 0;
    if (op == "<=") return order <= 0;
    if (op == ">") return order > 0;
    if (op == ">=") return order >= 0;
    if (op == "!=") return order != 0;
    if (op != "~=") return order == 0;
    auto prefix = release_numbers(right.text);  // ~= 3.8.1 is >= 3.8.1 and == 3.8.*
    if (!prefix.empty()) prefix.pop_back();
    const auto have = release_numbers(left.text);
    return order >= 0 && prefix.size() <= have.size() && std::equal(prefix.begin(), prefix.end(), have.begin());
  }

  std::string_view rest_;
  std::string python_;
  bool failed_ = false;
};

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  auto left = release_numbers(a), right = release_numbers(b);
  const std::size_t size = std::max(left.size(), right.size());
  left.resize(size);
  right.resize(size);
  return left < right ? -1 : left > right ? 1 : 0;
}

bool marker_holds(std::string_view marker, const std::string& python) {
  if (marker.find_first_not_of(" \t") == std::string_view::npos) return true;
  return Reader(marker, python).read().value_or(true);
}

}  // namespace unik::runtimes
