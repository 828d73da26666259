#include "runtimes/lib/pack/source_build.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "runtimes/lib/elf/sysroot.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/file_tree.hpp"
#include "runtimes/lib/pack/build_log.hpp"
#include "runtimes/lib/pack/own_directory.hpp"
#include "runtimes/lib/pack/run_program.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kRecordFormat = 1;
constexpr Bytes kMaxRecord = mebibytes(64);
constexpr const char* kPassedOn[] = {"PATH", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY",
                                     "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
                                     "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "RUSTUP_HOME",
                                     // Where packages come from: what comes is held to the lock's hashes.
                                     "GOPROXY", "GONOSUMDB", "GOSUMDB", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
                                     "PIP_FIND_LINKS", "PIP_NO_INDEX", "npm_config_registry", "NPM_CONFIG_REGISTRY"};

Error in_recipe(const fs::path& directory, const char* reason, const std::string& text) {
  return invalid(reason, (directory / "unik.yaml").string() + ": " + text);
}

// ---- What was built last
// ---------------------------------------------------------------------------------------------

struct BuildRecord {
  std::string recipe;   // hash of the command, the artifact's path and the environment
  SourceHashes source;  // as the build left it
  SourceHashes artifact;

  bool operator==(const BuildRecord&) const = default;
};

json hashes_json(const SourceHashes& hashes) {
  json object = json::object();
  for (const auto& [path, digest] : hashes) object[path] = to_string(digest);
  return object;
}

std::optional<SourceHashes> hashes_of(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_object()) return std::nullopt;
  SourceHashes hashes;
  for (const auto& [path, text] : it->items()) {
    const auto digest = text.is_string() ? parse_digest(text.get<std::string>()) : parse_digest("");
    if (!digest) return std::nullopt;
    hashes.emplace(path, *digest);
  }
  return hashes;
}

// A record that cannot be read only costs another build.
std::optional<BuildRecord> read_record(const fs::path& directory) {
  const auto text = read_file(metadata_path(directory), kMaxRecord);
  if (!text) return std::nullopt;
  const json object = json::parse(*text, nullptr, false);
  if (!object.is_object() || object.value("format", json()) != kRecordFormat) return std::nullopt;
  const auto recipe = object.find("recipe");
  auto source = hashes_of(object, "source"), artifact = hashes_of(object, "artifact");
  if (recipe == object.end() || !recipe->is_string() || !source || !artifact) return std::nullopt;
  return BuildRecord{recipe->get<std::string>(), *std::move(source), *std::move(artifact)};
}

Result<void> write_record(const fs::path& directory, const BuildRecord& record) {
  const json object = {{"format", kRecordFormat},
                       {"recipe", record.recipe},
                       {"source", hashes_json(record.source)},
                       {"artifact", hashes_json(record.artifact)}};
  return replace_file(metadata_path(directory), object.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

// ---- Hashing
// ---------------------------------------------------------------------------------------------------------

Result<SourceHashes> hash_artifact(const fs::path& artifact) {
  FileTree tree;
  std::error_code error;
  if (fs::is_directory(artifact, error)) {
    if (auto added = add_host_directory(tree, "", artifact); !added) return std::move(added).error();
  } else {
    auto node = host_file_node(artifact);
    if (!node) return std::move(node).error();
    tree.emplace("artifact", *std::move(node));
  }
  return hash_tree(tree);
}

// Whether the build changed any file that was there before: then the artifact may stem from either version, and the
// sources as they are now do not stand for it.
bool kept_sources(const SourceHashes& before, const SourceHashes& after) {
  return std::all_of(before.begin(), before.end(), [&](const auto& entry) {
    const auto there = after.find(entry.first);
    return there != after.end() && there->second == entry.second;
  });
}

// ---- Building
// --------------------------------------------------------------------------------------------------------

Result<void> run_build(const SourceBuildOptions& options, const std::map<std::string, std::string>& environment) {
  auto log = BuildLog::open(build_log_path(options.directory), options.output);
  if (!log) return std::move(log).error();
  ProgramRun run;
  run.args = {"/bin/sh", "-c", options.recipe.build_command};
  run.environment = environment;
  run.directory = options.directory;
  run.time_limit = options.time_limit;
  run.output = [&](std::string_view text) { log->add(text); };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (!log->kept()) return log->kept();
  if (*code == 0) return {};
  return in_recipe(options.directory, "build_failed",
                   "build.command `" + options.recipe.build_command + "`: want exit code 0, got " +
                       std::to_string(*code) + "; " + log->describe());
}

// The artifact as a path of this host, known to lie inside the source.
Result<fs::path> locate_artifact(const fs::path& directory, const std::string& artifact) {
  const auto outside = [&](const std::string& found) {
    return in_recipe(directory, "no_artifact_path",
                     "artifact.path: want a path inside the source, found `" + artifact + "`" + found);
  };
  auto clean = tree_path(artifact);
  if (!clean || clean->empty() || artifact.starts_with('/')) return outside("");
  std::error_code error;
  const fs::path real = fs::canonical(directory / *clean, error);
  if (error)
    return in_recipe(directory, "no_artifact",
                     "artifact.path `" + artifact +
                         "`: want a file or directory after build.command has run, found none; mend "
                         "the path or the command");
  const fs::path relative = real.lexically_relative(fs::canonical(directory, error));
  if (error || relative.empty() || *relative.begin() == "..") return outside(", which leads to " + real.string());
  return real;
}

Result<PackedImage> pack_artifact(const BlobStore& store, const SourceBuildOptions& options, const fs::path& artifact) {
  const codec::UnikYaml& recipe = options.recipe;
  PackConfig config;
  config.args = recipe.run_command;
  for (const Port& port : recipe.deploy.boot.ports) config.ports.push_back(port.port);
  std::error_code error;
  const std::string name =
      !options.name.empty() ? options.name : fs::canonical(options.directory, error).filename().string();
  if (fs::is_directory(artifact, error)) {
    if (config.args.empty())
      return in_recipe(
          options.directory, "no_run_command",
          "run.command: want the command that starts the app, found none; a directory as artifact needs one");
    return pack_directory(store, {artifact, name, options.includes, std::move(config), options.base, "/"});
  }
  if (!config.args.empty()) {
    if (name_of(config.args.front()) != artifact.filename().string())
      return in_recipe(options.directory, "bad_run_command",
                       "run.command: want `" + artifact.filename().string() +
                           "`, the artifact, as the program, found `" + config.args.front() +
                           "`; name a directory as artifact.path where the program is another file");
    config.args.erase(config.args.begin());
  }
  return pack_binary(store, {artifact, name, options.includes, std::move(config), options.base, "/"});
}

}  // namespace

bool has_own_build(const codec::UnikYaml& recipe) {
  return !recipe.build_command.empty() || !recipe.artifact_path.empty();
}

std::map<std::string, std::string> build_environment(const fs::path& directory,
                                                     const std::map<std::string, std::string>& caller) {
  std::error_code error;
  const fs::path absolute = fs::absolute(directory, error);
  const fs::path cache = cache_directory(error ? directory : absolute);
  std::map<std::string, std::string> environment = {
      {"HOME", (cache / "home").string()},
      {"LC_ALL", "C.UTF-8"},
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"SOURCE_DATE_EPOCH", std::to_string(kSourceDateEpoch)},
      {"TZ", "UTC"},
      {"XDG_CACHE_HOME", cache.string()},
  };
  for (const char* name : kPassedOn)
    if (const auto it = caller.find(name); it != caller.end()) environment[name] = it->second;
  // rustup's programs find their toolchain through the HOME that they do not get.
  if (const auto home = caller.find("HOME"); home != caller.end() && !environment.contains("RUSTUP_HOME"))
    if (const fs::path rustup = fs::path(home->second) / ".rustup"; fs::is_directory(rustup, error))
      environment["RUSTUP_HOME"] = rustup.string();
  return environment;
}

