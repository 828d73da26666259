#include "controller/core/events.hpp"

#include <map>
#include <utility>

#include "controller/core/steer.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

class Teller {
 public:
  explicit Teller(const Record& record) : record_(record) {}

  void operator()(const PutCluster& change) {
    const Epoch& epoch = change.row.epoch;
    recovering_ = epoch.recovery_count > 0 && !change.row.history_lost;
    if (change.row.history_lost)
      return tell("cluster", "", "restored",
                  "a later history than this store's was lost: nothing is stopped or moved until `unikctl recover`");
    if (recovering_) return tell("cluster", "", "recovered", "recovery " + std::to_string(epoch.recovery_count));
    tell("cluster", "", "cluster", "cluster " + change.row.cluster_id);
  }

  void operator()(const PutApp& change) {
    const Metadata& metadata = change.row.app->metadata;
    const std::string generation = "generation " + std::to_string(metadata.generation);
    if (change.row.deleting) return app(metadata, "deleting", "its instances are being stopped");
    if (change.row.frozen_generation == metadata.generation) return app(metadata, "frozen", change.row.frozen_message);
    const bool is_new_template = change.row.rollout == rollout_number(record_.epoch, record_.seq);
    if (is_new_template && recovering_)
      return app(metadata, "renumbered", "its next instances have numbers that the lost history never gave");
    // What a user declares is as old as its record; anything else is how its rollout goes.
    const auto [told, is_first] = told_.try_emplace(change.row.app->name(), change.row.state);
    if (!is_first && std::exchange(told->second, change.row.state) == change.row.state) return;
    if (!is_first || change.row.updated_at != record_.at) return progress(metadata, change.row, !is_first);
    if (change.row.created_at == record_.at) return app(metadata, "created", generation);
    if (is_new_template) return app(metadata, "rollout", generation + " has a new template");
    app(metadata, "changed", generation);
  }
  void operator()(const RemoveApp& change) {
    tell("app/" + change.name.app.str(), change.name.tenant.str(), "removed", "its last instance is gone");
    trace_to(change.name);
  }

  void operator()(const PutNode& change) {
    std::string message = "health " + std::string(to_string(change.row.health));
    if (!change.row.node->spec.schedulable) message += ", cordoned";
    if (change.row.node->spec.drain.enabled) message += ", to be drained";
    if (change.row.info) message += ", " + change.row.info->accelerator;
    tell("node/" + change.row.node->metadata.name, "", std::string(to_string(change.row.health)), std::move(message));
  }
  void operator()(const RemoveNode& change) { tell("node/" + change.name.str(), "", "removed", ""); }

  void operator()(const PutTenant& change) {
    const bool is_new = change.row.created_at == record_.at;
    tell("tenant/" + change.row.tenant->metadata.name, "", is_new ? "created" : "changed",
         "generation " + std::to_string(change.row.tenant->metadata.generation));
  }
  void operator()(const RemoveTenant& change) { tell("tenant/" + change.name.str(), "", "removed", ""); }

  void operator()(const PutTemplate&) {}
  void operator()(const RemoveTemplate&) {}

  void operator()(const PutInstance& change) {
    if (change.row.goal == InstanceGoal::kStop)
      return instance(change.id, "stopping",
                      (change.row.node.empty() ? "no node has it" : "on " + change.row.node.str()) +
                          (change.why.text.empty() ? "" : ": " + change.why.text));
    if (change.row.node.empty()) return instance(change.id, change.row.status->reason, change.row.status->message);
    instance(change.id, "placed", "on " + change.row.node.str());
  }
  void operator()(const RemoveInstance& change) {
    instance(change.id, "gone", change.why.empty() ? "seen absent" : change.why);
  }

  void operator()(const ObserveInstance& change) {
    const InstanceStatus& status = *change.status;
    std::string message(status.message);
    if (status.phase == Phase::kRunning && status.boot.start.count() > 0)
      message = "booted in " + std::to_string(status.boot.start.count() / 1000) + " ms (" + status.accelerator.str() +
                ")" + (message.empty() ? "" : "; " + message);
    if (status.health != Health::kNone)
      message += (message.empty() ? "" : "; ") + std::string(to_string(status.health));
    if (status.restarts > 0) message += (message.empty() ? "" : "; ") + counted(status.restarts, "restart");
    instance(change.id, status.reason.empty() ? std::string(to_string(status.phase)) : status.reason,
             std::move(message));
  }

