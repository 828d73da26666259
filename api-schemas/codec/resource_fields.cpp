#include "codec/resource_fields.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "api/check.hpp"
#include "api/labels.hpp"
#include "api/runtime_name.hpp"
#include "codec/nearest.hpp"
#include "codec/policy_fields.hpp"

namespace unik::codec {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Duration kLongestWait = hours(1);
constexpr std::size_t kImageMax = 512;
constexpr std::size_t kEnvNameMax = 256;
constexpr std::size_t kPathMax = 1024;
constexpr std::uint32_t kMaxFailures = 100;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool all_of(std::string_view text, std::string_view marks) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alnum(c) || marks.find(c) != std::string_view::npos; });
}

// What is stored may be of a release that wanted less.
bool is_declared_now(const Fields& in) {
  return in.at().decoding.reading.refuse_unknown;
}

std::string_view app_name(std::string_view text) {
  const bool fine = is_dns_label(text) && text.size() <= kMaxAppName;
  return fine ? std::string_view()
              : "a name of 1 to 40 characters a-z, 0-9 and `-`, beginning and ending with a letter or digit, so that "
                "the names of its instances are host names";
}

void read_resources(Fields& in, Resources& out, Resources least) {
  in.cpu("cpu", out.cpu, least.cpu);
  in.bytes("memory", out.memory, least.memory);
}

void read_instance_resources(Fields& in, Resources& out) {
  read_resources(in, out, is_declared_now(in) ? Resources{kLeastCpu, kLeastMemory} : Resources{});
}

// A guest is given no more, and would be the last to say so.
void check_args_and_env(Fields& in, const BootSpec& boot) {
  const std::size_t bytes = args_and_env_bytes(boot);
  if (!is_declared_now(in) || bytes <= kMaxArgsAndEnv) return;
  in.fault(boot.env.empty() ? "args" : "env", "want at most " + std::to_string(kMaxArgsAndEnv) +
                                                  " bytes of `args` and `env` together, got " + std::to_string(bytes) +
                                                  ": put what is large into the image");
}

void read_publish(const At& at, Publication& out) {
  static constexpr std::array<std::string_view, 1> kAnyPort = {"auto"};
  if (at.node.is_scalar() && at.node.text() == kAnyPort.front()) return;
  if (const auto port = read_unsigned(at, 1, 65535, kAnyPort)) out.host_port = static_cast<std::uint16_t>(*port);
}

void read_port(const At& at, AppSpec& spec) {
  Fields in(at, "App.spec.ports");
  Port port;
  in.integer<std::uint16_t>("port", port.port, 1);
  in.require_always("port", "the port on which the app listens, `port: 8080`");
  port.name = "port-" + std::to_string(port.port);
  in.text("name", port.name, dns_label);
  Publication publication;
  const bool published = in.get("publish", [&](const At& publish) { read_publish(publish, publication); });
  for (const Port& other : spec.boot.ports) {
    if (other.name == port.name && port.port != 0)
      in.fault("name", "two ports are named `" + port.name + "`: give each its own name");
    if (other.port == port.port && port.port != 0)
      in.fault("port", "the port " + std::to_string(port.port) + " stands here twice");
  }
  for (const Publication& other : spec.run.publications)
    if (published && publication.host_port && other.host_port == publication.host_port)
      in.fault("publish", "the host port " + std::to_string(*publication.host_port) + " is given to two ports");
  if (published) {
    publication.port_name = port.name;
    publication.port = port.port;
    spec.run.publications.push_back(std::move(publication));
  }
  spec.boot.ports.push_back(std::move(port));
}

// `ports`: all that there are, or null where they are not known yet.
void check_health_port(Fields& in, std::uint16_t asked, const std::vector<Port>* ports) {
  if (ports == nullptr || asked == 0) return;
  std::string known;
  for (const Port& port : *ports) {
    if (port.port == asked) return;
    known += (known.empty() ? "" : ", ") + std::to_string(port.port);
  }
  in.fault("port", "want a port that stands in spec.ports (" + (known.empty() ? "it is empty" : known) + "), got " +
                       std::to_string(asked) + ": add it there");
}

