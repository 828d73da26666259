#include "runtimes/lib/runtime/registry_access.hpp"

#include <utility>

#include "runtimes/lib/registry/credentials.hpp"
#include "wire/endpoint.hpp"

namespace unik::runtimes {

std::string netrc_of(const std::map<std::string, std::string>& environment) {
  const auto named = environment.find("NETRC");
  if (named != environment.end() && !named->second.empty()) return named->second;
  const auto home = environment.find("HOME");
  return home == environment.end() || home->second.empty() ? "" : home->second + "/.netrc";
}

Error refused_access(const std::string& url, int status) {
  const auto parsed = wire::parse_url(url);
  const std::string host = parsed ? parsed->endpoint.host : "HOST";
  const std::string message = url + ": want to be let in, the answer was status " + std::to_string(status) +
                              "; ~/.netrc says who you are: `machine " + host + " login USER password SECRET`";
  if (status == 401) return Error{ErrorCode::kUnauthorized, "registry_unauthorized", message, {}, {}};
  return Error{ErrorCode::kForbidden, "registry_forbidden", message, {}, {}};
}

Error server_failed(const std::string& url, int status) {
  return unavailable("server_failed", url + ": want a file, the answer was status " + std::to_string(status) +
                                          " of the server or of what is before it; try again later");
}

Result<std::unique_ptr<RegistryClient>> open_repository(const ImageName& name,
                                                        const std::map<std::string, std::string>& environment,
                                                        int attempts) {
  RegistryOptions options;
  auto credentials = read_credentials(environment, name.registry);
  if (!credentials) return std::move(credentials).error();
  options.credentials = *std::move(credentials);
  options.attempts = attempts;
  return std::make_unique<RegistryClient>(name, std::move(options));
}

}  // namespace unik::runtimes
