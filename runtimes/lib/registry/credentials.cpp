#include "runtimes/lib/registry/credentials.hpp"

#include <filesystem>

#include "codec/json_reader.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/signature/base64.hpp"

namespace unik::runtimes {
namespace {

// Entries stand under `HOST`, `https://HOST` or `https://HOST/v1/`.
std::string_view host_of(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  return key.substr(0, key.find('/'));
}

Error bad(std::string_view registry, const std::string& what) {
  return invalid("bad_credentials", "credentials of " + std::string(registry) + ": " + what);
}

Result<std::optional<Credentials>> read_entry(const codec::JsonView& entry, std::string_view registry) {
  Credentials found;
  found.identity_token = entry["identitytoken"].text_or("");
  found.user = entry["username"].text_or("");
  found.password = entry["password"].text_or("");
  if (const auto auth = entry["auth"].text(); auth && !auth->empty()) {
    const auto text = from_base64(*auth);
    const std::size_t colon = text ? text->find(':') : std::string::npos;
    if (colon == std::string::npos) return bad(registry, "want `auth` to be the base64 of USER:PASSWORD; log in again");
    found.user = text->substr(0, colon);
    found.password = text->substr(colon + 1);
  }
  if (found == Credentials{}) return std::optional<Credentials>();
  return std::optional(std::move(found));
}

}  // namespace

Result<std::optional<Credentials>> find_credentials(std::string_view config_json, std::string_view registry) {
  const auto document = codec::JsonDocument::parse(config_json, kMaxCredentialFile);
  if (!document || !document->root().is_object()) return bad(registry, "want a JSON object, found something else");
  const codec::JsonView root = document->root();
  for (auto entry = root["auths"].first(); entry.exists(); entry = entry.next()) {
    if (host_of(entry.key()) != registry) continue;
    auto found = read_entry(entry, registry);
    if (!found || *found) return found;
  }
  for (auto helper = root["credHelpers"].first(); helper.exists(); helper = helper.next())
    if (host_of(helper.key()) == registry)
      return bad(registry, "they are held by the helper `docker-credential-" + helper.text_or("") +
                               "`, which is not run here; put them under `auths`");
  return std::optional<Credentials>();
}

Result<std::optional<Credentials>> read_credentials(const std::map<std::string, std::string>& environment,
                                                    std::string_view registry) {
  const auto variable = [&](const char* name) {
    const auto it = environment.find(name);
    return it == environment.end() ? std::string() : it->second;
  };
  std::vector<std::filesystem::path> places;
  if (const auto directory = variable("DOCKER_CONFIG"); !directory.empty())
    places.push_back(std::filesystem::path(directory) / "config.json");
  if (const auto file = variable("REGISTRY_AUTH_FILE"); !file.empty()) places.emplace_back(file);
  if (const auto home = variable("HOME"); !home.empty())
    places.push_back(std::filesystem::path(home) / ".docker" / "config.json");
  if (const auto run = variable("XDG_RUNTIME_DIR"); !run.empty())
    places.push_back(std::filesystem::path(run) / "containers" / "auth.json");
  for (const auto& place : places) {
    const auto text = read_file(place, Bytes{kMaxCredentialFile});
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return text.error();
    auto found = find_credentials(*text, registry);
    if (!found) {
      Error error = std::move(found).error();
      error.message = place.string() + ": " + error.message;
      return error;
    }
    if (*found) return found;
  }
  return std::optional<Credentials>();
}

}  // namespace unik::runtimes
