#include "runtimes/lib/boot/guest_mounts.hpp"

#include <algorithm>
#include <iterator>

namespace unik::runtimes {

std::optional<std::string_view> guest_mount_of(std::string_view path) {
  const auto* const found = std::find_if(std::begin(kGuestMounts), std::end(kGuestMounts), [&](std::string_view mount) {
    return path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/');
  });
  return found == std::end(kGuestMounts) ? std::nullopt : std::optional(*found);
}

std::string first_hidden(const FileTree& whole, const FileTree& below) {
  for (const std::string_view mount : kGuestMounts) {
    const std::string top(mount.substr(1));
    for (auto it = whole.lower_bound(top); it != whole.end() && it->first.starts_with(top); ++it) {
      const std::string path = "/" + it->first;
      if (guest_mount_of(path) != mount) continue;  // such as `tmpfiles`
      if (it->first == top && it->second.type == NodeType::kDirectory) continue;
      const auto known = below.find(it->first);
      if (known == below.end() || known->second != it->second) return path;
    }
  }
  return "";
}

}  // namespace unik::runtimes
