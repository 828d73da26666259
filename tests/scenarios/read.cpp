#include <algorithm>
#include <charconv>
#include <span>
#include <sstream>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "codec/manifest.hpp"
#include "controller/core/node_watch.hpp"
#include "tests/scenarios/scenario.hpp"

namespace unik::controller::scenario {
namespace {

constexpr Resources kCapacity{MilliCpu{4000}, mebibytes(4096)};
constexpr const char* kAgent = "a1";
constexpr Duration kHeardAgo = std::chrono::seconds(5);
constexpr WallTime kWallStart{std::chrono::seconds(1767225600)};  // 2026-01-01

// A mistake in the file; caught in `read_scenario`, where it becomes an Error.
struct Mistake {
  int line;
  std::string message;
};

[[noreturn]] void refuse(const YAML::Node& at, std::string message) {
  throw Mistake{at.Mark().line + 1, std::move(message)};
}

template <typename T>
T need(const YAML::Node& at, Result<T> result) {
  if (!result) refuse(at, to_string(result.error()));
  return *std::move(result);
}
template <typename T>
T need(const YAML::Node& at, std::optional<T> value, const std::string& wanted) {
  if (!value) refuse(at, "want " + wanted + ", got `" + at.as<std::string>("") + "`");
  return *std::move(value);
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// `ready, heard 5s ago` -> {`ready`, `heard 5s ago`}.
std::vector<std::string> facts_of(const std::string& text) {
  std::vector<std::string> facts;
  std::istringstream in(text);
  for (std::string fact; std::getline(in, fact, ',');) {
    fact.erase(0, std::min(fact.find_first_not_of(' '), fact.size()));
    facts.push_back(fact);
  }
  return facts;
}

std::uint64_t number(const YAML::Node& at, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || text.empty())
    refuse(at, "want a number, got `" + std::string(text) + "`");
  return value;
}

// `r7`
std::uint64_t revision(const YAML::Node& at, const std::string& text) {
  if (!text.starts_with('r')) refuse(at, "want a revision such as r7, got `" + text + "`");
  return number(at, std::string_view(text).substr(1));
}

// `web`, or `team-a/web` outside the default tenant: the tenant and the rest.
std::pair<Symbol, std::string> in_tenant(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return {Symbol(kDefaultTenant), text};
  return {Symbol(text.substr(0, slash)), text.substr(slash + 1)};
}

AppName app_name(const std::string& text) {
  const auto [tenant, name] = in_tenant(text);
  return {tenant, Symbol(name)};
}

InstanceId instance_id(const YAML::Node& at, const std::string& text) {
  const auto [tenant, name] = in_tenant(text);
  return need(at, parse_short_name(tenant, name));
}

// `exited 0`, `running healthy`, `pending crash_loop`: a phase, then an exit code, a health or a reason.
InstanceStatus status_of(const YAML::Node& at) {
  InstanceStatus status;
  const std::vector<std::string> words = words_of(at.as<std::string>());
  if (words.empty()) refuse(at, "want a status such as `running`");
  status.phase = need(at, parse_phase(words[0]), "pending, running, exited or failed first");
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (status.phase == Phase::kExited && i == 1)
      status.last_exit = Exit{ExitKind::kExited, static_cast<std::int32_t>(number(at, words[i]))};
    else if (const auto health = parse_health(words[i]); health && status.phase == Phase::kRunning)
      status.health = *health;
    else if (words[i] == "booted" && i + 2 < words.size() && words[i + 1] == "in")
      status.boot.total = need(at, parse_duration(words[i + 2])), i += 2;
    else if (words[i] == "restarts" && i + 1 < words.size())
      status.restarts = static_cast<std::uint32_t>(number(at, words[++i]));
    else if (status.reason.empty())
      status.reason = words[i];
    else
      refuse(at, "want at most one reason, got `" + words[i] + "` too");
  }
  return status;
}

// A list of `KEY: VALUE` lines, or a mapping: what stands in it, one after the other.
template <typename Visit>
void for_each_line(const YAML::Node& lines, Visit visit) {
  if (lines.IsMap()) {
    for (const auto& entry : lines) visit(entry.first, entry.second);
  } else if (lines.IsSequence()) {
    for (const YAML::Node& line : lines) {
      if (!line.IsMap() || line.size() != 1) refuse(line, "want a line `WHO: WHAT`");
      visit(line.begin()->first, line.begin()->second);
    }
  } else if (!lines.IsNull()) {
    refuse(lines, "want lines `WHO: WHAT`");
  }
}

std::vector<std::string> texts(const YAML::Node& lines) {
  std::vector<std::string> out;
  for (const YAML::Node& line : lines) out.push_back(line.as<std::string>());
  return out;
}

class Reader {
 public:
  Scenario read(const YAML::Node& file) {
    if (!file.IsMap()) refuse(file, "want a mapping with `scenario`, `declared`, `expect` ...");
    for (const auto& entry : file) section(entry.first.as<std::string>(), entry.first, entry.second);
    if (out_.title.empty()) refuse(file, "want `scenario:` with one sentence that says what is shown");
    if (!expects_) refuse(file, "want `expect:` with the steps and the reasons");
    finish();
    return std::move(out_);
  }

