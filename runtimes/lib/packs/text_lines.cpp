#include "runtimes/lib/packs/text_lines.hpp"

#include <algorithm>
#include <cctype>

namespace unik::runtimes {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

std::size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool begins_with_word(std::string_view line, std::string_view word) {
  line = without_blanks(line);
  if (!line.starts_with(word)) return false;
  const auto next = static_cast<unsigned char>(line.size() == word.size() ? ' ' : line[word.size()]);
  return std::isalnum(next) == 0 && next != '_';
}

}  // namespace unik::runtimes
