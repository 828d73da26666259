#include "agent/qemu/run_file.hpp"

#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"

namespace unik::agent {
namespace {

constexpr std::size_t kMaxRunFileBytes = 64 * 1024;

Error bad(std::string_view what) {
  return invalid("bad_run_file", "want the record of a run, found none to be read: " + std::string(what));
}

}  // namespace

std::string to_json(const RunFile& file) {
  codec::JsonWriter json;
  json.begin_object();
  json.field("id", to_string(file.id)).field("run", file.run).field("host_boot", file.host_boot);
  json.field("address", file.address).field("accelerator", to_string(file.accelerator));
  json.key("forwards").begin_array();
  for (const PortForward& forward : file.forwards)
    json.begin_object().field("host_port", forward.host_port).field("guest_port", forward.guest_port).end_object();
  json.end_array();
  json.field("own_kernel", file.own_kernel);
  json.field("strict", file.strict);
  json.field("cpu_milli", file.resources.cpu.value).field("memory_bytes", file.resources.memory.value);
  json.field("console_begin", file.console_begin).field("start_ticks", file.start_ticks);
  json.field("machine_up", file.machine_up);
  json.field("started_at_us", file.started_at.time_since_epoch().count());
  json.field("start_us", file.start.count()).field("first_byte_us", file.first_byte.count());
  json.end_object();
  return json.take();
}

Result<RunFile> parse_run_file(std::string_view text) {
  const Result<codec::JsonDocument> document = codec::JsonDocument::parse(text, kMaxRunFileBytes);
  if (!document.ok()) return bad(document.error().message);
  const codec::JsonView root = document->root();
  const Result<InstanceId> id = parse_instance_id(root["id"].text_or(""));
  if (!id.ok()) return bad(id.error().message);
  const auto run = root["run"].unsigned_integer();
  if (!run || *run > UINT32_MAX) return bad("`run` is no number");

  RunFile file;
  file.id = *id;
  file.run = static_cast<std::uint32_t>(*run);
  file.host_boot = root["host_boot"].text_or("");
  file.address = root["address"].text_or("");
  file.accelerator = root["accelerator"].text_or("") == "kvm" ? Accelerator::kKvm : Accelerator::kTcg;
  for (codec::JsonView item = root["forwards"].first(); item.exists(); item = item.next())
    file.forwards.push_back({static_cast<std::uint16_t>(item["host_port"].unsigned_integer().value_or(0)),
                             static_cast<std::uint16_t>(item["guest_port"].unsigned_integer().value_or(0))});
  file.own_kernel = root["own_kernel"].boolean().value_or(true);
  file.strict = root["strict"].boolean().value_or(false);
  file.resources.cpu.value = root["cpu_milli"].integer().value_or(0);
  file.resources.memory.value = root["memory_bytes"].integer().value_or(0);
  file.console_begin = root["console_begin"].unsigned_integer().value_or(0);
  file.start_ticks = root["start_ticks"].unsigned_integer().value_or(0);
  file.machine_up = root["machine_up"].boolean().value_or(false);
  file.started_at = WallTime(Duration(root["started_at_us"].integer().value_or(0)));
  file.start = Duration(root["start_us"].integer().value_or(0));
  file.first_byte = Duration(root["first_byte_us"].integer().value_or(0));
  return file;
}

}  // namespace unik::agent