 private:
  // Sections stand in the order of the story, and each builds on those above it.
  void section(const std::string& name, const YAML::Node& at, const YAML::Node& value) {
    World& world = out_.world;
    if (name == "scenario") {
      out_.title = value.as<std::string>();
      begin();
    } else if (name == "now") {
      now_ = need(value, parse_duration(value.as<std::string>()));
    } else if (name == "revision") {
      world.revision = revision(value, value.as<std::string>());
    } else if (name == "restored") {
      world.history_lost = value.as<bool>();
    } else if (name == "declared") {
      for (Resource& resource : manifests(value)) std::visit([this](auto& one) { declare(std::move(one)); }, resource);
    } else if (name == "nodes") {
      for_each_line(value, [&](const YAML::Node& who, const YAML::Node& what) { node(who, what); });
    } else if (name == "apps") {
      for_each_line(value, [&](const YAML::Node& who, const YAML::Node& what) { app(who, what); });
    } else if (name == "instances") {
      for_each_line(value, [&](const YAML::Node& who, const YAML::Node& what) { instance(who, what); });
    } else if (name == "strays") {
      for_each_line(value, [&](const YAML::Node& who, const YAML::Node& what) { stray(who, what); });
    } else if (name == "operations") {
      for_each_line(value, [&](const YAML::Node& who, const YAML::Node& what) { operation(who, what); });
    } else if (name == "builds") {
      for (const std::string& app : texts(value)) build_of(app);
    } else if (name == "answered") {
      for (const std::string& key : texts(value)) world.answers.set(key, AnswerRow{kOwnRequest + 1, {}, {}});
    } else if (name == "reports") {
      for_each_line(value, [&](const YAML::Node& who, const YAML::Node& what) { report(who, what); });
    } else if (name == "expect") {
      expect(value);
    } else {
      asked(name, at, value);
    }
  }

  void begin() {
    World& world = out_.world;
    world.revision = 20;
    world.cluster = {"cluster", Epoch{0, 1}};
    Tenant tenant;
    tenant.metadata.name = kDefaultTenant;
    declare(std::move(tenant));
  }

  static Result<std::vector<Resource>> parsed_manifests(const YAML::Node& at) {
    const codec::ManifestText text{"manifest", at.as<std::string>()};
    auto parsed = codec::parse_manifests(std::span(&text, 1));
    if (!parsed) return parsed.error();
    std::vector<Resource> resources;
    for (codec::ParsedManifest& one : *parsed) resources.push_back(std::move(one.resource));
    return resources;
  }
  static std::vector<Resource> manifests(const YAML::Node& at) { return need(at, parsed_manifests(at)); }

  template <typename Value>
  void settle(Value& value) {
    value.metadata.uid = ++out_.world.last_uid;
    value.metadata.generation = 1;
  }

