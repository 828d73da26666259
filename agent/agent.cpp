#include "agent/agent.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/controller_link.hpp"
#include "agent/core/goals.hpp"
#include "agent/forward/fd.hpp"
#include "agent/forward/forwarder.hpp"
#include "agent/host/host_info.hpp"
#include "agent/host/identity.hpp"
#include "agent/host/image_store.hpp"
#include "agent/host/limits.hpp"
#include "agent/host/record_store.hpp"
#include "agent/logs/consoles.hpp"
#include "agent/logs/pusher.hpp"
#include "agent/probe/prober.hpp"
#include "agent/qemu/guard.hpp"
#include "agent/qemu/hypervisor.hpp"
#include "agent/qemu/orphans.hpp"
#include "agent/runner.hpp"
#include "api/stable_hash.hpp"
#include "codec/json.hpp"
#include "wire/clock.hpp"
#include "wire/http_client.hpp"
#include "wire/log.hpp"
#include "wire/private_directory.hpp"
#include "wire/sole_lock.hpp"

namespace unik::agent {
namespace {

// The lock dies with the descriptor, and so with the agent, however that ends.
Result<Fd> take_state_dir(const std::string& directory) {
  const std::error_code problem = wire::make_private_directory(directory);
  const std::string path = directory + "/agent.lock";
  Fd lock(problem ? -1 : open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock)
    return unavailable("state_dir", "cannot use the state directory " + directory + ": " +
                                        (problem ? problem.message() : std::strerror(errno)));
  if (wire::is_open_to_others(directory))
    wire::log(
        wire::LogLevel::kWarning, "agent",
        wire::close_to_others(directory)
            ? "other users could look into the state directory: closed it to them"
            : "other users may look into the state directory, which is not the agent's own: choose another --state",
        {{"state", directory}});
  if (!wire::take_sole_lock(lock.get()))
    return conflict("agent_runs", "want one agent for " + directory +
                                      ", found another at work: stop it first, or name "
                                      "another --state");
  return lock;
}

// The same version built again is another program too, and a forwarder of it is replaced.
std::string build_of(const AgentOptions& options) {
  struct stat info {};
  stat(options.program.c_str(), &info);
  return options.version + '+' + std::to_string(info.st_size) + '.' + std::to_string(info.st_mtim.tv_sec);
}

std::string group_name(const std::string& state_dir) {
  return "unik-" + std::to_string(stable_hash(state_dir) % 1'000'000'000);
}

// The ports in the order of their making: each one uses only those above it.
class Agent {
 public:
  Agent(const AgentOptions& options, HostInfo host, std::string agent_id)
      : options_(options),
        host_(std::move(host)),
        runner_(loop_options(), [this](Effect effect) { std::visit([this](auto& e) { carry_out(e); }, effect); }),
        limits_(Limits::detect(group_name(options.state_dir))),
        record_(options.state_dir, deliver()),
        link_({options.controller, options.headers, options.node, options.labels, host_.node, std::move(agent_id)},
              client_, deliver()) {}

  Result<void> open() {
    Result<NodeRecord> record = record_.load();
    if (!record.ok()) return std::move(record).error();
    Result<std::unique_ptr<Consoles>> consoles = Consoles::create();
    if (!consoles.ok()) return std::move(consoles).error();
    consoles_ = std::move(*consoles);
    const auto fetch = [this](const runtimes::Digest& digest, const BlobSink& sink) {
      return link_.fetch_blob(digest, sink);
    };
    const auto fetch_signatures = [this](const runtimes::Digest& image) { return link_.fetch_signatures(image); };
    Result<std::unique_ptr<ImageStore>> images =
        ImageStore::create({options_.state_dir + "/images", fetch, fetch_signatures, options_.image_cache}, deliver());
    if (!images.ok()) return std::move(images).error();
    images_ = std::move(*images);
    Result<LeasePage> lease = LeasePage::create(options_.state_dir + "/lease", host_.node.boot_id);
    if (!lease.ok()) return std::move(lease).error();
    lease_.emplace(std::move(*lease));
    Result<std::unique_ptr<Hypervisor>> hypervisor = Hypervisor::create(hypervisor_options(), hypervisor_ports());
    if (!hypervisor.ok()) return std::move(hypervisor).error();
    hypervisor_ = std::move(*hypervisor);
    pusher_ = std::make_unique<LogPusher>(PusherOptions{options_.node, options_.controller, options_.headers},
                                          *consoles_, client_);
    ProberOptions prober;
    prober.backend_port = host_port_of;
    prober.guest_accepts = [this](const InstanceId& id, std::uint16_t port, auto answer) {
      hypervisor_->ask_accepted(id, port, std::move(answer));
    };
    prober_ = std::make_unique<Prober>(prober, deliver());
    ForwarderOptions forwarder;
    forwarder.directory = options_.state_dir + "/forward";
    forwarder.program = options_.program;
    forwarder.build = build_of(options_);
    forwarder.bind_address = options_.publish_address;
    forwarder.backend_port = host_port_of;
    forwarder_ = std::make_unique<Forwarder>(forwarder, deliver());

    Inventory inventory;
    inventory.record = std::move(*record);
    inventory.images = images_->ready_images(unsigned_images(inventory.record.goals));
    inventory.vms = hypervisor_->adopt();
    wire::log(wire::LogLevel::kInfo, "agent", "ready",
              {{"node", options_.node},
               {"accelerator", host_.node.accelerator},
               {"accelerator_reason", host_.node.accelerator_reason},
               {"limits", limits_->description()},
               {"vms", inventory.vms.size()},
               {"images", inventory.images.size()}});
    runner_.put(std::move(inventory));
    return {};
  }

  void run(const std::function<void()>& wait_for_end) {
    std::thread waiter([this, &wait_for_end] {
      wait_for_end();
      runner_.put(ShutdownAsked{});
    });
    runner_.run();
    waiter.join();
  }

 private:
  std::function<void(Event)> deliver() {
    return [this](Event event) { runner_.put(std::move(event)); };
  }

  LoopOptions loop_options() const {
    LoopOptions loop;
    loop.node = options_.node;
    loop.boot_id = host_.node.boot_id;
    loop.wall_start_us = static_cast<std::uint64_t>(wire::read_clock().wall.time_since_epoch().count());
    loop.digest = &codec::digest_of;
    return loop;
  }

  HypervisorOptions hypervisor_options() const {
    HypervisorOptions options;
    options.state_dir = options_.state_dir;
    options.host_boot = host_.node.boot_id;
    options.program = options_.program;
    options.lease_page = options_.state_dir + "/lease";
    options.host = {options_.qemu, host_.accelerator,         host_.cpus,
                    host_.tsc_khz, options_.restrict_network, runs_overwritten_code(host_.node.vmm_version)};
    return options;
  }

  HypervisorPorts hypervisor_ports() {
    HypervisorPorts ports;
    ports.deliver = deliver();
    ports.boot_files = [this](const std::string& image) { return images_->boot_files(image); };
    ports.attach_console = [this](const InstanceId& id, const std::string& dir) { return consoles_->attach(id, dir); };
    ports.begin_console_run = [this](const InstanceId& id, std::uint32_t run) { return consoles_->begin_run(id, run); };
    ports.forget_console = [this](const InstanceId& id) { consoles_->forget(id); };
    ports.process_limits = [this](const Resources& resources) { return limits_->process_limits(resources); };
    ports.apply_limits = [this](const std::string& vm, pid_t pid, const Resources& resources) {
      limits_->apply(vm, pid, resources);
    };
    ports.release_limits = [this](const std::string& vm) { limits_->release(vm); };
    return ports;
  }

  void carry_out(SaveRecord& effect) { record_.save(std::move(effect)); }
  void carry_out(SendRegister& effect) { link_.send_register(effect); }
  void carry_out(SendHeartbeat& effect) { link_.send_heartbeat(std::move(effect)); }
  void carry_out(PushLog& effect) { pusher_->push(effect); }
  void carry_out(FetchImage& effect) { images_->fetch(std::move(effect)); }
  void carry_out(KeepLease& effect) { lease_->renew(effect.sent); }
  void carry_out(LaunchVm& effect) { hypervisor_->launch(std::move(effect)); }
  void carry_out(StopVm& effect) { hypervisor_->stop(effect); }
  void carry_out(ForgetVm& effect) { hypervisor_->forget(effect); }
  void carry_out(ProbeHealth& effect) { prober_->probe(std::move(effect)); }
  void carry_out(Publish& effect) { forwarder_->publish(std::move(effect)); }

  const AgentOptions options_;
  const HostInfo host_;
  Runner runner_;
  wire::HttpClient client_;
  const std::unique_ptr<Limits> limits_;
  RecordStore record_;
  ControllerLink link_;
  std::unique_ptr<Consoles> consoles_;
  std::unique_ptr<ImageStore> images_;
  std::optional<LeasePage> lease_;
  std::unique_ptr<Hypervisor> hypervisor_;
  std::unique_ptr<LogPusher> pusher_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<Forwarder> forwarder_;
};

}  // namespace

Result<void> run_agent(const AgentOptions& options, const std::function<void()>& wait_for_end) {
  const Result<Fd> lock = take_state_dir(options.state_dir);
  if (!lock.ok()) return lock.error();
  Result<HostInfo> host = read_host_info(options.qemu, options.version);
  if (!host.ok()) return std::move(host).error();
  Result<std::string> agent_id = load_identity(options.state_dir);
  if (!agent_id.ok()) return std::move(agent_id).error();
  for (const std::string& name : end_orphans(options.state_dir))
    wire::log(wire::LogLevel::kWarning, "agent", "ended what a state directory that was removed has left",
              {{"process", name}});
  Agent agent(options, std::move(*host), std::move(*agent_id));
  if (Result<void> opened = agent.open(); !opened.ok()) return opened;
  agent.run(wait_for_end);
  wire::log(wire::LogLevel::kInfo, "agent", "ending; VMs and published ports go on");
  return {};
}

}  // namespace unik::agent
