#include "runtimes/lib/runtime/runtime_source.hpp"

#include <algorithm>
#include <optional>
#include <system_error>

#include "api/runtime_name.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/runtime_lock.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxFile = mebibytes(1);
constexpr const char* kBaseScript = "build.sh";

class Check {
 public:
  Check(fs::path directory, bool with_lock) : with_lock_(with_lock) { check_.source.directory = std::move(directory); }

  SourceCheck run() {
    RuntimeSource& source = check_.source;
    const bool manifest = read(kManifestFile, codec::parse_runtime_manifest, source.manifest, true);
    const bool recipe = read(kRecipeFile, codec::parse_runtime_recipe, source.recipe, true);
    const bool lock = read(kLockFile, codec::parse_runtime_lock, source.lock, with_lock_);
    if (manifest) look_at_manifest();
    if (manifest && recipe) look_at_packages();
    if (recipe) look_at_recipe();
    if (recipe && lock && with_lock_)
      for (const std::string& text : lock_faults(source.recipe, source.lock))
        fault(kLockFile, "", text + "; `unikctl runtime lock " + name() + " --update` makes it anew");
    return std::move(check_);
  }

 private:
  std::string name() const {
    const std::string& given = check_.source.manifest.name;
    return given.empty() ? check_.source.directory.filename().string() : given;
  }
  void fault(const char* file, const std::string& path, const std::string& text) {
    check_.faults.push_back({(check_.source.directory / file).string(), 0, 0, path, text});
  }

  template <typename Value>
  bool read(const char* file, Result<Value> (*parse)(const codec::ManifestText&), Value& into, bool required) {
    const fs::path path = check_.source.directory / file;
    auto text = read_file(path, kMaxFile);
    if (!text) {
      if (required) fault(file, "", "want this file, found none: " + text.error().message);
      return false;
    }
    auto value = parse({path.string(), *std::move(text)});
    if (value) {
      into = *std::move(value);
      return true;
    }
    if (required) check_.faults.insert(check_.faults.end(), value.error().details.begin(), value.error().details.end());
    return false;
  }

  void look_at_manifest() {
    const std::string directory = check_.source.directory.filename().string();
    if (directory != check_.source.manifest.name)
      check_.warnings.push_back(check_.source.directory.string() + ": the directory is named `" + directory +
                                "` and the runtime `" + check_.source.manifest.name + "`; name both alike");
  }

  bool is_base() const { return check_.source.manifest.name == kBaseRuntimeName; }

  void look_at_packages() {
    const RuntimeSource& source = check_.source;
    for (const std::string& package : source.manifest.packages) {
      const bool debian =
          std::find(source.recipe.debian.begin(), source.recipe.debian.end(), package) != source.recipe.debian.end();
      const bool npm = std::any_of(source.recipe.npm.begin(), source.recipe.npm.end(),
                                   [&](const codec::NpmRequest& request) { return request.name == package; });
      if (!debian && !npm) fault(kManifestFile, "packages", "`" + package + "` is not among the packages of unik.yaml");
    }
    if (is_base() != source.recipe.base.empty())
      fault(kRecipeFile, "base", is_base() ? "want none: the base stands on nothing" : "want the runtime it stands on");
    std::error_code error;
    if (is_base() && !fs::is_regular_file(source.directory / kBaseScript, error))
      fault(kBaseScript, "", "want the script that lays the base out, found none");
    if (!is_base() && source.recipe.keep.empty() && source.recipe.place.empty())
      fault(kRecipeFile, "keep", "want paths that are kept, got none: the runtime would be empty");
  }

  void look_at_recipe() {
    const RuntimeSource& source = check_.source;
    if (!source.recipe.base.empty()) {
      const auto base = parse_runtime_name(source.recipe.base);
      if (!base || base->name != kBaseRuntimeName)
        fault(kRecipeFile, "base",
              "want `base`, the one runtime that others stand on, got `" + source.recipe.base + "`");
    }
    const codec::RuntimeCheck& check = source.recipe.check;
    std::error_code error;
    if (!check.directory.empty() && !fs::is_directory(source.directory / check.directory, error))
      fault(kRecipeFile, "check.directory", "want a directory of the source, found no `" + check.directory + "`");
  }

  bool with_lock_;
  SourceCheck check_;
};

}  // namespace

SourceCheck check_runtime_source(const fs::path& directory, bool with_lock) {
  std::error_code error;
  const fs::path whole = fs::canonical(directory, error);
  return Check(error ? directory : whole, with_lock).run();
}

Result<RuntimeSource> read_runtime_source(const fs::path& directory, bool with_lock) {
  std::error_code error;
  if (!fs::is_directory(directory, error))
    return not_found("no_such_runtime", directory.string() + ": want the source of a runtime, found no such directory");
  SourceCheck check = check_runtime_source(directory, with_lock);
  if (check.faults.empty()) return std::move(check.source);
  const bool lock_alone = std::all_of(check.faults.begin(), check.faults.end(),
                                      [](const Fault& fault) { return fs::path(fault.file).filename() == kLockFile; });
  Error problem =
      invalid(lock_alone ? "incomplete_lock" : "bad_runtime", "the runtime in " + directory.string() +
                                                                  " cannot be used: want a source without faults, "
                                                                  "found " +
                                                                  std::to_string(check.faults.size()));
  problem.details = std::move(check.faults);
  return problem;
}

std::vector<fs::path> runtime_sources(const fs::path& top) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(top, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry->path() / kManifestFile, ignored)) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

Digest digest_of(const RuntimeSource& source) {
  Sha256 hash;
  for (const char* file : {kManifestFile, kRecipeFile}) {
    const auto text = read_file(source.directory / file, kMaxFile);
    hash.update(std::string(file) + '\0' + (text ? *text : "") + '\0');
  }
  codec::RuntimeLock pins = source.lock;
  pins.image.reset();
  hash.update(std::string(kLockFile) + '\0' + codec::print_runtime_lock(pins) + '\0');
  return hash.finish();
}

}  // namespace unik::runtimes