  void declare(Tenant tenant) {
    settle(tenant);
    const Symbol name(tenant.metadata.name);
    TenantRow row;
    row.tenant = std::move(tenant);
    out_.world.tenants.set(name, std::move(row));
  }
  void declare(Node node) {
    settle(node);
    const Symbol name(node.metadata.name);
    NodeRow row;
    row.node = std::move(node);
    row.goals_revision = 1;
    out_.world.nodes.set(name, std::move(row));
    heard_[name] = std::nullopt;
    register_agent(name);
  }
  void declare(App app) {
    settle(app);
    const TenantRow* const tenant = out_.world.tenants.find(Symbol(app.metadata.tenant));
    Resources& resources = app.spec.boot.resources;
    const Resources defaults = tenant == nullptr ? Resources{} : tenant->tenant->spec.default_resources;
    if (resources.cpu == MilliCpu{}) resources.cpu = defaults.cpu;
    if (resources.memory == Bytes{}) resources.memory = defaults.memory;
    const AppName name = app.name();
    AppRow row;
    row.rollout = 1;
    row.state.phase = RolloutPhase::kDone;
    row.app = std::move(app);
    out_.world.apps.set(name, std::move(row));
  }

  void register_agent(Symbol name) {
    NodeRow& row = *out_.world.nodes.mutate(name);
    NodeInfo info;
    info.capacity = kCapacity;
    row.info = std::move(info);
    row.agent_start = 1;
    row.health = NodeHealth::kReady;
    heard_[name] = kHeardAgo;
  }

  // `ready, cpu 2, memory 1Gi, overhead 16Mi, heard 50s ago, stored r5, start 3`
  void node(const YAML::Node& who, const YAML::Node& what) {
    const Symbol name(who.as<std::string>());
    NodeRow* const row = out_.world.nodes.mutate(name);
    if (row == nullptr) refuse(who, "no such node is declared above");
    NodeInfo info = *row->info;
    bool seen = true;
    for (const std::string& fact : facts_of(what.as<std::string>())) {
      const std::vector<std::string> words = words_of(fact);
      if (fact == "ready") {
        row->health = NodeHealth::kReady;
      } else if (fact == "unknown") {
        row->health = NodeHealth::kUnknown;
      } else if (fact == "lost") {
        row->health = NodeHealth::kLost;
      } else if (fact == "never seen") {
        seen = false;
      } else if (fact == "not heard") {
        heard_[name] = std::nullopt;
      } else if (words.size() == 3 && words[0] == "heard" && words[2] == "ago") {
        heard_[name] = need(what, parse_duration(words[1]));
      } else if (words.size() == 3 && words[0] == "drained" && words[1] == "for") {
        drained_[name] = need(what, parse_duration(words[2]));
      } else if (words.size() == 3 && words[0] == "back" && words[2] == "times") {
        returns_[name] = static_cast<std::uint32_t>(number(what, words[1]));
      } else if (words.size() == 2 && words[0] == "accelerator") {
        info.accelerator = words[1];
      } else if (words.size() == 2 && words[0] == "platform") {
        info.platform = words[1];
      } else if (words.size() == 2 && words[0] == "cpu") {
        info.capacity.cpu = need(what, parse_milli_cpu(words[1]));
      } else if (words.size() == 2 && words[0] == "memory") {
        info.capacity.memory = need(what, parse_bytes(words[1]));
      } else if (words.size() == 2 && words[0] == "overhead") {
        info.overhead = need(what, parse_bytes(words[1]));
      } else if (words.size() == 6 && fact.starts_with("cannot listen for ") && words[4] == "of") {
        publications_[name].push_back({app_name(words[5]), words[3], 0, "127.0.0.1", 0, "address already in use"});
      } else if (words.size() == 5 && words[0] == "listens" && words[3] == "for") {
        const auto port = static_cast<std::uint16_t>(number(what, words[2]));
        publications_[name].push_back({app_name(words[4]), "http", 0, "127.0.0.1", port, ""});
      } else if (words.size() == 2 && words[0] == "stored") {
        stored_[name] = revision(what, words[1]);
      } else if (words.size() == 2 && words[0] == "start") {
        row->agent_start = number(what, words[1]);
      } else if (words.size() == 2 && words[0] == "agent") {
        row->agent_id = words[1];
      } else if (words.size() == 2 && words[0] == "label" && words[1].find('=') != std::string::npos) {
        row->agent_labels[words[1].substr(0, words[1].find('='))] = words[1].substr(words[1].find('=') + 1);
      } else {
        refuse(what, "`" + fact + "` is nothing that a node can be");
      }
    }
    row->info = std::move(info);
    if (seen) return;
    row->info = {};
    row->agent_start = 0;
    row->health = NodeHealth::kNeverSeen;
    heard_[name] = std::nullopt;
  }

