#include "runtimes/lib/pack/source_build.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <system_error>

#include "runtimes/lib/elf/sysroot.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/file_tree.hpp"
#include "runtimes/lib/pack/build_log.hpp"
#include "runtimes/lib/pack/build_metadata.hpp"
#include "runtimes/lib/pack/own_directory.hpp"
#include "runtimes/lib/pack/run_program.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPassedOn[] = {"PATH", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY",
                                     "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
                                     "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "RUSTUP_HOME",
                                     // Where packages come from: what comes is held to the lock's hashes.
                                     "GOPROXY", "GONOSUMDB", "GOSUMDB", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
                                     "PIP_FIND_LINKS", "PIP_NO_INDEX", "npm_config_registry", "NPM_CONFIG_REGISTRY"};

Error in_recipe(const fs::path& directory, const char* reason, const std::string& text) {
  return invalid(reason, (directory / "unik.yaml").string() + ": " + text);
}

// ---- Hashing
// ---------------------------------------------------------------------------------------------------------

Result<Digest> digest_of_artifact(const fs::path& artifact) {
  FileTree tree;
  std::error_code error;
  if (fs::is_directory(artifact, error)) {
    if (auto added = add_host_directory(tree, "", artifact); !added) return std::move(added).error();
  } else {
    auto node = host_file_node(artifact);
    if (!node) return std::move(node).error();
    tree.emplace("artifact", *std::move(node));
  }
  return digest_of(tree);
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
  auto log = BuildLog::open(build_log_path(options.directory), options.output, options.operation);
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
Result<fs::path> locate_artifact(const SourceBuildOptions& options) {
  const fs::path& directory = options.directory;
  const std::string& artifact = options.recipe.artifact_path;
  const auto outside = [&](const std::string& found) {
    return in_recipe(directory, "no_artifact_path",
                     "artifact.path: want a path inside the source, found `" + artifact + "`" + found);
  };
  auto clean = tree_path(artifact);
  if (!clean || clean->empty() || artifact.starts_with('/')) return outside("");
  const std::string not_sent =
      options.operation.empty() ? "" : ": one that is there already is not sent with the source";
  std::error_code error;
  const fs::path real = fs::canonical(directory / *clean, error);
  if (error)
    return in_recipe(directory, "no_artifact",
                     "artifact.path `" + artifact +
                         "`: want a file or directory after build.command has run, found none; mend "
                         "the path or the command" +
                         not_sent);
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

// ---- The artifact, made or kept
// ---------------------------------------------------------------------------------------

struct MadeArtifact {
  fs::path place;
  BuildMetadata metadata;
  bool settled = true;  // the sources as they are now stand for it
  Duration took{};
};

BuildMetadata metadata_of_own_build(const SourceBuildOptions& options, const SourceHashes& source,
                                    const Digest& artifact) {
  std::string text = options.recipe.build_command + '\0' + options.recipe.artifact_path;
  for (const auto& [name, value] : options.environment) text += '\0' + name + '=' + value;
  for (const auto& [path, digest] : source) text += '\0' + path + '=' + to_hex(digest);
  BuildMetadata metadata;
  metadata.pack = metadata.language = "any";
  metadata.detected_by = "unik.yaml";
  metadata.mode = options.mode;
  metadata.commands = {options.recipe.build_command};
  metadata.artifact = artifact;
  metadata.inputs = to_string(sha256(text));
  return metadata;
}

// That of the last build, if nothing changed since.
std::optional<MadeArtifact> kept_artifact(const SourceBuildOptions& options, const SourceHashes& source) {
  const auto last = read_last_build(options.directory);
  const auto place = locate_artifact(options);
  if (!last || !place) return std::nullopt;
  const auto digest = digest_of_artifact(*place);
  if (!digest || to_string(*digest) != last->artifact) return std::nullopt;
  MadeArtifact kept{*place, metadata_of_own_build(options, source, *digest), true, {}};
  if (kept.metadata.inputs != last->inputs) return std::nullopt;
  return kept;
}

Result<MadeArtifact> make_artifact(const SourceBuildOptions& options, const SourceHashes& source) {
  const std::string& path = options.recipe.artifact_path;
  if (const auto before = locate_artifact(options); !before && before.error().reason != "no_artifact")
    return before.error();
  ::unlink(metadata_path(options.directory).c_str());
  const auto start = std::chrono::steady_clock::now();
  if (auto ran = run_build(options, options.environment); !ran) return std::move(ran).error();
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
  auto place = locate_artifact(options);
  if (!place) return std::move(place).error();
  const auto after = hash_source(options.directory, path);
  if (!after) return after.error();
  const auto digest = digest_of_artifact(*place);
  if (!digest) return digest.error();
  return MadeArtifact{*place, metadata_of_own_build(options, *after, *digest), kept_sources(source, *after), took};
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
  auto source = hash_source(directory, recipe.artifact_path);
  if (!source) return std::move(source).error();

  SourceBuild build;
  const auto kept = options.rebuild ? std::nullopt : kept_artifact(options, *source);
  build.reused = kept.has_value();
  auto made = kept ? Result<MadeArtifact>(*kept) : make_artifact(options, *source);
  if (!made) return std::move(made).error();
  build.build_took = made->took;
  // Recorded before it is packed, too: what is mended when that fails need not make the command run again.
  if (made->settled && !build.reused)
    if (auto written = write_metadata(directory, made->metadata); !written) return std::move(written).error();
  auto image = pack_artifact(store, options, made->place);
  if (!image) return std::move(image).error();
  made->metadata.image = *image;
  if (made->settled)
    if (auto written = write_metadata(directory, made->metadata); !written) return std::move(written).error();
  build.image = *std::move(image);
  return build;
}

}  // namespace unik::runtimes
