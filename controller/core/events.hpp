// What a record means to a person: one line for each thing that happened.
#pragma once

#include <vector>

#include "api/views.hpp"
#include "controller/core/change.hpp"

namespace unik::controller {

// In the order of the changes; changes that say nothing to a person (templates, answers) give no line.
std::vector<EventView> events_of(const Record& record);

}  // namespace unik::controller
