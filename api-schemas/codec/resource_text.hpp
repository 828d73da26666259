// The fields of a Resource in the order of the docs, written into a JsonWriter or a YamlWriter alike. Inside the codec
// only.
#pragma once

#include <algorithm>

#include "api/resource.hpp"
#include "codec/policy_fields.hpp"
#include "codec/resource_fields.hpp"

namespace unik::codec {

// `kAll`: JSON, complete and stable. `kChosen`: what a person would commit, without defaults that nobody asked for and
// without what belongs to the controller.
enum class Extent { kAll, kChosen };

template <typename Writer>
void write_text_map(Writer& out, std::string_view name, const std::map<std::string, std::string>& map) {
  out.key(name).begin_object();
  for (const auto& [key, value] : map) out.field(key, value);
  out.end_object();
}

template <typename Writer>
void write_resources(Writer& out, std::string_view name, const Resources& resources) {
  out.key(name).begin_object().field("cpu", format_milli_cpu(resources.cpu));
  out.field("memory", format_bytes(resources.memory)).end_object();
}

// What is zero was left to the tenant.
template <typename Writer>
void write_app_resources(Writer& out, const Resources& resources) {
  out.key("resources").begin_object();
  if (resources.cpu.value != 0) out.field("cpu", format_milli_cpu(resources.cpu));
  if (resources.memory.value != 0) out.field("memory", format_bytes(resources.memory));
  out.end_object();
}

template <typename Writer>
void write_ports(Writer& out, const AppSpec& spec) {
  out.key("ports").begin_array();
  for (const Port& port : spec.boot.ports) {
    out.begin_object().field("name", port.name).field("port", port.port);
    const auto& all = spec.run.publications;
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Publication& p) { return p.port_name == port.name; });
    if (found != all.end()) {
      if (found->host_port)
        out.field("publish", *found->host_port);
      else
        out.field("publish", "auto");
    }
    out.end_object();
  }
  out.end_array();
}

template <typename Writer>
void write_health(Writer& out, const HealthCheck& health) {
  out.key("health").begin_object();
  out.key(health.path ? "http" : "tcp").begin_object().field("port", health.port);
  if (health.path) out.field("path", *health.path);
  out.end_object();
  out.field("interval", format_duration(health.interval)).field("timeout", format_duration(health.timeout));
  out.field("failures", health.failures).field("grace", format_duration(health.grace)).end_object();
}

template <typename Writer>
void write_placement(Writer& out, const Placement& placement, Extent extent) {
  const bool all = extent == Extent::kAll;
  out.key("placement").begin_object();
  if (all || !placement.node_selector.empty()) write_text_map(out, "nodeSelector", placement.node_selector);
  if (all || !placement.spread.empty()) {
    out.key("spread").begin_array();
    for (const Spread& spread : placement.spread) out.begin_object().field("by", spread.by).end_object();
    out.end_array();
  }
  if (all || !placement.tolerations.empty()) {
    out.key("tolerations").begin_array();
    for (const Toleration& toleration : placement.tolerations) {
      out.begin_object().field("key", toleration.key);
      if (toleration.value) out.field("value", *toleration.value);
      out.end_object();
    }
    out.end_array();
  }
  if (all || placement.priority != 0) out.field("priority", placement.priority);
  out.end_object();
}

template <typename Writer>
void write_rollout(Writer& out, const RolloutPolicy& rollout, Extent extent) {
  const bool all = extent == Extent::kAll;
  out.key("rollout").begin_object().field("strategy", to_string(rollout.strategy));
  out.field("maxUnavailable", rollout.max_unavailable).field("maxSurge", rollout.max_surge);
  out.field("progressDeadline", format_duration(rollout.progress_deadline));
  out.field("autoRollback", rollout.auto_rollback);
  if (all || rollout.canary != Canary{}) {
    out.key("canary").begin_object().field("percent", rollout.canary.percent);
    out.field("bake", format_duration(rollout.canary.bake));
    out.field("promote", to_string(rollout.canary.promote)).end_object();
  }
  if (all || rollout.gate != RolloutGate{}) {
    out.key("gate").begin_object().field("healthyFor", format_duration(rollout.gate.healthy_for));
    out.field("bootFactor", rollout.gate.boot_factor);
    out.field("restartFactor", rollout.gate.restart_factor).end_object();
  }
  out.end_object();
}