  // `rollout 5, progressing, live 1, generation 2, deleting, frozen, no template, held, retired slot 0 attempt 3`
  void app(const YAML::Node& who, const YAML::Node& what) {
    const AppName name = app_name(who.as<std::string>());
    AppRow* const row = out_.world.apps.mutate(name);
    if (row == nullptr) refuse(who, "no such app is declared above");
    App app = *row->app;
    for (const std::string& fact : facts_of(what.as<std::string>())) {
      const std::vector<std::string> words = words_of(fact);
      if (fact == "deleting") {
        row->deleting = true;
      } else if (fact == "frozen") {
        row->frozen_message = "as the file says";
      } else if (fact == "no template") {
        without_template_.insert(name);
      } else if (const auto phase = parse_rollout_phase(fact)) {
        row->state.phase = *phase;
      } else if (fact == "promoted") {
        row->state.promoted = true;
      } else if (fact == "blue/green") {
        row->state.blue_green = true;
      } else if (fact == "paused by hand") {
        row->state.phase = RolloutPhase::kPaused;
        row->state.held = true;
      } else if (fact == "held") {
        row->state.held = true;
      } else if (fact == "rolled back") {
        rolled_back_.insert(name);
      } else if (words.size() == 3 && words[0] == "back" && words[1] == "to") {
        gone_back_[name] = number(what, words[2]);
      } else if (words.size() == 4 && words[0] == "template" && words[2] == "memory") {
        sizes_[{name, number(what, words[1])}].memory = need(what, parse_bytes(words[3]));
      } else if (words.size() == 4 && words[0] == "template" && words[2] == "cpu") {
        sizes_[{name, number(what, words[1])}].cpu = need(what, parse_milli_cpu(words[3]));
      } else if (words.size() == 3 && words[0] == "baking" && words[1] == "for") {
        baking_[name] = need(what, parse_duration(words[2]));
      } else if (words.size() == 4 && words[0] == "no" && words[1] == "progress" && words[2] == "for") {
        stuck_[name] = need(what, parse_duration(words[3]));
      } else if (words.size() == 2 && words[0] == "reason") {
        row->state.reason = words[1];
      } else if (words.size() == 2 && words[0] == "live") {
        row->state.live = number(what, words[1]);
      } else if (words.size() == 2 && words[0] == "rollout") {
        row->rollout = number(what, words[1]);
      } else if (words.size() == 2 && words[0] == "generation") {
        app.metadata.generation = number(what, words[1]);
      } else if (words.size() >= 5 && words[0] == "retired" && words[1] == "slot" && words[3] == "attempt") {
        const bool of_live = words.size() == 7 && words[5] == "of" && words[6] == "live";
        if (words.size() != 5 && !of_live) refuse(what, "want `retired slot N attempt N [of live]`");
        (of_live ? row->retired_live : row->retired)[static_cast<std::uint32_t>(number(what, words[2]))] =
            static_cast<std::uint32_t>(number(what, words[4]));
      } else {
        refuse(what, "`" + fact + "` is nothing that an app can be");
      }
    }
    if (!row->frozen_message.empty()) row->frozen_generation = app.metadata.generation;
    row->app = std::move(app);
  }

