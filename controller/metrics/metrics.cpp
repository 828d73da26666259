#include "controller/metrics/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <sstream>
#include <utility>

#include "controller/core/node_watch.hpp"

namespace unik::controller {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets kOperationSeconds = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
const Buckets kBootSeconds = {0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4};
const Buckets kTurnSeconds = {0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1};
const Buckets kRetries = {0, 1, 2, 3, 5, 10, 20};

double seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

}  // namespace

struct Metrics::Families {
  // Whether this is the first word of a boot, which is measured once.
  bool ends_a_boot(const InstanceId& id, const InstanceStatus& status) {
    if (status.phase != Phase::kRunning || status.boot.start <= Duration::zero()) return false;
    const std::lock_guard lock(mutex);
    const auto [known, is_new] = booted.try_emplace(id, status.started_at);
    return std::exchange(known->second, status.started_at) != status.started_at || is_new;
  }
  void forget(const InstanceId& id) {
    const std::lock_guard lock(mutex);
    booted.erase(id);
  }

  std::mutex mutex;
  std::map<InstanceId, WallTime> booted;  // when each instance's last measured boot was

  prometheus::Registry registry;
  prometheus::Family<prometheus::Histogram>& operation_seconds = prometheus::BuildHistogram()
                                                                     .Name("unikctl_operation_duration_seconds")
                                                                     .Help("From asking to done, by kind and outcome")
                                                                     .Register(registry);
  prometheus::Family<prometheus::Counter>& operation_failures = prometheus::BuildCounter()
                                                                    .Name("unikctl_operation_failures_total")
                                                                    .Help("Operations that failed, by kind and reason")
                                                                    .Register(registry);
  prometheus::Family<prometheus::Histogram>& operation_attempts =
      prometheus::BuildHistogram()
          .Name("unikctl_operation_retries")
          .Help("Boots beyond the first of each instance that an operation needed")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& boot_seconds =
      prometheus::BuildHistogram()
          .Name("unikctl_boot_duration_seconds")
          .Help("From the start of the VMM to the start of the app, by accelerator")
          .Register(registry);
  prometheus::Histogram& turn_seconds = prometheus::BuildHistogram()
                                            .Name("unikctl_loop_turn_duration_seconds")
                                            .Help("One turn of the controller's loop")
                                            .Register(registry)
                                            .Add({}, kTurnSeconds);
  prometheus::Counter& events = prometheus::BuildCounter()
                                    .Name("unikctl_loop_events_total")
                                    .Help("Events that the loop has taken")
                                    .Register(registry)
                                    .Add({});
  prometheus::Gauge& journal_records = prometheus::BuildGauge()
                                           .Name("unikctl_journal_records")
                                           .Help("Records of the journal after the one that history begins at")
                                           .Register(registry)
                                           .Add({});
  prometheus::Gauge& journal_head = prometheus::BuildGauge()
                                        .Name("unikctl_journal_head")
                                        .Help("Sequence of the last record of the journal")
                                        .Register(registry)
                                        .Add({});
  prometheus::Family<prometheus::Gauge>& instances =
      prometheus::BuildGauge().Name("unikctl_instances").Help("Instances by phase").Register(registry);
  prometheus::Family<prometheus::Gauge>& nodes =
      prometheus::BuildGauge().Name("unikctl_nodes").Help("Nodes by health").Register(registry);
  prometheus::Gauge& bound = prometheus::BuildGauge()
                                 .Name("unikctl_instances_bound")
                                 .Help("Instances that have a node")
                                 .Register(registry)
                                 .Add({});
  prometheus::Gauge& unplaced = prometheus::BuildGauge()
                                    .Name("unikctl_instances_unplaced")
                                    .Help("Instances that no node fits")
                                    .Register(registry)
                                    .Add({});
  prometheus::Gauge& draining = prometheus::BuildGauge()
                                    .Name("unikctl_nodes_draining")
                                    .Help("Nodes that are being drained and are not empty yet")
                                    .Register(registry)
                                    .Add({});
  prometheus::Gauge& blocked = prometheus::BuildGauge()
                                   .Name("unikctl_nodes_drain_blocked")
                                   .Help("Nodes whose drain waits for room elsewhere or for somebody")
                                   .Register(registry)
                                   .Add({});
  prometheus::Gauge& cordoned = prometheus::BuildGauge()
                                    .Name("unikctl_nodes_cordoned")
                                    .Help("Nodes that get nothing new, by an operator's word")
                                    .Register(registry)
                                    .Add({});
  prometheus::Gauge& held_down = prometheus::BuildGauge()
                                     .Name("unikctl_nodes_held_down")
                                     .Help("Nodes that get nothing new since they came back again and again")
                                     .Register(registry)
                                     .Add({});
  prometheus::Family<prometheus::Counter>& stops =
      prometheus::BuildCounter()
          .Name("unikctl_instances_stopped_total")
          .Help("Instances that were told to stop, by why: evicted, displaced, lost, outdated, surplus, relocated")
          .Register(registry);
  prometheus::Gauge& isolated = prometheus::BuildGauge()
                                    .Name("unikctl_isolated")
                                    .Help("1 while so many nodes are silent that none is given up")
                                    .Register(registry)
                                    .Add({});
  prometheus::Family<prometheus::Gauge>& rollouts =
      prometheus::BuildGauge().Name("unikctl_rollouts").Help("Apps by the phase of their rollout").Register(registry);
  prometheus::Family<prometheus::Counter>& rollbacks =
      prometheus::BuildCounter()
          .Name("unikctl_rollbacks_total")
          .Help("Rollouts that were given up for an older template, by reason")
          .Register(registry);
  prometheus::Gauge& apps =
      prometheus::BuildGauge().Name("unikctl_apps").Help("Declared apps").Register(registry).Add({});
};

