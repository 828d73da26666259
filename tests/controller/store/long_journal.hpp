// Journals of many small records, for what only shows over time: every fifth record is asked for by a user, the others
// are the controller's and its nodes' own, and some values are large enough to be blobs.
#pragma once

#include <cstdint>
#include <vector>

#include "controller/core/change.hpp"

namespace unik::controller {

// The records 1 to `count`, a minute apart.
std::vector<Record> long_journal(std::uint64_t count);

WallTime minute(std::uint64_t number);

}  // namespace unik::controller
