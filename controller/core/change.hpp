// The only way in which durable state moves. A Change carries the new value of one row, never a command, so that
// folding a journal means the same under every later program.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "api/action.hpp"
#include "api/messages.hpp"
#include "api/operation.hpp"
#include "api/resource.hpp"
#include "api/views.hpp"

namespace unik::controller {

// Compares what is pointed to, not where: rows share their big values, and sharing must not be visible.
template <typename T>
class Shared {
 public:
  Shared() = default;
  Shared(T value) : value_(std::make_shared<const T>(std::move(value))) {}

  explicit operator bool() const { return value_ != nullptr; }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

  bool operator==(const Shared& other) const {
    if (value_ == other.value_) return true;
    return value_ && other.value_ && *value_ == *other.value_;
  }

 private:
  std::shared_ptr<const T> value_;
};

// ---- Rows
// ------------------------------------------------------------------------------------------------------------

// `kProgressing`: instances are still to be replaced. `kDone`: every slot is served by the current template. `kPaused`:
// held by a user, or after a failure that nothing is left to go back to. `kFailed`: the first template, nothing to
// hold.
enum class RolloutPhase : std::uint8_t { kProgressing, kDone, kPaused, kFailed };

std::string_view to_string(RolloutPhase phase);
std::optional<RolloutPhase> parse_rollout_phase(std::string_view text);

struct RolloutState {
  RolloutPhase phase = RolloutPhase::kProgressing;
  bool promoted = false;                // canary: the others may follow
  bool blue_green = false;              // only instances like those of `live` hold the published ports
  bool held = false;                    // by a hand: what is paused goes no further, after what is done nothing begins
  std::uint64_t live = 0;               // the last rollout that was served as a whole; 0: none was
  std::uint64_t failed_generation = 0;  // the declared template of this generation failed; 0: none did
  std::string reason;                   // `progress_deadline`, `crash_loop`, `aborted`, …; empty while all is well
  std::string message;

  bool operator==(const RolloutState&) const = default;
};

// The reason that is told of a rollout that somebody has paused, and that has no other.
inline constexpr const char* kPausedByHand = "paused";

// By a hand, in the middle of it. Any other pause is that of a failure.
inline bool is_paused_by_hand(const RolloutState& state) {
  return state.phase == RolloutPhase::kPaused && state.held;
}

// How a template fared. `kReplaced`: another came before it was done.
enum class TemplateOutcome : std::uint8_t { kPending, kGood, kFailed, kReplaced };

std::string_view to_string(TemplateOutcome outcome);
std::optional<TemplateOutcome> parse_template_outcome(std::string_view text);

struct TemplateNote {
  std::uint64_t rollout = 0;
  WallTime at{};
  std::uint64_t generation = 0;  // of the app that declared it
  TemplateOutcome outcome = TemplateOutcome::kPending;
  bool automatic = false;  // a rollback that nobody asked for
  bool job = false;        // the app was a job when another template came: a service does not go back to it
  std::string message;
  std::optional<HealthCheck> health = {};  // as it was declared with it, for when the app declares none

  bool operator==(const TemplateNote&) const = default;
};

// Templates of an app that `rollback` can go back to, the current one included.
inline constexpr std::size_t kMaxHistory = 10;

// The rollout that the record `seq` introduces. A history that was lost may have given the numbers that follow a
// restored backup, so each recovery has a range of its own.
inline constexpr std::uint64_t kRolloutsPerRecovery = 1'000'000'000'000;

inline std::uint64_t rollout_number(Epoch epoch, std::uint64_t seq) {
  return epoch.recovery_count * kRolloutsPerRecovery + seq;
}

struct AppRow {
  Shared<App> app;
  std::uint64_t rollout = 0;  // `rollout_number` of the record that introduced the current template
  RolloutState state;
  std::vector<TemplateNote> history;    // oldest first; the last one is the current template's
  bool deleting = false;                // the row stays until the last instance has been seen absent
  std::uint64_t frozen_generation = 0;  // planning failed for this generation; 0: it did not
  std::string frozen_message;
  // The highest attempt of each slot whose instance is gone, for the current rollout: an id is never used twice.
  std::map<std::uint32_t, std::uint32_t> retired;
  // The same for the rollout `state.live`, whose template fills slots again while the current one is held.
  std::map<std::uint32_t, std::uint32_t> retired_live;
  std::string trace_id;  // of the request that changed it last
  WallTime created_at{};
  WallTime updated_at{};

