#include "controller/core/field_diff.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "controller/core/rollout.hpp"

namespace unik::controller {
namespace {

using Fields = std::map<std::string, std::string>;  // path -> JSON text

std::string quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}
std::string boolean(bool value) {
  return value ? "true" : "false";
}

void add_map(Fields& fields, const std::string& path, const std::map<std::string, std::string>& map) {
  for (const auto& [key, value] : map) fields[path + '.' + key] = quote(value);
}

void add_resources(Fields& fields, const std::string& path, const Resources& resources) {
  fields[path + ".cpu"] = quote(format_milli_cpu(resources.cpu));
  fields[path + ".memory"] = quote(format_bytes(resources.memory));
}

void add_health(Fields& fields, const HealthCheck& health) {
  const std::string path = "spec.health";
  const std::string probe = path + (health.path ? ".http" : ".tcp");
  fields[probe + ".port"] = number(health.port);
  if (health.path) fields[probe + ".path"] = quote(*health.path);
  fields[path + ".interval"] = quote(format_duration(health.interval));
  fields[path + ".timeout"] = quote(format_duration(health.timeout));
  fields[path + ".failures"] = number(health.failures);
  fields[path + ".grace"] = quote(format_duration(health.grace));
}

std::string_view restart_name(RestartPolicy policy) {
  switch (policy) {
    case RestartPolicy::kAlways:
      return "always";
    case RestartPolicy::kOnFailure:
      return "on-failure";
    case RestartPolicy::kNever:
      return "never";
  }
  return "";
}

void add_rollout(Fields& fields, const RolloutPolicy& rollout) {
  const std::string path = "spec.rollout";
  fields[path + ".strategy"] = quote(name_of(rollout.strategy));
  fields[path + ".maxUnavailable"] = number(rollout.max_unavailable);
  fields[path + ".maxSurge"] = number(rollout.max_surge);
  fields[path + ".progressDeadline"] = quote(format_duration(rollout.progress_deadline));
  fields[path + ".autoRollback"] = boolean(rollout.auto_rollback);
  fields[path + ".canary.percent"] = number(rollout.canary.percent);
  fields[path + ".canary.bake"] = quote(format_duration(rollout.canary.bake));
  fields[path + ".canary.promote"] = quote(rollout.canary.promote == Promotion::kAuto ? "auto" : "manual");
  fields[path + ".gate.healthyFor"] = quote(format_duration(rollout.gate.healthy_for));
  fields[path + ".gate.bootFactor"] = number(rollout.gate.boot_factor);
  fields[path + ".gate.restartFactor"] = number(rollout.gate.restart_factor);
}

Fields fields_of(const App& app) {
  Fields fields;
  const AppSpec& spec = app.spec;
  add_map(fields, "metadata.labels", app.metadata.labels);
  fields["spec.image"] = quote(spec.boot.image);
  std::string args = "[";
  for (const std::string& arg : spec.boot.args) args += (args.size() > 1 ? ", " : "") + quote(arg);
  fields["spec.args"] = args + "]";
  add_map(fields, "spec.env", spec.boot.env);
  add_resources(fields, "spec.resources", spec.boot.resources);
  for (const Port& port : spec.boot.ports) fields["spec.ports." + port.name + ".port"] = number(port.port);
  for (const Publication& publication : spec.run.publications)
    fields["spec.ports." + publication.port_name + ".publish"] =
        publication.host_port ? number(*publication.host_port) : quote("auto");
  if (spec.run.health) add_health(fields, *spec.run.health);
  fields["spec.restart.policy"] = quote(restart_name(spec.run.restart.policy));
  fields["spec.restart.backoff"] = quote(format_duration(spec.run.restart.backoff));
  fields["spec.restart.maxBackoff"] = quote(format_duration(spec.run.restart.max_backoff));
  fields["spec.stop.timeout"] = quote(format_duration(spec.run.stop_timeout));
  fields["spec.rootfs.writable"] = quote(spec.boot.writable == RootWritable::kEphemeral ? "ephemeral" : "none");
  fields["spec.singleton"] = quote(spec.boot.singleton == Singleton::kStrict ? "strict" : "none");
  fields["spec.debug"] = boolean(spec.boot.debug);
  fields["spec.replicas"] = number(spec.replicas);
  add_map(fields, "spec.placement.nodeSelector", spec.placement.node_selector);
  std::string spread = "[";
  for (const Spread& one : spec.placement.spread) spread += (spread.size() > 1 ? ", " : "") + quote(one.by);
  fields["spec.placement.spread"] = spread + "]";
  std::string tolerations = "[";
  for (const Toleration& one : spec.placement.tolerations)
    tolerations += (tolerations.size() > 1 ? ", " : "") + quote(one.key + (one.value ? "=" + *one.value : ""));
  fields["spec.placement.tolerations"] = tolerations + "]";
  fields["spec.disruption.maxUnavailable"] = number(spec.disruption.max_unavailable);
  if (spec.rollout) add_rollout(fields, *spec.rollout);
  fields["spec.disconnect.lostAfter"] = quote(format_duration(spec.disconnect.lost_after));
  fields["spec.disconnect.replace"] = boolean(spec.disconnect.replace);
  if (spec.disconnect.stop_on_client_after)
    fields["spec.disconnect.stopOnClientAfter"] = quote(format_duration(*spec.disconnect.stop_on_client_after));
  return fields;
}

Fields fields_of(const Node& node) {
  Fields fields;
  add_map(fields, "metadata.labels", node.metadata.labels);
  fields["spec.schedulable"] = boolean(node.spec.schedulable);
  add_resources(fields, "spec.reserved", node.spec.reserved);
  const Drain& drain = node.spec.drain;
  fields["spec.drain.enabled"] = boolean(drain.enabled);
  fields["spec.drain.deadline"] = quote(format_duration(drain.deadline));
  fields["spec.drain.force"] = boolean(drain.force);
  if (!drain.reason.empty()) fields["spec.drain.reason"] = quote(drain.reason);
  std::string taints = "[";
  for (const Taint& taint : node.spec.taints)
    taints +=
        (taints.size() > 1 ? ", " : "") +
        quote(taint.key + "=" + taint.value + (taint.effect == TaintEffect::kNoExecute ? ":noExecute" : ":noSchedule"));
  fields["spec.taints"] = taints + "]";
  return fields;
}

Fields fields_of(const Tenant& tenant) {
  Fields fields;
  add_map(fields, "metadata.labels", tenant.metadata.labels);
  add_resources(fields, "spec.defaults.resources", tenant.spec.default_resources);
  add_map(fields, "spec.nodeSelector", tenant.spec.node_selector);
  const Quota& quota = tenant.spec.quota;
  if (quota.instances) fields["spec.quota.instances"] = number(*quota.instances);
  if (quota.cpu) fields["spec.quota.cpu"] = quote(format_milli_cpu(*quota.cpu));
  if (quota.memory) fields["spec.quota.memory"] = quote(format_bytes(*quota.memory));
  fields["spec.limits.cpu"] = quote(format_milli_cpu(tenant.spec.limits.cpu));
  fields["spec.limits.memory"] = quote(format_bytes(tenant.spec.limits.memory));
  fields["spec.placement.strategy"] =
      quote(tenant.spec.placement == PlacementStrategy::kBinPack ? "binPack" : "spread");
  if (tenant.spec.rollout) add_rollout(fields, *tenant.spec.rollout);
  return fields;
}

Fields fields_of(const Resource* resource) {
  if (resource == nullptr) return {};
  return std::visit([](const auto& value) { return fields_of(value); }, *resource);
}

// Only an App's fields reach what runs: those of its BootSpec need new VMs, those of its RunPolicy do not.
ChangeEffect effect_of(Kind kind, std::string_view path) {
  if (kind != Kind::kApp) return ChangeEffect::kNone;
  for (const std::string_view boot :
       {"spec.image", "spec.args", "spec.env", "spec.resources", "spec.rootfs", "spec.debug"})
    if (path.starts_with(boot)) return ChangeEffect::kRestart;
  if (path.starts_with("spec.ports."))
    return path.ends_with(".publish") ? ChangeEffect::kInPlace : ChangeEffect::kRestart;
  for (const std::string_view run : {"spec.health", "spec.restart", "spec.stop"})
    if (path.starts_with(run)) return ChangeEffect::kInPlace;
  return ChangeEffect::kNone;
}

}  // namespace

std::vector<FieldChange> field_changes(const Resource* before, const Resource* after) {
  const Fields old_fields = fields_of(before);
  const Fields new_fields = fields_of(after);
  const Kind kind = kind_of(before != nullptr ? *before : *after);
  Fields all = old_fields;
  all.insert(new_fields.begin(), new_fields.end());
  std::vector<FieldChange> changes;
  for (const auto& [path, any] : all) {
    const auto from = old_fields.find(path);
    const auto to = new_fields.find(path);
    FieldChange change{path, from == old_fields.end() ? "" : from->second, to == new_fields.end() ? "" : to->second,
                       ChangeEffect::kNone};
    if (change.from == change.to) continue;
    const bool whole_object = before == nullptr || after == nullptr;
    change.effect = whole_object ? ChangeEffect::kNone : effect_of(kind, path);
    changes.push_back(std::move(change));
  }
  return changes;
}

ChangeEffect strongest(const std::vector<FieldChange>& changes) {
  ChangeEffect effect = ChangeEffect::kNone;
  for (const FieldChange& change : changes) effect = std::max(effect, change.effect);
  return effect;
}

}  // namespace unik::controller
