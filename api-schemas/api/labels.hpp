// What labels may be called and say: one rule for manifests, for what an agent registers and for its command line.
#pragma once

#include <cstddef>
#include <string_view>

namespace unik {

inline constexpr std::size_t kMaxLabels = 64;

// What a node says of itself begins so (`unikctl.dev/platform`); nobody gives a node such a label.
inline constexpr std::string_view kOwnLabels = "unikctl.dev/";

// Empty when `text` is fine, else what is wanted (`a label of 1 to 128 letters, …`).
std::string_view label_key(std::string_view text);
std::string_view label_value(std::string_view text);

// The same of a label that somebody gives a node.
std::string_view node_label_key(std::string_view text);

}  // namespace unik
