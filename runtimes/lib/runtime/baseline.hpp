// What no runtime may hold: a shell, a package manager, a program that changes who it runs as. Whoever gets into an app
// finds nothing to go on with.
#pragma once

#include <string>
#include <vector>

#include "runtimes/lib/oci/file_tree.hpp"

namespace unik::runtimes {

// One sentence for each file or link that has no place in a runtime; empty when the tree keeps the baseline.
std::vector<std::string> baseline_faults(const FileTree& tree);

}  // namespace unik::runtimes
