#include "runtimes/lib/runtime/apt_archive.hpp"

#include <algorithm>
#include <charconv>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/pack/toolchain.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxAptOutput = 16 << 20;
constexpr std::size_t kShownAptOutput = 2000;
constexpr Duration kAptLimit = std::chrono::minutes(20);

std::string end_of(const std::string& text) {
  return text.size() <= kShownAptOutput ? text : text.substr(text.size() - kShownAptOutput);
}

Error apt_failed(const std::string& what, const std::string& output) {
  return unavailable("apt_failed", what + ": want exit code 0, got another; its end:\n" + end_of(output));
}

}  // namespace

std::vector<codec::LockedDebian> parse_apt_records(std::string_view text) {
  std::vector<codec::LockedDebian> records;
  codec::LockedDebian record;
  const auto finish = [&] {
    // What is installed and in no archive any more has no file; neither has a warning between the records.
    if (!record.name.empty() && !record.path.empty() && !record.sha256.empty()) records.push_back(record);
    record = {};
  };
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) finish();
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos || line.front() == ' ') continue;
    const std::string_view key = line.substr(0, colon), value = line.substr(colon + 2);
    if (key == "Package") record.name = value;
    if (key == "Version") record.version = value;
    if (key == "Architecture") record.architecture = value;
    if (key == "Filename") record.path = value.starts_with("./") ? value.substr(2) : value;
    if (key == "SHA256") record.sha256 = value;
    if (key == "Size") std::from_chars(value.data(), value.data() + value.size(), record.size);
  }
  finish();
  return records;
}

AptArchive::AptArchive(fs::path state, std::map<std::string, std::string> environment)
    : state_(std::move(state)), environment_(std::move(environment)) {
  environment_["LC_ALL"] = "C";
  environment_["DEBIAN_FRONTEND"] = "noninteractive";
}

Result<AptArchive::Output> AptArchive::run(const std::string& program, const std::vector<std::string>& args,
                                           const fs::path& directory) const {
  ToolNeed need;
  need.name = program;
  need.programs = {program};
  need.version_args = {"--version"};
  need.mend = "apt-get install apt; elsewhere than on Debian, name a mirror in runtimes.mirrors of config.yaml";
  auto tool = find_tool(need, environment_);
  if (!tool) return not_found("no_apt", tool.error().message);
  ProgramRun run;
  run.args = {tool->program.string(), "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3"};
  if (refreshed_)
    for (const std::string& option :
         {"Dir::State::Lists=" + (state_ / "lists").string(), "Dir::Cache=" + (state_ / "cache").string()}) {
      run.args.emplace_back("-o");
      run.args.push_back(option);
    }
  run.args.insert(run.args.end(), args.begin(), args.end());
  run.environment = environment_;
  run.directory = directory;
  run.time_limit = kAptLimit;
  Output output;
  run.output = [&](std::string_view text) { output.text += text.substr(0, kMaxAptOutput - output.text.size()); };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  output.code = *code;
  return output;
}

Result<std::vector<codec::LockedDebian>> AptArchive::known(const std::vector<std::string>& names) const {
  if (names.empty()) return std::vector<codec::LockedDebian>{};
  std::vector<codec::LockedDebian> all;
  // The preferred ones first: which they are is apt's to say (priorities, pins of the machine).
  for (const char* which : {"--no-all-versions", "--all-versions"}) {
    std::vector<std::string> args{"show", which};
    args.insert(args.end(), names.begin(), names.end());
    auto output = run("apt-cache", args, "/");
    if (!output) return std::move(output).error();
    // A name that is not known makes the code 100; the others are told all the same.
    for (codec::LockedDebian& record : parse_apt_records(output->text))
      if (std::find(all.begin(), all.end(), record) == all.end()) all.push_back(std::move(record));
  }
  return all;
}

Result<void> AptArchive::refresh() {
  for (const char* directory : {"lists/partial", "cache/archives/partial"})
    if (auto made = make_directories(state_ / directory); !made) return made;
  auto lock = lock_file(state_ / "unikctl.lock", LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  refreshed_ = true;
  auto output = run("apt-get", {"update"}, "/");
  if (!output) return std::move(output).error();
  if (output->code != 0) return apt_failed("apt-get update", output->text);
  return {};
}

Result<void> AptArchive::download(const std::vector<codec::LockedDebian>& packages, const fs::path& directory) const {
  if (packages.empty()) return {};
  std::vector<std::string> args{"download"};
  for (const codec::LockedDebian& package : packages) args.push_back(package.name + "=" + package.version);
  // What is missing afterwards is seen by who asked; one file that cannot be had shall not hide the others.
  auto output = run("apt-get", args, directory);
  if (!output) return std::move(output).error();
  return {};
}

}  // namespace unik::runtimes
