#include "controller/core/accept.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "controller/core/place.hpp"
#include "controller/core/quota.hpp"

namespace unik::controller {
namespace {

Fault fault_in(const Resource& resource, std::string path, std::string message) {
  const Metadata& metadata = metadata_of(resource);
  std::string object = std::string(names_of(kind_of(resource)).singular) + "/" + metadata.name;
  return Fault{std::move(object), 0, 0, std::move(path), std::move(message)};
}

bool names_a_digest(std::string_view image) {
  constexpr std::string_view kMark = "@sha256:";
  const std::size_t at = image.rfind(kMark);
  if (at == std::string_view::npos || at == 0) return false;
  const std::string_view hex = image.substr(at + kMark.size());
  return hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A file that tells what it was made from must not undo what came since. It may be applied twice: what would change
// nothing is as declared, whatever came between.
template <typename Value>
void check_origin(const Resource& resource, Value value, const Value* before, std::vector<Fault>& faults) {
  if (before == nullptr) return;
  const Metadata& now = before->metadata;
  const std::string object = std::string(names_of(kind_of(resource)).singular) + " `" + now.name + "`";
  const std::uint64_t uid = std::exchange(value.metadata.uid, now.uid);
  const std::uint64_t generation = std::exchange(value.metadata.generation, now.generation);
  if (uid != 0 && uid != now.uid)
    faults.push_back(fault_in(resource, "metadata.uid",
                              "want " + std::to_string(now.uid) + ", the uid of " + object + ", got " +
                                  std::to_string(uid) + ": that one is gone; leave `uid` out to change its namesake"));
  else if (generation != 0 && generation != now.generation && value != *before)
    faults.push_back(fault_in(resource, "metadata.generation",
                              "want " + std::to_string(now.generation) + ", where " + object + " is, got " +
                                  std::to_string(generation) + ": take over what has changed since (`unikctl get " +
                                  std::string(names_of(kind_of(resource)).singular) + " " + now.name +
                                  " -o yaml`), or leave `generation` out to change it whatever it is"));
}

// What the schemas cannot say of an App.
void check_app(const Resource& resource, const App& app, std::vector<Fault>& faults) {
  const AppSpec& spec = app.spec;
  if (!spec.source.empty())
    faults.push_back(
        fault_in(resource, "spec.source", "want an image: a source directory is built by `unikctl apply`"));
  else if (!names_a_digest(spec.boot.image))
    faults.push_back(fault_in(resource, "spec.image", "want NAME@sha256:DIGEST, got `" + spec.boot.image + "`"));
  if (spec.boot.resources.memory < kLeastMemory)
    faults.push_back(
        fault_in(resource, "spec.resources.memory",
                 "want at least " + format_bytes(kLeastMemory) + ", got " + format_bytes(spec.boot.resources.memory)));
  if (spec.boot.resources.cpu < kLeastCpu)
    faults.push_back(fault_in(
        resource, "spec.resources.cpu",
        "want at least " + format_milli_cpu(kLeastCpu) + ", got " + format_milli_cpu(spec.boot.resources.cpu)));
  std::set<std::string> names;
  std::set<std::uint16_t> numbers;
  for (const Port& port : spec.boot.ports) {
    if (!names.insert(port.name).second)
      faults.push_back(fault_in(resource, "spec.ports", "the name `" + port.name + "` is given twice"));
    if (!numbers.insert(port.port).second)
      faults.push_back(fault_in(resource, "spec.ports", "port " + std::to_string(port.port) + " is given twice"));
  }
  if (spec.run.health && !numbers.contains(spec.run.health->port))
    faults.push_back(fault_in(resource, "spec.health",
                              "port " + std::to_string(spec.run.health->port) + " is not among spec.ports"));
}

void check_limits(const Resource& resource, const App& app, const InstanceLimits& limits, std::vector<Fault>& faults) {
  const Resources& wanted = app.spec.boot.resources;
  if (limits.cpu != MilliCpu{} && wanted.cpu > limits.cpu)
    faults.push_back(fault_in(resource, "spec.resources.cpu",
                              "the tenant allows at most " + format_milli_cpu(limits.cpu) + " an instance, got " +
                                  format_milli_cpu(wanted.cpu)));
  if (limits.memory != Bytes{} && wanted.memory > limits.memory)
    faults.push_back(fault_in(resource, "spec.resources.memory",
                              "the tenant allows at most " + format_bytes(limits.memory) + " an instance, got " +
                                  format_bytes(wanted.memory)));
}

// Two apps cannot have one host port; the other one is named. What counts is how things stand after the request, in
// whatever order it says so: a port may go from one of its apps to another.
class HostPorts {
 public:
  HostPorts(const World& world, const std::vector<Resource>& asked) {
    std::map<AppName, const App*> next;
    for (const Resource& resource : asked)
      if (const App* const app = std::get_if<App>(&resource)) next[app->name()] = app;
    for (const auto& [name, row] : world.apps) {
      if (row.deleting) continue;
      const auto found = next.find(name);
      found == next.end() ? claim(name, *row.app) : claim_kept(name, *row.app, *found->second);
    }
  }

  void claim(const AppName& name, const App& app) {
    for (const Publication& publication : app.spec.run.publications)
      if (publication.host_port) owners_.emplace(*publication.host_port, name);
  }

  std::optional<AppName> other_owner(std::uint16_t port, const AppName& self) const {
    const auto owner = owners_.find(port);
    if (owner == owners_.end() || owner->second == self) return std::nullopt;
    return owner->second;
  }

  bool is_kept(std::uint16_t port) const { return kept_.contains(port); }

 private:
  // Who has a port and keeps it comes before who asks for it.
  void claim_kept(const AppName& name, const App& before, const App& after) {
    for (const Publication& had : before.spec.run.publications)
      for (const Publication& has : after.spec.run.publications)
        if (had.host_port && had.host_port == has.host_port && owners_.emplace(*had.host_port, name).second)
          kept_.insert(*had.host_port);
  }

  std::map<std::uint16_t, AppName> owners_;
  std::set<std::uint16_t> kept_;
};

// What belongs to another tenant is not named.
std::string owner_name(const AppName& owner, const App& asking) {
  return owner.tenant == Symbol(asking.metadata.tenant) ? "app " + to_string(owner) : "another tenant";
}

// Ports are sorted by name, so a number would name another one than the user's.
std::string publish_path(const App& app, const Publication& publication) {
  const bool alone = app.spec.boot.ports.size() == 1;
  return "spec.ports[" + (alone ? "0" : publication.port_name) + "].publish";
}

// What is wrong with a request by itself, and what only stands against what is there.
struct Findings {
  std::vector<Fault> faults;
  std::vector<Fault> clashes;
};

// `asked` are the apps of this very request that came before.
void check_host_ports(const Resource& resource, const App& app, const HostPorts& ports, const std::set<AppName>& asked,
                      Findings& found) {
  std::set<std::uint16_t> own;
  for (const Publication& publication : app.spec.run.publications) {
    if (!publication.host_port) continue;
    const std::string number = std::to_string(*publication.host_port);
    const std::string path = publish_path(app, publication);
    if (!own.insert(*publication.host_port).second)
      found.faults.push_back(fault_in(resource, path, "host port " + number + " is published twice"));
    const auto owner = ports.other_owner(*publication.host_port, app.name());
    if (!owner) continue;
    (asked.contains(*owner) && !ports.is_kept(*publication.host_port) ? found.faults : found.clashes)
        .push_back(fault_in(resource, path,
                            "host port " + number + " is published by " + owner_name(*owner, app) + " already"));
  }
}

const TenantRow* tenant_of(const World& world, const App& app) {
  return world.tenants.find(Symbol(app.metadata.tenant));
}

// Fills what the tenant decides for apps that leave it open.
void take_defaults(App& app, const TenantSpec& tenant) {
  Resources& resources = app.spec.boot.resources;
  if (resources.cpu == MilliCpu{}) resources.cpu = tenant.default_resources.cpu;
  if (resources.memory == Bytes{}) resources.memory = tenant.default_resources.memory;
}

// Also fills the tenants' defaults in.
Findings check_specs(const World& world, std::vector<Resource>& resources) {
  Findings found;
  std::vector<Fault>& faults = found.faults;
  std::map<std::string, TenantSpec> tenants;  // those that this very request declares
  for (const Resource& resource : resources)
    if (const Tenant* const tenant = std::get_if<Tenant>(&resource)) tenants[tenant->metadata.name] = tenant->spec;
  HostPorts ports(world, resources);
  std::set<AppName> asked;
  for (Resource& resource : resources) {
    App* const app = std::get_if<App>(&resource);
    if (app == nullptr) continue;
    const TenantRow* const row = tenant_of(world, *app);
    const auto along = tenants.find(app->metadata.tenant);
    if (along == tenants.end() && row == nullptr) {
      faults.push_back(fault_in(resource, "metadata.tenant", "there is no tenant `" + app->metadata.tenant + "`"));
      continue;
    }
    const TenantSpec& policy = along != tenants.end() ? along->second : row->tenant->spec;
    take_defaults(*app, policy);
    check_limits(resource, *app, policy.limits, faults);
    check_app(resource, *app, faults);
    check_host_ports(resource, *app, ports, asked, found);
    ports.claim(app->name(), *app);
    asked.insert(app->name());
  }
  return found;
}

Result<void> check_origins(const World& world, const std::vector<Resource>& resources) {
  std::vector<Fault> faults;
  for (const Resource& resource : resources)
    std::visit([&](const auto& value) { check_origin(resource, value, declared(world, value), faults); }, resource);
  if (faults.empty()) return {};
  Error error = faults.front().path == "metadata.uid"
                    ? conflict("uid_mismatch", "nothing was applied: it was made for another object of this name")
                    : conflict("stale_generation", "nothing was applied: it was made from an older generation");
  error.details = std::move(faults);
  return error;
}

// What the tenants would use with all of `resources` in place.
Result<void> check_quotas(const World& world, const std::vector<Resource>& resources) {
  std::map<std::string, TenantUsage> after;
  std::map<std::string, Quota> quotas;
  const auto usage_now = [&](const std::string& tenant) { return totals_of(world, Symbol(tenant)).declared; };
  for (const Resource& resource : resources) {
    if (const Tenant* const tenant = std::get_if<Tenant>(&resource)) quotas[tenant->metadata.name] = tenant->spec.quota;
    const App* const app = std::get_if<App>(&resource);
    if (app == nullptr) continue;
    TenantUsage& usage = after.try_emplace(app->metadata.tenant, usage_now(app->metadata.tenant)).first->second;
    if (const AppRow* const row = world.apps.find(app->name())) usage -= usage_of(*row->app, row->app->spec.replicas);
    usage += usage_of(*app, app->spec.replicas);
  }
  for (const auto& [tenant, usage] : after) {
    const TenantRow* const row = world.tenants.find(Symbol(tenant));
    if (row != nullptr) quotas.try_emplace(tenant, row->tenant->spec.quota);
    if (Result<void> checked = check_quota(tenant, quotas[tenant], usage_now(tenant), usage); !checked) return checked;
  }
  return {};
}

}  // namespace

const App* declared(const World& world, const App& app) {
  const AppRow* const row = world.apps.find(app.name());
  return row == nullptr || row->deleting ? nullptr : &*row->app;
}

const Node* declared(const World& world, const Node& node) {
  const NodeRow* const row = world.nodes.find(Symbol(node.metadata.name));
  return row == nullptr ? nullptr : &*row->node;
}

const Tenant* declared(const World& world, const Tenant& tenant) {
  const TenantRow* const row = world.tenants.find(Symbol(tenant.metadata.name));
  return row == nullptr ? nullptr : &*row->tenant;
}

Result<void> accept(const World& world, std::vector<Resource>& resources) {
  Findings found = check_specs(world, resources);
  if (std::vector<Fault>& faults = found.faults; !faults.empty()) {
    Error error = invalid("invalid_spec", faults.size() == 1 ? "nothing was applied: one field is not acceptable"
                                                             : "nothing was applied: " + std::to_string(faults.size()) +
                                                                   " fields are not acceptable");
    error.details = std::move(faults);
    return error;
  }
  if (!found.clashes.empty()) {
    Error error = conflict("host_port_taken", "nothing was applied: choose another host port, or `publish: auto`");
    error.details = std::move(found.clashes);
    return error;
  }
  if (Result<void> origins = check_origins(world, resources); !origins) return std::move(origins).error();
  return check_quotas(world, resources);
}

}  // namespace unik::controller