  // `web-0-r5-1 run on n1 since r6: running`, `web-1-r5-1 run nowhere: pending no_eligible_node`
  void instance(const YAML::Node& who, const YAML::Node& what) {
    const std::vector<std::string> words = words_of(who.as<std::string>());
    if (words.size() < 3) refuse(who, "want `NAME run|stop on NODE [since rN]: STATUS`");
    const InstanceId id = instance_id(who, words[0]);
    if (!out_.world.apps.contains(id.app_name())) refuse(who, "no such app is declared above");
    InstanceRow row;
    row.goal = need(who, parse_instance_goal(words[1]), "run or stop after the name");
    row.goal_revision = 1;
    std::size_t next = 3;
    if (words[2] == "on" && words.size() > next) {
      row.node = Symbol(words[next++]);
      if (!out_.world.nodes.contains(row.node)) refuse(who, "no such node is declared above");
    } else if (words[2] != "nowhere") {
      refuse(who, "want `on NODE` or `nowhere`");
    }
    if (words.size() >= next + 2 && words[next] == "since") {
      row.goal_revision = revision(who, words[next + 1]);
      next += 2;
    }
    if (words.size() >= next + 3 && words[next] == "ready" && words[next + 1] == "for") {
      ready_[id] = need(who, parse_duration(words[next + 2]));
      next += 3;
    }
    if (words.size() >= next + 3 && words[next] == "placed" && words[next + 2] == "ago") {
      placed_[id] = need(who, parse_duration(words[next + 1]));
      next += 3;
    }
    if (words.size() != next) refuse(who, "`" + words[next] + "` says nothing of an instance");
    row.status = status_of(what);
    out_.world.instances.set(id, std::move(row));
  }

  // `ghost-0-r3-1 on n1: since r9`
  void stray(const YAML::Node& who, const YAML::Node& what) {
    const std::vector<std::string> words = words_of(who.as<std::string>());
    const std::vector<std::string> since = words_of(what.as<std::string>());
    const bool quarantined = since.size() == 3 && since[2] == "quarantined";
    if (words.size() != 3 || words[1] != "on" || (since.size() != 2 && !quarantined) || since[0] != "since")
      refuse(who, "want `NAME on NODE: since rN [quarantined]`");
    out_.world.strays.set({Symbol(words[2]), instance_id(who, words[0])},
                          StrayRow{revision(what, since[1]), quarantined});
  }

  // `op-6-0 deploy of web: running`
  void operation(const YAML::Node& who, const YAML::Node& what) {
    const std::vector<std::string> words = words_of(who.as<std::string>());
    if (words.size() != 4 || words[2] != "of") refuse(who, "want `op-SEQ-N deploy|destroy of APP: STATE`");
    const OperationKey key = need(who, parse_operation_key(words[0]), "op-SEQ-N first");
    const AppRow* const app = out_.world.apps.find(app_name(words[3]));
    if (app == nullptr) refuse(who, "no such app is declared above");
    Operation operation;
    operation.operation_id = words[0];
    operation.kind = need(who, parse_operation_kind(words[1]), "deploy or destroy second");
    operation.state = need(what, parse_operation_state(what.as<std::string>()), "an operation's state");
    operation.target = app->app->name();
    operation.uid = app->app->metadata.uid;
    operation.generation = 1;
    out_.world.operations.set(key, std::move(operation));
  }

  // A build that waits for its turn.
  void build_of(const std::string& app) {
    const OperationKey key{1, static_cast<std::uint32_t>(out_.world.operations.size())};
    Operation operation;
    operation.operation_id = to_string(key);
    operation.kind = OperationKind::kBuild;
    operation.target = app_name(app);
    operation.build = BuildOrder{};
    out_.world.operations.set(key, std::move(operation));
  }

  // What a node says it sees, where that is not what the tables say.
  void report(const YAML::Node& who, const YAML::Node& what) {
    const Symbol name(who.as<std::string>());
    if (!out_.world.nodes.contains(name)) refuse(who, "no such node is declared above");
    std::vector<ObservedInstance>& seen = reports_[name];
    for_each_line(what, [&](const YAML::Node& id, const YAML::Node& status) {
      seen.push_back({instance_id(id, id.as<std::string>()), status_of(status)});
    });
  }

