// The labels of an agent's command line.
#pragma once

#include <string>
#include <vector>

#include "api/resource.hpp"

namespace unik::agent {

// Each is KEY=VALUE. Refuses what the controller would refuse of a registration. Errors: `invalid`/`bad_label`.
Result<Labels> parse_labels(const std::vector<std::string>& texts);

}  // namespace unik::agent
