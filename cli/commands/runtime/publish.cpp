// runtime key|publish|yank: runtimes of this host for others.
#include <fcntl.h>
#include <unistd.h>

#include <system_error>

#include "api/runtime_name.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/commands/runtime/shelf.hpp"
#include "cli/output/images.hpp"
#include "cli/packing.hpp"
#include "cli/runtime_registries.hpp"
#include "cli/runtimes.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/runtime_build.hpp"
#include "runtimes/lib/runtime/runtime_package.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxDocument = mebibytes(4);
constexpr unsigned kSecretMode = 0600;
constexpr const char* kDefaultKey = "runtime";

fs::path in_working_dir(const Session& session, const std::string& path) {
  return (session.environment().working_dir / path).lexically_normal();
}

std::string now_text() {
  return format_wall_time(wire::read_clock().wall);
}

// The texts of its source that go with it: what an install has kept, or the own source if it is what it was built from.
std::map<std::string, std::string> known_documents(const Session& session, const runtimes::InstalledRuntime& runtime) {
  const fs::path roots = home_of(session.environment()) / "runtimes";
  // A runtime that was built over an installed one has its name, and not its texts.
  const auto record = runtimes::find_install_record(roots, runtime.name);
  if (record && record->image_digest == runtime.image.manifest.digest)
    if (auto documents = runtimes::installed_documents(roots, runtime.name); !documents.empty()) return documents;
  const auto directory = own_runtime_source(session, runtime.name.name);
  if (!directory) return {};
  const auto source = runtimes::read_runtime_source(*directory);
  const std::string built_from = runtimes::annotation(runtime.manifest.annotations, runtimes::kSourceAnnotation);
  const bool same = source && built_from == to_string(digest_of(*source));
  return same ? documents_of(*directory) : std::map<std::string, std::string>();
}

Result<runtimes::RuntimeRelease> describe(const runtimes::BlobStore& store, const runtimes::InstalledRuntime& runtime) {
  auto config = store.config(runtime.manifest);
  if (!config) return config.error();
  runtimes::RuntimeRelease release;
  release.version = *parse_runtime_version(runtime.name.version);
  release.description = runtimes::annotation(runtime.manifest.annotations, "org.opencontainers.image.description");
  release.platforms = {config->os + "/" + config->architecture};
  release.released_at = now_text();
  return release;
}

Result<void> write_secret(const fs::path& path, const std::string& text) {
  auto fd = runtimes::open_file(path, O_WRONLY | O_CREAT | O_EXCL, kSecretMode);
  if (!fd) return fd.error();
  if (auto written = runtimes::write_all(fd->get(), text, path); !written) return written;
  return runtimes::sync_file(fd->get(), path);
}

}  // namespace

fs::path signature_place(const fs::path& package) {
  return package.string() + ".minisig";
}

std::map<std::string, std::string> documents_of(const fs::path& source) {
  std::map<std::string, std::string> documents;
  for (const std::string& name : runtimes::package_documents())
    if (auto text = runtimes::read_file(source / fs::path(name).filename(), kMaxDocument))
      documents.emplace(name, *std::move(text));
  return documents;
}

Result<runtimes::InstalledRuntime> publishable(const Session& session, const runtimes::BlobStore& store,
                                               const std::string& text) {
  const auto found = installed_as(session, store, text);
  if (!found) return found.error();
  const runtimes::InstalledRuntime& runtime = found->front();
  if (runtime.reproducible) return runtime;
  return invalid("not_reproducible", "runtime " + to_string(runtime.name) +
                                         ": want one that was built of what its lock pins, found one that was not; "
                                         "refresh the lock and build it with --release");
}

std::map<std::string, std::string> publishable_documents(const Session& session,
                                                         const runtimes::InstalledRuntime& runtime) {
  auto documents = known_documents(session, runtime);
  if (documents.empty())
    session.warn("no source of " + runtime.name.name +
                 " here is the one that it was built from: the package goes without manifest "
                 "and lock; UNIKCTL_RUNTIME_SOURCES names where sources are");
  return documents;
}

