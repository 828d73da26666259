// What stands beside each row in the database, and beside all of them, and is compared as they are read. Part of the
// store's format.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "controller/core/world.hpp"

namespace unik::controller {

// Stands for `exit_kind` where the app has not ended yet.
inline constexpr std::int64_t kNoExit = -1;

// The numbers of an instance's row, in the order of the columns after its texts.
std::array<std::int64_t, 15> numbers_of(const InstanceRow& row);

std::int64_t checksum(std::string_view body);
std::int64_t checksum(const InstanceId& id, const InstanceRow& row);
std::int64_t checksum(std::string_view stray, const StrayRow& row);

// Covers what no row can say of itself: which record the tables stand at and how many rows there are. A damaged page
// may leave rows out without a word.
std::int64_t seal_of(const World& world);

}  // namespace unik::controller
