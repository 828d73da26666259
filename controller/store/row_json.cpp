#include "controller/store/row_json.hpp"

#include <optional>
#include <type_traits>
#include <utility>

#include "codec/json.hpp"
#include "codec/json_writer.hpp"
#include "codec/views_json.hpp"
#include "controller/store/stored_time.hpp"

namespace unik::controller {
namespace {

using codec::JsonDocument;
using codec::JsonView;
using codec::JsonWriter;

// Reads typed members and remembers the first that was not there: callers check once, at the end.
class Reader {
 public:
  explicit Reader(JsonView value) : value_(value) {
    if (!value_.is_object()) fault_ = "an object";
  }

  std::string text(const char* key) {
    const auto value = value_[key].text();
    return value ? std::string(*value) : (fail(key), std::string());
  }
  template <typename Int>
  Int number(const char* key) {
    if constexpr (std::is_signed_v<Int>) {
      return found(key, value_[key].integer());
    } else {
      return found(key, value_[key].unsigned_integer());
    }
  }
  bool boolean(const char* key) { return found(key, value_[key].boolean()); }
  JsonView object(const char* key) {
    const JsonView member = value_[key];
    if (!member.exists()) fail(key);
    return member;
  }
  bool has(const char* key) { return value_[key].exists(); }

  // A value of the API, by the codec that everybody uses for it.
  template <typename T>
  T value(const char* key) {
    Result<T> parsed = codec::from_json<T>(value_[key]);
    if (!parsed) return fail(key), T{};
    return std::move(parsed).value();
  }
  InstanceId instance(const char* key) {
    Result<InstanceId> id = parse_instance_id(text(key));
    return id ? *id : (fail(key), InstanceId{});
  }
  Labels labels(const char* key) {
    Labels labels;
    for (JsonView label = object(key).first(); label.exists(); label = label.next()) {
      if (!label.text()) fail(key);
      labels.emplace(label.key(), label.text().value_or(""));
    }
    return labels;
  }
  AppName app(const char* tenant, const char* name) { return {Symbol(text(tenant)), Symbol(text(name))}; }
  template <typename Enum>
  Enum choice(const char* key, std::optional<Enum> (*parse)(std::string_view)) {
    return found(key, parse(text(key)));
  }

  void fail(const char* what) {
    if (!fault_) fault_ = what;
  }
  std::optional<Error> problem() const {
    if (!fault_) return std::nullopt;
    return internal("store_corrupt", "a stored row lacks `" + *fault_ + "` or has it in another form");
  }

 private:
  template <typename T>
  T found(const char* key, std::optional<T> value) {
    return value ? *value : (fail(key), T{});
  }

