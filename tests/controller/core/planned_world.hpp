// A World that requests and reports move as the loop would move it: each step is admitted, planned and applied as one
// record, and the nodes in it do as their goals say only when the test says so.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/admit.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/loop.hpp"

namespace unik::controller {

class PlannedWorld {
 public:
  PlannedWorld() {
    apply(world_, first_record("cluster", wall()));
    world_.started = now_;
  }

  World& world() { return world_; }
  Now now() const { return {now_, wall()}; }
  void pass(Duration time) {
    now_ += time;
    wall_offset_ += time;
  }

  // One turn of the loop: what `ask` changes, then what follows from it.
  Plan step(const std::function<void(Draft&)>& ask) {
    World next = world_;
    ++next.revision;
    Draft draft(std::move(next), now());
    ask(draft);
    Dirty work = std::exchange(draft.touched(), Dirty{});
    work.everything = true;
    reconcile(draft, std::move(work));
    World after = draft.world();
    Plan plan = std::move(draft).take_plan();
    if (!plan.changes.empty()) world_ = std::move(after);
    return plan;
  }
  Plan plan() {
    return step([](Draft&) {});
  }

  void add_node(const std::string& name, Bytes memory = mebibytes(4096)) {
    step([&](Draft& draft) {
      RegisterRequest request;
      request.node = name;
      request.agent_start = 1;
      request.info.capacity = {MilliCpu{64'000}, memory};
      EXPECT_TRUE(admit_register(draft, request).ok());
    });
    report(name, {});
  }

  static App app(const std::string& name, std::uint32_t replicas = 1, const std::string& version = "1") {
    App app;
    app.metadata.name = name;
    app.metadata.tenant = "default";
    app.spec.boot.image = name + "@sha256:" + std::string(64, 'a');
    app.spec.boot.env = {{"VERSION", version}};
    app.spec.replicas = replicas;
    app.spec.boot.ports = {{"http", 8080}};
    app.spec.run.health.emplace().port = 8080;
    return app;
  }

  Operation deploy(App app) {
    return ask([&](Draft& draft) {
      ApplyRequest request;
      request.follow = true;
      request.resources.push_back(std::move(app));
      return admit_apply(draft, request);
    });
  }
  Operation destroy(const std::string& name) {
    return ask([&](Draft& draft) { return admit_delete(draft, {Kind::kApp, "default", {name}, "trace"}); });
  }
  const Operation& operation(const Operation& asked) {
    return **world_.operations.find(*parse_operation_key(asked.operation_id));
  }

  // The node's whole picture, stored under the newest goals.
  void report(const std::string& node, std::vector<ObservedInstance> instances) {
    auto seen = std::make_shared<NodeObservation>();
    seen->agent_start = 1;
    seen->seq = ++reports_;
    seen->accepted_stamp = {world_.cluster.cluster_id, world_.cluster.epoch, world_.revision};
    seen->body = seen_body(world_, {std::move(instances), {}, {}});
    world_.observed.set(Symbol(node), Observed{std::move(seen), now_});
    plan();
  }
  // Every node reports that what it should run is in `phase`, and that nothing else is there.
  void report_all(Phase phase = Phase::kRunning, const std::string& reason = "") {
    std::vector<std::string> nodes;
    for (const auto& [name, row] : world_.nodes) nodes.push_back(name.str());
    for (const std::string& node : nodes) report_node(node, phase, reason);
  }
  void report_node(const std::string& node, Phase phase = Phase::kRunning, const std::string& reason = "") {
    std::vector<ObservedInstance> seen;
    for_each_on_node(world_, Symbol(node), [&](const InstanceId& id, const InstanceRow& row) {
      if (row.goal == InstanceGoal::kStop) return;
      InstanceStatus status;
      status.phase = phase;
      status.reason = reason;
      seen.push_back({id, status});
    });
    report(node, std::move(seen));
  }

  std::vector<InstanceId> instances(const std::string& app) {
    std::vector<InstanceId> ids;
    for_each_instance(world_, {Symbol("default"), Symbol(app)},
                      [&](const InstanceId& id, const InstanceRow&) { ids.push_back(id); });
    return ids;
  }
  const InstanceRow& row(const InstanceId& id) { return *world_.instances.find(id); }

 private:
  WallTime wall() const { return WallTime(std::chrono::hours(24 * 365 * 56)) + wall_offset_; }

  Operation ask(const std::function<Result<ApplyReply>(Draft&)>& admit) {
    Operation operation;
    step([&](Draft& draft) {
      const Result<ApplyReply> reply = admit(draft);
      ASSERT_TRUE(reply.ok()) << to_string(reply.error());
      ASSERT_EQ(reply->operations.size(), 1U);
      operation = reply->operations.front();
    });
    return operation;
  }

  World world_;
  Time now_{std::chrono::hours(1)};
  Duration wall_offset_{};
  std::uint64_t reports_ = 0;
};

}  // namespace unik::controller
