#include "wire/user_home.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace unik::wire {
namespace {

constexpr std::size_t kMaxEntry = 64 << 10;  // of the user database

}  // namespace

std::string user_home() {
  if (const char* const home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  std::vector<char> buffer(kMaxEntry);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  const bool known = found != nullptr && found->pw_dir != nullptr && *found->pw_dir != '\0';
  return known ? found->pw_dir : "/nonexistent";
}

}  // namespace unik::wire
