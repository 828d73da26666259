// The end of an error about a word that is not known: what was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace unik::cli {

// `; did you mean `X`?`, or nothing where no candidate is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace unik::cli
