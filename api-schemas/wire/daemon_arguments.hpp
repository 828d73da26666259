// How a daemon's command line is read: what is wrong with it is told, and ends it, as any other error of ours.
#pragma once

#include <optional>

namespace CLI {
class App;
}

namespace unik::wire {

// The exit code with which to end at once: 0 after --help or --version, that of `invalid` after what is wrong was
// printed on stderr. None: go on.
std::optional<int> parse_arguments(CLI::App& app, int argc, const char* const* argv);

}  // namespace unik::wire