void read_health(Fields& in, HealthCheck& out, const std::vector<Port>* ports) {
  const bool http = in.object("http", "App.spec.health.http", [&](Fields& check) {
    check.integer<std::uint16_t>("port", out.port, 1);
    check.require_always("port", "the port to ask");
    check_health_port(check, out.port, ports);
    out.path = "/";
    check.text("path", *out.path, http_path);
  });
  const bool tcp = in.object("tcp", "App.spec.health.tcp", [&](Fields& check) {
    check.integer<std::uint16_t>("port", out.port, 1);
    check.require_always("port", "the port to connect to");
    check_health_port(check, out.port, ports);
  });
  if (http == tcp)
    in.fault(http ? "want either `http` or `tcp`, got both"
                  : "want `http: {port, path}` or `tcp: {port}`, got neither");
  in.duration("interval", out.interval, milliseconds(100), kLongestWait);
  in.duration("timeout", out.timeout, milliseconds(10), kLongestWait);
  in.integer<std::uint32_t>("failures", out.failures, 1, kMaxFailures);
  in.duration("grace", out.grace, Duration::zero(), kLongestWait);
}

void read_restart(Fields& in, Restart& out) {
  in.one_of("policy", out.policy, parse_restart_policy, "always, on-failure or never");
  in.duration("backoff", out.backoff, milliseconds(10), kLongestWait);
  in.duration("maxBackoff", out.max_backoff, milliseconds(10), hours(24));
  if (out.backoff > out.max_backoff)
    in.fault("backoff", "want at most `maxBackoff`, " + format_duration(out.max_backoff) + ", got " +
                            format_duration(out.backoff));
}

void read_app_spec(Fields& in, AppSpec& spec) {
  const bool source = in.text("source", spec.source, [](std::string_view text) -> std::string_view {
    return text.empty() ? "a directory" : std::string_view();
  });
  const bool image = in.text("image", spec.boot.image, image_name);
  const bool runtime = in.text("runtime", spec.runtime, [](std::string_view text) -> std::string_view {
    return parse_runtime_name(text) ? std::string_view() : "NAME or NAME@MAJOR.MINOR.PATCH, as in python@1.2.0";
  });
  if (runtime && !source && in.at().decoding.reading.refuse_unknown)
    in.fault("runtime", "want it with `source`, which is built on it; an image has its own");
  if (in.at().decoding.reading.refuse_unknown && source == image)
    in.fault(source ? "want either `source` or `image`, got both"
                    : "want `source: DIRECTORY` to build or `image: NAME@sha256:...`, got neither");
  // What is stored was admitted.
  read_app_fields(in, spec, in.at().decoding.reading.refuse_unknown ? PortList::kWhole : PortList::kOpen);
}

void read_node_spec(Fields& in, NodeSpec& spec) {
  in.boolean("schedulable", spec.schedulable);
  in.object("reserved", "Node.spec.reserved",
            [&](Fields& reserved) { read_resources(reserved, spec.reserved, Resources{}); });
  in.object("drain", "Node.spec.drain", [&](Fields& drain) { read_drain(drain, spec.drain); });
  in.list("taints", kMaxTaints, [&](const At& taint) { read_taint(taint, spec.taints); });
  std::ranges::sort(spec.taints);
}

void read_tenant_spec(Fields& in, TenantSpec& spec) {
  in.object("defaults", "Tenant.spec.defaults", [&](Fields& defaults) {
    defaults.object("resources", "Tenant.spec.defaults.resources",
                    [&](Fields& resources) { read_instance_resources(resources, spec.default_resources); });
  });
  in.text_map("nodeSelector", spec.node_selector, kMaxLabels, label_key, label_value);
  in.object("quota", "Tenant.spec.quota", [&](Fields& quota) { read_quota(quota, spec.quota); });
  in.object("limits", "Tenant.spec.limits", [&](Fields& limits) { read_limits(limits, spec.limits); });
  in.object("placement", "Tenant.spec.placement", [&](Fields& placement) {
    placement.one_of("strategy", spec.placement, parse_placement_strategy, "spread or binPack");
  });
  in.object("rollout", "Tenant.spec.rollout", [&](Fields& rollout) { read_rollout(rollout, spec.rollout.emplace()); });
  in.object("requireSignatures", "Tenant.spec.requireSignatures",
            [&](Fields& policy) { read_require_signatures(policy, spec.require_signatures); });
  in.boolean("allowContainers", spec.allow_containers);
}

void read_metadata(Fields& in, Metadata& out, Kind kind) {
  const bool in_tenant = names_of(kind).in_tenant;
  in.text("name", out.name, in_tenant && is_declared_now(in) ? app_name : dns_label);
  in.require_always("name", "the object's name");
  if (in_tenant) in.text("tenant", out.tenant, dns_label);
  const bool of_node = kind == Kind::kNode && is_declared_now(in);
  in.text_map("labels", out.labels, kMaxLabels, of_node ? node_label_key : label_key, label_value);
  in.integer("uid", out.uid);
  in.integer("generation", out.generation);
}