  void asked(const std::string& name, const YAML::Node& at, const YAML::Node& value) {
    Asked& asked = out_.asked;
    const std::vector<std::string> words = words_of(value.as<std::string>(""));
    if (name == "apply" || name == "deploy") {
      auto parsed = parsed_manifests(value);
      if (!parsed) return void(asked.unreadable = parsed.error());
      asked.apply.emplace();
      asked.apply->resources = *std::move(parsed);
      asked.apply->follow = name == "deploy";
    } else if (name == "delete") {
      if (words.empty() || !parse_kind(words[0])) refuse(at, "want `KIND NAME...`");
      asked.remove.emplace();
      asked.remove->kind = *parse_kind(words[0]);
      if (names_of(asked.remove->kind).in_tenant) asked.remove->tenant = kDefaultTenant;
      asked.remove->names.assign(words.begin() + 1, words.end());
    } else if (name == "cordon" || name == "uncordon") {
      asked.cordon = CordonRequest{value.as<std::string>(), name == "uncordon"};
    } else if (name == "drain") {
      asked.drain = DrainRequest{value.as<std::string>(), {}, {}, {}};
    } else if (name == "rollout") {
      if (words.size() != 2 && words.size() != 3) refuse(at, "want `VERB APP [rN]`");
      asked.rollout.emplace();
      asked.rollout->verb = verb(value, words[0]);
      asked.rollout->app = app_name(words[1]);
      if (words.size() == 3) asked.rollout->to = revision(value, words[2]);
    } else if (name == "register") {
      join(at, value);
    } else if (name == "adopt" || name == "discard") {
      if (words.size() != 3 || words[1] != "on") refuse(at, "want `NAME on NODE`");
      asked.quarantine = QuarantineRequest{Symbol(words[2]), instance_id(value, words[0]),
                                           name == "adopt" ? QuarantineVerb::kAdopt : QuarantineVerb::kDestroy};
    } else if (name == "build") {
      asked.build.emplace();
      asked.build->app = std::get<App>(manifests(value).front());
    } else if (name == "dry_run") {
      asked.dry_run.emplace();
      asked.dry_run->resources = manifests(value);
    } else if (name == "whatif") {
      whatif(value);
    } else if (name == "asked_for") {
      asked.tenant = Symbol(value.as<std::string>());
      if (asked.remove) asked.remove->tenant = asked.tenant.str();
    } else if (name == "key") {
      asked.key = value.as<std::string>();
    } else {
      refuse(at, "unknown section `" + name + "`");
    }
  }

  // `n1 start 3 agent a1, label zone=q, cpu 0`
  void join(const YAML::Node& at, const YAML::Node& value) {
    RegisterRequest& join = out_.asked.join.emplace();
    join.agent_id = kAgent;
    join.info.capacity = kCapacity;
    for (const std::string& fact : facts_of(value.as<std::string>())) {
      const std::vector<std::string> words = words_of(fact);
      const bool says_who = words.size() == 5 && words[3] == "agent";
      if ((words.size() == 3 || says_who) && words[1] == "start") {
        join.node = words[0];
        join.agent_start = number(value, words[2]);
        if (says_who) join.agent_id = words[4];
      } else if (words.size() == 2 && words[0] == "label" && words[1].find('=') != std::string::npos) {
        join.labels[words[1].substr(0, words[1].find('='))] = words[1].substr(words[1].find('=') + 1);
      } else if (words.size() == 2 && words[0] == "cpu") {
        join.info.capacity.cpu.value = static_cast<std::int64_t>(number(value, words[1])) * 1000;
      } else {
        refuse(at, "want `NODE start N [agent ID][, label KEY=VALUE][, cpu N]`");
      }
    }
  }

  // `{lose: [n1], add: MANIFESTS}`
  void whatif(const YAML::Node& value) {
    WhatIf& whatif = out_.asked.whatif.emplace();
    for (const auto& entry : value) {
      const std::string name = entry.first.as<std::string>();
      if (name == "lose")
        whatif.lose = texts(entry.second);
      else if (name == "add")
        whatif.add.resources = manifests(entry.second);
      else
        refuse(entry.first, "want `lose` and `add`, got `" + name + "`");
    }
  }

