// The reading half of views_json.hpp.
#include <limits>
#include <type_traits>
#include <utility>

#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"
#include "codec/views_json.hpp"

namespace unik::codec {
namespace {

// A page is at most 500 objects, but /v1/status lists a whole tenant.
constexpr std::size_t kMaxAnswerBytes = std::size_t{256} << 20;

// The text of a part of a document, for the readers that take text.
void copy(JsonWriter& out, JsonView view) {
  if (view.is_object() || view.is_array()) {
    const bool object = view.is_object();
    object ? out.begin_object() : out.begin_array();
    for (JsonView child = view.first(); child.exists(); child = child.next()) {
      if (object) out.key(child.key());
      copy(out, child);
    }
    object ? out.end_object() : out.end_array();
  } else if (const auto text = view.text()) {
    out.text(*text);
  } else if (const auto whole = view.integer()) {
    out.number(*whole);
  } else if (const auto natural = view.unsigned_integer()) {
    out.number(*natural);
  } else if (const auto real = view.real()) {
    out.number(*real);
  } else if (const auto flag = view.boolean()) {
    out.boolean(*flag);
  } else {
    out.null();
  }
}

std::string text_of(JsonView view) {
  JsonWriter out;
  copy(out, view);
  return out.take();
}

std::string joined(const std::string& path, std::string_view name) {
  if (path.empty() || name.empty()) return path + std::string(name);
  return path + "." + std::string(name);
}

// Reads the members of one object into a value that holds the defaults, and collects what is wrong.
class Members {
 public:
  Members(JsonView object, std::string path, std::vector<Fault>& faults)
      : object_(object), path_(std::move(path)), faults_(faults) {
    if (!object.is_object()) fault("", "want an object");
  }

  void read(std::string_view name, std::string& out) {
    scalar(name, "want a text", [&](JsonView view) { return take(view.text(), out); });
  }
  void read(std::string_view name, bool& out) {
    scalar(name, "want true or false", [&](JsonView view) { return take(view.boolean(), out); });
  }
  template <typename Int>
  requires(std::is_integral_v<Int> && !std::is_same_v<Int, bool>) void read(std::string_view name, Int& out) {
    scalar(name, "want a whole number in range", [&](JsonView view) {
      if constexpr (std::is_signed_v<Int>) {
        return take(view.integer(), out);
      } else {
        const auto number = view.unsigned_integer();
        return number && *number <= std::numeric_limits<Int>::max() && take(number, out);
      }
    });
  }
  void read(std::string_view name, WallTime& out) {
    scalar(name, "want a time such as 2026-11-22T18:51:13.004Z", [&](JsonView view) {
      const auto time = parse_wall_time(view.text().value_or(""));
      if (time) out = *time;
      return time.ok();
    });
  }
  // A closed set of words.
  template <typename Value, typename Parse>
  void word(std::string_view name, Value& out, Parse parse) {
    scalar(name, "want a known word", [&](JsonView view) { return take(parse(view.text().value_or("")), out); });
  }
  void read(std::string_view name, Resources& out) {
    const JsonView view = object_[name];
    if (!view.exists()) return;
    Members fields(view, sub(name), faults_);
    fields.read("cpu_milli", out.cpu.value);
    fields.read("memory_bytes", out.memory.value);
  }
  template <typename T, typename ReadItem>
  void list(std::string_view name, std::vector<T>& out, ReadItem read_item) {
    const JsonView view = object_[name];
    if (!view.exists()) return;
    if (!view.is_array()) return fault(name, "want a list");
    for (JsonView item = view.first(); item.exists(); item = item.next())
      out.push_back(read_item(item, sub(name) + "[" + std::to_string(out.size()) + "]"));
  }
  // A part that has a reader of its own.
  template <typename T, typename Out>
  void part(std::string_view name, Out& out) {
    const JsonView view = object_[name];
    if (!view.exists()) return;
    adopt(from_json<T>(text_of(view)), sub(name), [&](T value) { out = std::move(value); });
  }
  template <typename T, typename Use>
  void adopt(Result<T> parsed, const std::string& at, Use use) {
    if (parsed) return use(std::move(parsed).value());
    if (parsed.error().details.empty()) faults_.push_back({"", 0, 0, at, parsed.error().message});
    for (const Fault& inner : parsed.error().details)
      faults_.push_back({"", 0, 0, joined(at, inner.path), inner.message});
  }
  void fault(std::string_view name, std::string message) {
    faults_.push_back({"", 0, 0, name.empty() ? path_ : sub(name), std::move(message)});
  }