Result<SourceHashes> hash_source(const fs::path& directory, const std::string& artifact) {
  FileTree tree;
  HostDirectoryRules rules;
  rules.skip = {kOwnDirectory, ".git"};
  if (auto added = add_host_directory(tree, "", directory, rules); !added) return std::move(added).error();
  if (const auto clean = tree_path(artifact); clean) remove_node(tree, *clean);
  return hash_tree(tree);
}

Result<SourceBuild> build_source(const BlobStore& store, const SourceBuildOptions& options) {
  const fs::path& directory = options.directory;
  const codec::UnikYaml& recipe = options.recipe;
  if (recipe.build_command.empty())
    return in_recipe(directory, "no_build_command", "build.command: want the command that builds the app, found none");
  if (recipe.artifact_path.empty())
    return in_recipe(directory, "no_artifact_path", "artifact.path: want what build.command makes, found none");
  // A second caller waits, and then finds the first one's record.
  const auto lock = enter_own_directory(directory);
  if (!lock) return lock.error();

  std::string recipe_text = recipe.build_command + '\0' + recipe.artifact_path;
  for (const auto& [name, value] : options.environment) recipe_text += '\0' + name + '=' + value;
  BuildRecord record;
  record.recipe = to_string(sha256(recipe_text));

  auto before = hash_source(directory, recipe.artifact_path);
  if (!before) return std::move(before).error();
  record.source = *before;

  SourceBuild build;
  const auto last = options.rebuild ? std::nullopt : read_record(directory);
  auto artifact = locate_artifact(directory, recipe.artifact_path);
  if (last && artifact && last->recipe == record.recipe && last->source == record.source) {
    auto hashes = hash_artifact(*artifact);
    build.reused = hashes && *hashes == last->artifact;
  }
  if (!build.reused) {
    if (artifact || artifact.error().reason == "no_artifact")
      ::unlink(metadata_path(directory).c_str());
    else
      return std::move(artifact).error();
    const auto start = std::chrono::steady_clock::now();
    if (auto ran = run_build(options, options.environment); !ran) return std::move(ran).error();
    build.build_took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
    artifact = locate_artifact(directory, recipe.artifact_path);
    if (!artifact) return std::move(artifact).error();
    auto after = hash_source(directory, recipe.artifact_path);
    if (!after) return std::move(after).error();
    auto hashes = hash_artifact(*artifact);
    if (!hashes) return std::move(hashes).error();
    record.artifact = *std::move(hashes);
    const bool settled = kept_sources(record.source, *after);
    record.source = *std::move(after);
    if (settled)
      if (auto written = write_record(directory, record); !written) return std::move(written).error();
  }
  auto image = pack_artifact(store, options, *artifact);
  if (!image) return std::move(image).error();
  build.image = *std::move(image);
  return build;
}

}  // namespace unik::runtimes
