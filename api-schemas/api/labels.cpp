#include "api/labels.hpp"

#include <algorithm>

#include "api/ascii.hpp"

namespace unik {
namespace {

constexpr std::size_t kLabelKeyMax = 128;
constexpr std::size_t kLabelValueMax = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

bool is_label_text(std::string_view text, std::size_t most, std::string_view marks) {
  return !text.empty() && text.size() <= most && is_letter_or_digit(text.front()) && is_letter_or_digit(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return is_letter_or_digit(c) || marks.find(c) != marks.npos; });
}

}  // namespace

std::string_view label_key(std::string_view text) {
  return is_label_text(text, kLabelKeyMax, "._/-")
             ? std::string_view()
             : "a label of 1 to 128 letters, digits, `.`, `_`, `/` and `-`, beginning and ending with a letter or "
               "digit";
}

std::string_view label_value(std::string_view text) {
  return text.empty() || is_label_text(text, kLabelValueMax, "._-")
             ? std::string_view()
             : "a value of at most 63 letters, digits, `.`, `_` and `-`, beginning and ending with a letter or digit";
}

std::string_view node_label_key(std::string_view text) {
  if (text.starts_with(kOwnLabels)) return "another label, since what begins with `unikctl.dev/` a node says of itself";
  return label_key(text);
}

}  // namespace unik