  void operator()(const PutStray& change) {
    const std::string instance = "instance/" + short_name(change.key.id);
    if (change.row.quarantined)
      return tell(instance, change.key.id.tenant.str(), "quarantined",
                  "runs on " + change.key.node.str() + " and this history does not know it: adopt or destroy it");
    tell(instance, change.key.id.tenant.str(), "stray",
         "runs on " + change.key.node.str() + " and nobody wants it: it is being stopped");
  }
  void operator()(const RemoveStray& change) {
    tell("instance/" + short_name(change.key.id), change.key.id.tenant.str(), "stray_gone",
         "on " + change.key.node.str());
  }

  void operator()(const PutOperation& change) {
    const Operation& operation = *change.operation;
    tell("operation/" + operation.operation_id, operation.target.tenant.str(), std::string(to_string(operation.state)),
         std::string(to_string(operation.kind)) + " " + operation.target.app.str() +
             (operation.message.empty() ? "" : ": " + operation.message));
    if (!operation.trace_id.empty()) events_.back().trace_id = operation.trace_id;
  }
  void operator()(const RemoveOperation&) {}
  void operator()(const PutAnswer&) {}
  void operator()(const RemoveAnswer&) {}
  void operator()(const NoteEvent& change) { tell(change.object, "", change.reason, change.message); }
  void operator()(const NoteTrace& change) {
    for (const AppName& app : change.apps) traces_[app] = change.trace_id;
  }

  std::vector<EventView> take() && { return std::move(events_); }

 private:
  void app(const Metadata& metadata, std::string reason, std::string message) {
    tell("app/" + metadata.name, metadata.tenant, std::move(reason), std::move(message));
    trace_to({Symbol(metadata.tenant), Symbol(metadata.name)});
  }
  void progress(const Metadata& metadata, const AppRow& row, bool introduced) {
    const std::string number = "rollout " + std::to_string(row.rollout);
    if (!introduced && row.rollout == rollout_number(record_.epoch, record_.seq) && !row.history.empty()) {
      const TemplateNote& note = row.history.back();
      return app(metadata, note.automatic ? "rolled_back" : "rollout", number + ": " + note.message);
    }
    std::string message = number + " is " + std::string(to_string(row.state.phase));
    if (row.state.promoted && row.state.phase == RolloutPhase::kProgressing) message += ", promoted";
    if (const Verdict told = told_of(row); !told.message.empty()) message += ": " + told.message;
    const RolloutPhase shown = row.state.held ? RolloutPhase::kPaused : row.state.phase;
    app(metadata, "rollout_" + std::string(to_string(shown)), std::move(message));
  }
  void instance(const InstanceId& id, std::string reason, std::string message) {
    tell("instance/" + short_name(id), id.tenant.str(), std::move(reason), std::move(message));
    trace_to(id.app_name());
  }
  // Whose request it goes back to, where the record notes that.
  void trace_to(const AppName& app) {
    if (const auto found = traces_.find(app); found != traces_.end()) events_.back().trace_id = found->second;
  }
  void tell(std::string object, std::string tenant, std::string reason, std::string message) {
    EventView event;
    event.seq = record_.seq;
    event.at = record_.at;
    event.actor = record_.actor;
    event.trace_id = record_.trace_id;
    event.object = std::move(object);
    event.tenant = std::move(tenant);
    event.reason = std::move(reason);
    event.message = std::move(message);
    events_.push_back(std::move(event));
  }

  const Record& record_;
  bool recovering_ = false;  // as the record's first change says
  std::map<AppName, std::string> traces_;
  std::map<AppName, RolloutState> told_;  // as the record's last change of each app left it
  std::vector<EventView> events_;
};

}  // namespace

std::vector<EventView> events_of(const Record& record) {
  Teller teller(record);
  for (const Change& change : record.changes) std::visit(teller, change);
  return std::move(teller).take();
}

}  // namespace unik::controller