  JsonView value_;
  std::optional<std::string> fault_;
};

template <typename T>
Result<T> finish(const Reader& reader, T value) {
  if (auto problem = reader.problem()) return std::move(*problem);
  return value;
}

template <typename T>
T resource(Reader& reader, const char* key) {
  Resource value = reader.value<Resource>(key);
  T* const typed = std::get_if<T>(&value);
  if (typed == nullptr) return reader.fail(key), T{};
  return std::move(*typed);
}

std::string row_json(const InstanceRow& row) {
  JsonWriter out;
  out.begin_object();
  out.field("node", row.node.str()).field("goal", to_string(row.goal)).field("goal_revision", row.goal_revision);
  out.field("created_at_us", micros(row.created_at)).key("status").raw(codec::to_json(*row.status));
  return out.end_object().take();
}

InstanceRow instance_row(Reader& reader) {
  InstanceRow row;
  row.node = Symbol(reader.text("node"));
  row.goal = reader.choice("goal", parse_instance_goal);
  row.goal_revision = reader.number<std::uint64_t>("goal_revision");
  row.created_at = wall(reader.number<std::int64_t>("created_at_us"));
  row.status = reader.value<InstanceStatus>("status");
  return row;
}

std::string row_json(const RolloutState& state) {
  JsonWriter out;
  out.begin_object().field("phase", to_string(state.phase)).field("promoted", state.promoted);
  out.field("blue_green", state.blue_green).field("live", state.live);
  if (state.held) out.field("held", true);
  out.field("failed_generation", state.failed_generation).field("reason", state.reason);
  return out.field("message", state.message).end_object().take();
}

RolloutState rollout_state(JsonView value, Reader& outer) {
  Reader in(value);
  RolloutState state;
  state.phase = in.choice("phase", parse_rollout_phase);
  state.promoted = in.boolean("promoted");
  state.blue_green = in.boolean("blue_green");
  state.live = in.number<std::uint64_t>("live");
  state.failed_generation = in.number<std::uint64_t>("failed_generation");
  state.reason = in.text("reason");
  state.message = in.text("message");
  state.held = in.has("held") && in.boolean("held");
  // In rows from before a pause had a field of its own, it took the place of the reason.
  if (state.phase == RolloutPhase::kPaused && state.reason == kPausedByHand) {
    state.held = true;
    state.reason = state.message = {};
  }
  if (in.problem()) outer.fail("state");
  return state;
}

std::string row_json(const TemplateNote& note) {
  JsonWriter out;
  out.begin_object().field("rollout", note.rollout).field("at_us", micros(note.at));
  out.field("generation", note.generation).field("outcome", to_string(note.outcome));
  out.field("automatic", note.automatic).field("message", note.message);
  if (note.job) out.field("job", note.job);
  if (const auto& health = note.health) {
    out.key("health").begin_object().field("port", health->port);
    if (health->path) out.field("path", *health->path);
    out.field("interval_us", health->interval.count()).field("timeout_us", health->timeout.count());
    out.field("failures", health->failures).field("grace_us", health->grace.count()).end_object();
  }
  return out.end_object().take();
}

HealthCheck health_check(JsonView value, Reader& outer) {
  Reader in(value);
  HealthCheck health;
  health.port = in.number<std::uint16_t>("port");
  if (in.has("path")) health.path = in.text("path");
  health.interval = Duration(in.number<std::int64_t>("interval_us"));
  health.timeout = Duration(in.number<std::int64_t>("timeout_us"));
  health.failures = in.number<std::uint32_t>("failures");
  health.grace = Duration(in.number<std::int64_t>("grace_us"));
  if (in.problem()) outer.fail("health");
  return health;
}

TemplateNote template_note(JsonView value, Reader& outer) {
  Reader in(value);
  TemplateNote note;
  note.rollout = in.number<std::uint64_t>("rollout");
  note.at = wall(in.number<std::int64_t>("at_us"));
  note.generation = in.number<std::uint64_t>("generation");
  note.outcome = in.choice("outcome", parse_template_outcome);
  note.automatic = in.boolean("automatic");
  note.message = in.text("message");
  note.job = in.has("job") && in.boolean("job");
  if (in.has("health")) note.health = health_check(in.object("health"), in);
  if (in.problem()) outer.fail("history");
  return note;
}

// Writes the body of each change; its name is written by the caller.
struct Body {
  JsonWriter& out;

  void operator()(const PutCluster& change) { out.raw(controller::row_json(change.row)); }
  void operator()(const PutApp& change) { out.raw(controller::row_json(change.row)); }
  void operator()(const RemoveApp& change) { app(change.name); }
  void operator()(const PutNode& change) { out.raw(controller::row_json(change.row)); }
  void operator()(const RemoveNode& change) { name(change.name); }
  void operator()(const PutTenant& change) { out.raw(controller::row_json(change.row)); }
  void operator()(const RemoveTenant& change) { name(change.name); }
  void operator()(const PutTemplate& change) {
    begin(change.key).key("boot").raw(codec::to_json(*change.boot));
    out.end_object();
  }
  void operator()(const RemoveTemplate& change) {
    begin(change.key);
    out.end_object();
  }
  void operator()(const PutInstance& change) {
    out.begin_object().field("id", to_string(change.id)).key("row").raw(row_json(change.row));
    if (!change.why.cause.empty()) out.field("cause", change.why.cause).field("why", change.why.text);
    out.end_object();
  }
  void operator()(const RemoveInstance& change) {
    out.begin_object().field("id", to_string(change.id));
    if (!change.why.empty()) out.field("why", change.why);
    out.end_object();
  }
  void operator()(const ObserveInstance& change) {
    out.begin_object().field("id", to_string(change.id)).key("status").raw(codec::to_json(*change.status)).end_object();
  }
  void operator()(const PutStray& change) {
    begin(change.key).field("goal_revision", change.row.goal_revision);
    if (change.row.quarantined) out.field("quarantined", true);
    out.end_object();
  }
  void operator()(const RemoveStray& change) {
    begin(change.key);
    out.end_object();
  }
  void operator()(const PutOperation& change) {
    out.begin_object().field("id", to_string(change.key));
    out.field("created_at_us", micros(change.operation->created_at))
        .field("updated_at_us", micros(change.operation->updated_at));
    out.key("operation").raw(codec::to_json(*change.operation)).end_object();
  }
  void operator()(const RemoveOperation& change) { out.begin_object().field("id", to_string(change.key)).end_object(); }
  void operator()(const PutAnswer& change) {
    out.begin_object().field("key", change.key).key("row").raw(controller::row_json(*change.row)).end_object();
  }
  void operator()(const RemoveAnswer& change) { out.begin_object().field("key", change.key).end_object(); }
  void operator()(const NoteTrace& change) {
    out.begin_object().field("trace_id", change.trace_id).key("apps").begin_array();
    for (const AppName& name : change.apps) app(name);
    out.end_array().end_object();
  }
  void operator()(const NoteEvent& change) {
    out.begin_object().field("object", change.object).field("reason", change.reason).field("message", change.message);
    out.end_object();
  }

