// What a node says it sees.
#include "api/stable_hash.hpp"
#include "codec/json.hpp"
#include "codec/message.hpp"
#include "codec/records.hpp"

namespace unik::codec {

void write(JsonWriter& out, const Stamp& stamp) {
  out.begin_object().field("cluster_id", stamp.cluster_id).field("recovery_count", stamp.epoch.recovery_count);
  out.field("term", stamp.epoch.term).field("revision", stamp.revision).end_object();
}

void read(Fields& in, Stamp& stamp) {
  in.text("cluster_id", stamp.cluster_id);
  in.integer("recovery_count", stamp.epoch.recovery_count);
  in.integer("term", stamp.epoch.term);
  in.integer("revision", stamp.revision);
}

void write(JsonWriter& out, const ReportBody& body) {
  out.begin_object().key("instances").begin_array();
  for (const ObservedInstance& instance : body.instances) {
    out.begin_object().field("id", to_string(instance.id)).key("status");
    write(out, instance.status);
    out.end_object();
  }
  out.end_array().key("publications").begin_array();
  for (const ObservedPublication& publication : body.publications) {
    out.begin_object().field("app", to_string(publication.app)).field("port_name", publication.port_name);
    out.field("port", publication.port).field("address", publication.address);
    out.field("host_port", publication.host_port).field("problem", publication.problem).end_object();
  }
  out.end_array().key("used").begin_object().field("cpu_milli", body.used.cpu.value);
  out.field("memory_bytes", body.used.memory.value).end_object().end_object();
}

void read(Fields& in, ReportBody& body) {
  in.list("instances", kMaxInstancesPerReport, [&](const At& at) {
    Fields fields(at, "instance");
    ObservedInstance& instance = body.instances.emplace_back();
    if (!read_instance_id(fields, "id", instance.id)) fields.fault("want an instance with its `id`");
    fields.object("status", "instance status", [&](Fields& status) { read(status, instance.status); });
  });
  in.list("publications", kMaxPublications, [&](const At& at) {
    Fields fields(at, "publication");
    ObservedPublication& publication = body.publications.emplace_back();
    if (!read_app_name(fields, "app", publication.app)) fields.fault("want a publication with its `app`");
    fields.text("port_name", publication.port_name);
    fields.integer("port", publication.port);
    fields.text("address", publication.address);
    fields.integer("host_port", publication.host_port);
    fields.text("problem", publication.problem);
  });
  in.object("used", "used", [&](Fields& used) {
    used.cpu_milli("cpu_milli", body.used.cpu);
    used.memory_bytes("memory_bytes", body.used.memory);
  });
}

void write(JsonWriter& out, const Report& report) {
  out.begin_object().field("node", report.node).field("boot_id", report.boot_id);
  out.field("agent_start", report.agent_start).field("seq", report.seq).key("accepted_stamp");
  write(out, report.accepted_stamp);
  out.field("digest", report.digest);
  if (report.body) {
    out.key("body");
    write(out, *report.body);
  }
  out.end_object();
}

void read(Fields& in, Report& report) {
  if (!in.text("node", report.node, dns_label)) in.fault("want a report with its `node`");
  in.text("boot_id", report.boot_id);
  in.integer("agent_start", report.agent_start);
  in.integer("seq", report.seq);
  in.object("accepted_stamp", "stamp", [&](Fields& stamp) { read(stamp, report.accepted_stamp); });
  in.integer("digest", report.digest);
  in.object("body", "report body", [&](Fields& body) { read(body, report.body.emplace()); });
}

std::string to_json(const Stamp& stamp) {
  return print_record(stamp);
}
std::string to_json(const ReportBody& body) {
  return print_record(body);
}
std::string to_json(const Report& report) {
  return print_record(report);
}

std::uint64_t digest_of(const ReportBody& body) {
  return stable_hash(to_json(body));
}

template <>
Result<Stamp> from_json<Stamp>(std::string_view text) {
  return read_record<Stamp>(text, "stamp", [](Fields& in, Stamp& out) { read(in, out); });
}

template <>
Result<ReportBody> from_json<ReportBody>(std::string_view text) {
  return read_record<ReportBody>(text, "report body", [](Fields& in, ReportBody& out) { read(in, out); });
}

template <>
Result<Report> from_json<Report>(std::string_view text) {
  return read_record<Report>(text, "report", [](Fields& in, Report& out) { read(in, out); });
}

}  // namespace unik::codec
