#include "watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "paired.hpp"

namespace unik::bench {

Watch::Watch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

Result<void> Watch::add(const std::filesystem::path& directory) {
  if (::inotify_add_watch(inotify_.get(), directory.c_str(), IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_TO) >= 0)
    return {};
  return unavailable("no_watch", "cannot watch " + directory.string() + ": " + std::strerror(errno));
}

Result<void> Watch::until(const std::function<bool()>& done, std::string_view what) const {
  const double deadline = wall_seconds() + kVmPatience;
  while (!done()) {
    const double left = deadline - wall_seconds();
    if (left <= 0) return timed_out("not_seen", "waited too long for " + std::string(what));
    pollfd waiting{inotify_.get(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(std::max(left * 1e3, 1.0)));
    std::array<char, 16384> events;
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
  }
  return {};
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace unik::bench
