// runtime install|remove|verify: runtimes of registries on this host.
#include <system_error>

#include "api/runtime_name.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/local.hpp"
#include "cli/packing.hpp"
#include "cli/runtime_registries.hpp"
#include "cli/runtime_settings.hpp"
#include "cli/signing_keys.hpp"
#include "runtimes/lib/oci/reference.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

// ---- remove ----

// What an app's image says to stand on: `python@1.2.0`. Empty where this host does not know the image.
std::string runtime_of(const runtimes::BlobStore& store, const std::string& image) {
  const auto reference = runtimes::parse_reference(image);
  if (!reference) return "";
  const auto manifest = store.manifest(reference->digest);
  if (!manifest) return "";
  return runtimes::annotation(manifest->annotations, runtimes::kRuntimeAnnotation);
}

// Who does not have a control plane here has no apps on it: none is started to ask.
Result<std::vector<App>> local_apps(const Session& session) {
  const auto found = session.find_api();
  if (!found) return found.error();
  std::error_code ignored;
  if (found->target().local && !is_up(*found) && !fs::exists(home_of(session.environment()) / "controller.db", ignored))
    return std::vector<App>();
  const auto api = session.connect();
  if (!api) return api.error();
  const auto page = api->apps();
  if (!page) return page.error();
  std::vector<App> apps;
  for (const AppView& view : page->items) apps.push_back(view.app);
  return apps;
}

// What stands on a runtime cannot be told of an image that was built or pulled elsewhere.
void warn_of_unknown(const Session& session, const runtimes::BlobStore& store, const std::vector<App>& apps) {
  std::string unknown;
  for (const App& app : apps) {
    const auto reference = runtimes::parse_reference(app.spec.boot.image);
    if (reference && store.manifest(reference->digest)) continue;
    unknown += (unknown.empty() ? "" : ", ") + std::string(app.metadata.name);
  }
  if (!unknown.empty())
    session.warn("the images of " + unknown + " are not in this host's store: they may stand on what is removed");
}

// An app that is built again would find its runtime gone.
Result<void> refuse_pinned(const runtimes::BlobStore& store, const std::vector<App>& apps,
                           const runtimes::InstalledRuntime& runtime) {
  const std::string name = runtime.name.name + "@" + runtime.name.version;
  std::string pinned;
  for (const App& app : apps)
    if (runtime_of(store, app.spec.boot.image) == name)
      pinned += (pinned.empty() ? "" : ", ") + std::string(app.metadata.name);
  if (pinned.empty()) return {};
  return conflict("runtime_in_use", "runtime " + name + ": want one that no app is pinned to, it is what " + pinned +
                                        " stands on; move the app to another version or destroy it first");
}

// ---- verify ----

// The whole key: its id alone could be another's.
bool is_signed_by(const runtimes::InstallRecord& record, const runtimes::ConfiguredRegistry& registry) {
  return registry.public_key && record.public_key == key_line(*registry.public_key);
}

// The registry that it came from may ask for a signature by now, or for one of another key, or have another name. What
// is not said to come from any of the configured ones is trusted where nobody asks for keys, or one of theirs signed
// it. `key` is trusted whatever is configured.
std::string trust_fault(const RuntimeSettings& settings, const std::optional<runtimes::PublicKey>& key,
                        const runtimes::InstallRecord& record) {
  if (key && record.public_key == key_line(*key)) return "";
  const std::string how =
      "it was installed " + (record.key_id.empty() ? "without one" : "with one by key " + record.key_id);
  bool asked_for = !record.key_id.empty(), trusted = false;
  for (const runtimes::ConfiguredRegistry& registry : settings.registries) {
    asked_for = asked_for || registry.public_key;
    trusted = trusted || is_signed_by(record, registry);
    if (registry.name != record.registry) continue;
    if (!registry.public_key || is_signed_by(record, registry)) return "";
    return "registry " + registry.name + " asks for a signature by key " + to_string(registry.public_key->id) + ", " +
           how + "; install it again, which checks it";
  }
  if (trusted || !asked_for) return "";
  return "want a signature by a key of a configured registry, " + how + " from registry " + record.registry +
         ", which is not configured; install it again, which checks it, or trust that key by --key";
}

std::string origin_of(const std::optional<runtimes::InstallRecord>& record) {
  if (!record) return "built here";
  return "registry " + record->registry + ", " +
         (record->key_id.empty() ? "no signature asked for" : "signed by key " + record->key_id);
}

}  // namespace

