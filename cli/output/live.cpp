#include "cli/output/live.hpp"

namespace unik::cli {

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
  while (!picture.empty() && drawn_lines_ < room) {
    const std::size_t end = picture.find('\n');
    out += clip(picture.substr(0, end), width_) + "\n";
    ++drawn_lines_;
    if (end == std::string_view::npos) break;
    picture.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace unik::cli