  static RolloutVerb verb(const YAML::Node& at, const std::string& word) {
    for (const RolloutVerb verb : {RolloutVerb::kPause, RolloutVerb::kResume, RolloutVerb::kPromote,
                                   RolloutVerb::kAbort, RolloutVerb::kRestart, RolloutVerb::kRollback})
      if (to_string(verb) == word) return verb;
    refuse(at, "want pause, resume, promote, abort, restart or rollback, got `" + word + "`");
  }

  void expect(const YAML::Node& value) {
    expects_ = true;
    for (const auto& entry : value) {
      const std::string name = entry.first.as<std::string>();
      if (name == "refused")
        out_.expected.refused = entry.second.as<std::string>();
      else if (name == "steps")
        out_.expected.steps = texts(entry.second);
      else if (name == "because")
        out_.expected.reasons = texts(entry.second);
      else if (name == "placements")
        out_.expected.placements = texts(entry.second);
      else if (name == "notes")
        out_.expected.notes = texts(entry.second);
      else
        refuse(entry.first, "unknown section `" + name + "` in `expect`");
    }
    while (out_.expected.refused.ends_with('\n')) out_.expected.refused.pop_back();
  }

  // The current template is what the manifest says, an older one has been something else. Where the app has gone back,
  // its current template is that older one.
  void keep_template(const AppName& name, const AppRow& row, std::uint64_t rollout) {
    BootSpec boot = row.app->spec.boot;
    const auto back = gone_back_.find(name);
    const std::uint64_t content = rollout == row.rollout && back != gone_back_.end() ? back->second : rollout;
    if (content != row.rollout) boot.args.push_back("r" + std::to_string(content));
    const auto size = sizes_.find({name, content});
    if (size != sizes_.end() && size->second.memory != Bytes{}) boot.resources.memory = size->second.memory;
    if (size != sizes_.end() && size->second.cpu != MilliCpu{}) boot.resources.cpu = size->second.cpu;
    out_.world.templates.set({name, rollout}, Shared<BootSpec>(std::move(boot)));
  }

  static TemplateNote note(std::uint64_t rollout, TemplateOutcome outcome) {
    TemplateNote note;
    note.rollout = rollout;
    note.generation = 1;
    note.outcome = outcome;
    return note;
  }

  // An app at rest has been served as a whole by its rollout; one under way has gone on just now.
  void finish_app(const AppName& name) {
    AppRow& row = *out_.world.apps.mutate(name);
    const bool done = row.state.phase == RolloutPhase::kDone;
    if (done) row.state.live = row.rollout;
    if (row.state.live != 0 && !done) row.history.push_back(note(row.state.live, TemplateOutcome::kGood));
    row.history.push_back(note(row.rollout, done ? TemplateOutcome::kGood : TemplateOutcome::kPending));
    row.history.back().automatic = rolled_back_.contains(name);
    if (row.deleting || without_template_.contains(name)) return;
    for (const TemplateNote& note : row.history) keep_template(name, row, note.rollout);
    if (done) return;
    RolloutClock clock;
    clock.rollout = row.rollout;
    clock.progressed = out_.now.boot - stuck_[name];
    if (const auto baking = baking_.find(name); baking != baking_.end()) clock.baking = out_.now.boot - baking->second;
    out_.world.clocks.rollouts.set(name, clock);
  }

