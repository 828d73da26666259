#include "runtimes/lib/runtime/oci_registry.hpp"

#include <memory>
#include <utility>

#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/registry_access.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"

namespace unik::runtimes {
namespace {

// The digest of what stands there; empty: nothing does.
Result<std::string> state_of(RegistryClient& client, const std::string& tag) {
  const auto digest = client.manifest_digest(tag);
  if (digest) return to_string(*digest);
  if (digest.error().code == ErrorCode::kNotFound) return std::string();
  return digest.error();
}

}  // namespace

Result<OciRegistryFile> read_oci_registry(const std::string& url, const std::string& known_state,
                                          const std::map<std::string, std::string>& environment, int attempts) {
  const auto name = oci_registry_file(url);
  if (!name) return name.error();
  const auto client = open_repository(*name, environment, attempts);
  if (!client) return client.error();
  if (!known_state.empty()) {
    const auto digest = (*client)->manifest_digest(name->tag);
    if (!digest) return digest.error();
    if (to_string(*digest) == known_state) return OciRegistryFile{known_state, std::nullopt};
  }
  const auto there = find_artifact(**client, name->tag, kRegistryArtifact);
  if (!there) return there.error();
  if (there->file.size > static_cast<std::int64_t>(kMaxRegistryBytes))
    return invalid("bad_registry", url + ": want a registry.json of at most " + std::to_string(kMaxRegistryBytes) +
                                       " bytes, found " + std::to_string(there->file.size));
  auto text = fetch_text(**client, there->file);
  if (!text) return std::move(text).error();
  return OciRegistryFile{to_string(there->manifest), *std::move(text)};
}

Result<void> replace_oci_registry(const std::string& url, const std::string& state, std::string_view text,
                                  const std::map<std::string, std::string>& environment) {
  const auto name = oci_registry_file(url);
  if (!name) return name.error();
  const auto client = open_repository(*name, environment);
  if (!client) return client.error();
  const auto now = state_of(**client, name->tag);
  if (!now) return now.error();
  if (*now != state)
    return conflict("registry_changed",
                    url + ": want registry.json as it was read, another publisher has changed it meanwhile; try again");
  const Descriptor file{
      std::string(kRegistryArtifact.media_type), sha256(text), static_cast<std::int64_t>(text.size()), {}};
  const auto put = push_artifact(**client, name->tag, kRegistryArtifact, file, blob_source(text));
  return put ? Result<void>() : Result<void>(put.error());
}

Result<bool> push_oci_package(const std::string& url, const RuntimePackage& package,
                              const std::map<std::string, std::string>& environment,
                              const RegistryClient::OnSent& sent) {
  const auto name = oci_package(url);
  if (!name) return name.error();
  const auto client = open_repository(*name, environment);
  if (!client) return client.error();
  const auto there = find_artifact(**client, name->tag, kPackageArtifact);
  if (there && there->file.digest == package.checksum) return false;
  if (there || there.error().reason == "bad_artifact")
    return conflict("release_exists", url + ": want a place that is free or has " + to_string(package.checksum) +
                                          ", found " + (there ? to_string(there->file.digest) : "something else") +
                                          "; what was published is never overwritten");
  if (there.error().code != ErrorCode::kNotFound) return there.error();
  const auto read = blob_source(package.file);
  if (!read) return read.error();
  const Descriptor file{std::string(kPackageArtifact.media_type), package.checksum, package.size, {}};
  const auto put = push_artifact(**client, name->tag, kPackageArtifact, file, *read, sent);
  return put ? Result<bool>(true) : Result<bool>(put.error());
}

}  // namespace unik::runtimes
