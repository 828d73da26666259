// down: stops the local control plane. VMs run on, unless --all destroys their apps first, and ends what is being
// built.
#include <algorithm>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/local.hpp"
#include "cli/operations.hpp"

namespace unik::cli {
namespace {

constexpr int kDestroyTries = 5;  // of one tenant's apps, of which some go by themselves meanwhile

struct DownOptions {
  bool all = false;
  Duration timeout = std::chrono::minutes(5);
};

Result<std::vector<Api>> api_of_each_tenant(const Api& api) {
  const auto tenants = api.tenants();
  if (!tenants) return tenants.error();
  std::vector<std::string> names{api.target().tenant};
  for (const TenantView& view : tenants->items)
    if (view.tenant.metadata.name != names.front()) names.push_back(view.tenant.metadata.name);
  std::vector<Api> all;
  for (const std::string& tenant : names) {
    Target target = api.target();
    target.tenant = tenant;
    all.emplace_back(target);
  }
  return all;
}

// Those that are not done; one may be of an app that is not there yet.
Result<std::vector<std::string>> apps_being_built(const Api& api) {
  const auto operations = api.operations();
  if (!operations) return operations.error();
  std::vector<std::string> names;
  for (const Operation& operation : operations->items)
    if (operation.kind == OperationKind::kBuild && !is_final(operation)) names.push_back(operation.target.app.str());
  return names;
}

// Before the apps are listed: what is built meanwhile is among them then. A build that has failed by itself is gone.
Result<void> end_builds(const Session& session, const Api& api) {
  const auto names = apps_being_built(api);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto reply = api.destroy({name});
    if (!reply && reply.error().code != ErrorCode::kNotFound) return reply.error();
    if (reply) after_ended_builds(session, reply->operations);
  }
  return {};
}

// All that are there. One that is gone once it was listed, such as by the end of its build, refuses the others with it:
// then they are listed anew.
Result<std::vector<Operation>> destroy_apps(const Api& api) {
  for (int tries = 1;; ++tries) {
    const auto apps = api.apps();
    if (!apps) return apps.error();
    std::vector<std::string> names;
    for (const AppView& view : apps->items) names.push_back(view.app.metadata.name);
    if (names.empty()) return std::vector<Operation>();
    auto reply = api.destroy(names);
    if (reply) return std::move(reply->operations);
    if (reply.error().code != ErrorCode::kNotFound || tries == kDestroyTries) return reply.error();
  }
}

// Every app of every tenant, built or not, and waits until their VMs are gone.
Result<int> destroy_all(const Session& session, const Api& api, Duration timeout) {
  const auto tenants = api_of_each_tenant(api);
  if (!tenants) return tenants.error();
  int code = 0;
  for (const Api& of_tenant : *tenants) {
    if (auto ended = end_builds(session, of_tenant); !ended) return ended.error();
    const auto operations = destroy_apps(of_tenant);
    if (!operations) return operations.error();
    if (operations->empty()) continue;
    const auto waited = await_operations(session, of_tenant, *operations, Backoff(timeout));
    if (!waited) return waited.error();
    code = std::max(code, *waited);
  }
  return code;
}

// Those that start, too.
Result<std::size_t> count_vms(const Api& api) {
  const auto tenants = api_of_each_tenant(api);
  if (!tenants) return tenants.error();
  std::size_t count = 0;
  for (const Api& of_tenant : *tenants) {
    const auto instances = of_tenant.instances();
    if (!instances) return instances.error();
    count += static_cast<std::size_t>(std::ranges::count_if(instances->items, [](const InstanceView& view) {
      return view.status.phase == Phase::kRunning ||
             (view.status.phase == Phase::kPending && view.status.reason == "starting");
    }));
  }
  return count;
}

Result<int> run_down(const Session& session, const DownOptions& options) {
  const auto api = session.find_api();
  if (!api) return api.error();
  if (!api->target().local)
    return invalid("not_local", "want the local control plane, but " + api->target().origin + " names " + api->where() +
                                    "; leave it out, or say --context local, to stop the local one");
  if (options.all) {
    const auto connected = session.connect();
    if (!connected) return connected.error();
    const auto code = destroy_all(session, *connected, options.timeout);
    if (!code) return code.error();
    if (*code != 0) return *code;
  }
  // Without an answer there is nothing to say of VMs; stopping goes on.
  const auto left = count_vms(*api);
  const auto down = ensure_down(session.environment());
  if (!down) return down.error();
  const bool stopped = down->stopped_controller || down->stopped_agent;
  session.out(stopped ? "down\n" : "already down\n");
  if (left && *left > 0)
    session.say(std::to_string(*left) + (*left == 1 ? " VM runs" : " VMs run") +
                " on; `unikctl up` takes them over, `unikctl down --all` destroys them first");
  return 0;
}

}  // namespace

void add_down(CommandTree& tree) {
  const auto options = std::make_shared<DownOptions>();
  VerbFlags verb = tree.add(kAround, "down", "Stop the local control plane; VMs run on",
                            [options](const Session& session) { return run_down(session, *options); });
  verb.flag("--all", options->all, "Destroy every app of every tenant first, and end every build");
  verb.duration("--timeout", options->timeout, "How long --all waits for each tenant (5m)");
}

}  // namespace unik::cli