// `App.metadata` and so on live as long as the program: paths hold views.
struct Parts {
  std::string_view document;
  std::string_view metadata;
  std::string_view spec;
};
constexpr std::array<Parts, 3> kParts = {{
    {"App", "App.metadata", "App.spec"},
    {"Node", "Node.metadata", "Node.spec"},
    {"Tenant", "Tenant.metadata", "Tenant.spec"},
}};

std::optional<Kind> exact_kind(std::string_view text) {
  const std::optional<Kind> kind = parse_kind(text);
  return kind && names_of(*kind).kind == text ? kind : std::nullopt;
}

void want_kind(const At& at) {
  static constexpr std::array<std::string_view, 3> kNames = {"App", "Node", "Tenant"};
  std::string wanted = "App, Node or Tenant";
  if (const auto meant = nearest(at.node.is_scalar() ? at.node.text() : std::string_view(), kNames))
    wanted += " (did you mean `" + std::string(*meant) + "`?)";
  at.want(wanted);
}

// Looks ahead, since the kind decides how everything else is read.
std::optional<Kind> kind_in(const At& at) {
  if (at.node.kind != NodeKind::kMapping) return std::nullopt;
  for (const TreeNode* key = at.node.child; key != nullptr; key = key->next->next)
    if (key->text() == "kind" && key->next->is_scalar()) return exact_kind(key->next->text());
  return std::nullopt;
}

}  // namespace

std::string_view http_path(std::string_view text) {
  const bool fine = text.starts_with('/') && text.size() <= kPathMax &&
                    std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
  return fine ? std::string_view() : "a path that begins with `/`, without spaces";
}

std::string_view image_name(std::string_view text) {
  constexpr std::string_view wanted = "an image such as `registry/name@sha256:` and 64 hexadecimal digits";
  if (text.empty() || text.size() > kImageMax || !is_alnum(text.front())) return wanted;
  const std::size_t at = text.find('@');
  if (!all_of(text.substr(0, at), "._:/+-")) return wanted;
  if (at == std::string_view::npos) return {};
  return sha256_digest(text.substr(at + 1)).empty() ? std::string_view() : wanted;
}

std::string_view env_name(std::string_view text) {
  const bool fine = !text.empty() && text.size() <= kEnvNameMax && all_of(text, "._-") &&
                    !(text.front() >= '0' && text.front() <= '9');
  return fine ? std::string_view()
              : "a variable's name of letters, digits, `_`, `.` and `-`, not beginning with a digit";
}

std::string_view to_string(RestartPolicy policy) {
  switch (policy) {
    case RestartPolicy::kAlways:
      return "always";
    case RestartPolicy::kOnFailure:
      return "on-failure";
    case RestartPolicy::kNever:
      return "never";
  }
  UNIK_CHECK(false, "a restart policy outside the enumeration");
}

std::optional<RestartPolicy> parse_restart_policy(std::string_view text) {
  for (const RestartPolicy policy : {RestartPolicy::kAlways, RestartPolicy::kOnFailure, RestartPolicy::kNever})
    if (to_string(policy) == text) return policy;
  return std::nullopt;
}

std::string_view to_string(RootWritable writable) {
  switch (writable) {
    case RootWritable::kNo:
      return "none";
    case RootWritable::kEphemeral:
      return "ephemeral";
  }
  UNIK_CHECK(false, "a kind of writable root outside the enumeration");
}

std::optional<RootWritable> parse_root_writable(std::string_view text) {
  for (const RootWritable writable : {RootWritable::kNo, RootWritable::kEphemeral})
    if (to_string(writable) == text) return writable;
  return std::nullopt;
}

std::string_view to_string(Singleton singleton) {
  switch (singleton) {
    case Singleton::kNone:
      return "none";
    case Singleton::kStrict:
      return "strict";
  }
  UNIK_CHECK(false, "a kind of singleton outside the enumeration");
}

std::optional<Singleton> parse_singleton(std::string_view text) {
  for (const Singleton singleton : {Singleton::kNone, Singleton::kStrict})
    if (to_string(singleton) == text) return singleton;
  return std::nullopt;
}

std::string_view to_string(Rebase rebase) {
  switch (rebase) {
    case Rebase::kNone:
      return "none";
    case Rebase::kAuto:
      return "auto";
  }
  UNIK_CHECK(false, "a kind of rebase outside the enumeration");
}

std::optional<Rebase> parse_rebase(std::string_view text) {
  for (const Rebase rebase : {Rebase::kNone, Rebase::kAuto})
    if (to_string(rebase) == text) return rebase;
  return std::nullopt;
}

