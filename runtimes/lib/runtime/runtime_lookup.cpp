#include "runtimes/lib/runtime/runtime_lookup.hpp"

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/installed_runtimes.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

class Lookup {
 public:
  Lookup(const RuntimeShelf& shelf, const RuntimeName& wanted) : shelf_(shelf), wanted_(wanted) {}

  Result<RuntimeImage> run() {
    RuntimeName installed = wanted_;
    if (installed.space.empty()) installed.space = shelf_.space;
    auto found = take_installed(installed, "installed");
    if (!found || *found) return finish(found);
    if (wanted_.space.empty() || wanted_.space == shelf_.space) {
      found = take_registry(installed);
      if (!found || *found) return finish(found);
      found = take_source(installed);
      if (!found || *found) return finish(found);
    }
    return not_found("no_runtime", "runtime " + to_string(wanted_) + ": want one that is installed, in a registry " +
                                       "or has a source here, tried " + tried_ +
                                       "; `unikctl runtime list` shows what there is");
  }

 private:
  using Found = Result<std::optional<RuntimeImage>>;

  static Result<RuntimeImage> finish(Found& found) {
    if (!found) return std::move(found).error();
    return **std::move(found);
  }
  void tried(const std::string& what) { tried_ += (tried_.empty() ? "" : "; ") + what; }

  Found take_installed(const RuntimeName& name, const std::string& how) {
    auto installed = installed_runtimes(shelf_.store);
    if (!installed) return std::move(installed).error();
    const InstalledRuntime* const runtime = find_installed(*installed, name);
    if (runtime == nullptr) {
      std::string there;
      for (const InstalledRuntime& other : *installed) there += (there.empty() ? "" : ", ") + to_string(other.name);
      tried("installed as " + to_string(name) + " (there is " + (there.empty() ? "none" : there) + ")");
      return std::optional<RuntimeImage>();
    }
    auto opened = open_runtime(shelf_.store, shelf_.roots, *runtime);
    if (!opened) return std::move(opened).error();
    if (shelf_.say) shelf_.say("runtime " + to_string(wanted_) + ": " + to_string(runtime->name) + ", " + how);
    return std::optional<RuntimeImage>(*std::move(opened));
  }

  Found take_registry(const RuntimeName& name) {
    if (!shelf_.install) return std::optional<RuntimeImage>();
    auto answer = shelf_.install(name);
    if (!answer) return std::move(answer).error();
    if (answer->installed) return take_installed(name, "installed from a registry");
    tried(answer->tried);
    return std::optional<RuntimeImage>();
  }

  Found take_source(const RuntimeName& name) {
    const fs::path directory = find_runtime_source(shelf_.sources, name.name);
    if (directory.empty()) {
      std::string places;
      for (const fs::path& place : shelf_.sources)
        places += (places.empty() ? "" : ", ") + (place / name.name).string();
      tried("the source " + (places.empty() ? "of nowhere (no directory of sources is known)" : places));
      return std::optional<RuntimeImage>();
    }
    auto source = read_runtime_source(directory);
    if (!source) return std::move(source).error();
    if (!name.version.empty() && name.version != source->manifest.version) {
      tried("the source " + directory.string() + " (it is of version " + source->manifest.version + ")");
      return std::optional<RuntimeImage>();
    }
    // Two builds of apps that need it at once make it once.
    if (auto made = make_directories(shelf_.roots); !made) return std::move(made).error();
    auto lock = lock_file(shelf_.roots / "build.lock", LockMode::kExclusive);
    if (!lock) return std::move(lock).error();
    RuntimeName built = name;
    built.version = source->manifest.version;
    auto by_others = take_installed(built, "built meanwhile");
    if (!by_others || *by_others) return by_others;
    if (shelf_.say) shelf_.say("runtime " + to_string(wanted_) + ": not installed, built from " + directory.string());
    if (auto ran = shelf_.build(*source); !ran) return std::move(ran).error();
    return take_installed(built, "built from its source");
  }

  const RuntimeShelf& shelf_;
  const RuntimeName& wanted_;
  std::string tried_;
};

}  // namespace

Result<RuntimeImage> find_runtime(const RuntimeShelf& shelf, const std::string& text) {
  auto wanted = parse_runtime_name(text);
  if (!wanted) return std::move(wanted).error();
  return Lookup(shelf, *wanted).run();
}

fs::path find_runtime_source(const std::vector<fs::path>& sources, const std::string& name) {
  for (const fs::path& top : sources) {
    fs::path other;
    for (const fs::path& directory : runtime_sources(top)) {
      const auto text = read_file(directory / kManifestFile, mebibytes(1));
      if (!text) continue;
      const auto manifest = codec::parse_runtime_manifest({directory.string(), *text});
      // A manifest that cannot be read is found by its directory, so that its faults are what is told.
      if (manifest ? manifest->name == name && directory.filename() == name : directory.filename() == name)
        return directory;
      if (manifest && manifest->name == name) other = directory;
    }
    if (!other.empty()) return other;
  }
  return {};
}

}  // namespace unik::runtimes
