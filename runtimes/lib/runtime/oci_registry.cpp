#include "runtimes/lib/runtime/oci_registry.hpp"

#include <memory>
#include <random>
#include <thread>
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

Result<OciRegistryFile> registry_or_none(const std::string& url,
                                         const std::map<std::string, std::string>& environment) {
  auto file = read_oci_registry(url, "", environment);
  if (file || file.error().code != ErrorCode::kNotFound) return file;
  return OciRegistryFile{"", ""};
}

// Unless it has changed since it was `state`: who is quicker is not written over knowingly. The text goes before, so
// that no more than the manifest lies between looking and putting.
Result<void> put_registry(const std::string& url, const std::string& state, std::string_view text,
                          const std::map<std::string, std::string>& environment) {
  const auto name = oci_registry_file(url);
  if (!name) return name.error();
  const auto client = open_repository(*name, environment);
  if (!client) return client.error();
  if (auto sent = push_text(**client, text); !sent) return sent;
  const auto now = state_of(**client, name->tag);
  if (!now) return now.error();
  if (*now != state) return {};
  const Descriptor file{
      std::string(kRegistryArtifact.media_type), sha256(text), static_cast<std::int64_t>(text.size()), {}};
  const auto put = push_artifact(**client, name->tag, kRegistryArtifact, file, blob_source(text));
  return put ? Result<void>() : Result<void>(put.error());
}

}  // namespace

void wait_for_others() {
  std::random_device random;
  const auto part = std::uniform_int_distribution<Duration::rep>(0, kOciSettle.count())(random);
  std::this_thread::sleep_for(kOciSettle + Duration(part));
}

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

Result<void> change_oci_registry(const std::string& url, const RegistryChange& change,
                                 const std::map<std::string, std::string>& environment, const OciPause& pause) {
  for (int tries = 0; tries <= kOciChangeTries; ++tries) {
    const auto there = registry_or_none(url, environment);
    if (!there) return there.error();
    if (tries > 0 && change.is_made(*there->text)) return {};
    if (tries == kOciChangeTries) break;
    const auto text = change.apply(*there->text);
    if (!text) return text.error();
    if (auto put = put_registry(url, there->state, *text, environment); !put) return put;
    pause();
  }
  return conflict("registry_changed", url +
                                          ": want registry.json to keep what is written into it, others have written " +
                                          "over it " + std::to_string(kOciChangeTries) + " times; try again");
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
