#include "local_node.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "codec/json_reader.hpp"
#include "paired.hpp"
#include "watch.hpp"
#include "wire/endpoint.hpp"

namespace unik::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNode = "bench";
constexpr useconds_t kReadyPoll = 20'000;

Result<void> wait_for_node(const wire::Endpoint& endpoint) {
  const double deadline = wall_seconds() + kVmPatience;
  while (true) {
    const Result<std::string> answer = get(endpoint, "/v1/nodes/" + std::string(kNode));
    if (answer && answer->find(R"("health":"ready")") != std::string::npos) return {};
    if (wall_seconds() > deadline)
      return answer ? timed_out("not_ready", "the node is not ready: " + *answer) : answer.error();
    ::usleep(kReadyPoll);
  }
}

}  // namespace

LocalNode::LocalNode(fs::path bin, fs::path home, Daemon controller, Daemon agent)
    : bin_(std::move(bin)), home_(std::move(home)), controller_(std::move(controller)), agent_(std::move(agent)) {}

LocalNode::~LocalNode() {
  if (agent_.pid() == 0) return;  // moved from
  agent_.kill();
  std::error_code none;
  for (const auto& instance : fs::directory_iterator(instances(), none))
    if (const pid_t vm = std::atoi(text_of(instance.path() / "pid").c_str()); vm > 0) ::kill(vm, SIGKILL);
}

Result<LocalNode> LocalNode::start(const fs::path& bin, const fs::path& home) {
  fs::create_directories(home / "agent");
  Result<Daemon> controller = start_controller(bin, home);
  if (!controller) return controller.error();
  if (Result<void> ready = wait_ready(socket_of(home)); !ready) return ready.error();
  Result<Daemon> agent =
      Daemon::start({bin / "unik-agent", "run", "--controller", wire::to_string(socket_of(home)), "--node",
                     std::string(kNode), "--state", home / "agent", "--log-level", "warning"},
                    {}, home.string() + "-agent.log");
  if (!agent) return agent.error();
  LocalNode node(bin, home, std::move(*controller), std::move(*agent));
  if (Result<void> ready = wait_for_node(node.endpoint()); !ready) return ready.error();
  return node;
}

Result<void> LocalNode::unikctl(std::vector<std::string> words) const {
  words.insert(words.begin(), bin_ / "unikctl");
  return run_command(words,
                     {"UNIKCTL_HOME=" + home_.string(), "XDG_CONFIG_HOME=" + (home_ / "config").string(), "NO_COLOR=1",
                      "UNIKCTL_CONTROL_PLANE_URL=" + wire::to_string(endpoint())},
                     home_.string() + "-unikctl.log");
}

Result<fs::path> LocalNode::deploy(const std::string& name, const std::vector<std::string>& subject_and_flags,
                                   const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {"deploy", "--name", name, "--wait"};
  argv.insert(argv.end(), subject_and_flags.begin(), subject_and_flags.end());
  argv.emplace_back("--");
  argv.insert(argv.end(), words.begin(), words.end());
  if (Result<void> deployed = unikctl(argv); !deployed) return deployed.error();
  std::optional<fs::path> instance = instance_of(name);
  if (!instance) return unavailable("no_instance", "want an instance of " + name + " in " + instances().string());
  return *instance;
}

Result<std::string> LocalNode::manifest(const std::string& name, std::size_t replicas) const {
  const Result<std::string> body = get(endpoint(), "/v1/apps/" + name);
  if (!body) return body.error();
  const Result<codec::JsonDocument> document = codec::JsonDocument::parse(*body);
  if (!document) return document.error();
  const codec::JsonView spec = document->root()["spec"];
  std::string args;
  for (codec::JsonView word = spec["args"].first(); word.exists(); word = word.next())
    args += (args.empty() ? "" : ", ") + ('"' + word.text_or("") + '"');
  return "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: " + name +
         "}\nspec:\n  image: " + spec["image"].text_or("") + "\n  args: [" + args +
         "]\n  replicas: " + std::to_string(replicas) +
         "\n  resources: {cpu: \"1\", memory: 128Mi}\n  stop: {timeout: 100ms}\n";
}

std::optional<fs::path> LocalNode::instance_of(const std::string& name) const {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(instances(), none))
    if (entry.path().filename().string().starts_with("default." + name + '.')) return entry.path();
  return std::nullopt;
}

Result<fs::path> compile_guest(const fs::path& directory) {
  const fs::path program = directory / "guest";
  const Result<void> compiled = run_command(
      {"cc", "-O1", "-static", "-s", UNIK_SOURCE_DIR "/tests/e2e/guest.c", "-o", program}, {}, directory / "cc.log");
  if (!compiled) return compiled.error();
  return program;
}

}  // namespace unik::bench
