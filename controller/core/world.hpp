// Everything that decisions are made from, as one value.
//
// The tables are durable: they move only by `apply`, and folding the journal gives them back exactly. `observed` is
// what nodes have said since this controller started; it is lost at a restart and never guessed. Copying a World is
// cheap (cow_map.hpp) and is how drafts, snapshots for readers and undo work.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <variant>

#include "controller/core/change.hpp"
#include "controller/core/cow_map.hpp"

namespace unik::controller {

// What may have moved since the last plan.
struct Dirty {
  std::set<AppName> apps;
  std::set<Symbol> nodes;
  bool capacity = false;    // a node has more room than before: what waits for a place is tried again
  bool everything = false;  // the resync
  bool turns = false;       // whether any turn of operations is free is otherwise than when it was last looked at

  bool empty() const { return apps.empty() && nodes.empty() && !capacity && !everything && !turns; }
};
void merge(Dirty& into, Dirty from);

// A ReportBody whose statuses are those of the tables where they say the same: so they are in memory once.
struct SeenInstance {
  InstanceId id;
  Shared<InstanceStatus> status;

  bool operator==(const SeenInstance&) const = default;
};
struct SeenBody {
  std::vector<SeenInstance> instances;  // in the order of ids
  std::vector<ObservedPublication> publications;
  Resources used;

  bool operator==(const SeenBody&) const = default;
};

// The newest report of a node. `received` is in the loop's time, which does not pass while the loop is stopped.
struct NodeObservation {
  std::string boot_id;
  std::uint64_t agent_start = 0;
  std::uint64_t seq = 0;
  Stamp accepted_stamp;
  std::uint64_t digest = 0;
  Shared<SeenBody> body;  // never empty

  bool operator==(const NodeObservation&) const = default;
};
struct Observed {
  std::shared_ptr<const NodeObservation> report;
  Time received;
};

// What is promised on a node: the sum over its instances that take room there, each with its VM's overhead. Derived.
struct NodeLoad {
  Resources assigned;
  std::uint32_t instances = 0;  // those that have ended too

  bool operator==(const NodeLoad&) const = default;
};

// A share of a tenant's quota.
struct TenantUsage {
  std::int64_t instances = 0;
  Resources resources;

  TenantUsage& operator+=(const TenantUsage& other);
  TenantUsage& operator-=(const TenantUsage& other);
  bool operator==(const TenantUsage&) const = default;
};

// What a tenant's apps come to, summed up. Derived.
struct TenantTotals {
  TenantUsage declared;  // replicas times resources
  TenantUsage placed;    // `held_share` of every slot

  bool operator==(const TenantTotals&) const = default;
};

struct NodeInstance {
  Symbol node;
  InstanceId id;

  auto operator<=>(const NodeInstance&) const = default;
};
struct ImageTemplate {
  std::uint64_t image = 0;  // the stable hash of its name
  TemplateKey key;

  auto operator<=>(const ImageTemplate&) const = default;
};
struct AppOperation {
  AppName app;
  OperationKey key;

  auto operator<=>(const AppOperation&) const = default;
};

// Times of this controller's own loop, begun anew when it starts: a deadline never runs out while nobody looks.
struct RolloutClock {
  std::uint64_t rollout = 0;
  std::uint32_t arrived = 0;       // instances that serve
  std::uint32_t most_arrived = 0;  // that have ever served at once
  Time progressed;                 // when one more than ever did
  std::optional<Time> baking;      // since when all canaries serve
  std::optional<Time> stopped;     // since when, at the last look, both times stand still

  bool operator==(const RolloutClock&) const = default;
};
struct NodeClock {
  std::optional<Time> drain_began;
  Duration drain_deadline{};  // that counts from then: another one begins anew
  std::uint32_t returns = 0;  // from having been unknown, one after the other
  Time returned;              // the last one
  Time held_until;            // nothing new is placed there before
  bool drained = false;       // `is_drained`, as it was last told

  bool operator==(const NodeClock&) const = default;
};
struct Clocks {
  CowMap<AppName, RolloutClock> rollouts;
  CowMap<InstanceId, Time> ready_since;
  CowMap<Symbol, NodeClock> nodes;
  Time last_lost;         // when a node was last given up
  Time last_isolated;     // when so many were silent that none was
  bool isolated = false;  // `is_isolated`, as it was last told
};

// How many operations are at work at once unless the controller was told otherwise.
inline constexpr std::uint32_t kMaxOperationsAtWork = 64;

struct World {
  // Durable.
  std::uint64_t revision = 0;  // of the last record applied
  ClusterRow cluster;
  std::uint64_t last_uid = 0;
  CowMap<AppName, AppRow> apps;
  CowMap<Symbol, NodeRow> nodes;
  CowMap<Symbol, TenantRow> tenants;
  CowMap<TemplateKey, Shared<BootSpec>> templates;
  CowMap<InstanceId, InstanceRow> instances;
  CowMap<StrayKey, StrayRow> strays;
  CowMap<OperationKey, Shared<Operation>> operations;
  CowMap<std::string, Shared<AnswerRow>> answers;