  void app(const AppName& name) {
    out.begin_object().field("tenant", name.tenant.str()).field("app", name.app.str()).end_object();
  }
  void name(Symbol name) { out.begin_object().field("name", name.str()).end_object(); }
  JsonWriter& begin(const TemplateKey& key) {
    return out.begin_object()
        .field("tenant", key.app.tenant.str())
        .field("app", key.app.app.str())
        .field("rollout", key.rollout);
  }
  JsonWriter& begin(const StrayKey& key) {
    return out.begin_object().field("node", key.node.str()).field("id", to_string(key.id));
  }
};

// In the order of the variant.
constexpr const char* kNames[] = {"put_cluster",     "put_app",       "remove_app",      "put_node",
                                  "remove_node",     "put_tenant",    "remove_tenant",   "put_template",
                                  "remove_template", "put_instance",  "remove_instance", "observe_instance",
                                  "put_stray",       "remove_stray",  "put_operation",   "remove_operation",
                                  "put_answer",      "remove_answer", "note_trace",      "note_event"};
static_assert(std::size(kNames) == std::variant_size_v<Change>);

OperationKey operation_key(Reader& reader) {
  const auto key = parse_operation_key(reader.text("id"));
  return key ? *key : (reader.fail("id"), OperationKey{});
}

template <typename Row>
Result<Change> put_row(Result<Row> row, Change (*make)(Row)) {
  if (!row) return std::move(row).error();
  return make(std::move(row).value());
}

Result<Change> read_body(std::string_view name, JsonView body) {
  if (name == "put_cluster")
    return put_row<ClusterRow>(cluster_row_from(body),
                               [](ClusterRow row) -> Change { return PutCluster{std::move(row)}; });
  if (name == "put_app")
    return put_row<AppRow>(app_row_from(body), [](AppRow row) -> Change { return PutApp{std::move(row)}; });
  if (name == "put_node")
    return put_row<NodeRow>(node_row_from(body), [](NodeRow row) -> Change { return PutNode{std::move(row)}; });
  if (name == "put_tenant")
    return put_row<TenantRow>(tenant_row_from(body), [](TenantRow row) -> Change { return PutTenant{std::move(row)}; });
  Reader in(body);
  if (name == "remove_app") return finish<Change>(in, RemoveApp{in.app("tenant", "app")});
  if (name == "remove_node") return finish<Change>(in, RemoveNode{Symbol(in.text("name"))});
  if (name == "remove_tenant") return finish<Change>(in, RemoveTenant{Symbol(in.text("name"))});
  if (name == "put_template" || name == "remove_template") {
    const TemplateKey key{in.app("tenant", "app"), in.number<std::uint64_t>("rollout")};
    if (name == "remove_template") return finish<Change>(in, RemoveTemplate{key});
    PutTemplate change{key, in.value<BootSpec>("boot")};
    return finish<Change>(in, std::move(change));
  }
  if (name == "put_instance") {
    PutInstance change{in.instance("id"), {}};
    Reader row(in.object("row"));
    change.row = instance_row(row);
    if (auto problem = row.problem()) return std::move(*problem);
    if (in.has("cause")) change.why = {in.text("cause"), in.text("why")};
    return finish<Change>(in, std::move(change));
  }
  if (name == "remove_instance") {
    RemoveInstance change{in.instance("id")};
    if (in.has("why")) change.why = in.text("why");
    return finish<Change>(in, std::move(change));
  }
  if (name == "observe_instance") {
    ObserveInstance change{in.instance("id"), in.value<InstanceStatus>("status")};
    return finish<Change>(in, std::move(change));
  }
  if (name == "put_stray" || name == "remove_stray") {
    const StrayKey key{Symbol(in.text("node")), in.instance("id")};
    if (name == "remove_stray") return finish<Change>(in, RemoveStray{key});
    PutStray change{key,
                    {in.number<std::uint64_t>("goal_revision"), in.has("quarantined") && in.boolean("quarantined")}};
    return finish<Change>(in, std::move(change));
  }
  if (name == "put_operation") {
    const OperationKey key = operation_key(in);
    Operation operation = in.value<Operation>("operation");
    operation.created_at = wall(in.number<std::int64_t>("created_at_us"));
    operation.updated_at = wall(in.number<std::int64_t>("updated_at_us"));
    return finish<Change>(in, PutOperation{key, std::move(operation)});
  }
  if (name == "remove_operation") return finish<Change>(in, RemoveOperation{operation_key(in)});
  if (name == "put_answer") {
    std::string key = in.text("key");
    Result<AnswerRow> row = answer_row_from(in.object("row"));
    if (!row) return std::move(row).error();
    return finish<Change>(in, PutAnswer{std::move(key), std::move(row).value()});
  }
  if (name == "remove_answer") return finish<Change>(in, RemoveAnswer{in.text("key")});
  if (name == "note_trace") {
    NoteTrace change{in.text("trace_id"), {}};
    for (JsonView one = in.object("apps").first(); one.exists(); one = one.next()) {
      Reader app(one);
      change.apps.push_back(app.app("tenant", "app"));
      if (app.problem()) in.fail("apps");
    }
    return finish<Change>(in, std::move(change));
  }
  if (name == "note_event")
    return finish<Change>(in, NoteEvent{in.text("object"), in.text("reason"), in.text("message")});
  return internal("unknown_record_format", "the journal holds a change `" + std::string(name) +
                                               "` that this program does not know: run the newer one");
}

void write_attempts(JsonWriter& out, const char* key, const std::map<std::uint32_t, std::uint32_t>& attempts) {
  out.key(key).begin_array();
  for (const auto& [slot, attempt] : attempts)
    out.begin_array().number(std::uint64_t{slot}).number(std::uint64_t{attempt}).end_array();
  out.end_array();
}

std::map<std::uint32_t, std::uint32_t> attempts_from(Reader& in, const char* key) {
  std::map<std::uint32_t, std::uint32_t> attempts;
  for (JsonView pair = in.object(key).first(); pair.exists(); pair = pair.next()) {
    const auto slot = pair.at(0).unsigned_integer();
    const auto attempt = pair.at(1).unsigned_integer();
    if (!slot || !attempt || pair.size() != 2) {
      in.fail(key);
      break;
    }
    attempts[static_cast<std::uint32_t>(*slot)] = static_cast<std::uint32_t>(*attempt);
  }
  return attempts;
}

}  // namespace

std::string row_json(const ClusterRow& row) {
  JsonWriter out;
  out.begin_object().field("cluster_id", row.cluster_id);
  out.field("recovery_count", row.epoch.recovery_count).field("term", row.epoch.term);
  if (row.history_lost) out.field("history_lost", true);
  if (row.awaits_leases) out.field("awaits_leases", true);
  return out.end_object().take();
}

std::string row_json(const AppRow& row) {
  JsonWriter out;
  out.begin_object().key("app").raw(codec::to_json(Resource(*row.app)));
  out.field("rollout", row.rollout).field("deleting", row.deleting);
  out.key("state").raw(row_json(row.state)).key("history").begin_array();
  for (const TemplateNote& note : row.history) out.raw(row_json(note));
  out.end_array();
  out.field("frozen_generation", row.frozen_generation).field("frozen_message", row.frozen_message);
  write_attempts(out, "retired", row.retired);
  if (!row.retired_live.empty()) write_attempts(out, "retired_live", row.retired_live);
  if (!row.trace_id.empty()) out.field("trace_id", row.trace_id);
  out.field("created_at_us", micros(row.created_at)).field("updated_at_us", micros(row.updated_at));
  return out.end_object().take();
}

std::string row_json(const NodeRow& row) {
  JsonWriter out;
  out.begin_object().key("node").raw(codec::to_json(Resource(*row.node)));
  if (row.info) out.key("info").raw(codec::to_json(*row.info));
  out.field("agent_start", row.agent_start);
  if (!row.agent_id.empty()) out.field("agent_id", row.agent_id);
  if (!row.agent_labels.empty()) {
    out.key("agent_labels").begin_object();
    for (const auto& [key, value] : row.agent_labels) out.field(key, value);
    out.end_object();
  }
  out.field("health", to_string(row.health));
  out.field("goals_revision", row.goals_revision);
  if (row.recovery > 0) out.field("recovery", row.recovery);
  out.field("created_at_us", micros(row.created_at));
  return out.end_object().take();
}

std::string row_json(const TenantRow& row) {
  JsonWriter out;
  out.begin_object().key("tenant").raw(codec::to_json(Resource(*row.tenant)));
  out.field("created_at_us", micros(row.created_at));
  return out.end_object().take();
}

std::string row_json(const AnswerRow& row, const std::string& key) {
  JsonWriter out;
  out.begin_object();
  if (!key.empty()) out.field("key", key);
  out.field("body_hash", row.body_hash).field("at_us", micros(row.at));
  out.key("reply").raw(codec::to_json(row.reply));
  return out.end_object().take();
}

Result<ClusterRow> cluster_row_from(JsonView value) {
  Reader in(value);
  ClusterRow row{in.text("cluster_id"), {in.number<std::uint64_t>("recovery_count"), in.number<std::uint64_t>("term")}};
  row.history_lost = in.has("history_lost") && in.boolean("history_lost");
  row.awaits_leases = in.has("awaits_leases") && in.boolean("awaits_leases");
  return finish(in, std::move(row));
}

Result<AppRow> app_row_from(JsonView value) {
  Reader in(value);
  AppRow row;
  row.app = resource<App>(in, "app");
  row.rollout = in.number<std::uint64_t>("rollout");
  row.deleting = in.boolean("deleting");
  // Records from before rollouts had a state have none.
  if (in.has("state")) row.state = rollout_state(in.object("state"), in);
  if (in.has("history"))
    for (JsonView note = in.object("history").first(); note.exists(); note = note.next())
      row.history.push_back(template_note(note, in));
  row.frozen_generation = in.number<std::uint64_t>("frozen_generation");
  row.frozen_message = in.text("frozen_message");
  row.retired = attempts_from(in, "retired");
  if (in.has("retired_live")) row.retired_live = attempts_from(in, "retired_live");
  if (in.has("trace_id")) row.trace_id = in.text("trace_id");
  row.created_at = wall(in.number<std::int64_t>("created_at_us"));
  row.updated_at = wall(in.number<std::int64_t>("updated_at_us"));
  return finish(in, std::move(row));
}

Result<NodeRow> node_row_from(JsonView value) {
  Reader in(value);
  NodeRow row;
  row.node = resource<Node>(in, "node");
  if (in.has("info")) row.info = in.value<NodeInfo>("info");
  row.agent_start = in.number<std::uint64_t>("agent_start");
  if (in.has("agent_id")) row.agent_id = in.text("agent_id");
  if (in.has("agent_labels")) row.agent_labels = in.labels("agent_labels");
  row.health = in.choice("health", parse_node_health);
  row.goals_revision = in.number<std::uint64_t>("goals_revision");
  if (in.has("recovery")) row.recovery = in.number<std::uint64_t>("recovery");
  row.created_at = wall(in.number<std::int64_t>("created_at_us"));
  return finish(in, std::move(row));
}

Result<TenantRow> tenant_row_from(JsonView value) {
  Reader in(value);
  TenantRow row;
  row.tenant = resource<Tenant>(in, "tenant");
  row.created_at = wall(in.number<std::int64_t>("created_at_us"));
  return finish(in, std::move(row));
}

Result<AnswerRow> answer_row_from(JsonView value) {
  Reader in(value);
  AnswerRow row;
  row.body_hash = in.number<std::uint64_t>("body_hash");
  row.at = wall(in.number<std::int64_t>("at_us"));
  row.reply = in.value<ApplyReply>("reply");
  return finish(in, std::move(row));
}

std::string change_json(const Change& change) {
  JsonWriter out;
  out.begin_object().key(kNames[change.index()]);
  std::visit(Body{out}, change);
  return out.end_object().take();
}

Result<Change> change_from(JsonView value) {
  if (!value.is_object() || value.size() != 1)
    return internal("store_corrupt", "a journaled change is no object with one name");
  return read_body(value.first().key(), value.first());
}

Result<Change> change_from(std::string_view text) {
  const Result<JsonDocument> document = JsonDocument::parse(text, text.size());
  return change_from(document ? document->root() : JsonView());
}

}  // namespace unik::controller
