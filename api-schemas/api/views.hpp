// What the API shows of the World: the resources with their derived status, instances, nodes, and what an apply did.
// Views are derived each time and never stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/instance.hpp"
#include "api/messages.hpp"
#include "api/operation.hpp"
#include "api/resource.hpp"

namespace unik {

// `Ready=False/NoEligibleNode: 0 of 3 nodes fit: …`. `status` is `True`, `False` or `Unknown`.
struct Condition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;

  bool operator==(const Condition&) const = default;
};

// A published port that answers, or why it does not. `url` is empty then.
struct LaunchUrl {
  std::string port_name;
  std::string node;
  std::string url;  // `http://127.0.0.1:18080`
  std::string problem;

  bool operator==(const LaunchUrl&) const = default;
};

// `phase`: `pending` (nothing ready yet), `progressing`, `ready`, `degraded` (was ready, is short), `completed` (jobs),
// `failed`, `deleting`, `paused` (its rollout), `frozen` (an internal error stopped its planning).
struct AppView {
  App app;
  std::string phase;
  std::uint32_t desired = 0;
  std::uint32_t ready = 0;
  std::uint32_t up_to_date = 0;  // of the current rollout
  std::uint64_t rollout = 0;
  std::uint32_t restarts = 0;  // over its instances
  std::vector<Condition> conditions;
  std::vector<LaunchUrl> urls;
  WallTime created_at{};
  WallTime updated_at{};

  bool operator==(const AppView&) const = default;
};

// `goal`: `run` or `stop`. `node` is empty while it is not placed.
struct InstanceView {
  InstanceId id;
  std::string name;  // the short one
  std::string node;
  std::string image;
  std::string goal;
  InstanceStatus status;
  bool node_unknown = false;  // the node has been silent: the status is the last one known
  WallTime created_at{};

  bool operator==(const InstanceView&) const = default;
};

// `health`: `ready`, `unknown` (silent), `lost` (given up), `never_seen` (declared, no agent yet).
struct NodeView {
  Node node;
  Labels labels;  // that selectors see: those of the manifest, and of the agent where the manifest has none of the name
  std::string health;
  std::optional<NodeInfo> info;
  std::uint64_t agent_start = 0;  // of the agent that has registered: grows with each of its starts
  Resources allocatable;          // capacity less what is reserved
  Resources assigned;             // to instances, each VM's overhead included
  Resources used;                 // as the node measured
  std::uint32_t instances = 0;
  std::optional<Duration> last_report_ago;
  std::vector<Condition> conditions;
  WallTime created_at{};

  bool operator==(const NodeView&) const = default;
};

// One template in an app's history. `outcome`: `pending`, `good`, `failed`, `replaced` (before it was done).
struct TemplateView {
  std::uint64_t rollout = 0;
  WallTime at{};
  std::uint64_t generation = 0;
  std::string image;
  std::string outcome;
  bool automatic = false;
  std::string message;
  std::uint32_t instances = 0;  // that run it now

  bool operator==(const TemplateView&) const = default;
};

// GET /v1/rollouts/{app}: how far the current template has come, and those before it. `phase`: `progressing`, `done`,
// `paused`, `failed`, `deleting` (its app goes). `holds` says why old instances stay for now.
struct RolloutView {
  std::string tenant;
  std::string app;
  std::string strategy;
  std::string phase;
  std::string reason;
  std::string message;
  std::uint64_t rollout = 0;
  std::uint32_t desired = 0;
  std::uint32_t updated = 0;  // slots whose instance of the current template serves
  std::uint32_t old = 0;      // instances of other templates
  bool promoted = false;
  std::vector<std::string> holds;
  std::vector<TemplateView> history;  // newest first

  bool operator==(const RolloutView&) const = default;
};

struct TenantView {
  Tenant tenant;
  std::uint32_t apps = 0;
  std::uint32_t instances = 0;
  Resources assigned;
  std::uint32_t declared_instances = 0;  // replicas, and
  Resources declared;                    // replicas times resources
  // What counts against the quota: what is declared or, where that is more, what runs of it still or again.
  std::uint32_t used_instances = 0;
  Resources used;
  WallTime created_at{};

