#include "codec/yaml_writer.hpp"

#include <algorithm>
#include <array>

#include "api/ascii.hpp"
#include "codec/json_writer.hpp"
#include "codec/utf8.hpp"

namespace unik::codec {
namespace {

// Words that some reader takes for a boolean, null, number or merge key.
constexpr std::array<std::string_view, 15> kWords = {"y",    "n", "yes", "no", "on",   "off",  "true", "false",
                                                     "null", "~", "=",   "<<", ".inf", ".nan", ".null"};
constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`";
constexpr std::string_view kNumberLike = "0123456789abcdefABCDEFxXoO_:.+-tTzZ ";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Controls, and what some readers take for the end of a line or for no character at all; all within U+FFFF.
bool must_be_escaped(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF;
}

char32_t character(std::string_view text, std::size_t at, std::size_t length) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  if (length == 1) return byte(0);
  char32_t value = byte(0) & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) value = (value << 6) | (byte(i) & 0x3F);
  return value;
}

// JSON's quoting is YAML's too, but for characters that JSON leaves as they are.
std::string quote(std::string_view text) {
  const std::string json = json_quote(text);
  std::string out;
  for (std::size_t at = 0; at < json.size();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(json, at));
    const char32_t c = character(json, at, length);
    if (must_be_escaped(c)) {
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[(c >> shift) & 15];
    } else {
      out.append(json, at, length);
    }
    at += length;
  }
  return out;
}

std::string scalar(std::string_view text) {
  return needs_quotes(text) ? quote(text) : std::string(text);
}

}  // namespace

bool needs_quotes(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return true;
  if (kIndicators.find(text.front()) != std::string_view::npos || text.starts_with("..")) return true;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0 || must_be_escaped(character(text, at, length))) return true;
    at += length;
  }
  if (std::find(kWords.begin(), kWords.end(), lower(text)) != kWords.end()) return true;
  const bool may_be_number = is_digit(text.front()) || text.front() == '+' || text.front() == '.';
  return may_be_number && text.find_first_not_of(kNumberLike) == std::string_view::npos;
}

void YamlWriter::begin_entry() {
  Level& level = levels_.back();
  const bool same_line = level.empty && level.is_item;
  if (level.empty && level.after_key) out_ += '\n';
  if (!same_line) out_.append((levels_.size() - 1) * 2, ' ');
  level.empty = false;
  if (level.kind == '[') out_ += "- ";
}

YamlWriter& YamlWriter::open(char kind) {
  const bool is_item = !levels_.empty() && levels_.back().kind == '[';
  const bool after_key = !levels_.empty() && !is_item;
  if (is_item) begin_entry();
  levels_.push_back({kind, is_item, after_key, true});
  return *this;
}

YamlWriter& YamlWriter::close(std::string_view if_empty) {
  const Level level = levels_.back();
  levels_.pop_back();
  if (!level.empty) return *this;
  if (level.after_key) out_ += ' ';
  out_ += if_empty;
  out_ += '\n';
  return *this;
}

YamlWriter& YamlWriter::key(std::string_view name) {
  begin_entry();
  out_ += scalar(name);
  out_ += ':';
  return *this;
}

YamlWriter& YamlWriter::text(std::string_view value) {
  return plain(scalar(value));
}

YamlWriter& YamlWriter::plain(std::string_view value) {
  if (levels_.back().kind == '[')
    begin_entry();
  else
    out_ += ' ';
  out_ += value;
  out_ += '\n';
  return *this;
}

}  // namespace unik::codec