// What has never happened is there as 0: a rate over what comes only with its first event has nothing to begin at. The
// reasons of failures are an open set, and so not among it; of those of rollbacks, the gates' own are, and
// `crash_loop`.
Metrics::Metrics() : families_(std::make_unique<Families>()) {
  for (const OperationKind kind : {OperationKind::kDeploy, OperationKind::kDestroy, OperationKind::kBuild}) {
    const std::string name(to_string(kind));
    families_->operation_attempts.Add({{"kind", name}}, kRetries);
    for (const OperationState state : {OperationState::kSucceeded, OperationState::kFailed})
      families_->operation_seconds.Add({{"kind", name}, {"state", std::string(to_string(state))}}, kOperationSeconds);
  }
  for (const char* const cause : {"evicted", "displaced", "lost", "outdated", "surplus", "relocated"})
    families_->stops.Add({{"cause", cause}});
  for (const char* const reason : {"boot_time", "crash_loop", "progress_deadline", "restarts"})
    families_->rollbacks.Add({{"reason", reason}});
}
Metrics::~Metrics() = default;

void Metrics::begin(const World& world) {
  const std::lock_guard lock(families_->mutex);
  for (const auto& [id, row] : world.instances)
    if (row.status->phase == Phase::kRunning) families_->booted.try_emplace(id, row.status->started_at);
}

void Metrics::turned(Duration turn_time, std::size_t events) {
  families_->turn_seconds.Observe(seconds(turn_time));
  families_->events.Increment(static_cast<double>(events));
}

