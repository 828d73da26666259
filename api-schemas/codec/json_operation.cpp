// A deploy, destroy or build that is followed until it has come true.
#include "codec/json.hpp"
#include "codec/message.hpp"
#include "codec/records.hpp"
#include "codec/resource_text.hpp"

namespace unik::codec {
namespace {

void write_build(JsonWriter& out, const BuildOrder& build) {
  out.key("build").begin_object().key("app");
  write_resource(out, Resource(build.app), Extent::kAll);
  if (!build.runtime.empty()) out.field("runtime", build.runtime);
  out.field("actor", build.actor);
  if (!build.image.empty()) out.field("image", build.image);
  if (!build.deploy.empty()) out.field("deploy", build.deploy);
  out.end_object();
}

void read_build(Fields& in, BuildOrder& build) {
  bool is_app = false;
  in.get("app", [&](const At& at) {
    auto read = read_resource(at, {});
    if (App* const app = read ? std::get_if<App>(&*read) : nullptr) {
      is_app = is_dns_label(app->metadata.name) && is_dns_label(app->metadata.tenant);
      build.app = std::move(*app);
    }
  });
  if (!is_app) in.fault("want a build with its `app`");
  in.text("runtime", build.runtime);
  in.text("actor", build.actor);
  in.text("image", build.image);
  in.text("deploy", build.deploy);
}

}  // namespace

void write(JsonWriter& out, const Operation& operation) {
  out.begin_object().field("operation_id", operation.operation_id).field("kind", to_string(operation.kind));
  out.field("state", to_string(operation.state)).field("target", to_string(operation.target));
  out.field("uid", operation.uid).field("generation", operation.generation).field("attempts", operation.attempts);
  if (operation.started) out.field("started", true);
  if (operation.build) write_build(out, *operation.build);
  out.field("message", operation.message);
  if (operation.error) {
    out.key("error");
    write(out, *operation.error);
  }
  out.field("trace_id", operation.trace_id);
  write_time(out, "created_at", operation.created_at);
  write_time(out, "updated_at", operation.updated_at);
  out.end_object();
}

void read(Fields& in, Operation& operation) {
  in.text("operation_id", operation.operation_id);
  in.one_of("kind", operation.kind, parse_operation_kind, "deploy, destroy or build");
  in.one_of("state", operation.state, parse_operation_state, "pending, running, succeeded or failed");
  if (!read_app_name(in, "target", operation.target)) in.fault("want an operation with its `target`");
  in.integer("uid", operation.uid);
  in.integer("generation", operation.generation);
  in.integer("attempts", operation.attempts);
  in.boolean("started", operation.started);
  in.object("build", "build", [&](Fields& build) { read_build(build, operation.build.emplace()); });
  if (operation.build.has_value() != (operation.kind == OperationKind::kBuild))
    in.fault("want `build` of a build, and of nothing else");
  in.text("message", operation.message);
  in.object("error", "error", [&](Fields& error) { read(error, operation.error.emplace()); });
  in.text("trace_id", operation.trace_id);
  in.wall_time("created_at", operation.created_at);
  in.wall_time("updated_at", operation.updated_at);
}

std::string to_json(const Operation& operation) {
  return print_record(operation);
}

template <>
Result<Operation> from_json<Operation>(std::string_view text) {
  return read_record<Operation>(text, "operation", [](Fields& in, Operation& out) { read(in, out); });
}
template <>
Result<Operation> from_json<Operation>(JsonView value) {
  return read_record<Operation>(value, "operation", [](Fields& in, Operation& out) { read(in, out); });
}

}  // namespace unik::codec
