// What is known of one instance.
#include "codec/json.hpp"
#include "codec/message.hpp"
#include "codec/records.hpp"

namespace unik::codec {

void write_time(JsonWriter& out, std::string_view name, WallTime time) {
  if (time != WallTime{}) out.field(name, format_wall_time(time));
}

void write(JsonWriter& out, const InstanceStatus& status) {
  out.begin_object().field("phase", to_string(status.phase)).field("reason", status.reason);
  out.field("message", status.message).field("health", to_string(status.health)).field("restarts", status.restarts);
  if (status.last_exit) {
    out.key("last_exit").begin_object().field("kind", to_string(status.last_exit->kind));
    out.field("code", status.last_exit->code).end_object();
  }
  out.field("address", status.address).field("accelerator", status.accelerator.str());
  write_time(out, "started_at", status.started_at);
  const BootTimes& boot = status.boot;
  out.key("boot").begin_object().field("fetch_us", boot.fetch.count()).field("prepare_us", boot.prepare.count());
  out.field("start_us", boot.start.count()).field("first_byte_us", boot.first_byte.count());
  out.field("total_us", boot.total.count()).field("healthy_us", boot.healthy.count()).end_object();
  out.end_object();
}

void read(Fields& in, InstanceStatus& status) {
  in.one_of("phase", status.phase, parse_phase, "pending, running, exited or failed");
  in.text("reason", status.reason);
  in.text("message", status.message);
  in.one_of("health", status.health, parse_health, "none, starting, healthy or unhealthy");
  in.integer("restarts", status.restarts);
  in.object("last_exit", "last_exit", [&](Fields& last) {
    Exit& exit = status.last_exit.emplace();
    last.one_of("kind", exit.kind, parse_exit_kind, "exited, signaled, out_of_memory, panicked or crashed");
    last.integer("code", exit.code);
  });
  in.text("address", status.address);
  in.get("accelerator", [&](const At& at) {
    const auto text = read_text(at);
    if (!text) return;
    if (text->empty() || is_dns_label(*text))
      status.accelerator = Symbol(*text);
    else
      at.want("`kvm`, `tcg` or the like");
  });
  in.wall_time("started_at", status.started_at);
  in.object("boot", "boot", [&](Fields& boot) {
    boot.micros("fetch_us", status.boot.fetch);
    boot.micros("prepare_us", status.boot.prepare);
    boot.micros("start_us", status.boot.start);
    boot.micros("first_byte_us", status.boot.first_byte);
    boot.micros("total_us", status.boot.total);
    boot.micros("healthy_us", status.boot.healthy);
  });
}

bool read_instance_id(Fields& in, std::string_view name, InstanceId& id) {
  return in.get(name, [&](const At& at) {
    const auto text = read_text(at);
    if (!text) return;
    auto parsed = parse_instance_id(*text);
    if (parsed)
      id = *parsed;
    else
      at.want("an instance id `tenant/app/slot/rollout/attempt`");
  });
}

bool read_app_name(Fields& in, std::string_view name, AppName& app) {
  return in.get(name, [&](const At& at) {
    const auto text = read_text(at);
    if (!text) return;
    const std::size_t slash = text->find('/');
    if (slash == std::string_view::npos || !is_dns_label(text->substr(0, slash)) ||
        !is_dns_label(text->substr(slash + 1)))
      return at.want("an app's name `tenant/app`");
    app = {Symbol(text->substr(0, slash)), Symbol(text->substr(slash + 1))};
  });
}

std::string to_json(const InstanceStatus& status) {
  return print_record(status);
}

template <>
Result<InstanceStatus> from_json<InstanceStatus>(std::string_view text) {
  return read_record<InstanceStatus>(text, "instance status", [](Fields& in, InstanceStatus& out) { read(in, out); });
}
template <>
Result<InstanceStatus> from_json<InstanceStatus>(JsonView value) {
  return read_record<InstanceStatus>(value, "instance status", [](Fields& in, InstanceStatus& out) { read(in, out); });
}

}  // namespace unik::codec
