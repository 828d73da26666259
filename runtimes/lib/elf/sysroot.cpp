#include "runtimes/lib/elf/sysroot.hpp"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;
constexpr int kMaxIncludeDepth = 4;
constexpr Bytes kMaxLoaderConfig = kibibytes(64);

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (end > start) parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> split(const std::string& text, const char* separators) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find_first_of(separators, start), text.size());
    if (std::string part = trimmed(text.substr(start, end - start)); !part.empty()) parts.push_back(std::move(part));
    start = end + 1;
  }
  return parts;
}

}  // namespace

std::string normal_path(const std::string& path) {
  std::vector<std::string> kept;
  for (std::string& part : parts_of(path)) {
    if (part == ".") continue;
    if (part != "..")
      kept.push_back(std::move(part));
    else if (!kept.empty())
      kept.pop_back();
  }
  std::string whole;
  for (const std::string& part : kept) whole += "/" + part;
  return whole.empty() ? "/" : whole;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::filesystem::path Sysroot::host_path(const std::string& path) const {
  return root_ / fs::path(path).relative_path();
}

std::optional<std::string> Sysroot::resolve(const std::string& path) const {
  std::vector<std::string> pending = parts_of(path);
  std::reverse(pending.begin(), pending.end());
  std::string at;
  int links = 0;
  while (!pending.empty()) {
    const std::string part = std::move(pending.back());
    pending.pop_back();
    if (part == ".") continue;
    if (part == "..") {
      at = at.empty() ? at : at.substr(0, at.rfind('/'));
      continue;
    }
    const std::string next = at + "/" + part;
    struct stat status {};
    if (::lstat(host_path(next).c_str(), &status) != 0) return std::nullopt;
    if (!S_ISLNK(status.st_mode)) {
      at = next;
      continue;
    }
    std::error_code error;
    const std::string target = fs::read_symlink(host_path(next), error).string();
    if (error || ++links > kMaxLinks) return std::nullopt;
    if (target.starts_with('/')) at.clear();
    std::vector<std::string> more = parts_of(target);
    pending.insert(pending.end(), more.rbegin(), more.rend());
  }
  return at.empty() ? "/" : at;
}

void Sysroot::read_loader_config(const std::string& path, int depth, std::vector<std::string>& directories) const {
  const auto real = resolve(path);
  const auto text = real ? read_file(host_path(*real), kMaxLoaderConfig) : Result<std::string>("");
  if (!text || depth > kMaxIncludeDepth) return;
  for (std::string line : split(*text, "\n")) {
    line = trimmed(line.substr(0, line.find('#')));
    if (!line.starts_with("include ") && !line.starts_with("include\t")) {
      if (line.starts_with('/') && directories.size() < kMaxLoaderDirectories) directories.push_back(normal_path(line));
      continue;
    }
    std::string pattern = trimmed(line.substr(8));
    if (!pattern.starts_with('/')) pattern = directory_of(path) + "/" + pattern;
    const auto directory = resolve(directory_of(pattern));
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(host_path(directory.value_or("/nonexistent")), error), end; !error && it != end;
         it.increment(error))
      if (const std::string name = it->path().filename().string();
          ::fnmatch(name_of(pattern).c_str(), name.c_str(), 0) == 0)
        names.push_back(name);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) read_loader_config(*directory + "/" + name, depth + 1, directories);
  }
}

std::vector<std::string> Sysroot::configured_directories() const {
  std::vector<std::string> directories;
  read_loader_config("/etc/ld.so.conf", 0, directories);
  return directories;
}

std::vector<std::string> Sysroot::musl_directories() const {
  const auto real = resolve("/etc/ld-musl-x86_64.path");
  const auto text = real ? read_file(host_path(*real), kMaxLoaderConfig) : Result<std::string>("");
  std::vector<std::string> directories = text ? split(*text, ":\n") : std::vector<std::string>();
  if (directories.empty()) directories = {"/lib", "/usr/local/lib", "/usr/lib"};
  return directories;
}

}  // namespace unik::runtimes
