#include "wire/private_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace unik::wire {
namespace {

constexpr mode_t kOwnerAlone = 0700;
constexpr mode_t kOfOthers = 0077;

}  // namespace

std::error_code make_private_directory(const std::filesystem::path& wanted) {
  std::error_code problem;
  const std::filesystem::path path = wanted.has_filename() ? wanted : wanted.parent_path();  // `home/` is `home`
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), problem);
  if (problem) return problem;
  if (::mkdir(path.c_str(), kOwnerAlone) == 0) return {};
  const std::error_code why(errno, std::generic_category());
  return std::filesystem::is_directory(path, problem) ? std::error_code() : why;
}

bool is_open_to_others(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & kOfOthers) != 0;
}

bool close_to_others(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || info.st_uid != ::geteuid() || (info.st_mode & S_ISVTX) != 0) return false;
  return ::chmod(path.c_str(), info.st_mode & ~kOfOthers & 07777) == 0;
}

}  // namespace unik::wire