Result<PackagedRuntime> package_runtime(const runtimes::BlobStore& store, const runtimes::InstalledRuntime& runtime,
                                        const std::map<std::string, std::string>& documents, const fs::path& directory,
                                        const std::optional<runtimes::SecretKey>& key) {
  auto release = describe(store, runtime);
  if (!release) return release.error();
  auto package = write_runtime_package(store, runtime, documents, directory);
  if (!package) return package.error();
  release->checksum = package->checksum;
  release->size = package->size;
  release->image_digest = package->image_digest;
  if (!key) return PackagedRuntime{*std::move(package), *std::move(release)};
  const auto hash = runtimes::prehash_file(package->file);
  if (!hash) return hash.error();
  release->signature =
      print_signature(sign(*key, *hash,
                           "runtime:" + runtime.name.name + "@" + runtime.name.version +
                               "\timage:" + to_string(package->image_digest) + "\ttimestamp:" + release->released_at));
  if (auto kept = runtimes::replace_file(signature_place(package->file), release->signature); !kept)
    return kept.error();
  return PackagedRuntime{*std::move(package), *std::move(release)};
}

Result<int> generate_runtime_key(const Session& session, const RuntimeOptions& options) {
  const fs::path base = in_working_dir(session, options.key.empty() ? kDefaultKey : options.key);
  const fs::path secret = base.string() + ".key", open = base.string() + ".pub";
  std::error_code ignored;
  for (const fs::path& path : {secret, open})
    if (fs::exists(path, ignored))
      return conflict("key_exists", path.string() + ": want a name that is free; a key is never overwritten");
  const runtimes::SecretKey key = runtimes::generate_key();
  if (auto written = write_secret(secret, print_secret_key(key)); !written) return written.error();
  if (auto written = runtimes::replace_file(open, print_public_key(key.public_key)); !written) return written.error();
  session.say("secret key: " + secret.string() + " (keep it to yourself: it has no password)");
  session.say("public key: " + open.string() + "; for `public_key` of a registry in config.yaml:");
  session.out(key_line(key.public_key) + "\n");
  return 0;
}

Result<int> publish_runtime(const Session& session, const RuntimeOptions& options) {
  if (options.to.empty() == options.in.empty())
    return invalid("usage",
                   "want --to DIR|oci://HOST/NAMESPACE, a registry that gets it, or --in DIR, whose registry.json says "
                   "where it goes");
  if (!options.in.empty()) return publish_named(session, options);
  const auto key = read_signing_key(session, options.key);
  if (!key) return key.error();
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto runtime = publishable(session, *store, options.name);
  if (!runtime) return runtime.error();
  const auto shelf = Shelf::open(session, options.to, Shelf::Need::kAny);
  if (!shelf) return shelf.error();
  const std::string &name = runtime->name.name, &version = runtime->name.version;
  // Before anything is written: what was published is never overwritten.
  runtimes::RuntimeRelease asked;
  asked.version = *parse_runtime_version(version);
  if (auto fresh = add_release((*shelf)->text(), name, asked, ""); !fresh) return fresh.error();
  if (auto free = (*shelf)->check_free(name, version); !free) return free.error();
  const runtimes::ScratchDirectory scratch(runtime_scratch(session));
  auto packed = package_runtime(*store, *runtime, publishable_documents(session, *runtime), scratch.path(), *key);
  if (!packed) return packed.error();
  if (auto put = (*shelf)->put(name, *packed); !put) return put.error();
  if (auto added = (*shelf)->change(addition_of(name, packed->release)); !added) return added.error();
  session.out(name + "@" + version + " " + to_string(packed->package.checksum) + "\n");
  session.say((*shelf)->place_of(name, version) + ": " + format_size(packed->package.size) +
              (*key ? ", signed by key " + to_string((*key)->public_key.id) : ", not signed"));
  return 0;
}

Result<int> yank_runtime(const Session& session, const RuntimeOptions& options) {
  if (options.in.empty()) return invalid("usage", "want --in DIR|oci://HOST/NAMESPACE, a registry");
  const auto wanted = parse_runtime_name(options.name);
  if (!wanted) return wanted.error();
  if (wanted->version.empty() || !wanted->space.empty())
    return invalid("usage", "want NAME@VERSION, got `" + options.name + "`");
  const auto shelf = Shelf::open(session, options.in, Shelf::Need::kRegistry);
  if (!shelf) return shelf.error();
  const auto yank = runtimes::yank_of(wanted->name, *parse_runtime_version(wanted->version), now_text());
  if (auto yanked = (*shelf)->change(yank); !yanked) return yanked.error();
  session.out("runtime/" + options.name + " yanked\n");
  session.say("it is still there for who names this very version");
  return 0;
}

}  // namespace unik::cli
