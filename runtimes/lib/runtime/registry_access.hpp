// Who this user is to the registries of runtimes: to a web server what `.netrc` says, to an OCI registry what docker's
// config.json says (registry/credentials.hpp). Both are read and never written.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "api/result.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/registry/registry_client.hpp"

namespace unik::runtimes {

// $NETRC or ~/.netrc, of the caller's environment. Empty: there is no home.
std::string netrc_of(const std::map<std::string, std::string>& environment);

// A web server's 401 or 403 for `url`. Errors: `unauthorized/registry_unauthorized`, `forbidden/registry_forbidden`.
Error refused_access(const std::string& url, int status);
// The server's answer to `url` that was neither what was asked for nor that it is not there:
// `unavailable/server_failed`.
Error server_failed(const std::string& url, int status);

// A client for the repository of `name`. Errors: `invalid/bad_credentials`.
Result<std::unique_ptr<RegistryClient>> open_repository(const ImageName& name,
                                                        const std::map<std::string, std::string>& environment,
                                                        int attempts = kRegistryAttempts);

}  // namespace unik::runtimes
