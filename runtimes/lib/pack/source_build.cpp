#include "runtimes/lib/pack/source_build.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "runtimes/lib/elf/sysroot.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/file_tree.hpp"
#include "runtimes/lib/pack/run_program.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kRecordFormat = 1;
constexpr Bytes kMaxRecord = mebibytes(64);
constexpr std::int64_t kMaxBuildLog = 64 << 20;  // bytes that are kept; the command goes on beyond
constexpr std::size_t kShownLines = 15;          // of the log's end in an error
constexpr std::size_t kShownBytes = 4096;
constexpr const char* kPassedOn[] = {"PATH",
                                     "http_proxy",
                                     "https_proxy",
                                     "no_proxy",
                                     "all_proxy",
                                     "HTTP_PROXY",
                                     "HTTPS_PROXY",
                                     "NO_PROXY",
                                     "ALL_PROXY",
                                     "SSL_CERT_FILE",
                                     "SSL_CERT_DIR",
                                     "CURL_CA_BUNDLE",
                                     "NODE_EXTRA_CA_CERTS",
                                     "REQUESTS_CA_BUNDLE"};

fs::path own_directory(const fs::path& directory) {
  return directory / ".unikctl";
}
fs::path record_path(const fs::path& directory) {
  return own_directory(directory) / "native" / "pack-metadata.json";
}
fs::path log_path(const fs::path& directory) {
  return own_directory(directory) / "native" / "build.log";
}

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
  const auto text = read_file(record_path(directory), kMaxRecord);
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
  return replace_file(record_path(directory), object.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

// ---- Hashing
// ---------------------------------------------------------------------------------------------------------

Result<SourceHashes> hash_tree(const FileTree& tree) {
  SourceHashes hashes;
  for (const auto& [path, node] : tree) {
    if (node.type == NodeType::kDirectory) continue;
    if (hashes.size() >= kMaxSourceFiles)
      return exhausted("source_too_large",
                       "source: want at most 200000 files, found more; leave generated directories out");
    Sha256 hash;
    hash.update(node.type == NodeType::kSymlink ? "link\n" + node.link
                : (node.mode & 0111) != 0       ? "program\n"
                                                : "file\n");
    if (node.type == NodeType::kFile) {
      auto read = read_content(node, [&](std::string_view bytes) -> Result<void> {
        hash.update(bytes);
        return {};
      });
      if (!read) return std::move(read).error();
    }
    hashes.emplace(path, hash.finish());
  }
  return hashes;
}

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

std::string last_lines(const std::string& text) {
  std::size_t at = text.size(), lines = 0;
  while (at > 0 && lines <= kShownLines) {
    at = text.rfind('\n', at - 1);
    if (at == std::string::npos) return text;
    ++lines;
  }
  return text.substr(at + 1);
}

Result<void> run_build(const SourceBuildOptions& options, const std::map<std::string, std::string>& environment) {
  const fs::path log = log_path(options.directory);
  auto fd = open_file(log, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd) return std::move(fd).error();
  std::string tail;
  std::int64_t logged = 0;
  Result<void> kept;
  ProgramRun run;
  run.args = {"/bin/sh", "-c", options.recipe.build_command};
  run.environment = environment;
  run.directory = options.directory;
  run.time_limit = options.time_limit;
  run.output = [&](std::string_view text) {
    if (options.output) options.output(text);
    logged += static_cast<std::int64_t>(text.size());
    if (kept && logged <= kMaxBuildLog) kept = write_all(fd->get(), text, log);
    tail.append(text);
    if (tail.size() > 2 * kShownBytes) tail.erase(0, tail.size() - kShownBytes);
  };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (!kept) return kept;
  if (*code == 0) return {};
  return in_recipe(options.directory, "build_failed",
                   "build.command `" + options.recipe.build_command + "`: want exit code 0, got " +
                       std::to_string(*code) + "; its whole output is in " + log.string() + ", its end:\n" +
                       last_lines(tail));
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

std::map<std::string, std::string> build_environment(const fs::path& directory,
                                                     const std::map<std::string, std::string>& caller) {
  std::error_code error;
  const fs::path absolute = fs::absolute(directory, error);
  const fs::path cache = own_directory(error ? directory : absolute) / "cache";
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
  return environment;
}

Result<SourceHashes> hash_source(const fs::path& directory, const std::string& artifact) {
  FileTree tree;
  HostDirectoryRules rules;
  rules.skip = {".unikctl", ".git"};
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
  for (const fs::path& own : {record_path(directory).parent_path(), own_directory(directory) / "cache" / "home"})
    if (auto made = make_directories(own); !made) return std::move(made).error();

  std::string recipe_text = recipe.build_command + '\0' + recipe.artifact_path;
  for (const auto& [name, value] : options.environment) recipe_text += '\0' + name + '=' + value;
  BuildRecord record;
  record.recipe = to_string(sha256(recipe_text));

  // One build of a directory at a time; a second caller then finds the first one's record.
  auto lock = lock_file(own_directory(directory) / "native" / "lock", LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
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
      ::unlink(record_path(directory).c_str());
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