  // Derived from the tables above by `apply`.
  CowMap<NodeInstance, std::monostate> by_node;
  CowMap<AppOperation, std::monostate> active_operations;
  CowMap<OperationKey, AppName> queued_operations;         // those that wait for their turn, the oldest first
  CowMap<OperationKey, AppName> blocked_operations;        // those that wait for something else
  CowMap<OperationKey, std::monostate> unfinished_builds;  // in none of the two above
  std::uint32_t operations_at_work = 0;
  CowMap<Symbol, NodeLoad> loads;
  CowMap<InstanceId, std::monostate> unplaced;  // wanted, without a node
  CowMap<InstanceId, std::monostate> stranded;  // wanted, on a node that cannot start them
  CowMap<ImageTemplate, std::monostate> by_image;
  std::array<std::uint32_t, kNodeHealths> nodes_by_health{};
  CowMap<Symbol, TenantTotals> usage;  // by tenant; those of nothing are left out

  // Not durable.
  std::uint32_t max_operations = kMaxOperationsAtWork;
  Time started;  // when this controller's loop began, in its own time
  Time as_of;    // when this copy was published
  CowMap<Symbol, Observed> observed;
  Clocks clocks;
  bool history_lost = false;  // `Restored`: seen, and perhaps not yet in `cluster`
};

// Fills the derived parts from the tables, for a World that was read from a store.
void derive(World& world);

// Fills `usage` alone.
void derive_usage(World& world);

// Whether the durable parts are the same.
bool same_tables(const World& a, const World& b);

// What `body` says, beside what `world` has.
Shared<SeenBody> seen_body(const World& world, const ReportBody& body);

// Makes `into` hold the pages of `from` where it has the same tables on pages of its own, so that they are in memory
// once.
void share_tables(World& into, const World& from);

// Moves the tables by one change of the record `world.revision`. Names what it touched in `dirty` when that is given.
// A change of an unknown row is a programmer error.
void apply(World& world, const Change& change, Dirty* dirty = nullptr);

// Moves the tables by one record, which must be the next.
void apply(World& world, const Record& record, Dirty* dirty = nullptr);

// What `instances` of the app count against its tenant's quota: what it declares, without the VMs' overhead.
TenantUsage usage_of(const App& app, std::uint32_t instances);

// What a slot holds of its tenant's quota: one instance and, of CPU and of memory, what the largest of those takes that
// have a node, until they have been seen gone. So a rollout's surge is free, and what runs counts whatever is declared.
TenantUsage held_share(const World& world, const AppName& app, std::uint32_t slot);

// Of nothing, when it has none.
TenantTotals totals_of(const World& world, Symbol tenant);

// Whether one more operation may be at work.
bool has_free_turn(const World& world);

// Whether its node must keep CPU and memory for it: not for what has ended and is never started again under its id.
bool takes_room(const InstanceRow& row);

// Whether its node says that it could not start the VM, and not that the app had ended.
bool cannot_be_started(const InstanceStatus& status);

// What one instance of `boot` takes of a node: its own CPU and memory and the VM's overhead there.
Resources footprint(const BootSpec& boot, const NodeRow& node);

// What a node can give away: capacity less `reserved`, never negative; nothing before an agent has registered.
Resources allocatable(const NodeRow& node);

// The rows of one app, in order of slot, rollout, attempt.
template <typename Visit>
void for_each_instance(const World& world, const AppName& app, Visit visit) {
  for (auto it = world.instances.lower_bound(InstanceId{app.tenant, app.app, 0, 0, 0});
       it != world.instances.end() && it->first.app_name() == app; ++it)
    visit(it->first, it->second);
}

// The instances assigned to one node, in order.
template <typename Visit>
void for_each_on_node(const World& world, Symbol node, Visit visit) {
  for (auto it = world.by_node.lower_bound(NodeInstance{node, {}}); it != world.by_node.end() && it->first.node == node;
       ++it)
    visit(it->first.id, *world.instances.find(it->first.id));
}

template <typename Visit>
void for_each_stray(const World& world, Symbol node, Visit visit) {
  for (auto it = world.strays.lower_bound(StrayKey{node, {}}); it != world.strays.end() && it->first.node == node; ++it)
    visit(it->first.id, it->second);
}

}  // namespace unik::controller
