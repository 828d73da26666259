// What a controller wants of a node. Strict where it is read: half of a goal must never be carried out.
#include "codec/json.hpp"
#include "codec/message.hpp"
#include "codec/records.hpp"
#include "codec/resource_fields.hpp"

namespace unik::codec {
namespace {

constexpr Reading kGoalReading{true, false, true};

void read_publication(const At& at, Publication& out) {
  Fields in(at, "publication");
  in.text("port_name", out.port_name, dns_label);
  in.integer("port", out.port);
  in.get("host_port", [&](const At& port) {
    if (const auto value = read_unsigned(port, 1, 65535)) out.host_port = static_cast<std::uint16_t>(*value);
  });
}

void read_ensure_image(Fields& in, EnsureImage& out) {
  if (!in.text("image", out.image)) in.fault("want a goal with its `image`");
}

void read_ensure_running(Fields& in, EnsureRunning& out) {
  if (!read_instance_id(in, "id", out.id)) in.fault("want a goal with its `id`");
  if (!in.object("boot", "boot", [&](Fields& boot) { read(boot, out.boot); })) in.fault("want a goal with its `boot`");
  if (!in.object("run", "run", [&](Fields& run) { read(run, out.run); })) in.fault("want a goal with its `run`");
  Duration silence;
  if (in.micros("stop_when_silent_us", silence)) out.stop_when_silent = silence;
  in.texts("trusted_keys", out.trusted_keys, kMaxTrustedKeys);
}

void read_ensure_absent(Fields& in, EnsureAbsent& out) {
  if (!read_instance_id(in, "id", out.id)) in.fault("want a goal with its `id`");
  in.micros("stop_timeout_us", out.stop_timeout);
}

void read_trace(const At& at, std::map<InstanceId, std::string>& out) {
  Fields in(at, "trace");
  InstanceId id;
  if (!read_instance_id(in, "id", id)) return in.fault("want a trace with its `id`");
  in.text("trace_id", out[id]);
}

struct WriteAction {
  JsonWriter& out;

