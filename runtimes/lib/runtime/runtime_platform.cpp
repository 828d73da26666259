#include "runtimes/lib/runtime/runtime_platform.hpp"

#include <algorithm>

namespace unik::runtimes {
namespace {

constexpr std::string_view kLinux = "linux";
constexpr std::string_view kArchitectures[] = {"amd64", "arm64"};
constexpr std::string_view kDistributions[] = {"ubuntu", "debian", "rhel",  "amzn", "centos",
                                               "fedora", "alpine", "rocky", "linux"};

bool is_among(std::span<const std::string_view> known, std::string_view word) {
  return std::find(known.begin(), known.end(), word) != known.end();
}

}  // namespace

Result<Platform> parse_runtime_platform(std::string_view text) {
  const auto bad = [&](const std::string& why) {
    return invalid("bad_platform", "platform `" + std::string(text) + "`: want linux/amd64 or linux/arm64, got " + why);
  };
  const std::size_t mark = text.find_first_of("/-");
  if (mark == std::string_view::npos) return bad("no `/`");
  const std::string_view os = text.substr(0, mark);
  const std::string_view architecture = text.substr(mark + 1);
  const bool known = text[mark] == '/' ? os == kLinux : is_among(kDistributions, os);
  if (!known) return bad("`" + std::string(os) + "` for the operating system");
  if (!is_among(kArchitectures, architecture)) return bad("`" + std::string(architecture) + "` for the architecture");
  return Platform{std::string(kLinux), std::string(architecture)};
}

std::string to_string(const Platform& platform) {
  return platform.os + "/" + platform.architecture;
}

Platform host_platform() {
#if defined(__aarch64__)
  return {std::string(kLinux), "arm64"};
#else
  return {std::string(kLinux), "amd64"};
#endif
}

bool runs_on(std::span<const std::string> platforms, const Platform& wanted) {
  return std::any_of(platforms.begin(), platforms.end(), [&](const std::string& text) {
    const auto platform = parse_runtime_platform(text);
    return platform && *platform == wanted;
  });
}

}  // namespace unik::runtimes
