// Paths of a Linux system that may lie below another directory: links in it are followed as they would be if it were
// the root. And the places in which its dynamic loader looks for libraries.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace unik::runtimes {

inline constexpr std::size_t kMaxLoaderDirectories = 256;

class Sysroot {
 public:
  explicit Sysroot(std::filesystem::path root) : root_(std::move(root)) {}

  // Where `path`, absolute inside, ends when all links are followed: a path inside, without links. Empty when it is not
  // there.
  std::optional<std::string> resolve(const std::string& path) const;

  // Where a path inside lies on this host. It should have been resolved: links are not followed here.
  std::filesystem::path host_path(const std::string& path) const;

  // The directories of ld.so.conf with its includes, in order; none when there is no such file.
  std::vector<std::string> configured_directories() const;
  // Those of musl's own file, or the ones that it knows by itself.
  std::vector<std::string> musl_directories() const;

 private:
  void read_loader_config(const std::string& path, int depth, std::vector<std::string>& directories) const;
  std::filesystem::path root_;
};

// `/a/./b/../c` -> `/a/c`; `..` at the root stays there.
std::string normal_path(const std::string& path);
std::string directory_of(const std::string& path);
std::string name_of(const std::string& path);

}  // namespace unik::runtimes