Result<int> install_runtimes(const Session& session, const RuntimeOptions& options) {
  if (!options.key.empty() && options.from.empty())
    return invalid("usage", "--key goes with --from: a registry of config.yaml has its `public_key` there");
  std::vector<RuntimeName> wanted;
  for (const std::string& text : options.names) {
    auto name = parse_runtime_name(text);
    if (!name) return name.error();
    if (!name->space.empty())
      return invalid("usage", "want NAME or NAME@VERSION, got `" + text +
                                  "`: a registry of config.yaml brings it, and "
                                  "`unikctl image pull` what lies in an OCI registry");
    wanted.push_back(*std::move(name));
  }
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto registries =
      options.from.empty() ? ask_registries(session) : ask_registry(session, options.from, options.key);
  if (!registries) return registries.error();
  for (const RuntimeName& name : wanted) {
    const auto installed = install_runtime(session, *store, *registries, name);
    if (!installed) return installed.error();
    const RuntimeName& got = installed->name;
    session.out(got.space + "/" + got.name + ":" + got.version + "@" + to_string(installed->image_digest) + "\n");
    if (installed->was_there) session.say(got.name + "@" + got.version + " was installed already");
  }
  return 0;
}

Result<int> remove_runtime(const Session& session, const RuntimeOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto wanted = parse_runtime_name(options.name);
  if (!wanted) return wanted.error();
  const auto found = installed_as(session, *store, options.name);
  if (!found) return found.error();
  if (wanted->version.empty() && !options.all) {
    std::string versions;
    for (const runtimes::InstalledRuntime& one : *found)
      versions += (versions.empty() ? "" : ", ") + one.name.name + "@" + one.name.version;
    return invalid(
        "usage", "want NAME@VERSION, or --all for every version, got `" + options.name + "`; installed is " + versions);
  }
  if (!wanted->version.empty() && options.all)
    return invalid("usage", "--all goes with a name alone, got `" + options.name + "`");
  const auto apps = local_apps(session);
  if (!apps) return apps.error();
  for (const runtimes::InstalledRuntime& one : *found)
    if (auto free = refuse_pinned(*store, *apps, one); !free) return free.error();
  warn_of_unknown(session, *store, *apps);
  const auto places = install_places(session, *store);
  if (!places) return places.error();
  for (const runtimes::InstalledRuntime& one : *found) {
    if (auto removed = remove_installed(*places, one); !removed) return removed.error();
    session.out("runtime/" + one.name.name + "@" + one.name.version + " removed\n");
  }
  session.say("`unikctl image prune` frees what no image needs any more");
  return 0;
}

Result<int> verify_runtimes(const Session& session, const RuntimeOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto settings = read_runtime_settings(session.environment());
  if (!settings) return settings.error();
  std::optional<runtimes::PublicKey> key;
  if (!options.key.empty()) {
    const auto given = read_public_key(session, options.key);
    if (!given) return given.error();
    key = *given;
  }
  const auto places = install_places(session, *store);
  if (!places) return places.error();
  std::vector<runtimes::InstalledRuntime> all;
  for (const std::string& text : options.names) {
    const auto found = installed_as(session, *store, text);
    if (!found) return found.error();
    all.insert(all.end(), found->begin(), found->end());
  }
  if (options.names.empty()) {
    auto found = installed_runtimes(*store);
    if (!found) return found.error();
    all = *std::move(found);
  }
  Error damaged = invalid("damaged_runtime", "");
  for (const runtimes::InstalledRuntime& runtime : all) {
    std::vector<std::string> faults = installed_faults(*places, runtime);
    std::optional<runtimes::InstallRecord> record;
    if (runtime.name.space == places->space) record = runtimes::find_install_record(places->roots, runtime.name);
    if (record)
      if (const std::string fault = trust_fault(*settings, key, *record); !fault.empty()) faults.push_back(fault);
    for (const std::string& fault : faults) damaged.details.push_back({to_string(runtime.name), 0, 0, "", fault});
    if (faults.empty()) session.out(to_string(runtime.name) + ": whole (" + origin_of(record) + ")\n");
  }
  if (damaged.details.empty()) return 0;
  damaged.message =
      "want installed runtimes as they were installed, found " + std::to_string(damaged.details.size()) + " faults";
  return damaged;
}

}  // namespace unik::cli
