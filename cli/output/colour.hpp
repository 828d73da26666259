// Colour and width of text on a terminal. Pure: whether colour is on is an argument, decided once by the rim.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace unik::cli {

enum class Colour : std::uint8_t { kNone, kRed, kGreen, kYellow, kBlue, kMagenta, kCyan, kDim, kBold };

// `text` as it is where `on` is false, or where the colour is none.
std::string paint(std::string_view text, Colour colour, bool on);

// The colour of a word that tells a state, the same everywhere: `ready` is green, `failed` is red.
Colour colour_of_state(std::string_view state);

// Steady for one name, so that an instance keeps its colour over reconnects and in other commands.
Colour colour_of_name(std::string_view name);

// Columns that UTF-8 text takes: code points, combining marks and double width left aside.
std::size_t width_of(std::string_view text);

// Control characters of foreign text become `?`, so that an object's message cannot steer the terminal.
std::string printable(std::string_view text);

}  // namespace unik::cli
