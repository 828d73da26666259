// doctor: what this host can do, what is wrong with it, and how to mend it. Starts nothing. Code 1 if something failed.
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include "cli/commands/commands.hpp"
#include "cli/local.hpp"
#include "cli/output/colour.hpp"
#include "cli/output/document.hpp"
#include "cli/output/findings.hpp"
#include "cli/output/images.hpp"
#include "cli/runtime_settings.hpp"
#include "codec/json_reader.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "wire/private_directory.hpp"

namespace unik::cli {
namespace {

struct DoctorOptions {
  OutputFormat format = OutputFormat::kTable;
};

constexpr Duration kProbeLimit = std::chrono::seconds(60);  // it may boot a guest twice
constexpr Duration kVersionLimit = std::chrono::seconds(10);
constexpr std::int64_t kDiskFail = std::int64_t{256} << 20;
constexpr std::int64_t kDiskWarn = std::int64_t{2} << 30;

struct ProgramOutput {
  int code = 0;
  std::string text;
};

// What a program says, stdout and stderr together; what is beyond the bound is dropped.
Result<ProgramOutput> ask(const Session& session, const std::filesystem::path& program, const std::string& arg,
                          Duration time_limit) {
  constexpr std::size_t kMaxOutput = 64 << 10;
  ProgramOutput output;
  runtimes::ProgramRun run;
  run.args = {program.string(), arg};
  run.environment = session.environment().variables;
  run.time_limit = time_limit;
  run.output = [&](std::string_view text) { output.text += text.substr(0, kMaxOutput - output.text.size()); };
  const auto code = runtimes::run_program(run);
  if (!code) return code.error();
  output.code = *code;
  return output;
}

// Where a program lies, by the directories of `path` (`$PATH`).
std::optional<std::filesystem::path> find_program(const std::string& name, const std::string& path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::filesystem::path candidate = std::filesystem::path(path.substr(begin, end - begin)) / name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return std::nullopt;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::string line;
  for (const char c : text) line += c == '\n' ? std::string("; ") : std::string(1, c);
  return printable(line);
}

Finding check_programs(const Session& session) {
  const auto& dir = session.environment().program_dir;
  std::string missing;
  std::error_code ignored;
  for (const char* name : {"unik-controller", "unik-agent"})
    if (!std::filesystem::exists(dir / name, ignored)) missing += (missing.empty() ? "" : " and ") + std::string(name);
  if (missing.empty()) return {"programs", Level::kOk, "unik-controller and unik-agent lie in " + dir.string(), ""};
  return {"programs", Level::kFail, missing + " not found in " + dir.string(),
          "install all three programs into one directory"};
}

Finding check_qemu(const Session& session) {
  const auto qemu = find_program("qemu-system-x86_64", session.environment().get("PATH"));
  if (!qemu) return {"qemu", Level::kFail, "qemu-system-x86_64 is not on PATH", "apt-get install qemu-system-x86"};
  const auto version = ask(session, *qemu, "--version", kVersionLimit);
  if (!version) return {"qemu", Level::kFail, version.error().message, "apt-get install --reinstall qemu-system-x86"};
  return {"qemu", Level::kOk, first_line(version->text), ""};
}

// One line of JSON, by the agent, since it knows how to tell a /dev/kvm that lies and which limits it can set.
std::vector<Finding> check_probe(const Session& session) {
  const auto probe = ask(session, session.environment().program_dir / "unik-agent", "probe", kProbeLimit);
  if (!probe) return {{"accelerator", Level::kFail, probe.error().message, "see the checks `programs` and `qemu`"}};
  const auto answer = codec::JsonDocument::parse(first_line(probe->text));
  if (probe->code != 0 || !answer)
    return {{"accelerator", Level::kFail,
             "unik-agent probe ended with code " + std::to_string(probe->code) + ": " + one_line(probe->text),
             "see the check `qemu`"}};
  const codec::JsonView host = answer->root();
  std::vector<Finding> findings;
  if (const std::string why = host["accelerator_reason"].text_or(""); why.empty())
    findings.push_back({"accelerator", Level::kOk, host["accelerator"].text_or("?"), ""});
  else
    findings.push_back(
        {"accelerator", Level::kWarn, host["accelerator"].text_or("?") + ": " + why,
         std::string("VMs run in software, several times slower; a working /dev/kvm makes them fast") +
             (host["vcpus_take_turns"].boolean().value_or(false)
                  ? "; several CPUs of a VM share one of this host's, since QEMU before 8.1 is not safe otherwise"
                  : "")});
  const std::string limits = host["limits"].text_or("unknown");
  if (limits.starts_with("cgroup"))
    findings.push_back({"cgroups", Level::kOk, limits, ""});
  else
    findings.push_back({"cgroups", Level::kWarn, limits,
                        "VMs are held by rlimits and nice alone; delegate a cgroup with memory and cpu to this user"});
  return findings;
}

// Which of the kernels an app boots: an image carries those that were there when it was packed, and its agent chooses.
std::string describe_kernels(const runtimes::BaseRuntime& base) {
  if (!base.kernel_smp) return "kernel `up` alone: an app gets one vCPU, whatever its cpu says";
  if (!base.kernel_up) return "kernel `smp` alone: it boots slower than `up`";
  return "kernel `up` for an app of one CPU at most, since it boots fastest, `smp` for more";
}

Finding check_base_runtime(const Session& session) {
  const auto base = runtimes::find_base_runtime(runtimes::base_runtime_places(home_of(session.environment())));
  if (base) return {"base_runtime", Level::kOk, base->dir.string() + "; " + describe_kernels(*base), ""};
  return {"base_runtime", Level::kFail, base.error().message, "build or install the base runtime"};
}

Finding check_erofs(const Session& session) {
  const auto mkfs = find_program("mkfs.erofs", session.environment().get("PATH") + ":/usr/sbin:/sbin");
  if (mkfs) return {"mkfs.erofs", Level::kOk, mkfs->string(), ""};
  return {"mkfs.erofs", Level::kFail, "not found: no root image can be made", "apt-get install erofs-utils"};
}

Finding check_disk(const Session& session) {
  std::filesystem::path place = home_of(session.environment());
  std::error_code ignored;
  while (!std::filesystem::exists(place, ignored) && place.has_relative_path()) place = place.parent_path();
  struct statvfs space {};
  if (statvfs(place.c_str(), &space) != 0)
    return {"disk", Level::kFail, "cannot read the free space at " + place.string(),
            "set UNIKCTL_HOME to another disk"};
  const auto free = static_cast<std::int64_t>(space.f_bavail) * static_cast<std::int64_t>(space.f_frsize);
  const std::string found = format_size(free) + " free for " + home_of(session.environment()).string();
  if (free < kDiskFail) return {"disk", Level::kFail, found, "free some space, or set UNIKCTL_HOME to another disk"};
  if (free < kDiskWarn) return {"disk", Level::kWarn, found, "images and consoles need a few GiB"};
  return {"disk", Level::kOk, found, ""};
}

Finding check_home_directory(const Session& session) {
  if (const auto checked = check_home(session.environment()); !checked)
    return {"home", Level::kFail, checked.error().message, "set UNIKCTL_HOME, or change who owns the directory"};
  const std::string home = home_of(session.environment()).string();
  if (wire::is_open_to_others(home))
    return {"home", Level::kWarn, home + " may be written, and other users may look into it: apps' env stands there",
            "chmod 700 " + home + " (the controller does it when it starts, where the directory is its own)"};
  return {"home", Level::kOk, home + " may be written, by you alone", ""};
}

Finding check_config(const Session& session) {
  const std::string path = config_path(session.environment()).string();
  const auto config = read_config(session.environment());
  const auto settings = read_runtime_settings(session.environment());
  std::error_code ignored;
  if (config && settings)
    return {"config", Level::kOk, std::filesystem::exists(path, ignored) ? path : "none at " + path, ""};
  const Error& error = config ? settings.error() : config.error();
  std::string found = error.message;
  for (const Fault& fault : error.details) found += "; " + to_string(fault);
  return {"config", Level::kFail, found, "mend or remove " + path};
}

// Not to build is a choice; to be asked to and not be able is a fault.
Finding check_builds(const Api& api) {
  const auto builds = api.builds();
  if (!builds) return {"remote_build", Level::kWarn, builds.error().message, "check " + api.where()};
  if (*builds == "ready") return {"remote_build", Level::kOk, "sources that are sent are built", ""};
  if (*builds == "builds_not_allowed")
    return {"remote_build", Level::kOk, "off: the controller was started without --allow-builds", ""};
  return {"remote_build", Level::kWarn, *builds, "install unikctl beside unik-controller, and start it again"};
}

std::vector<Finding> check_control_plane(const Session& session) {
  const auto api = session.find_api();
  if (!api) return {{"control_plane", Level::kFail, api.error().message, "mend the flag, variable or config.yaml"}};
  if (const auto ready = api->ready(); !ready) {
    if (api->target().local && ready.error().code == ErrorCode::kUnavailable)
      return {
          {"control_plane", Level::kWarn, "the local one is not running", "unikctl up (deploy and apply do it too)"}};
    return {{"control_plane", Level::kFail, ready.error().message, "check " + api->where()}};
  }
  std::vector<Finding> findings{{"control_plane", Level::kOk, api->where() + " is ready", ""}};
  findings.push_back(check_builds(*api));
  if (api->target().local && agent_died(session.environment()))
    findings.push_back({"agent", Level::kFail, "the local agent has ended",
                        "unikctl up; its log: " + local_paths(session.environment()).agent_log.string()});
  const auto nodes = api->nodes();
  if (!nodes) {
    findings.push_back({"nodes", Level::kFail, nodes.error().message, "check the token and the tenant"});
    return findings;
  }
  std::size_t ready = 0;
  std::string silent;
  for (const NodeView& view : nodes->items) {
    if (view.health == "ready")
      ++ready;
    else
      silent += " " + view.node.metadata.name;
  }
  const std::string found = std::to_string(ready) + " of " + std::to_string(nodes->items.size()) + " ready";
  if (ready == 0)
    findings.push_back({"nodes", Level::kFail, found, "start an agent: unikctl up, or unik-agent run"});
  else if (!silent.empty())
    findings.push_back({"nodes", Level::kWarn, found + "; silent:" + silent, "look at the agents' logs there"});
  else
    findings.push_back({"nodes", Level::kOk, found, ""});
  return findings;
}

Finding check_isolation() {
  return {"isolation", Level::kWarn,
          "with user-mode networking a guest reaches what listens on this host's loopback, at 10.0.2.2",
          "run only what you trust here, or keep services that need no password off 127.0.0.1"};
}

Result<int> run_doctor(const Session& session, const DoctorOptions& options) {
  std::vector<Finding> findings;
  const bool lines = options.format == OutputFormat::kTable || options.format == OutputFormat::kWide;
  const auto add = [&](Finding finding) {
    if (lines) session.out(render_finding(finding, session.terminal().colour_out));
    findings.push_back(std::move(finding));
  };
  add(check_programs(session));
  add(check_qemu(session));
  for (Finding& finding : check_probe(session)) add(std::move(finding));
  add(check_base_runtime(session));
  add(check_erofs(session));
  add(check_disk(session));
  add(check_home_directory(session));
  add(check_config(session));
  for (Finding& finding : check_control_plane(session)) add(std::move(finding));
  add(check_isolation());
  switch (options.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      break;
    case OutputFormat::kJson:
      session.out(pretty_json(json_of(findings)));
      break;
    case OutputFormat::kYaml:
      session.out(yaml_of(json_of(findings)));
      break;
    case OutputFormat::kName:
      for (const Finding& finding : findings) session.out(finding.check + "\n");
      break;
  }
  return is_healthy(findings) ? 0 : 1;
}

}  // namespace

void add_doctor(CommandTree& tree) {
  const auto options = std::make_shared<DoctorOptions>();
  VerbFlags verb = tree.add(kAround, "doctor", "Check this host and the control plane; code 1 if something failed",
                            [options](const Session& session) { return run_doctor(session, *options); });
  verb.output(options->format);
}

}  // namespace unik::cli