// The fields of App.spec but `source` and `image`; the mapping is already open.
template <typename Writer>
void write_app_fields(Writer& out, const AppSpec& spec, Extent extent) {
  const bool all = extent == Extent::kAll;
  const AppSpec defaults;
  if (all || !spec.boot.args.empty()) {
    out.key("args").begin_array();
    for (const std::string& arg : spec.boot.args) out.text(arg);
    out.end_array();
  }
  if (all || !spec.boot.env.empty()) write_text_map(out, "env", spec.boot.env);
  out.field("replicas", spec.replicas);
  if (spec.boot.resources != Resources{}) write_app_resources(out, spec.boot.resources);
  if (all || !spec.boot.ports.empty()) write_ports(out, spec);
  if (spec.run.health) write_health(out, *spec.run.health);
  if (const Restart& restart = spec.run.restart; all || restart != defaults.run.restart) {
    out.key("restart").begin_object().field("policy", to_string(restart.policy));
    out.field("backoff", format_duration(restart.backoff)).field("maxBackoff", format_duration(restart.max_backoff));
    out.end_object();
  }
  if (all || spec.run.stop_timeout != defaults.run.stop_timeout)
    out.key("stop").begin_object().field("timeout", format_duration(spec.run.stop_timeout)).end_object();
  if (all || spec.placement != defaults.placement) write_placement(out, spec.placement, extent);
  if (all || spec.boot.singleton != defaults.boot.singleton) out.field("singleton", to_string(spec.boot.singleton));
  if (all || spec.disruption != defaults.disruption)
    out.key("disruption").begin_object().field("maxUnavailable", spec.disruption.max_unavailable).end_object();
  if (spec.rollout) write_rollout(out, *spec.rollout, extent);
  if (all || spec.disconnect != defaults.disconnect) {
    out.key("disconnect").begin_object().field("lostAfter", format_duration(spec.disconnect.lost_after));
    if (spec.disconnect.stop_on_client_after)
      out.field("stopOnClientAfter", format_duration(*spec.disconnect.stop_on_client_after));
    out.field("replace", spec.disconnect.replace).end_object();
  }
  if (all || spec.rebase != defaults.rebase) out.field("rebase", to_string(spec.rebase));
  if (all || spec.boot.writable != defaults.boot.writable)
    out.key("rootfs").begin_object().field("writable", to_string(spec.boot.writable)).end_object();
  if (all || spec.boot.debug) out.field("debug", spec.boot.debug);
}

template <typename Writer>
void write_metadata(Writer& out, const Metadata& metadata, Extent extent) {
  out.key("metadata").begin_object().field("name", metadata.name);
  if (!metadata.tenant.empty()) out.field("tenant", metadata.tenant);
  if (extent == Extent::kAll || !metadata.labels.empty()) write_text_map(out, "labels", metadata.labels);
  if (extent == Extent::kAll && metadata.uid != 0) out.field("uid", metadata.uid);
  if (extent == Extent::kAll && metadata.generation != 0) out.field("generation", metadata.generation);
  out.end_object();
}

template <typename Writer>
void write_spec(Writer& out, const AppSpec& spec, Extent extent) {
  if (!spec.source.empty()) out.field("source", spec.source);
  if (!spec.runtime.empty()) out.field("runtime", spec.runtime);
  if (!spec.boot.image.empty()) out.field("image", spec.boot.image);
  write_app_fields(out, spec, extent);
}

template <typename Writer>
void write_spec(Writer& out, const NodeSpec& spec, Extent extent) {
  out.field("schedulable", spec.schedulable);
  const bool all = extent == Extent::kAll;
  if (all || spec.reserved != Resources{}) write_resources(out, "reserved", spec.reserved);
  if (all || spec.drain != Drain{}) {
    out.key("drain").begin_object().field("enabled", spec.drain.enabled);
    out.field("deadline", format_duration(spec.drain.deadline)).field("force", spec.drain.force);
    if (!spec.drain.reason.empty()) out.field("reason", spec.drain.reason);
    out.end_object();
  }
  if (all || !spec.taints.empty()) {
    out.key("taints").begin_array();
    for (const Taint& taint : spec.taints) {
      out.begin_object().field("key", taint.key).field("value", taint.value);
      out.field("effect", to_string(taint.effect)).end_object();
    }
    out.end_array();
  }
}

template <typename Writer>
void write_quota(Writer& out, const Quota& quota) {
  out.key("quota").begin_object();
  if (quota.instances) out.field("instances", *quota.instances);
  if (quota.cpu) out.field("cpu", format_milli_cpu(*quota.cpu));
  if (quota.memory) out.field("memory", format_bytes(*quota.memory));
  out.end_object();
}

template <typename Writer>
void write_spec(Writer& out, const TenantSpec& spec, Extent extent) {
  out.key("defaults").begin_object();
  write_resources(out, "resources", spec.default_resources);
  out.end_object();
  const bool all = extent == Extent::kAll;
  const TenantSpec defaults;
  if (all || !spec.node_selector.empty()) write_text_map(out, "nodeSelector", spec.node_selector);
  if (all || spec.quota != defaults.quota) write_quota(out, spec.quota);
  if (all || spec.limits != defaults.limits) {
    out.key("limits").begin_object().field("cpu", format_milli_cpu(spec.limits.cpu));
    out.field("memory", format_bytes(spec.limits.memory)).end_object();
  }
  if (all || spec.placement != defaults.placement)
    out.key("placement").begin_object().field("strategy", to_string(spec.placement)).end_object();
  if (spec.rollout) write_rollout(out, *spec.rollout, extent);
  if (all || !spec.allow_containers) out.field("allowContainers", spec.allow_containers);
  if (spec.require_signatures.keys.empty()) return;
  out.key("requireSignatures").begin_object();
  out.key("keys").begin_array();
  for (const std::string& key : spec.require_signatures.keys) out.text(key);
  out.end_array().end_object();
}

template <typename Writer>
void write_resource(Writer& out, const Resource& resource, Extent extent) {
  out.begin_object().field("apiVersion", kApiVersion).field("kind", names_of(kind_of(resource)).kind);
  std::visit(
      [&](const auto& value) {
        write_metadata(out, value.metadata, extent);
        out.key("spec").begin_object();
        write_spec(out, value.spec, extent);
        out.end_object();
      },
      resource);
  out.end_object();
}

}  // namespace unik::codec
