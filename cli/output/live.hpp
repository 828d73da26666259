// A part of the terminal that is drawn again and again, and the words for progress. Pure: they return what to write.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace unik::cli {

// Draws over its own last picture. Lines are cut to the terminal's width and the picture to its height, since a line
// that wraps or scrolls away cannot be drawn over; the last row then says how many lines are not shown.
class LiveRegion {
 public:
  LiveRegion(std::size_t width, std::size_t height) : width_(width), height_(height) {}

  // What to write so that `picture` replaces the last one.
  std::string draw(std::string_view picture);

 private:
  std::size_t width_;
  std::size_t height_;
  std::size_t drawn_lines_ = 0;
};

// Cuts to `width` columns; escape sequences take none and are kept whole.
std::string clip(std::string_view line, std::size_t width);

}  // namespace unik::cli