  bool operator==(const AppRow&) const = default;
};

// `kUnknown`: silent. `kLost`: silent for so long that its instances may be replaced.
enum class NodeHealth : std::uint8_t { kNeverSeen, kReady, kUnknown, kLost };
inline constexpr std::size_t kNodeHealths = 4;

std::string_view to_string(NodeHealth health);
std::optional<NodeHealth> parse_node_health(std::string_view text);

struct NodeRow {
  Shared<Node> node;
  Shared<NodeInfo> info;  // empty until an agent has registered
  std::uint64_t agent_start = 0;
  std::string agent_id;  // of the agent that has registered; empty in rows from before agents had one
  Labels agent_labels;   // as it was started with; of one name the manifest's counts
  NodeHealth health = NodeHealth::kNeverSeen;
  std::uint64_t goals_revision = 0;  // the last commit that changed what this node should do
  // The recovery since which all that runs there is known or quarantined; it gets no goals of a later one before.
  std::uint64_t recovery = 0;
  WallTime created_at{};

  bool operator==(const NodeRow&) const = default;
};

struct TenantRow {
  Shared<Tenant> tenant;
  WallTime created_at{};

  bool operator==(const TenantRow&) const = default;
};

enum class InstanceGoal : std::uint8_t { kRun, kStop };

std::string_view to_string(InstanceGoal goal);
std::optional<InstanceGoal> parse_instance_goal(std::string_view text);

struct InstanceRow {
  Symbol node;  // empty while there is no place for it; `status.reason` says why
  InstanceGoal goal = InstanceGoal::kRun;
  std::uint64_t goal_revision = 0;  // the commit that set `node` and `goal`
  WallTime created_at{};
  Shared<InstanceStatus> status;  // the last transition that was journaled; never empty

  bool operator==(const InstanceRow&) const = default;
};

// A VM that a node reported and nobody wants; it stays listed as EnsureAbsent until it is gone. `quarantined`: a lost
// history may have wanted it, so that it is left alone until somebody decides.
struct StrayKey {
  Symbol node;
  InstanceId id;

  auto operator<=>(const StrayKey&) const = default;
};
struct StrayRow {
  std::uint64_t goal_revision = 0;
  bool quarantined = false;

  bool operator==(const StrayRow&) const = default;
};

struct TemplateKey {
  AppName app;
  std::uint64_t rollout = 0;

  auto operator<=>(const TemplateKey&) const = default;
};

// Orders operations by age.
struct OperationKey {
  std::uint64_t seq = 0;
  std::uint32_t index = 0;

  auto operator<=>(const OperationKey&) const = default;
};

std::string to_string(const OperationKey& key);
std::optional<OperationKey> parse_operation_key(std::string_view text);

// The first answer to an idempotency key.
struct AnswerRow {
  std::uint64_t body_hash = 0;
  ApplyReply reply;
  WallTime at{};

  bool operator==(const AnswerRow&) const = default;
};

// `history_lost`: a node has accepted goals that we never gave, or committed records are missing. Nothing is stopped,
// moved or declared until `recover`. `awaits_leases`: after it, strict singletons of the lost history may still have
// their leases.
struct ClusterRow {
  std::string cluster_id;
  Epoch epoch;
  bool history_lost = false;
  bool awaits_leases = false;

