#include "runtimes/lib/runtime/baseline.hpp"

#include "runtimes/lib/elf/sysroot.hpp"
#include "runtimes/lib/pack/name_list.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kShells[] = {"ash",  "bash",  "busybox", "csh",  "dash",   "fish", "ksh",
                                        "mksh", "rbash", "sh",      "tcsh", "toybox", "zsh"};
constexpr std::string_view kPackageManagers[] = {"apk",  "apt", "apt-get", "aptitude", "corepack", "dnf", "dpkg",
                                                 "gem",  "npm", "npx",     "opkg",     "pacman",   "pip", "pip3",
                                                 "pnpm", "rpm", "snap",    "yarn",     "yum"};
constexpr std::uint32_t kSetId = 06000;

bool is_package_manager(const std::string& path, std::string_view name) {
  return is_one_of(kPackageManagers, name) || name.starts_with("dpkg-") || name.starts_with("apt-") ||
         path.starts_with("var/lib/dpkg/") || path.starts_with("var/lib/apt/");
}

}  // namespace

std::vector<std::string> baseline_faults(const FileTree& tree) {
  std::vector<std::string> faults;
  for (const auto& [path, node] : tree) {
    if (node.type == NodeType::kDirectory) continue;
    const std::string name = name_of("/" + path);
    const bool runs = node.type == NodeType::kSymlink || (node.mode & 0111) != 0;
    if (runs && is_one_of(kShells, name))
      faults.push_back("/" + path + " is a shell");
    else if ((runs || path.starts_with("var/lib/")) && is_package_manager(path, name))
      faults.push_back("/" + path + " belongs to a package manager");
    if ((node.mode & kSetId) != 0) faults.push_back("/" + path + " changes the user it runs as");
  }
  return faults;
}

}  // namespace unik::runtimes