  bool operator==(const TenantView&) const = default;
};

// An instance that a node runs and this history does not know: it came with a history that was lost. It is left alone
// until somebody adopts or destroys it. `obstacle` says why it cannot be adopted; empty: it can.
struct QuarantinedView {
  std::string node;
  InstanceId id;
  std::string name;   // the short one
  std::string phase;  // as its node says; empty while the node is silent
  std::string obstacle;

  bool operator==(const QuarantinedView&) const = default;
};

// GET /v1/status: one tenant at one glance. `restored`: the store is older than what its nodes have accepted, and
// nothing is stopped or moved before `recover`. `quarantine` holds the tenant's.
struct StatusView {
  std::uint64_t revision = 0;
  std::string tenant;
  std::vector<AppView> apps;
  std::vector<InstanceView> instances;
  std::vector<Operation> operations;  // the recent ones, newest first
  std::vector<NodeView> nodes;
  bool restored = false;
  std::vector<QuarantinedView> quarantine;

  bool operator==(const StatusView&) const = default;
};

// What a changed field does to what runs, from least to most.
enum class ChangeEffect : std::uint8_t { kNone, kInPlace, kRestart, kReplace };

std::string_view to_string(ChangeEffect effect);
std::optional<ChangeEffect> parse_change_effect(std::string_view text);

// `from` and `to` are JSON texts; empty where the field is absent.
struct FieldChange {
  std::string path;  // `spec.replicas`
  std::string from;
  std::string to;
  ChangeEffect effect = ChangeEffect::kNone;

  bool operator==(const FieldChange&) const = default;
};

enum class ApplyVerb : std::uint8_t { kUnchanged, kCreated, kUpdated, kDeleted };

std::string_view to_string(ApplyVerb verb);
std::optional<ApplyVerb> parse_apply_verb(std::string_view text);

struct AppliedObject {
  Kind kind = Kind::kApp;
  std::string tenant;
  std::string name;
  ApplyVerb verb = ApplyVerb::kUnchanged;
  std::uint64_t generation = 0;
  ChangeEffect effect = ChangeEffect::kNone;  // of all its changes together
  std::vector<FieldChange> changes;

  bool operator==(const AppliedObject&) const = default;
};

// Where an instance would go. `node` is empty where nothing fits; `reason` and `message` then say why.
struct PlacementView {
  std::string tenant;
  std::string instance;  // the short name
  std::string node;
  std::string reason;
  std::string message;

  bool operator==(const PlacementView&) const = default;
};

// The answer to apply, deploy, destroy and delete. With `dry_run` nothing was written and `revision` is the one that
// the answer was computed on.
struct ApplyReply {
  std::uint64_t revision = 0;
  bool dry_run = false;
  std::vector<AppliedObject> objects;
  std::vector<Operation> operations;
  std::vector<PlacementView> placements;  // of a dry run: what would be placed first
  std::vector<std::string> notes;         // of a dry run: what was assumed, and what would stay as it is

  bool operator==(const ApplyReply&) const = default;
};

// One line of the event stream, for people: what changed, or why something did not.
struct EventView {
  std::uint64_t seq = 0;
  WallTime at{};
  std::string actor;
  std::string trace_id;
  std::string object;  // `app/web`, `instance/web-0-r42-1`, `node/n1`, `operation/op-42-0`
  std::string tenant;  // empty for what lives outside tenants
  std::string reason;  // `created`, `spec_changed`, `placed`, `running`, `exited`, …
  std::string message;

  bool operator==(const EventView&) const = default;
};

// GET /v1/explain/{kind}/{name}: the conditions and, step by step, why.
struct Explanation {
  std::string object;
  std::string summary;
  std::vector<Condition> conditions;
  std::vector<std::string> reasons;

  bool operator==(const Explanation&) const = default;
};

}  // namespace unik