  void operator()(const EnsureImage& goal) const {
    out.begin_object().field("action", "ensure_image").field("image", goal.image).end_object();
  }
  void operator()(const EnsureRunning& goal) const {
    out.begin_object().field("action", "ensure_running").field("id", to_string(goal.id)).key("boot");
    write(out, goal.boot);
    out.key("run");
    write(out, goal.run);
    if (goal.stop_when_silent) out.field("stop_when_silent_us", goal.stop_when_silent->count());
    if (!goal.trusted_keys.empty()) out.key("trusted_keys").begin_array();
    for (const std::string& key : goal.trusted_keys) out.text(key);
    if (!goal.trusted_keys.empty()) out.end_array();
    out.end_object();
  }
  void operator()(const EnsureAbsent& goal) const {
    out.begin_object().field("action", "ensure_absent").field("id", to_string(goal.id));
    out.field("stop_timeout_us", goal.stop_timeout.count()).end_object();
  }
};

}  // namespace

namespace {

// Port 0: there is none. Left out: it is not known whether there is one.
void write_check(JsonWriter& out, const std::optional<CheckTarget>& check) {
  if (check && check->port == 0) return;
  out.key("check").begin_object().field("port", check ? check->port : 0);
  if (check && check->path) out.field("path", *check->path);
  out.end_object();
}

void read_check(Fields& in, std::optional<CheckTarget>& check) {
  CheckTarget read;
  const bool known = in.object("check", "check", [&](Fields& fields) {
    fields.integer("port", read.port);
    if (std::string path; fields.text("path", path)) read.path = std::move(path);
  });
  check = known && read.port == 0 ? std::nullopt : std::optional(std::move(read));
}

}  // namespace

void write(JsonWriter& out, const BootSpec& boot) {
  out.begin_object().field("image", boot.image).key("args").begin_array();
  for (const std::string& arg : boot.args) out.text(arg);
  out.end_array();
  write_labels(out, "env", boot.env);
  out.field("cpu_milli", boot.resources.cpu.value).field("memory_bytes", boot.resources.memory.value);
  out.key("ports").begin_array();
  for (const Port& port : boot.ports) out.begin_object().field("name", port.name).field("port", port.port).end_object();
  out.end_array().field("writable", to_string(boot.writable)).field("debug", boot.debug);
  if (boot.singleton != Singleton::kNone) out.field("singleton", to_string(boot.singleton));
  if (boot.restart != 0) out.field("restart", boot.restart);
  write_check(out, boot.check);
  out.end_object();
}

void read(Fields& in, BootSpec& boot) {
  in.text("image", boot.image);
  in.texts("args", boot.args, kMaxArgs);
  in.text_map("env", boot.env, kMaxEnv, any_text, any_text);
  in.cpu_milli("cpu_milli", boot.resources.cpu);
  in.memory_bytes("memory_bytes", boot.resources.memory);
  in.list("ports", kMaxPorts, [&](const At& at) {
    Fields fields(at, "port");
    Port& port = boot.ports.emplace_back();
    fields.text("name", port.name, dns_label);
    fields.integer("port", port.port);
  });
  in.one_of("writable", boot.writable, parse_root_writable, "none or ephemeral");
  in.boolean("debug", boot.debug);
  in.one_of("singleton", boot.singleton, parse_singleton, "none or strict");
  in.integer("restart", boot.restart);
  read_check(in, boot.check);
}

void write(JsonWriter& out, const RunPolicy& run) {
  out.begin_object().key("publications").begin_array();
  for (const Publication& publication : run.publications) {
    out.begin_object().field("port_name", publication.port_name).field("port", publication.port);
    if (publication.host_port) out.field("host_port", *publication.host_port);
    out.end_object();
  }
  out.end_array();
  if (const auto& health = run.health) {
    out.key("health").begin_object().field("port", health->port);
    if (health->path) out.field("path", *health->path);
    out.field("interval_us", health->interval.count()).field("timeout_us", health->timeout.count());
    out.field("failures", health->failures).field("grace_us", health->grace.count()).end_object();
  }
  out.key("restart").begin_object().field("policy", to_string(run.restart.policy));
  out.field("backoff_us", run.restart.backoff.count())
      .field("max_backoff_us", run.restart.max_backoff.count())
      .end_object();
  out.field("stop_timeout_us", run.stop_timeout.count()).end_object();
}

void read(Fields& in, RunPolicy& run) {
  in.list("publications", kMaxPorts, [&](const At& at) { read_publication(at, run.publications.emplace_back()); });
  in.object("health", "health", [&](Fields& fields) {
    HealthCheck& health = run.health.emplace();
    fields.integer("port", health.port);
    fields.get("path", [&](const At& path) {
      if (const auto text = read_text(path)) health.path = std::string(*text);
    });
    fields.micros("interval_us", health.interval);
    fields.micros("timeout_us", health.timeout);
    fields.integer("failures", health.failures);
    fields.micros("grace_us", health.grace);
  });
  in.object("restart", "restart", [&](Fields& fields) {
    fields.one_of("policy", run.restart.policy, parse_restart_policy, "always, on-failure or never");
    fields.micros("backoff_us", run.restart.backoff);
    fields.micros("max_backoff_us", run.restart.max_backoff);
  });
  in.micros("stop_timeout_us", run.stop_timeout);
}

void write(JsonWriter& out, const Action& action) {
  std::visit(WriteAction{out}, action);
}

void read(const At& at, Action& action) {
  Decoding& decoding = at.decoding;
  const Reading outer = decoding.reading;
  const std::size_t faults_before = decoding.faults.size();
  decoding.reading = kGoalReading;
  {
    Fields in(at, "goal");
    std::string kind;
    in.text("action", kind);
    if (kind == "ensure_image") {
      read_ensure_image(in, action.emplace<EnsureImage>());
    } else if (kind == "ensure_running") {
      read_ensure_running(in, action.emplace<EnsureRunning>());
    } else if (kind == "ensure_absent") {
      read_ensure_absent(in, action.emplace<EnsureAbsent>());
    } else {
      in.fault("action", "want ensure_image, ensure_running or ensure_absent, got `" + kind +
                             "`: this release does not know the goal, upgrade it");
    }
  }
  decoding.reading = outer;
  if (decoding.faults.size() > faults_before) decoding.reason = "unknown_goal";
}

void write(JsonWriter& out, const Goals& goals) {
  out.begin_object().key("stamp");
  write(out, goals.stamp);
  out.key("actions").begin_array();
  for (const Action& action : goals.actions) write(out, action);
  out.end_array();
  if (!goals.traces.empty()) out.key("traces").begin_array();
  for (const auto& [id, trace_id] : goals.traces)
    out.begin_object().field("id", to_string(id)).field("trace_id", trace_id).end_object();
  if (!goals.traces.empty()) out.end_array();
  out.end_object();
}

void read(Fields& in, Goals& goals) {
  // Without its stamp the list could not be ordered against others, and must not pass for an early one.
  if (!in.object("stamp", "stamp", [&](Fields& stamp) { read(stamp, goals.stamp); }))
    in.fault("want goals with their `stamp`");
  if (!in.list("actions", kMaxActions, [&](const At& at) { read(at, goals.actions.emplace_back()); }))
    in.fault("want goals with their `actions`");
  in.list("traces", kMaxActions, [&](const At& at) { read_trace(at, goals.traces); });
}

std::string to_json(const BootSpec& boot) {
  return print_record(boot);
}
std::string to_json(const RunPolicy& run) {
  return print_record(run);
}
std::string to_json(const Action& action) {
  return print_record(action);
}
std::string to_json(const Goals& goals) {
  return print_record(goals);
}

template <>
Result<BootSpec> from_json<BootSpec>(std::string_view text) {
  return read_record<BootSpec>(text, "boot spec", [](Fields& in, BootSpec& out) { read(in, out); });
}
template <>
Result<BootSpec> from_json<BootSpec>(JsonView value) {
  return read_record<BootSpec>(value, "boot spec", [](Fields& in, BootSpec& out) { read(in, out); });
}

template <>
Result<RunPolicy> from_json<RunPolicy>(std::string_view text) {
  return read_record<RunPolicy>(text, "run policy", [](Fields& in, RunPolicy& out) { read(in, out); });
}

template <>
Result<Action> from_json<Action>(std::string_view text) {
  return read_message<Action>(text, "goal", kRecordReading, [](const At& at, Action& out) { read(at, out); });
}

template <>
Result<Goals> from_json<Goals>(std::string_view text) {
  return read_record<Goals>(text, "list of goals", [](Fields& in, Goals& out) { read(in, out); });
}

}  // namespace unik::codec
