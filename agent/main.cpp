// unik-agent: runs a node's VMs (`run`), owns its published ports (`forward`), ends strict singletons whose
// lease has run out (`guard`), tells what the host can do (`probe`).

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "agent/agent.hpp"
#include "agent/forward/forward.hpp"
#include "agent/host/host_info.hpp"
#include "agent/host/image_store.hpp"
#include "agent/host/limits.hpp"
#include "agent/labels.hpp"
#include "agent/qemu/guard.hpp"
#include "api/ids.hpp"
#include "codec/json_writer.hpp"
#include "wire/daemon_arguments.hpp"
#include "wire/last_resort.hpp"
#include "wire/log.hpp"

namespace {

using namespace unik;

struct RunArguments {
  std::string controller;
  std::string node;
  std::string state;
  std::vector<std::string> labels;
  std::string publish_address = "127.0.0.1";
  std::string qemu = "qemu-system-x86_64";
  std::string token_file;
  bool restrict_network = false;
  std::string image_cache = format_bytes(agent::kImageCacheBound);
  std::string log_level = "info";
  std::string log_format = "text";
  std::string log_file;
};

int fail(const Error& error) {
  std::cerr << "error: " << to_string(error) << '\n';
  return traits(error.code).exit_code;
}

std::string own_path() {
  std::error_code problem;
  return std::filesystem::read_symlink("/proc/self/exe", problem).string();
}

Result<wire::Headers> read_token(const std::string& path) {
  wire::Headers headers;
  if (path.empty()) return headers;
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token) || token.empty())
    return invalid("bad_token_file", "--token-file: want a file whose first line is a token, found none in " + path);
  headers.set("Authorization", "Bearer " + token);
  return headers;
}

Result<agent::AgentOptions> to_options(const RunArguments& arguments) {
  agent::AgentOptions options;
  Result<wire::Endpoint> controller = wire::parse_endpoint(arguments.controller);
  if (!controller.ok()) return std::move(controller).error();
  options.controller = std::move(*controller);
  if (!is_dns_label(arguments.node))
    return invalid("bad_node_name", "--node: want a DNS label such as n1, got `" + arguments.node + "`");
  options.node = arguments.node;
  Result<Labels> labels = agent::parse_labels(arguments.labels);
  if (!labels.ok()) return std::move(labels).error();
  options.labels = std::move(*labels);
  Result<wire::Headers> headers = read_token(arguments.token_file);
  if (!headers.ok()) return std::move(headers).error();
  options.headers = std::move(*headers);
  std::error_code problem;
  options.state_dir = std::filesystem::absolute(arguments.state, problem).lexically_normal().string();
  options.publish_address = arguments.publish_address;
  options.qemu = arguments.qemu;
  options.restrict_network = arguments.restrict_network;
  Result<Bytes> image_cache = parse_bytes(arguments.image_cache);
  if (!image_cache.ok()) return invalid("bad_image_cache", "--image-cache: " + image_cache.error().message);
  options.image_cache = *image_cache;
  options.version = UNIK_VERSION;
  options.program = own_path();
  return options;
}

int run(const RunArguments& arguments) {
  // Blocked in every thread from the start; one waits for them. A signal that comes early waits too.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const Result<wire::LogLevel> level = wire::parse_log_level(arguments.log_level);
  if (!level.ok()) return fail(level.error());
  const Result<wire::LogFormat> format = wire::parse_log_format(arguments.log_format);
  if (!format.ok()) return fail(format.error());
  wire::LogOptions log;
  log.level = *level;
  log.format = *format;
  log.file = arguments.log_file;
  log.takes_stderr = true;
  if (Result<void> set = wire::setup_log(log); !set.ok()) return fail(set.error());

  const Result<agent::AgentOptions> options = to_options(arguments);
  if (!options.ok()) return fail(options.error());
  const Result<void> ended = agent::run_agent(*options, [&ends] {
    int number = 0;
    sigwait(&ends, &number);
  });
  return ended.ok() ? 0 : fail(ended.error());
}

