#include "agent/host/record_json.hpp"

#include <utility>

#include "api/stable_hash.hpp"
#include "codec/json.hpp"
#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"

namespace unik::agent {
namespace {

// The envelope is of fixed form, so that the record's text can be hashed as it stands.
constexpr std::string_view kHead = "{\"format\":1,\"checksum\":\"";
constexpr std::string_view kMiddle = "\",\"record\":";
constexpr std::string_view kTail = "}\n";
constexpr std::size_t kChecksumDigits = 16;

Error corrupt(std::string what) {
  return internal("corrupt_record", "want the node's record as an agent wrote it, found " + std::move(what));
}

std::string hex(std::uint64_t value) {
  std::string text(kChecksumDigits, '0');
  for (std::size_t i = kChecksumDigits; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}

constexpr std::pair<const char*, Duration BootTimes::*> kBootParts[] = {
    {"fetch_us", &BootTimes::fetch}, {"prepare_us", &BootTimes::prepare},
    {"start_us", &BootTimes::start}, {"first_byte_us", &BootTimes::first_byte},
    {"total_us", &BootTimes::total}, {"healthy_us", &BootTimes::healthy}};

void write(codec::JsonWriter& json, std::uint32_t run, const BootTimes& boot) {
  json.begin_object().field("run", run);
  for (const auto& [name, part] : kBootParts) json.field(name, (boot.*part).count());
  json.end_object();
}

void write(codec::JsonWriter& json, const InstanceId& id, const InstanceRecord& instance) {
  json.begin_object().field("id", to_string(id)).field("restarts", instance.restarts);
  if (instance.last_exit) {
    json.key("last_exit").begin_object();
    json.field("kind", to_string(instance.last_exit->kind)).field("code", instance.last_exit->code).end_object();
  }
  json.field("ended", instance.ended).field("ended_reason", instance.ended_reason);
  json.field("ended_message", instance.ended_message);
  json.field("address", instance.address);
  if (instance.boot != BootTimes{}) write(json.key("boot"), instance.boot_run, instance.boot);
  json.end_object();
}

std::string write(const NodeRecord& record) {
  codec::JsonWriter json;
  json.begin_object().field("agent_start", record.agent_start);
  json.key("goals").raw(codec::to_json(record.goals));
  json.key("instances").begin_array();
  for (const auto& [id, instance] : record.instances) write(json, id, instance);
  json.end_array().key("ports").begin_array();
  for (const PortRecord& port : record.ports)
    json.begin_object()
        .field("app", to_string(port.app))
        .field("port_name", port.port_name)
        .field("host_port", port.host_port)
        .end_object();
  json.end_array().end_object();
  return json.take();
}

Result<AppName> parse_app_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || !is_dns_label(text.substr(0, slash)) || !is_dns_label(text.substr(slash + 1)))
    return corrupt("`" + std::string(text) + "` for an app");
  return AppName{Symbol(text.substr(0, slash)), Symbol(text.substr(slash + 1))};
}

Result<void> read_instances(codec::JsonView list, NodeRecord& record) {
  for (codec::JsonView item = list.first(); item.exists(); item = item.next()) {
    const Result<InstanceId> id = parse_instance_id(item["id"].text_or(""));
    if (!id.ok()) return corrupt("an instance that it cannot be: " + id.error().message);
    InstanceRecord& instance = record.instances[*id];
    instance.restarts = static_cast<std::uint32_t>(item["restarts"].unsigned_integer().value_or(0));
    if (const codec::JsonView exit = item["last_exit"]; exit.exists()) {
      const std::optional<ExitKind> kind = parse_exit_kind(exit["kind"].text_or(""));
      if (!kind) return corrupt("an unknown kind of exit");
      instance.last_exit = Exit{*kind, static_cast<std::int32_t>(exit["code"].integer().value_or(0))};
    }
    instance.ended = item["ended"].boolean().value_or(false);
    instance.ended_reason = item["ended_reason"].text_or("");
    instance.ended_message = item["ended_message"].text_or("");
    instance.address = item["address"].text_or("");
    const codec::JsonView boot = item["boot"];
    instance.boot_run = static_cast<std::uint32_t>(boot["run"].unsigned_integer().value_or(0));
    for (const auto& [name, part] : kBootParts) instance.boot.*part = Duration(boot[name].integer().value_or(0));
  }
  return {};
}

Result<void> read_ports(codec::JsonView list, NodeRecord& record) {
  for (codec::JsonView item = list.first(); item.exists(); item = item.next()) {
    Result<AppName> app = parse_app_name(item["app"].text_or(""));
    if (!app.ok()) return std::move(app).error();
    record.ports.push_back({*app, item["port_name"].text_or(""),
                            static_cast<std::uint16_t>(item["host_port"].unsigned_integer().value_or(0))});
  }
  return {};
}

// Members of an object as they stand in its text. The goals are the codec's own JSON, on one line, so their text is
// what lies between the two keys that surround them.
std::string_view goals_text(std::string_view record) {
  constexpr std::string_view begin = "\"goals\":";
  constexpr std::string_view end = ",\"instances\":[";
  const std::size_t at = record.find(begin);
  const std::size_t to = record.rfind(end);
  if (at == std::string_view::npos || to == std::string_view::npos || to < at + begin.size()) return {};
  return record.substr(at + begin.size(), to - at - begin.size());
}

}  // namespace

std::string to_json(const NodeRecord& record) {
  const std::string text = write(record);
  return std::string(kHead) + hex(stable_hash(text)) + std::string(kMiddle) + text + std::string(kTail);
}

Result<NodeRecord> parse_record(std::string_view json) {
  const std::size_t envelope = kHead.size() + kChecksumDigits + kMiddle.size() + kTail.size();
  if (json.size() < envelope || !json.starts_with(kHead) || !json.ends_with(kTail) ||
      json.substr(kHead.size() + kChecksumDigits, kMiddle.size()) != kMiddle)
    return corrupt("a torn file, or one of another release");
  const std::string_view checksum = json.substr(kHead.size(), kChecksumDigits);
  const std::string_view text = json.substr(kHead.size() + kChecksumDigits + kMiddle.size(), json.size() - envelope);
  if (hex(stable_hash(text)) != checksum) return corrupt("other bytes than its checksum stands for");

  const Result<codec::JsonDocument> document = codec::JsonDocument::parse(text, kMaxRecordBytes);
  if (!document.ok()) return corrupt(document.error().message);
  const codec::JsonView root = document->root();
  NodeRecord record;
  record.agent_start = root["agent_start"].unsigned_integer().value_or(0);
  Result<Goals> goals = codec::from_json<Goals>(goals_text(text));
  if (!goals.ok()) return corrupt("goals that cannot be read: " + goals.error().message);
  record.goals = std::move(*goals);
  if (Result<void> read = read_instances(root["instances"], record); !read.ok()) return read.error();
  if (Result<void> read = read_ports(root["ports"], record); !read.ok()) return read.error();
  return record;
}

}  // namespace unik::agent
