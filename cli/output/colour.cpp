#include "cli/output/colour.hpp"

#include <array>

#include "api/stable_hash.hpp"

namespace unik::cli {
namespace {

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kRed:
      return "31";
    case Colour::kGreen:
      return "32";
    case Colour::kYellow:
      return "33";
    case Colour::kBlue:
      return "34";
    case Colour::kMagenta:
      return "35";
    case Colour::kCyan:
      return "36";
    case Colour::kDim:
      return "2";
    case Colour::kBold:
      return "1";
  }
  return "";
}

constexpr std::array<Colour, 5> kNameColours = {Colour::kCyan, Colour::kMagenta, Colour::kBlue, Colour::kGreen,
                                                Colour::kYellow};

}  // namespace

std::string paint(std::string_view text, Colour colour, bool on) {
  if (!on || colour == Colour::kNone || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code_of(colour)) + "m" + std::string(text) + "\x1b[0m";
}

Colour colour_of_state(std::string_view state) {
  for (const std::string_view good : {"ready", "running", "healthy", "succeeded", "completed", "created", "ok", "True"})
    if (state == good) return Colour::kGreen;
  for (const std::string_view bad :
       {"failed", "unhealthy", "crash_loop", "degraded", "frozen", "fail", "deleted", "False", "never_seen"})
    if (state == bad) return Colour::kRed;
  for (const std::string_view busy :
       {"pending", "progressing", "starting", "deleting", "unknown", "updated", "warn", "Unknown"})
    if (state == busy) return Colour::kYellow;
  return Colour::kNone;
}

Colour colour_of_name(std::string_view name) {
  return kNameColours[stable_hash(name) % kNameColours.size()];
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text)
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++width;
  return width;
}

std::string printable(std::string_view text) {
  std::string safe(text);
  for (char& c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = c == '\n' || c == '\t' ? ' ' : '?';
  return safe;
}

}  // namespace unik::cli