  JsonView object() const { return object_; }
  JsonView operator[](std::string_view name) const { return object_[name]; }
  const std::string& path() const { return path_; }
  std::string sub(std::string_view name) const { return joined(path_, name); }
  std::vector<Fault>& faults() { return faults_; }

 private:
  template <typename From, typename To>
  static bool take(const std::optional<From>& from, To& to) {
    if (from) to = To(*from);
    return from.has_value();
  }
  template <typename Take>
  void scalar(std::string_view name, const char* want, Take taken) {
    const JsonView view = object_[name];
    if (view.exists() && !taken(view)) fault(name, want);
  }

  JsonView object_;
  std::string path_;
  std::vector<Fault>& faults_;
};

void read_conditions(Members& fields, std::vector<Condition>& out) {
  fields.list("conditions", out, [&](JsonView item, std::string path) {
    Condition condition;
    Members inner(item, std::move(path), fields.faults());
    inner.read("type", condition.type);
    inner.read("status", condition.status);
    inner.read("reason", condition.reason);
    inner.read("message", condition.message);
    return condition;
  });
}

// The document itself, without its status.
template <typename T>
void read_document(Members& fields, T& out) {
  fields.adopt(from_json<Resource>(text_of(fields.object())), fields.path(), [&](Resource resource) {
    if (T* value = std::get_if<T>(&resource))
      out = std::move(*value);
    else
      fields.fault("kind", "want another kind");
  });
}

void read_value(Members& fields, AppView& view) {
  read_document(fields, view.app);
  if (!fields["status"].exists()) return;
  Members status(fields["status"], fields.sub("status"), fields.faults());
  status.read("phase", view.phase);
  status.read("desired", view.desired);
  status.read("ready", view.ready);
  status.read("up_to_date", view.up_to_date);
  status.read("rollout", view.rollout);
  status.read("restarts", view.restarts);
  read_conditions(status, view.conditions);
  status.list("urls", view.urls, [&](JsonView item, std::string path) {
    LaunchUrl url;
    Members inner(item, std::move(path), fields.faults());
    inner.read("port_name", url.port_name);
    inner.read("node", url.node);
    inner.read("url", url.url);
    inner.read("problem", url.problem);
    return url;
  });
  status.read("created_at", view.created_at);
  status.read("updated_at", view.updated_at);
}

void read_value(Members& fields, InstanceView& view) {
  std::string id;
  fields.read("id", id);
  fields.adopt(parse_instance_id(id), fields.sub("id"), [&](InstanceId value) { view.id = value; });
  fields.read("name", view.name);
  fields.read("node", view.node);
  fields.read("image", view.image);
  fields.read("goal", view.goal);
  fields.part<InstanceStatus>("status", view.status);
  fields.read("node_unknown", view.node_unknown);
  fields.read("created_at", view.created_at);
}

void read_value(Members& fields, NodeView& view) {
  read_document(fields, view.node);
  if (!fields["status"].exists()) return;
  Members status(fields["status"], fields.sub("status"), fields.faults());
  status.read("health", view.health);
  if (!status["labels"].exists()) view.labels = view.node.metadata.labels;  // of a controller that has no others
  for (JsonView label = status["labels"].first(); label.exists(); label = label.next())
    view.labels.emplace(label.key(), label.text_or(""));
  status.part<NodeInfo>("info", view.info);
  status.read("allocatable", view.allocatable);
  status.read("assigned", view.assigned);
  status.read("used", view.used);
  status.read("agent_start", view.agent_start);
  status.read("instances", view.instances);
  if (status["last_report_ago_us"].exists()) {
    std::int64_t micros = 0;
    status.read("last_report_ago_us", micros);
    view.last_report_ago = Duration(micros);
  }
  read_conditions(status, view.conditions);
  status.read("created_at", view.created_at);
}

void read_value(Members& fields, TenantView& view) {
  read_document(fields, view.tenant);
  if (!fields["status"].exists()) return;
  Members status(fields["status"], fields.sub("status"), fields.faults());
  status.read("apps", view.apps);
  status.read("instances", view.instances);
  status.read("assigned", view.assigned);
  status.read("declared_instances", view.declared_instances);
  status.read("declared", view.declared);
  status.read("used_instances", view.used_instances);
  status.read("used", view.used);
  status.read("created_at", view.created_at);
}

void read_value(Members& fields, Operation& operation) {
  fields.adopt(from_json<Operation>(text_of(fields.object())), fields.path(),
               [&](Operation value) { operation = std::move(value); });
}

template <typename T>
void read_list(Members& fields, std::string_view name, std::vector<T>& out) {
  fields.list(name, out, [&](JsonView item, std::string path) {
    T value;
    Members inner(item, std::move(path), fields.faults());
    read_value(inner, value);
    return value;
  });
}

void read_value(Members& fields, QuarantinedView& view) {
  std::string id;
  fields.read("id", id);
  fields.adopt(parse_instance_id(id), fields.sub("id"), [&](InstanceId value) { view.id = value; });
  fields.read("node", view.node);
  fields.read("name", view.name);
  fields.read("phase", view.phase);
  fields.read("obstacle", view.obstacle);
}

void read_value(Members& fields, StatusView& view) {
  fields.read("revision", view.revision);
  fields.read("tenant", view.tenant);
  read_list(fields, "apps", view.apps);
  read_list(fields, "instances", view.instances);
  read_list(fields, "operations", view.operations);
  read_list(fields, "nodes", view.nodes);
  fields.read("restored", view.restored);
  read_list(fields, "quarantine", view.quarantine);
}

void read_value(Members& fields, FieldChange& change) {
  fields.read("path", change.path);
  fields.read("from", change.from);
  fields.read("to", change.to);
  fields.word("effect", change.effect, parse_change_effect);
}

void read_value(Members& fields, AppliedObject& object) {
  fields.word("kind", object.kind, parse_kind);
  fields.read("tenant", object.tenant);
  fields.read("name", object.name);
  fields.word("verb", object.verb, parse_apply_verb);
  fields.read("generation", object.generation);
  fields.word("effect", object.effect, parse_change_effect);
  read_list(fields, "changes", object.changes);
}

void read_value(Members& fields, PlacementView& placement) {
  fields.read("tenant", placement.tenant);
  fields.read("instance", placement.instance);
  fields.read("node", placement.node);
  fields.read("reason", placement.reason);
  fields.read("message", placement.message);
}

void read_value(Members& fields, TemplateView& view) {
  fields.read("rollout", view.rollout);
  fields.read("at", view.at);
  fields.read("generation", view.generation);
  fields.read("image", view.image);
  fields.read("outcome", view.outcome);
  fields.read("automatic", view.automatic);
  fields.read("message", view.message);
  fields.read("instances", view.instances);
}

void read_value(Members& fields, RolloutView& view) {
  fields.read("tenant", view.tenant);
  fields.read("app", view.app);
  fields.read("strategy", view.strategy);
  fields.read("phase", view.phase);
  fields.read("reason", view.reason);
  fields.read("message", view.message);
  fields.read("rollout", view.rollout);
  fields.read("desired", view.desired);
  fields.read("updated", view.updated);
  fields.read("old", view.old);
  fields.read("promoted", view.promoted);
  fields.list("holds", view.holds, [](JsonView item, const std::string&) { return item.text_or(""); });
  read_list(fields, "history", view.history);
}

void read_value(Members& fields, ApplyReply& reply) {
  fields.read("revision", reply.revision);
  fields.read("dry_run", reply.dry_run);
  read_list(fields, "objects", reply.objects);
  read_list(fields, "operations", reply.operations);
  read_list(fields, "placements", reply.placements);
  fields.list("notes", reply.notes, [](JsonView item, const std::string&) { return item.text_or(""); });
}

void read_value(Members& fields, EventView& event) {
  fields.read("seq", event.seq);
  fields.read("at", event.at);
  fields.read("actor", event.actor);
  fields.read("trace_id", event.trace_id);
  fields.read("object", event.object);
  fields.read("tenant", event.tenant);
  fields.read("reason", event.reason);
  fields.read("message", event.message);
}

void read_value(Members& fields, Explanation& explanation) {
  fields.read("object", explanation.object);
  fields.read("summary", explanation.summary);
  read_conditions(fields, explanation.conditions);
  fields.list("reasons", explanation.reasons, [](JsonView item, const std::string&) { return item.text_or(""); });
}

template <typename T>
void read_value(Members& fields, Page<T>& page) {
  read_list(fields, "items", page.items);
  fields.read("revision", page.revision);
  fields.read("continue", page.next);
}

template <typename T>
Result<T> read_view(JsonView root) {
  std::vector<Fault> faults;
  T value;
  Members fields(root, "", faults);
  if (faults.empty()) read_value(fields, value);
  if (faults.empty()) return value;
  Error error = invalid("bad_message", "the message does not have the form that this release knows");
  error.details = std::move(faults);
  return error;
}

template <typename T>
Result<T> read_text(std::string_view text) {
  auto document = JsonDocument::parse(text, kMaxAnswerBytes);
  if (!document) return document.error();
  return read_view<T>(document->root());
}

}  // namespace

template <>
Result<AppView> from_json<AppView>(std::string_view text) {
  return read_text<AppView>(text);
}
template <>
Result<InstanceView> from_json<InstanceView>(std::string_view text) {
  return read_text<InstanceView>(text);
}
template <>
Result<NodeView> from_json<NodeView>(std::string_view text) {
  return read_text<NodeView>(text);
}
template <>
Result<TenantView> from_json<TenantView>(std::string_view text) {
  return read_text<TenantView>(text);
}
template <>
Result<StatusView> from_json<StatusView>(std::string_view text) {
  return read_text<StatusView>(text);
}
template <>
Result<ApplyReply> from_json<ApplyReply>(std::string_view text) {
  return read_text<ApplyReply>(text);
}
template <>
Result<ApplyReply> from_json<ApplyReply>(JsonView value) {
  return read_view<ApplyReply>(value);
}
template <>
Result<RolloutView> from_json<RolloutView>(std::string_view text) {
  return read_text<RolloutView>(text);
}
template <>
Result<EventView> from_json<EventView>(std::string_view text) {
  return read_text<EventView>(text);
}
template <>
Result<Explanation> from_json<Explanation>(std::string_view text) {
  return read_text<Explanation>(text);
}
template <>
Result<Page<AppView>> from_json<Page<AppView>>(std::string_view text) {
  return read_text<Page<AppView>>(text);
}
template <>
Result<Page<InstanceView>> from_json<Page<InstanceView>>(std::string_view text) {
  return read_text<Page<InstanceView>>(text);
}
template <>
Result<Page<NodeView>> from_json<Page<NodeView>>(std::string_view text) {
  return read_text<Page<NodeView>>(text);
}
template <>
Result<Page<TenantView>> from_json<Page<TenantView>>(std::string_view text) {
  return read_text<Page<TenantView>>(text);
}
template <>
Result<Page<Operation>> from_json<Page<Operation>>(std::string_view text) {
  return read_text<Page<Operation>>(text);
}
template <>
Result<Page<QuarantinedView>> from_json<Page<QuarantinedView>>(std::string_view text) {
  return read_text<Page<QuarantinedView>>(text);
}

}  // namespace unik::codec