void Metrics::committed(const Record& record) {
  for (const Change& change : record.changes) {
    if (const auto* const put = std::get_if<PutOperation>(&change)) {
      const Operation& operation = *put->operation;
      if (!is_final(operation)) continue;
      const std::string kind(to_string(operation.kind));
      const std::string state(to_string(operation.state));
      families_->operation_seconds.Add({{"kind", kind}, {"state", state}}, kOperationSeconds)
          .Observe(seconds(operation.updated_at - operation.created_at));
      families_->operation_attempts.Add({{"kind", kind}}, kRetries)
          .Observe(operation.attempts > 0 ? operation.attempts - 1 : 0);
      if (operation.error)
        families_->operation_failures.Add({{"kind", kind}, {"reason", operation.error->reason}}).Increment();
    } else if (const auto* const app = std::get_if<PutApp>(&change)) {
      const bool begun = app->row.rollout == rollout_number(record.epoch, record.seq) && !app->row.history.empty();
      if (begun && app->row.history.back().automatic)
        families_->rollbacks.Add({{"reason", app->row.state.reason}}).Increment();
    } else if (const auto* const seen = std::get_if<ObserveInstance>(&change)) {
      const InstanceStatus& status = *seen->status;
      if (families_->ends_a_boot(seen->id, status))
        families_->boot_seconds.Add({{"accelerator", status.accelerator.str()}}, kBootSeconds)
            .Observe(seconds(status.boot.start));
    } else if (const auto* const put_instance = std::get_if<PutInstance>(&change)) {
      if (const std::string& cause = put_instance->why.cause; !cause.empty())
        families_->stops.Add({{"cause", cause}}).Increment();
    } else if (const auto* const gone = std::get_if<RemoveInstance>(&change)) {
      families_->forget(gone->id);
    }
  }
}

std::string Metrics::text(const World& world, std::uint64_t journal_floor) {
  std::map<Phase, double> phases = {
      {Phase::kPending, 0}, {Phase::kRunning, 0}, {Phase::kExited, 0}, {Phase::kFailed, 0}};
  for (const auto& [id, row] : world.instances) ++phases[row.status->phase];
  for (const auto& [phase, count] : phases)
    families_->instances.Add({{"phase", std::string(to_string(phase))}}).Set(count);
  std::map<NodeHealth, double> healths;
  for (std::size_t health = 0; health < kNodeHealths; ++health) healths[static_cast<NodeHealth>(health)] = 0;
  double draining = 0;
  double blocked = 0;
  double cordoned = 0;
  double held_down = 0;
  for (const auto& [name, row] : world.nodes) {
    ++healths[row.health];
    if (row.node->spec.drain.enabled && !is_drained(world, name)) {
      ++draining;
      if (is_drain_blocked(world, name)) ++blocked;
    }
    if (!row.node->spec.schedulable) ++cordoned;
    const NodeClock* const clock = world.clocks.nodes.find(name);
    if (clock != nullptr && world.as_of < clock->held_until) ++held_down;
  }
  families_->draining.Set(draining);
  families_->blocked.Set(blocked);
  families_->cordoned.Set(cordoned);
  families_->held_down.Set(held_down);
  families_->isolated.Set(is_isolated(world, world.as_of) ? 1 : 0);
  families_->unplaced.Set(static_cast<double>(world.unplaced.size()));
  families_->bound.Set(static_cast<double>(world.instances.size() - world.unplaced.size()));
  std::map<RolloutPhase, double> rollouts = {{RolloutPhase::kProgressing, 0},
                                             {RolloutPhase::kDone, 0},
                                             {RolloutPhase::kPaused, 0},
                                             {RolloutPhase::kFailed, 0}};
  for (const auto& [name, row] : world.apps) ++rollouts[row.state.phase];
  for (const auto& [phase, count] : rollouts)
    families_->rollouts.Add({{"phase", std::string(to_string(phase))}}).Set(count);
  for (const auto& [health, count] : healths)
    families_->nodes.Add({{"health", std::string(to_string(health))}}).Set(count);
  families_->apps.Set(static_cast<double>(world.apps.size()));
  families_->journal_records.Set(static_cast<double>(world.revision - std::min(journal_floor, world.revision)));
  families_->journal_head.Set(static_cast<double>(world.revision));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_->registry.Collect());
  return out.str();
}

}  // namespace unik::controller
