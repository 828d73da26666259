#include "controller/core/events.hpp"

#include <utility>

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
    if (change.row.updated_at != record_.at) return rollout(metadata, change.row);
    if (metadata.generation == 1) return app(metadata, "created", generation);
    if (is_new_template) return app(metadata, "rollout", generation + " has a new template");
    app(metadata, "changed", generation);
  }
  void operator()(const RemoveApp& change) {
    tell("app/" + change.name.app.str(), change.name.tenant.str(), "removed", "its last instance is gone");
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
    tell("tenant/" + change.row.tenant->metadata.name, "", "changed",
         "generation " + std::to_string(change.row.tenant->metadata.generation));
  }
  void operator()(const RemoveTenant& change) { tell("tenant/" + change.name.str(), "", "removed", ""); }

  void operator()(const PutTemplate&) {}
  void operator()(const RemoveTemplate&) {}

  void operator()(const PutInstance& change) {
    if (change.row.goal == InstanceGoal::kStop) return instance(change.id, "stopping", "on " + change.row.node.str());
    if (change.row.node.empty()) return instance(change.id, change.row.status->reason, change.row.status->message);
    instance(change.id, "placed", "on " + change.row.node.str());
  }
  void operator()(const RemoveInstance& change) { instance(change.id, "gone", "seen absent"); }

  void operator()(const ObserveInstance& change) {
    const InstanceStatus& status = *change.status;
    std::string message(status.message);
    if (status.phase == Phase::kRunning && status.boot.start.count() > 0)
      message = "booted in " + std::to_string(status.boot.start.count() / 1000) + " ms (" + status.accelerator + ")" +
                (message.empty() ? "" : "; " + message);
    if (status.health != Health::kNone)
      message += (message.empty() ? "" : "; ") + std::string(to_string(status.health));
    if (status.restarts > 0) message += (message.empty() ? "" : "; ") + std::to_string(status.restarts) + " restarts";
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

  std::vector<EventView> take() && { return std::move(events_); }

 private:
  void app(const Metadata& metadata, std::string reason, std::string message) {
    tell("app/" + metadata.name, metadata.tenant, std::move(reason), std::move(message));
  }
  void rollout(const Metadata& metadata, const AppRow& row) {
    const std::string number = "rollout " + std::to_string(row.rollout);
    if (row.rollout == rollout_number(record_.epoch, record_.seq) && !row.history.empty()) {
      const TemplateNote& note = row.history.back();
      return app(metadata, note.automatic ? "rolled_back" : "rollout", number + ": " + note.message);
    }
    std::string message = number + " is " + std::string(to_string(row.state.phase));
    if (row.state.promoted && row.state.phase == RolloutPhase::kProgressing) message += ", promoted";
    if (!row.state.message.empty()) message += ": " + row.state.message;
    app(metadata, "rollout_" + std::string(to_string(row.state.phase)), std::move(message));
  }
  void instance(const InstanceId& id, std::string reason, std::string message) {
    tell("instance/" + short_name(id), id.tenant.str(), std::move(reason), std::move(message));
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
  std::vector<EventView> events_;
};

}  // namespace

std::vector<EventView> events_of(const Record& record) {
  Teller teller(record);
  for (const Change& change : record.changes) std::visit(teller, change);
  return std::move(teller).take();
}

}  // namespace unik::controller