// One line of JSON, which `unikctl doctor` shows.
int probe(const std::string& qemu) {
  const Result<agent::HostInfo> host = agent::read_host_info(qemu, UNIK_VERSION);
  if (!host.ok()) return fail(host.error());
  codec::JsonWriter json;
  json.begin_object();
  json.field("accelerator", host->node.accelerator).field("accelerator_reason", host->node.accelerator_reason);
  json.field("vmm_version", host->node.vmm_version).field("platform", host->node.platform);
  json.field("cpu_milli", host->node.capacity.cpu.value).field("memory_bytes", host->node.capacity.memory.value);
  json.field("vcpus_take_turns", agent::runs_overwritten_code(host->node.vmm_version));
  json.field("overhead_bytes", host->node.overhead.value).field("tsc_khz", host->tsc_khz);
  json.field("limits", agent::Limits::detect("unik-probe")->description());
  json.field("boot_id", host->node.boot_id).field("agent_version", host->node.agent_version);
  json.end_object();
  std::cout << json.str() << '\n';
  return 0;
}

// The forwarder reads its own arguments, which the agent writes.
int forward(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 2, argv + argc);
  const Result<agent::ForwardOptions> options = agent::parse_forward_arguments(arguments);
  return options.ok() ? agent::forward_main(*options) : fail(options.error());
}

// So does the guard of a strict singleton.
int guard(int argc, char** argv) {
  return agent::guard_main(std::vector<std::string>(argv + 2, argv + argc));
}

int start(int argc, char** argv) {
  ::umask(077);  // consoles, goals and boot roots are for nobody else
  if (argc > 1 && std::string(argv[1]) == "forward") return forward(argc, argv);
  if (argc > 1 && std::string(argv[1]) == "guard") return guard(argc, argv);

  CLI::App app{"unik-agent: runs a node's apps as unikernels"};
  app.set_version_flag("--version", "unik-agent " UNIK_VERSION);
  app.require_subcommand(1);

  RunArguments arguments;
  CLI::App* run_command = app.add_subcommand("run", "Run this node until asked to end; its VMs go on");
  run_command->add_option("--controller", arguments.controller, "unix:///PATH or http://HOST:PORT")->required();
  run_command->add_option("--node", arguments.node, "This node's name")->required();
  run_command->add_option("--state", arguments.state, "Directory of its own, kept over restarts")->required();
  run_command->add_option("--label", arguments.labels, "KEY=VALUE, for placement; may be repeated");
  run_command->add_option("--publish-address", arguments.publish_address, "Where published ports listen")
      ->capture_default_str();
  run_command->add_option("--qemu", arguments.qemu, "QEMU's program")->capture_default_str();
  run_command->add_option("--token-file", arguments.token_file, "File whose first line authenticates this node");
  run_command->add_flag("--restrict-network", arguments.restrict_network,
                        "Guests can be reached, but reach nothing themselves");
  run_command
      ->add_option("--image-cache", arguments.image_cache,
                   "How much of the disk images may take before those go that nothing here needs")
      ->capture_default_str();
  run_command->add_option("--log-level", arguments.log_level, "debug, info, warning or error")->capture_default_str();
  run_command->add_option("--log-format", arguments.log_format, "text or json")->capture_default_str();
  run_command->add_option("--log-file", arguments.log_file,
                          "instead of stderr; at 16 MiB NAME.log becomes NAME.1.log, up to NAME.3.log");

  std::string qemu = "qemu-system-x86_64";
  CLI::App* probe_command = app.add_subcommand("probe", "Tell what this host can do, as JSON");
  probe_command->add_option("--qemu", qemu, "QEMU's program")->capture_default_str();
  app.add_subcommand("forward", "Serve published ports; started by `run`");
  app.add_subcommand("guard", "End a strict singleton's VM when its lease runs out; started by `run`");
  if (const std::optional<int> ended = wire::parse_arguments(app, argc, argv)) return *ended;

  return run_command->parsed() ? run(arguments) : probe(qemu);
}

}  // namespace

int main(int argc, char** argv) {
  return unik::wire::with_last_resort([&] { return start(argc, argv); });
}
