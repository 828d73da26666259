// A controller's store that is filled without a controller: apps of ten replicas, all placed and running, ten
// instances on each node.
#pragma once

#include <cstddef>
#include <filesystem>

#include "api/result.hpp"

namespace unik::bench {

// Creates `home`/controller.db with `instances` instances, a multiple of 100.
Result<void> generate_store(const std::filesystem::path& home, std::size_t instances);

}  // namespace unik::bench
