#include "agent/core/address.hpp"

#include <cstdint>

#include "api/check.hpp"
#include "api/stable_hash.hpp"

namespace unik::agent {
namespace {

constexpr std::uint32_t kAddresses = 1U << 22;  // of a /10

std::string format_address(std::uint32_t host) {
  return "127." + std::to_string(64 + (host >> 16)) + '.' + std::to_string(host >> 8 & 255) + '.' +
         std::to_string(host & 255);
}

}  // namespace

std::string allocate_address(const InstanceId& id, const std::string& cluster_id, const std::set<std::string>& in_use) {
  const auto first = static_cast<std::uint32_t>(stable_hash(to_string(id), stable_hash(cluster_id)) % kAddresses);
  for (std::uint32_t i = 0; i < kAddresses; ++i) {
    const std::uint32_t host = (first + i) % kAddresses;
    if ((host & 255) == 0 || (host & 255) == 255) continue;
    std::string address = format_address(host);
    if (!in_use.contains(address)) return address;
  }
  UNIK_CHECK(false, "more instances on a node than addresses");
}

}  // namespace unik::agent
