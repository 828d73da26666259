// The fields of a Resource in the order of the docs, written into a JsonWriter or a YamlWriter alike. Inside the codec
// only.
#pragma once

#include <algorithm>

#include "api/resource.hpp"
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
  if (all || spec.placement != defaults.placement) {
    out.key("placement").begin_object();
    write_text_map(out, "nodeSelector", spec.placement.node_selector);
    out.end_object();
  }
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
  if (!spec.boot.image.empty()) out.field("image", spec.boot.image);
  write_app_fields(out, spec, extent);
}

template <typename Writer>
void write_spec(Writer& out, const NodeSpec& spec, Extent extent) {
  out.field("schedulable", spec.schedulable);
  if (extent == Extent::kChosen && spec.reserved == Resources{}) return;
  write_resources(out, "reserved", spec.reserved);
}

template <typename Writer>
void write_spec(Writer& out, const TenantSpec& spec, Extent extent) {
  out.key("defaults").begin_object();
  write_resources(out, "resources", spec.default_resources);
  out.end_object();
  if (extent == Extent::kAll || !spec.node_selector.empty()) write_text_map(out, "nodeSelector", spec.node_selector);
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
