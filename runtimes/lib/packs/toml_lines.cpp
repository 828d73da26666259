#include "runtimes/lib/packs/toml_lines.hpp"

#include <algorithm>

namespace unik::runtimes {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// The line without its comment; a `#` inside a string is none.
std::string_view without_comment(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == quote) quote = 0;
    } else if (line[i] == '"' || line[i] == '\'') {
      quote = line[i];
    } else if (line[i] == '#') {
      return line.substr(0, i);
    }
  }
  return line;
}

// How many brackets stay open, those in strings left out.
int open_brackets(std::string_view text) {
  int open = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      ++open;
    } else if (c == ']' || c == '}') {
      --open;
    }
  }
  return open;
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(without_comment(line));
}

bool is_header(std::string_view line, std::string_view table) {
  return line.size() == table.size() + 2 && line.front() == '[' && line.back() == ']' &&
         line.substr(1, table.size()) == table;
}

}  // namespace

std::optional<std::string> toml_value(std::string_view text, std::string_view table, std::string_view key) {
  bool inside = table.empty();
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.starts_with('[')) {
      inside = is_header(line, table);
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!inside || equals == std::string_view::npos || trimmed(line.substr(0, equals)) != key) continue;
    std::string value(trimmed(line.substr(equals + 1)));
    while (open_brackets(value) > 0 && !text.empty()) value += " " + std::string(next_line(text));
    const bool quoted =
        value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    return quoted ? value.substr(1, value.size() - 2) : value;
  }
  return std::nullopt;
}

bool has_toml_table(std::string_view text, std::string_view table) {
  while (!text.empty())
    if (is_header(next_line(text), table)) return true;
  return false;
}

}  // namespace unik::runtimes
