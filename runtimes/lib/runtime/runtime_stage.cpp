#include "runtimes/lib/runtime/runtime_stage.hpp"

#include <algorithm>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/runtime/deb_archive.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr Duration kCommandLimit = std::chrono::minutes(20);
constexpr std::size_t kShownStageOutput = 4000;
constexpr const char* kMergedDirectories[] = {"bin", "lib", "lib32", "lib64", "libx32", "sbin"};

// Debian's packages of this release name /lib and /usr/lib for one directory.
Result<void> merge_usr(FileTree& stage) {
  for (const std::string name : kMergedDirectories) {
    FileNode directory, link;
    directory.type = NodeType::kDirectory;
    directory.mode = 0755;
    link.type = NodeType::kSymlink;
    link.mode = 0777;
    link.link = "usr/" + name;
    if (auto put = put_node(stage, link.link, std::move(directory)); !put) return put;
    if (auto put = put_node(stage, name, std::move(link)); !put) return put;
  }
  return {};
}

std::string line_of(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

Result<void> run_command(const std::vector<std::string>& words, const fs::path& stage,
                         const std::function<void(std::string_view)>& output) {
  const fs::path program = stage / words.front();
  std::error_code error;
  const fs::path real = fs::canonical(program, error);
  const fs::path inside = real.lexically_relative(fs::canonical(stage, error));
  if (error || inside.empty() || *inside.begin() == "..")
    return invalid("build_failed",
                   "commands: `" + line_of(words) + "`: want a program of the stage, found none at " + words.front());
  ProgramRun run;
  run.args = words;
  run.args.front() = program.string();
  run.environment = {
      {"HOME", stage.string()}, {"LC_ALL", "C.UTF-8"}, {"PATH", "/nonexistent"},
      {"PYTHONHASHSEED", "0"},  {"TZ", "UTC"},         {"SOURCE_DATE_EPOCH", std::to_string(kSourceDateEpoch)}};
  run.directory = stage;
  run.time_limit = kCommandLimit;
  std::string said;
  run.output = [&](std::string_view text) {
    if (output) output(text);
    said += text;
    if (said.size() > 2 * kShownStageOutput) said.erase(0, said.size() - kShownStageOutput);
  };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (*code == 0) return {};
  return invalid("build_failed", "commands: `" + line_of(words) + "`: want exit code 0, got " + std::to_string(*code) +
                                     "; its end:\n" + said);
}

// Packages one over the other, and which file is whose.
struct Packages {
  LaidStage stage;

  template <typename Pin>
  Result<void> lay(const Result<FileTree>& files, const std::string& below, const Pin& pin) {
    if (!files) return files.error();
    if (auto merged = merge_package(stage.files, *files, below); !merged) return merged;
    for (const auto& [path, node] : *files)
      if (node.type == NodeType::kFile)
        stage.packages[resolve_in_tree(stage.files, below + path)] = pin.name + "@" + pin.version;
    return {};
  }
};

}  // namespace

Result<void> merge_package(FileTree& stage, const FileTree& package, const std::string& below) {
  for (const auto& [path, node] : package) {
    const std::string place = below + path;
    if (node.type == NodeType::kDirectory) {
      const std::string there = resolve_in_tree(stage, place);
      if (const auto it = stage.find(there); it != stage.end() && it->second.type == NodeType::kDirectory) continue;
    }
    if (auto put = put_node(stage, place, node, true); !put) return put;
  }
  return {};
}

Result<FileTree> read_npm(const fs::path& file, const ContentSink& sink) {
  FileTree package;
  if (auto read = apply_archive(package, file, sink); !read) return std::move(read).error();
  FileTree inner;
  for (const auto& [path, node] : package) {
    const std::size_t slash = path.find('/');
    if (slash == std::string::npos && node.type != NodeType::kDirectory)
      return invalid("bad_package", file.string() + ": want one directory at the top, found the file `" + path + "`");
    if (slash != std::string::npos) inner.emplace(path.substr(slash + 1), node);
  }
  return inner;
}

Result<LaidStage> lay_stage(const codec::RuntimeRecipe& recipe, const FetchedPackages& packages,
                            const fs::path& directory, const SayStep& say,
                            const std::function<void(std::string_view)>& output) {
  if (auto made = make_directories(directory); !made) return std::move(made).error();
  Packages all;
  if (auto merged = merge_usr(all.stage.files); !merged) return std::move(merged).error();
  auto sink = spool_sink(directory.parent_path());
  if (!sink) return std::move(sink).error();
  for (const FetchedDebian& fetched : packages.debian)
    if (auto laid = all.lay(read_deb(fetched.file, *sink), "", fetched.package); !laid) return std::move(laid).error();
  for (const FetchedNpm& fetched : packages.npm) {
    // What only the check needs is no part of the runtime.
    const auto wanted = [&](const codec::NpmRequest& request) { return request.name == fetched.package.name; };
    if (std::none_of(recipe.npm.begin(), recipe.npm.end(), wanted)) continue;
    if (auto laid = all.lay(read_npm(fetched.file, *sink), "npm/" + fetched.package.name + "/", fetched.package); !laid)
      return std::move(laid).error();
  }
  if (auto written = write_tree(all.stage.files, directory); !written) return std::move(written).error();
  for (const std::vector<std::string>& command : recipe.commands) {
    if (say) say("run: " + line_of(command));
    if (auto ran = run_command(command, directory, output); !ran) return std::move(ran).error();
  }
  LaidStage laid{{}, std::move(all.stage.packages)};
  HostDirectoryRules rules;
  rules.links_may_leave = true;  // they are followed as in the guest, whose root this is
  if (auto read = add_host_directory(laid.files, "", directory, rules); !read) return std::move(read).error();
  return laid;
}

}  // namespace unik::runtimes