  bool operator==(const ClusterRow&) const = default;
};

// ---- Changes
// ---------------------------------------------------------------------------------------------------------

struct PutCluster {
  ClusterRow row;
  bool operator==(const PutCluster&) const = default;
};
struct PutApp {
  AppRow row;
  bool operator==(const PutApp&) const = default;
};
struct RemoveApp {
  AppName name;
  bool operator==(const RemoveApp&) const = default;
};
struct PutNode {
  NodeRow row;
  bool operator==(const PutNode&) const = default;
};
struct RemoveNode {
  Symbol name;
  bool operator==(const RemoveNode&) const = default;
};
struct PutTenant {
  TenantRow row;
  bool operator==(const PutTenant&) const = default;
};
struct RemoveTenant {
  Symbol name;
  bool operator==(const RemoveTenant&) const = default;
};
struct PutTemplate {
  TemplateKey key;
  Shared<BootSpec> boot;
  bool operator==(const PutTemplate&) const = default;
};
struct RemoveTemplate {
  TemplateKey key;
  bool operator==(const RemoveTemplate&) const = default;
};
// Why an instance is stopped: `cause` is one word to count by, the bucket of `diff.hpp`.
struct StopReason {
  std::string cause;
  std::string text;
  bool operator==(const StopReason&) const = default;
};
// Sets where an instance is and what it should do; the status comes with it when it is new.
struct PutInstance {
  InstanceId id;
  InstanceRow row;
  StopReason why = {};  // where the row's goal has just become to stop
  bool operator==(const PutInstance&) const = default;
};
struct RemoveInstance {
  InstanceId id;
  std::string why = {};  // how its absence is known
  bool operator==(const RemoveInstance&) const = default;
};
// A transition that its node reported.
struct ObserveInstance {
  InstanceId id;
  Shared<InstanceStatus> status;
  bool operator==(const ObserveInstance&) const = default;
};
struct PutStray {
  StrayKey key;
  StrayRow row;
  bool operator==(const PutStray&) const = default;
};
struct RemoveStray {
  StrayKey key;
  bool operator==(const RemoveStray&) const = default;
};
struct PutOperation {
  OperationKey key;
  Shared<Operation> operation;
  bool operator==(const PutOperation&) const = default;
};
struct RemoveOperation {
  OperationKey key;
  bool operator==(const RemoveOperation&) const = default;
};
struct PutAnswer {
  std::string key;
  Shared<AnswerRow> row;
  bool operator==(const PutAnswer&) const = default;
};
struct RemoveAnswer {
  std::string key;
  bool operator==(const RemoveAnswer&) const = default;
};

// Whose request the changes of these apps and their instances go back to, where that is another than the record's own.
// Stands before them and moves no table.
struct NoteTrace {
  std::string trace_id;
  std::vector<AppName> apps;
  bool operator==(const NoteTrace&) const = default;
};

// What no row shows, for people: an event of a node (`node/n1`) or of the whole (`cluster`). Moves no table.
struct NoteEvent {
  std::string object;
  std::string reason;
  std::string message;
  bool operator==(const NoteEvent&) const = default;
};

using Change = std::variant<PutCluster, PutApp, RemoveApp, PutNode, RemoveNode, PutTenant, RemoveTenant, PutTemplate,
                            RemoveTemplate, PutInstance, RemoveInstance, ObserveInstance, PutStray, RemoveStray,
                            PutOperation, RemoveOperation, PutAnswer, RemoveAnswer, NoteTrace, NoteEvent>;

// One commit. `seq` is its place in the journal, without gaps; `prev_hash` chains it to the one before.
struct Record {
  std::uint64_t seq = 0;
  Epoch epoch;
  WallTime at{};
  std::string actor;
  std::string trace_id;
  std::vector<Change> changes;

  bool operator==(const Record&) const = default;
};

inline constexpr std::size_t kMaxChangesPerRecord = 5000;

}  // namespace unik::controller
