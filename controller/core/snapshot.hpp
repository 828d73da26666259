// The tables of a World as rows, and back: what a base of the journal is made of.
#pragma once

#include <vector>

#include "controller/core/world.hpp"

namespace unik::controller {

// Every row of the tables, each as the Change that puts it. What is not a row (`revision`, `last_uid`) is not in it.
std::vector<Change> rows_of(const World& world);

// Enters one such row as it is. Unlike `apply` it moves nothing beside it; the derived parts are for `derive` to fill
// when all rows are in. False for a change that puts no row.
bool put_row(World& world, const Change& change);

}  // namespace unik::controller
