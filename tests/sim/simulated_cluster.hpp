// What every part of the simulation acts on: one controller, its nodes, their time and their chance; and what has been
// found and counted so far.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/random.hpp"
#include "tests/sim/saboteur.hpp"
#include "tests/sim/simulated_controller.hpp"
#include "tests/sim/simulated_node.hpp"
#include "tests/sim/simulation.hpp"
#include "tests/sim/timeline.hpp"

namespace unik::sim {

struct SimulatedCluster {
  explicit SimulatedCluster(const Options& given)
      : options(given),
        random(options.seed),
        saboteur(options.bug, random),
        controller(timeline, random, loop_options(), options.bug == PlantedBug::kForgottenWaiters),
        end_of_faults(timeline.now().boot + options.faulty) {}

  bool faulty() const { return timeline.now().boot < end_of_faults; }
  bool is_cut_off(std::size_t node) const {
    const std::size_t cause = options.bug == PlantedBug::kContagion && node == 1 ? 0 : node;
    return faulty() && cut_until[cause] > timeline.now().boot;
  }

  // The controller cannot hear of what the node does.
  bool is_unheard(std::size_t node) const { return is_cut_off(node) || !nodes[node]->is_up(); }
  // Whether the controller takes the node's agent for the one that its name stands for: it does not know it yet, or no
  // namesake has the name.
  bool has_its_name(const SimulatedNode& node) const {
    const controller::NodeRow* const row = controller.durable().nodes.find(Symbol(node.name()));
    return row == nullptr || row->agent_id.empty() || row->agent_id == node.agent_id();
  }

  // The first things that did not hold tell enough: what comes after them follows from them.
  void expect(bool holds, const std::string& what) {
    constexpr std::size_t kTold = 20;
    if (!holds && outcome.broken.size() < kTold) outcome.broken.push_back(what);
  }

  const Options options;
  Random random;
  Saboteur saboteur;
  Timeline timeline;
  SimulatedController controller;
  std::vector<std::unique_ptr<SimulatedNode>> nodes;
  std::vector<Time> cut_until;  // by node: until then the network carries nothing to it and nothing from it
  std::vector<std::optional<Time>> arrived;  // by node: when the controller last got a heartbeat of it
  const Time end_of_faults;
  std::optional<Time> drill_began;
  Outcome outcome;

 private:
  controller::LoopOptions loop_options() const {
    controller::LoopOptions loop;
    loop.max_operations = options.max_operations;
    loop.max_changes = options.max_changes;
    loop.resync_every = options.resync_every;
    return loop;
  }
};

}  // namespace unik::sim
