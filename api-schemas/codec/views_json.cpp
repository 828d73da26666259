#include "codec/views_json.hpp"

#include <utility>

#include "codec/json_writer.hpp"
#include "codec/records.hpp"

namespace unik::codec {
namespace {

void write_optional(JsonWriter& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out.field(name, value);
}

void write(JsonWriter& out, std::string_view name, const Resources& value) {
  out.key(name).begin_object();
  out.field("cpu_milli", value.cpu.value).field("memory_bytes", value.memory.value);
  out.end_object();
}

void write(JsonWriter& out, const std::vector<Condition>& conditions) {
  out.key("conditions").begin_array();
  for (const Condition& condition : conditions) {
    out.begin_object();
    out.field("type", condition.type).field("status", condition.status);
    out.field("reason", condition.reason).field("message", condition.message);
    out.end_object();
  }
  out.end_array();
}

// The document, with its status as one more member.
std::string with_status(const Resource& resource, JsonWriter status) {
  std::string document = to_json(resource);
  document.pop_back();  // the closing brace
  return document + ",\"status\":" + status.take() + "}";
}

template <typename T>
std::string page_json(const Page<T>& page) {
  JsonWriter out;
  out.begin_object().key("items").begin_array();
  for (const T& item : page.items) out.raw(to_json(item));
  out.end_array().field("revision", page.revision);
  write_optional(out, "continue", page.next);
  return out.end_object().take();
}

template <typename T>
void write_list(JsonWriter& out, std::string_view name, const std::vector<T>& items) {
  out.key(name).begin_array();
  for (const T& item : items) out.raw(to_json(item));
  out.end_array();
}

}  // namespace

std::string to_json(const AppView& view) {
  JsonWriter out;
  out.begin_object();
  out.field("phase", view.phase).field("desired", view.desired).field("ready", view.ready);
  out.field("up_to_date", view.up_to_date).field("rollout", view.rollout).field("restarts", view.restarts);
  write(out, view.conditions);
  out.key("urls").begin_array();
  for (const LaunchUrl& url : view.urls) {
    out.begin_object().field("port_name", url.port_name).field("node", url.node).field("url", url.url);
    write_optional(out, "problem", url.problem);
    out.end_object();
  }
  out.end_array();
  write_time(out, "created_at", view.created_at);
  write_time(out, "updated_at", view.updated_at);
  out.end_object();
  return with_status(view.app, std::move(out));
}

std::string to_json(const InstanceView& view) {
  JsonWriter out;
  out.begin_object().field("id", to_string(view.id)).field("name", view.name).field("node", view.node);
  out.field("image", view.image).field("goal", view.goal);
  out.key("status").raw(to_json(view.status));
  out.field("node_unknown", view.node_unknown);
  write_time(out, "created_at", view.created_at);
  return out.end_object().take();
}

std::string to_json(const NodeView& view) {
  JsonWriter out;
  out.begin_object();
  out.field("health", view.health);
  out.key("labels").begin_object();
  for (const auto& [key, value] : view.labels) out.field(key, value);
  out.end_object();
  if (view.info) out.key("info").raw(to_json(*view.info));
  out.field("agent_start", view.agent_start);
  write(out, "allocatable", view.allocatable);
  write(out, "assigned", view.assigned);
  write(out, "used", view.used);
  out.field("instances", view.instances);
  if (view.last_report_ago) out.field("last_report_ago_us", view.last_report_ago->count());
  write(out, view.conditions);
  write_time(out, "created_at", view.created_at);
  out.end_object();
  return with_status(view.node, std::move(out));
}

std::string to_json(const TenantView& view) {
  JsonWriter out;
  out.begin_object();
  out.field("apps", view.apps).field("instances", view.instances);
  write(out, "assigned", view.assigned);
  out.field("declared_instances", view.declared_instances);
  write(out, "declared", view.declared);
  out.field("used_instances", view.used_instances);
  write(out, "used", view.used);
  write_time(out, "created_at", view.created_at);
  out.end_object();
  return with_status(view.tenant, std::move(out));
}

std::string to_json(const QuarantinedView& view) {
  JsonWriter out;
  out.begin_object().field("node", view.node).field("id", to_string(view.id)).field("name", view.name);
  out.field("phase", view.phase).field("obstacle", view.obstacle);
  return out.end_object().take();
}

std::string to_json(const StatusView& view) {
  JsonWriter out;
  out.begin_object().field("revision", view.revision).field("tenant", view.tenant);
  write_list(out, "apps", view.apps);
  write_list(out, "instances", view.instances);
  write_list(out, "operations", view.operations);
  write_list(out, "nodes", view.nodes);
  out.field("restored", view.restored);
  write_list(out, "quarantine", view.quarantine);
  return out.end_object().take();
}

std::string to_json(const RolloutView& view) {
  JsonWriter out;
  out.begin_object().field("tenant", view.tenant).field("app", view.app).field("strategy", view.strategy);
  out.field("phase", view.phase).field("reason", view.reason).field("message", view.message);
  out.field("rollout", view.rollout).field("desired", view.desired).field("updated", view.updated);
  out.field("old", view.old).field("promoted", view.promoted);
  out.key("holds").begin_array();
  for (const std::string& hold : view.holds) out.text(hold);
  out.end_array().key("history").begin_array();
  for (const TemplateView& one : view.history) {
    out.begin_object().field("rollout", one.rollout);
    write_time(out, "at", one.at);
    out.field("generation", one.generation).field("image", one.image).field("outcome", one.outcome);
    out.field("automatic", one.automatic).field("message", one.message).field("instances", one.instances).end_object();
  }
  return out.end_array().end_object().take();
}

std::string to_json(const ApplyReply& reply) {
  JsonWriter out;
  out.begin_object().field("revision", reply.revision).field("dry_run", reply.dry_run);
  out.key("objects").begin_array();
  for (const AppliedObject& object : reply.objects) {
    out.begin_object().field("kind", names_of(object.kind).kind);
    write_optional(out, "tenant", object.tenant);
    out.field("name", object.name).field("verb", to_string(object.verb)).field("generation", object.generation);
    out.field("effect", to_string(object.effect));
    out.key("changes").begin_array();
    for (const FieldChange& change : object.changes) {
      out.begin_object().field("path", change.path);
      write_optional(out, "from", change.from);
      write_optional(out, "to", change.to);
      out.field("effect", to_string(change.effect)).end_object();
    }
    out.end_array().end_object();
  }
  out.end_array();
  write_list(out, "operations", reply.operations);
  out.key("placements").begin_array();
  for (const PlacementView& one : reply.placements) {
    out.begin_object().field("tenant", one.tenant).field("instance", one.instance).field("node", one.node);
    out.field("reason", one.reason).field("message", one.message).end_object();
  }
  out.end_array();
  if (!reply.notes.empty()) {
    out.key("notes").begin_array();
    for (const std::string& note : reply.notes) out.text(note);
    out.end_array();
  }
  return out.end_object().take();
}

std::string to_json(const EventView& event) {
  JsonWriter out;
  out.begin_object().field("seq", event.seq);
  write_time(out, "at", event.at);
  out.field("actor", event.actor).field("trace_id", event.trace_id).field("object", event.object);
  write_optional(out, "tenant", event.tenant);
  out.field("reason", event.reason).field("message", event.message);
  return out.end_object().take();
}

std::string to_json(const Explanation& explanation) {
  JsonWriter out;
  out.begin_object().field("object", explanation.object).field("summary", explanation.summary);
  write(out, explanation.conditions);
  out.key("reasons").begin_array();
  for (const std::string& reason : explanation.reasons) out.text(reason);
  return out.end_array().end_object().take();
}

std::string to_json(const Page<AppView>& page) {
  return page_json(page);
}
std::string to_json(const Page<InstanceView>& page) {
  return page_json(page);
}
std::string to_json(const Page<NodeView>& page) {
  return page_json(page);
}
std::string to_json(const Page<TenantView>& page) {
  return page_json(page);
}
std::string to_json(const Page<Operation>& page) {
  return page_json(page);
}
std::string to_json(const Page<QuarantinedView>& page) {
  return page_json(page);
}

}  // namespace unik::codec
