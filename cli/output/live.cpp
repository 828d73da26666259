#include "cli/output/live.hpp"

#include <algorithm>

namespace unik::cli {

namespace {

// A last one without an end counts.
std::size_t count_lines(std::string_view text) {
  const auto ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  return ends + (text.empty() || text.ends_with('\n') ? 0 : 1);
}

}  // namespace

std::string clip(std::string_view line, std::size_t width) {
  std::string text;
  std::size_t columns = 0;
  bool escaped = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      escaped = true;
      const std::size_t end = line.find('m', i);
      if (end == std::string_view::npos) break;
      text += line.substr(i, end - i + 1);
      i = end;
      continue;
    }
    const bool begins = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
    if (begins && columns == width) break;
    if (begins) ++columns;
    text += line[i];
  }
  if (escaped) text += "\x1b[0m";
  return text;
}

std::string LiveRegion::draw(std::string_view picture) {
  std::string out;
  if (drawn_lines_ > 0) out += "\x1b[" + std::to_string(drawn_lines_) + "A\r";
  out += "\x1b[J";
  drawn_lines_ = 0;
  // The cursor rests on the line below the picture, so one row is not ours.
  const std::size_t room = height_ > 1 ? height_ - 1 : 1;
  const std::size_t lines = count_lines(picture);
  const std::size_t shown = lines > room ? room - 1 : lines;
  for (; drawn_lines_ < shown; ++drawn_lines_) {
    const std::size_t end = std::min(picture.find('\n'), picture.size());
    out += clip(picture.substr(0, end), width_) + "\n";
    picture.remove_prefix(std::min(end + 1, picture.size()));
  }
  if (shown == lines) return out;
  ++drawn_lines_;
  return out + clip("… " + std::to_string(lines - shown) + " lines more than fit here", width_) + "\n";
}

}  // namespace unik::cli