void read_app_fields(Fields& in, AppSpec& spec, PortList ports) {
  in.texts("args", spec.boot.args, kMaxArgs);
  in.text_map("env", spec.boot.env, kMaxEnv, env_name, any_text);
  check_args_and_env(in, spec.boot);
  in.integer<std::uint32_t>("replicas", spec.replicas, 0, kMaxReplicas);
  in.object("resources", "App.spec.resources",
            [&](Fields& resources) { read_instance_resources(resources, spec.boot.resources); });
  in.list("ports", kMaxPorts, [&](const At& port) { read_port(port, spec); });
  // By name, as they are told apart: another order in the file is no difference, and so no new VMs.
  std::ranges::sort(spec.boot.ports, {}, &Port::name);
  std::ranges::sort(spec.run.publications, {}, &Publication::port_name);
  in.object("health", "App.spec.health", [&](Fields& health) {
    read_health(health, spec.run.health.emplace(), ports == PortList::kWhole ? &spec.boot.ports : nullptr);
  });
  spec.boot.check = target_of(spec.run.health);
  in.object("restart", "App.spec.restart", [&](Fields& restart) { read_restart(restart, spec.run.restart); });
  in.object("stop", "App.spec.stop",
            [&](Fields& stop) { stop.duration("timeout", spec.run.stop_timeout, Duration::zero(), kLongestWait); });
  in.object("placement", "App.spec.placement", [&](Fields& placement) { read_placement(placement, spec.placement); });
  in.one_of("singleton", spec.boot.singleton, parse_singleton, "none or strict");
  in.object("disruption", "App.spec.disruption",
            [&](Fields& disruption) { read_disruption(disruption, spec.disruption); });
  in.object("rollout", "App.spec.rollout", [&](Fields& rollout) {
    read_rollout(rollout, spec.rollout.emplace());
    if (spec.boot.singleton == Singleton::kStrict && spec.rollout->strategy == RolloutStrategy::kBlueGreen)
      rollout.fault("strategy",
                    "want rolling or canary, since blueGreen runs the old and the new side by side, which `singleton: "
                    "strict` forbids");
  });
  in.object("disconnect", "App.spec.disconnect",
            [&](Fields& disconnect) { read_disconnect(disconnect, spec.disconnect); });
  in.one_of("rebase", spec.rebase, parse_rebase, "none or auto");
  in.object("rootfs", "App.spec.rootfs", [&](Fields& rootfs) {
    rootfs.one_of("writable", spec.boot.writable, parse_root_writable, "none or ephemeral");
  });
  in.boolean("debug", spec.boot.debug);
}

std::optional<Resource> read_resource(const At& at, std::string_view default_tenant) {
  const std::optional<Kind> kind = kind_in(at);
  const Parts& parts = kParts[kind ? static_cast<std::size_t>(*kind) : 0];
  Fields in(at, kind ? parts.document : "the document");
  if (at.node.kind != NodeKind::kMapping) return std::nullopt;
  in.get("apiVersion", [](const At& version) {
    if (!version.node.is_scalar() || version.node.text() != kApiVersion)
      version.want("`" + std::string(kApiVersion) + "`");
  });
  in.require("apiVersion", "`apiVersion: " + std::string(kApiVersion) + "`");
  in.get("kind", [&](const At& value) {
    if (!kind) want_kind(value);
  });
  in.require("kind", "App, Node or Tenant");
  in.find("status");  // what `get` shows can be applied again: the state in it is what it was then, and is ignored
  if (!kind) {
    if (!at.decoding.reading.refuse_unknown && !in.has("kind")) at.fault("want `kind` to be App, Node or Tenant");
    in.find("metadata");
    in.find("spec");
    return std::nullopt;
  }
  Resource out;
  const auto read_parts = [&](auto& value, auto read_spec) {
    in.object("metadata", parts.metadata, [&](Fields& metadata) { read_metadata(metadata, value.metadata, *kind); });
    in.require("metadata", "`metadata: {name: ...}`");
    if (names_of(*kind).in_tenant && value.metadata.tenant.empty()) value.metadata.tenant = default_tenant;
    in.object("spec", parts.spec, read_spec);
  };
  switch (*kind) {
    case Kind::kApp: {
      App& app = out.emplace<App>();
      read_parts(app, [&](Fields& spec) { read_app_spec(spec, app.spec); });
      in.require("spec", "`spec:` with `source: DIRECTORY` or `image: NAME@sha256:...`");
      break;
    }
    case Kind::kNode: {
      Node& node = out.emplace<Node>();
      read_parts(node, [&](Fields& spec) { read_node_spec(spec, node.spec); });
      break;
    }
    case Kind::kTenant: {
      Tenant& tenant = out.emplace<Tenant>();
      read_parts(tenant, [&](Fields& spec) { read_tenant_spec(spec, tenant.spec); });
      break;
    }
  }
  return out;
}

}  // namespace unik::codec