  // Templates for all that is there, what nodes report, and what follows from both.
  void finish() {
    World& world = out_.world;
    out_.now = {Time{} + now_, kWallStart + now_};
    world.as_of = out_.now.boot;
    std::vector<AppName> apps;
    for (const auto& [name, row] : world.apps) apps.push_back(name);
    for (const AppName& name : apps) finish_app(name);
    for (const auto& [id, row] : world.instances) {
      keep_template(id.app_name(), *world.apps.find(id.app_name()), id.rollout);
      const auto ready = ready_.find(id);
      if (is_ready(*row.status))
        world.clocks.ready_since.set(id, ready == ready_.end() ? world.started : out_.now.boot - ready->second);
    }
    for (const auto& [id, ago] : placed_) world.instances.mutate(id)->created_at = out_.now.wall - ago;
    for (const auto& [name, ago] : drained_) {
      NodeClock clock;
      clock.drain_began = out_.now.boot - ago;
      clock.drain_deadline = world.nodes.find(name)->node->spec.drain.deadline;
      world.clocks.nodes.set(name, clock);
    }
    for (const auto& [name, returns] : returns_) {
      NodeClock clock;
      clock.returns = returns;
      clock.returned = out_.now.boot;
      clock.held_until = out_.now.boot + kFirstHold;
      world.clocks.nodes.set(name, clock);
    }
    derive(world);
    for (const auto& [name, ago] : heard_) {
      if (!ago) continue;
      NodeObservation seen;
      seen.boot_id = "boot";
      seen.agent_start = world.nodes.find(name)->agent_start;
      seen.seq = 1;
      const auto stored = stored_.find(name);
      const std::uint64_t revision = stored == stored_.end() ? world.revision : stored->second;
      seen.accepted_stamp = {world.cluster.cluster_id, world.cluster.epoch, revision};
      ReportBody body;
      body.publications = publications_[name];
      const auto report = reports_.find(name);
      if (report != reports_.end()) {
        body.instances = report->second;
      } else {
        for_each_on_node(world, name, [&](const InstanceId& id, const InstanceRow& row) {
          body.instances.push_back({id, *row.status});
        });
      }
      seen.body = seen_body(world, body);
      Observed observed;
      observed.report = std::make_shared<const NodeObservation>(std::move(seen));
      observed.received = out_.now.boot - *ago;
      world.observed.set(name, std::move(observed));
    }
  }

  Scenario out_;
  Duration now_ = std::chrono::minutes(1);
  bool expects_ = false;
  std::map<Symbol, std::optional<Duration>> heard_;  // how long ago a node was heard
  std::map<Symbol, Duration> drained_;               // for how long a node has been emptied
  std::map<Symbol, std::uint64_t> stored_;           // the goals that a node has stored
  std::map<Symbol, std::vector<ObservedInstance>> reports_;
  std::map<Symbol, std::vector<ObservedPublication>> publications_;
  std::set<AppName> without_template_;
  std::set<AppName> rolled_back_;               // their current template is an automatic way back
  std::map<AppName, std::uint64_t> gone_back_;  // the rollout whose content their current template has
  std::map<TemplateKey, Resources> sizes_;      // of older templates, where they are others than those declared
  std::map<AppName, Duration> baking_;          // for how long all canaries have served
  std::map<AppName, Duration> stuck_;           // for how long no further instance has come to serve
  std::map<InstanceId, Duration> ready_;        // for how long an instance has served
  std::map<InstanceId, Duration> placed_;       // how long ago it was
  std::map<Symbol, std::uint32_t> returns_;     // how often a node has come back in a row
};

void add_lines(std::string& out, const std::string& name, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  out += "  " + name + ":\n";
  for (const std::string& line : lines) {
    std::string quoted;
    for (const char c : line) quoted += c == '\'' ? "''" : std::string(1, c);
    out += "    - '" + quoted + "'\n";
  }
}

}  // namespace

std::string to_text(const Outcome& outcome) {
  std::string out = "expect:\n";
  if (!outcome.refused.empty()) {
    out += "  refused: |\n";
    std::istringstream in(outcome.refused);
    for (std::string line; std::getline(in, line);) out += "    " + line + "\n";
  }
  add_lines(out, "steps", outcome.steps);
  add_lines(out, "because", outcome.reasons);
  add_lines(out, "placements", outcome.placements);
  add_lines(out, "notes", outcome.notes);
  return out;
}

Result<Scenario> read_scenario(const std::string& name, const std::string& text) {
  try {
    return Reader().read(YAML::Load(text));
  } catch (const Mistake& mistake) {
    return invalid("bad_scenario", name + ":" + std::to_string(mistake.line) + ": " + mistake.message);
  } catch (const YAML::Exception& problem) {
    return invalid("bad_scenario", name + ":" + std::to_string(problem.mark.line + 1) + ": " + problem.msg);
  }
}

}  // namespace unik::controller::scenario
