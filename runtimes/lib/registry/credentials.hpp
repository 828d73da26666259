// Who this user is to a registry, as `docker login` and `skopeo login` left it: config.json is read, never written.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxCredentialFile = std::size_t{1} << 20;  // bytes

struct Credentials {
  std::string user;
  std::string password;
  std::string identity_token;  // instead of a password: for the token server alone

  bool operator==(const Credentials&) const = default;
};

// What a config.json says of `registry` (`HOST[:PORT]`); empty where it says nothing. Errors:
// `invalid/bad_credentials` for a file that cannot be read so, and for an entry that is held by a credential helper,
// which is a program that is not run here.
Result<std::optional<Credentials>> find_credentials(std::string_view config_json, std::string_view registry);

// The first of $DOCKER_CONFIG/config.json, $REGISTRY_AUTH_FILE, ~/.docker/config.json and
// $XDG_RUNTIME_DIR/containers/auth.json that says something of the registry; files that are not there are passed over.
Result<std::optional<Credentials>> read_credentials(const std::map<std::string, std::string>& environment,
                                                    std::string_view registry);

}  // namespace unik::runtimes
