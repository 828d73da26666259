// How an agent makes itself known, and what it is answered.
#include "api/labels.hpp"
#include "codec/json.hpp"
#include "codec/message.hpp"
#include "codec/records.hpp"
#include "codec/resource_fields.hpp"

namespace unik::codec {
namespace {

std::string_view to_string(LogSelect select) {
  return select == LogSelect::kPrevious ? "previous" : "current";
}

std::optional<LogSelect> parse_log_select(std::string_view text) {
  for (const LogSelect select : {LogSelect::kCurrent, LogSelect::kPrevious})
    if (to_string(select) == text) return select;
  return std::nullopt;
}

}  // namespace

void write_labels(JsonWriter& out, std::string_view name, const Labels& labels) {
  out.key(name).begin_object();
  for (const auto& [key, value] : labels) out.field(key, value);
  out.end_object();
}

void write(JsonWriter& out, const NodeInfo& info) {
  out.begin_object().field("cpu_milli", info.capacity.cpu.value).field("memory_bytes", info.capacity.memory.value);
  out.field("platform", info.platform).field("accelerator", info.accelerator);
  out.field("accelerator_reason", info.accelerator_reason).field("vmm_version", info.vmm_version);
  out.field("agent_version", info.agent_version).field("boot_id", info.boot_id);
  out.field("overhead_bytes", info.overhead.value).end_object();
}

void read(Fields& in, NodeInfo& info) {
  in.cpu_milli("cpu_milli", info.capacity.cpu);
  in.memory_bytes("memory_bytes", info.capacity.memory);
  in.text("platform", info.platform);
  in.text("accelerator", info.accelerator);
  in.text("accelerator_reason", info.accelerator_reason);
  in.text("vmm_version", info.vmm_version);
  in.text("agent_version", info.agent_version);
  in.text("boot_id", info.boot_id);
  in.memory_bytes("overhead_bytes", info.overhead);
}

void write(JsonWriter& out, const RegisterRequest& request) {
  out.begin_object().field("node", request.node).field("agent_id", request.agent_id);
  out.field("agent_start", request.agent_start);
  write_labels(out, "labels", request.labels);
  out.key("info");
  write(out, request.info);
  out.end_object();
}

void read(Fields& in, RegisterRequest& request) {
  if (!in.text("node", request.node, dns_label)) in.fault("want a registration with its `node`");
  in.text("agent_id", request.agent_id);
  in.integer("agent_start", request.agent_start);
  in.text_map("labels", request.labels, kMaxLabels, label_key, label_value);
  in.object("info", "node info", [&](Fields& info) { read(info, request.info); });
}

void write(JsonWriter& out, const RegisterReply& reply) {
  out.begin_object().field("cluster_id", reply.cluster_id);
  out.field("heartbeat_every_us", reply.heartbeat_every.count());
  if (reply.newer_start > 0) out.field("newer_start", reply.newer_start);
  if (reply.newer_is_silent) out.field("newer_is_silent", reply.newer_is_silent);
  out.end_object();
}

void read(Fields& in, RegisterReply& reply) {
  in.text("cluster_id", reply.cluster_id);
  in.micros("heartbeat_every_us", reply.heartbeat_every);
  in.integer("newer_start", reply.newer_start);
  in.boolean("newer_is_silent", reply.newer_is_silent);
}

void write(JsonWriter& out, const LogRequest& request) {
  const LogQuery& query = request.query;
  out.begin_object().field("stream_id", request.stream_id).field("id", unik::to_string(request.id));
  out.field("select", to_string(query.select));
  if (query.tail) out.field("tail", *query.tail);
  if (query.since) out.field("since", format_wall_time(*query.since));
  out.field("follow", query.follow).field("timestamps", query.timestamps).end_object();
}

void read(Fields& in, LogRequest& request) {
  in.text("stream_id", request.stream_id);
  if (!read_instance_id(in, "id", request.id)) in.fault("want a request for logs with its `id`");
  in.one_of("select", request.query.select, parse_log_select, "current or previous");
  in.get("tail", [&](const At& at) { request.query.tail = read_unsigned(at, 0, UINT64_MAX); });
  in.get("since", [&](const At& at) { request.query.since = read_wall_time(at); });
  in.boolean("follow", request.query.follow);
  in.boolean("timestamps", request.query.timestamps);
}

void write(JsonWriter& out, const HeartbeatReply& reply) {
  out.begin_object();
  if (reply.goals) {
    out.key("goals");
    write(out, *reply.goals);
  }
  out.field("renew", reply.renew);
  out.field("want_body", reply.want_body).field("want_register", reply.want_register).key("logs").begin_array();
  for (const LogRequest& request : reply.logs) write(out, request);
  out.end_array().field("next_in_us", reply.next_in.count()).end_object();
}

void read(Fields& in, HeartbeatReply& reply) {
  in.object("goals", "goals", [&](Fields& goals) { read(goals, reply.goals.emplace()); });
  in.integer("renew", reply.renew);
  in.boolean("want_body", reply.want_body);
  in.boolean("want_register", reply.want_register);
  in.list("logs", kMaxLogRequests, [&](const At& at) {
    Fields request(at, "request for logs");
    read(request, reply.logs.emplace_back());
  });
  in.micros("next_in_us", reply.next_in);
}

std::string to_json(const NodeInfo& info) {
  return print_record(info);
}
std::string to_json(const RegisterRequest& request) {
  return print_record(request);
}
std::string to_json(const RegisterReply& reply) {
  return print_record(reply);
}
std::string to_json(const LogRequest& request) {
  return print_record(request);
}
std::string to_json(const HeartbeatReply& reply) {
  return print_record(reply);
}

template <>
Result<NodeInfo> from_json<NodeInfo>(std::string_view text) {
  return read_record<NodeInfo>(text, "node info", [](Fields& in, NodeInfo& out) { read(in, out); });
}
template <>
Result<NodeInfo> from_json<NodeInfo>(JsonView value) {
  return read_record<NodeInfo>(value, "node info", [](Fields& in, NodeInfo& out) { read(in, out); });
}

template <>
Result<RegisterRequest> from_json<RegisterRequest>(std::string_view text) {
  return read_record<RegisterRequest>(text, "registration", [](Fields& in, RegisterRequest& out) { read(in, out); });
}

template <>
Result<RegisterReply> from_json<RegisterReply>(std::string_view text) {
  return read_record<RegisterReply>(text, "registration's answer",
                                    [](Fields& in, RegisterReply& out) { read(in, out); });
}

template <>
Result<LogRequest> from_json<LogRequest>(std::string_view text) {
  return read_record<LogRequest>(text, "request for logs", [](Fields& in, LogRequest& out) { read(in, out); });
}

template <>
Result<HeartbeatReply> from_json<HeartbeatReply>(std::string_view text) {
  return read_record<HeartbeatReply>(text, "heartbeat's answer",
                                     [](Fields& in, HeartbeatReply& out) { read(in, out); });
}

}  // namespace unik::codec
