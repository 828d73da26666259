#include "tests/sim/simulation.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "tests/sim/clients.hpp"
#include "tests/sim/drills.hpp"
#include "tests/sim/faults.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/node_checks.hpp"
#include "tests/sim/readers.hpp"
#include "tests/sim/record_checks.hpp"
#include "tests/sim/rest_checks.hpp"
#include "tests/sim/restored_backup.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {
namespace {

using std::chrono::seconds;

// The story of one seed: everybody starts, users and faults or one drill go on for a while, everything heals, and what
// is left must be what was declared.
class Simulation {
 public:
  explicit Simulation(const Options& options) : cluster_(options) {
    for (int i = 0; i < options.agents; ++i) add_node(i, "n" + std::to_string(i));
    if (options.drill == Drill::kNamesake) add_node(options.agents, cluster_.nodes.front()->name());
    cluster_.controller.journal().on_begin = [this](const controller::Record& record) {
      records_.begin(record);
      if (cluster_.options.bug == PlantedBug::kSendBeforeCommit) network_.send_before_commit(record);
      if (cluster_.options.bug == PlantedBug::kReadAhead) readers_.publish(after(record));
    };
    cluster_.controller.journal().on_durable = [this](const controller::Record& record) {
      records_.take(record);
      readers_.remember();
    };
    cluster_.controller.on_rest = [this] { incremental_.look(); };
    cluster_.controller.on_publish = [this](std::shared_ptr<const controller::World> world) {
      readers_.publish(std::move(world));
    };
  }

  Outcome run() {
    start();
    plan();
    cluster_.timeline.run_until(cluster_.end_of_faults);
    heal();
    Time end = cluster_.end_of_faults + cluster_.options.quiet;
    cluster_.timeline.run_until(end);
    // Twenty replicas, one after the other, take longer than any fault. What the last rollout leaves when it ends, room
    // above all, is taken after that.
    bool settled = !is_rolling_out() && !is_at_work();
    for (int more = 0; more < 10 && !settled; ++more) {
      settled = !is_rolling_out() && !is_at_work();
      cluster_.timeline.run_until(end += seconds(30));
    }
    check_rest(cluster_);
    drills_.check_churn();
    return outcome();
  }

 private:
  void add_node(int index, const std::string& name) {
    auto node = std::make_unique<SimulatedNode>(index, name, cluster_.timeline, cluster_.random, network_);
    if (cluster_.options.bug == PlantedBug::kNoGuards) node->take_guards_away();
    cluster_.nodes.push_back(std::move(node));
    cluster_.cut_until.emplace_back();
    cluster_.arrived.emplace_back();
  }

  std::shared_ptr<const controller::World> after(const controller::Record& record) const {
    auto world = std::make_shared<controller::World>(cluster_.controller.durable());
    controller::apply(*world, record);
    return world;
  }

  void start() {
    cluster_.controller.start();
    for (int i = 0; i < cluster_.options.agents; ++i)
      cluster_.timeline.after(cluster_.random.between(Duration(0), seconds(2)),
                              [&node = *cluster_.nodes[static_cast<std::size_t>(i)]] { node.start(); });
  }

  void plan() {
    if (cluster_.options.drill == Drill::kNone) {
      clients_.plan();
      faults_.plan();
    } else {
      drills_.plan();
    }
    if (cluster_.options.restore) backup_.plan_copy();
  }

  bool is_rolling_out() const {
    return std::ranges::any_of(cluster_.controller.durable().apps, [](const auto& app) {
      return app.second.state.phase == controller::RolloutPhase::kProgressing;
    });
  }

  // As by a rollout that had no room before its deadline, and now has.
  bool is_at_work() const {
    return cluster_.timeline.now().wall - cluster_.controller.journal().records().back().at < seconds(30);
  }

  void heal() {
    faults_.heal();
    if (cluster_.options.bug == PlantedBug::kLooseTables) cluster_.controller.journal().move_a_table();
    if (cluster_.options.drill != Drill::kNone) return;
    // By then every request of before has had its answer.
    cluster_.timeline.after(seconds(20),
                            [this] { cluster_.options.restore ? backup_.restore() : clients_.end_steering(); });
  }

  Outcome outcome() {
    Outcome& result = cluster_.outcome;
    for (const std::string& text : cluster_.controller.broken()) result.broken.push_back(text);
    for (const std::string& text : cluster_.controller.journal().broken()) result.broken.push_back(text);
    for (const std::string& text : cluster_.controller.broken_builds()) result.broken.push_back(text);
    result.builds_begun = cluster_.controller.builder().begun();
    result.builds_ended = cluster_.controller.builder().ended();
    for (const auto& node : cluster_.nodes) {
      if (!node->rolled_back()) result.broken.insert(result.broken.end(), node->broken().begin(), node->broken().end());
      result.boots += node->boots();
      result.stale_goals_refused += node->refused();
    }
    result.commits = cluster_.controller.journal().records().size();
    for (const auto& [name, app] : cluster_.controller.durable().apps) result.declared += app.app->spec.replicas;
    return std::move(result);
  }

  SimulatedCluster cluster_;
  NodeChecks node_checks_{cluster_};
  RecordChecks records_{cluster_, node_checks_};
  Network network_{cluster_, node_checks_};
  Clients clients_{cluster_, records_};
  Faults faults_{cluster_};
  Readers readers_{cluster_};
  IncrementalCheck incremental_{cluster_};
  Drills drills_{cluster_, clients_, readers_};
  RestoredBackup backup_{cluster_, clients_, node_checks_, records_};
};

}  // namespace

Outcome simulate(const Options& options) {
  return Simulation(options).run();
}

}  // namespace unik::sim
