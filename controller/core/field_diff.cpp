#include "controller/core/field_diff.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "controller/core/rollout_facts.hpp"

namespace unik::controller {
namespace {

using Fields = std::map<std::string, std::string>;  // path -> JSON text

// A field's text, and what a difference in it does to what runs.
struct Field {
  std::string text;
  ChangeEffect effect = ChangeEffect::kNone;
};
using MarkedFields = std::map<std::string, Field>;

std::string quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
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

void add_target(Fields& fields, const CheckTarget& target) {
  const std::string probe = std::string("spec.health") + (target.path ? ".http" : ".tcp");
  fields[probe + ".port"] = number(target.port);
  if (target.path) fields[probe + ".path"] = quote(*target.path);
}

void add_health(Fields& fields, const HealthCheck& health) {
  const std::string path = "spec.health";
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

std::string list(const auto& items, auto text) {
  std::string out = "[";
  for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + quote(text(item));
  return out + "]";
}

Fields fields_of(const BootSpec& boot) {
  Fields fields;
  fields["spec.image"] = quote(boot.image);
  fields["spec.args"] = list(boot.args, [](const std::string& arg) { return arg; });
  add_map(fields, "spec.env", boot.env);
  add_resources(fields, "spec.resources", boot.resources);
  for (const Port& port : boot.ports) fields["spec.ports." + port.name + ".port"] = number(port.port);
  fields["spec.rootfs.writable"] = quote(boot.writable == RootWritable::kEphemeral ? "ephemeral" : "none");
  fields["spec.singleton"] = quote(boot.singleton == Singleton::kStrict ? "strict" : "none");
  fields["spec.debug"] = boolean(boot.debug);
  if (boot.check) add_target(fields, *boot.check);
  return fields;
}

Fields fields_of(const RunPolicy& run) {
  Fields fields;
  for (const Publication& publication : run.publications)
    fields["spec.ports." + publication.port_name + ".publish"] =
        publication.host_port ? number(*publication.host_port) : quote("auto");
  if (run.health) add_health(fields, *run.health);
  fields["spec.restart.policy"] = quote(restart_name(run.restart.policy));
  fields["spec.restart.backoff"] = quote(format_duration(run.restart.backoff));
  fields["spec.restart.maxBackoff"] = quote(format_duration(run.restart.max_backoff));
  fields["spec.stop.timeout"] = quote(format_duration(run.stop_timeout));
  return fields;
}

// Where instances are and how they are replaced: the controller's own business.
Fields policies_of(const App& app) {
  Fields fields;
  const AppSpec& spec = app.spec;
  add_map(fields, "metadata.labels", app.metadata.labels);
  fields["spec.replicas"] = number(spec.replicas);
  add_map(fields, "spec.placement.nodeSelector", spec.placement.node_selector);
  fields["spec.placement.spread"] = list(spec.placement.spread, [](const Spread& one) { return one.by; });
  fields["spec.placement.tolerations"] = list(
      spec.placement.tolerations, [](const Toleration& one) { return one.key + (one.value ? "=" + *one.value : ""); });
  fields["spec.placement.priority"] = std::to_string(spec.placement.priority);
  fields["spec.disruption.maxUnavailable"] = number(spec.disruption.max_unavailable);
  if (spec.rollout) add_rollout(fields, *spec.rollout);
  fields["spec.rebase"] = quote(app.spec.rebase == Rebase::kAuto ? "auto" : "none");
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
  fields["spec.taints"] = list(node.spec.taints, [](const Taint& taint) {
    return taint.key + "=" + taint.value + (taint.effect == TaintEffect::kNoExecute ? ":noExecute" : ":noSchedule");
  });
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
  fields["spec.allowContainers"] = boolean(tenant.spec.allow_containers);
  if (const auto& keys = tenant.spec.require_signatures.keys; !keys.empty())
    fields["spec.requireSignatures.keys"] = list(keys, [](const std::string& key) { return key; });
  return fields;
}

void mark(MarkedFields& marked, Fields fields, ChangeEffect effect) {
  for (auto& [path, text] : fields) marked[path] = {std::move(text), effect};
}

// What an App's instances are started with needs new VMs, what its agents do with them does not.
MarkedFields marked_fields(const App& app) {
  MarkedFields marked;
  mark(marked, policies_of(app), ChangeEffect::kNone);
  mark(marked, fields_of(app.spec.run), ChangeEffect::kInPlace);
  mark(marked, fields_of(app.spec.boot), ChangeEffect::kRestart);
  return marked;
}

MarkedFields marked_fields(const auto& value) {
  MarkedFields marked;
  mark(marked, fields_of(value), ChangeEffect::kNone);
  return marked;
}

MarkedFields marked_fields(const Resource* resource) {
  if (resource == nullptr) return {};
  return std::visit([](const auto& value) { return marked_fields(value); }, *resource);
}

}  // namespace

std::vector<FieldChange> field_changes(const Resource* before, const Resource* after) {
  const MarkedFields old_fields = marked_fields(before);
  const MarkedFields new_fields = marked_fields(after);
  const bool whole_object = before == nullptr || after == nullptr;
  MarkedFields all = old_fields;
  all.insert(new_fields.begin(), new_fields.end());
  std::vector<FieldChange> changes;
  for (const auto& [path, field] : all) {
    const auto from = old_fields.find(path);
    const auto to = new_fields.find(path);
    FieldChange change{path, from == old_fields.end() ? "" : from->second.text,
                       to == new_fields.end() ? "" : to->second.text,
                       whole_object ? ChangeEffect::kNone : field.effect};
    if (change.from != change.to) changes.push_back(std::move(change));
  }
  return changes;
}

ChangeEffect effect_between(const Resource& before, const Resource& after) {
  const App* const old_app = std::get_if<App>(&before);
  const App* const new_app = std::get_if<App>(&after);
  if (old_app == nullptr || new_app == nullptr) return ChangeEffect::kNone;
  if (old_app->spec.boot != new_app->spec.boot) return ChangeEffect::kRestart;
  return old_app->spec.run != new_app->spec.run ? ChangeEffect::kInPlace : ChangeEffect::kNone;
}

}  // namespace unik::controller
