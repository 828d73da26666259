#include "tests/sim/scripted_run.hpp"

#include <memory>
#include <set>
#include <utility>

#include "controller/core/diff.hpp"
#include "controller/heartbeats.hpp"
#include "tests/sim/simulated_controller.hpp"
#include "tests/sim/simulated_node.hpp"

namespace unik::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kNodes = 2;
constexpr Duration kTravel = milliseconds(1);
constexpr Duration kAway = seconds(1);  // from a death to the next start
constexpr Duration kAskAgain = milliseconds(500);
constexpr Duration kStep = seconds(15);  // in which each request comes true, with a death in it too
constexpr Duration kLength = kStep * 8;

App app_of(const std::string& name, const std::string& version, std::uint32_t replicas) {
  App app;
  app.metadata.name = name;
  app.metadata.tenant = kDefaultTenant;
  app.spec.boot.image = "img@sha256:" + std::string(64, 'a');
  app.spec.boot.env = {{"V", version}};
  app.spec.boot.ports = {{"http", 8080}};
  app.spec.replicas = replicas;
  app.spec.run.stop_timeout = seconds(1);
  return app;
}

controller::BuildRequest build_of(const std::string& name) {
  controller::BuildRequest build;
  build.app = app_of(name, "1", 1);
  build.app.spec.boot.image.clear();
  build.app.spec.source = source_of(2);
  build.actor = "user";
  build.trace_id = "t7";
  return build;
}

class ScriptedRun : public Uplink {
 public:
  ScriptedRun(Victim victim, std::optional<std::uint64_t> point, User user)
      : victim_(victim), point_(point), user_(user), controller_(timeline_, random_, {}) {
    for (int i = 0; i < kNodes; ++i)
      nodes_.push_back(std::make_unique<SimulatedNode>(i, "n" + std::to_string(i), timeline_, random_, *this));
  }

  ScriptOutcome run() {
    plan_death();
    controller_.journal().on_durable = [this](const controller::Record& record) { check_keys(record); };
    controller_.start();
    for (const auto& node : nodes_) node->start();
    plan_requests();
    timeline_.run_until(timeline_.now().boot + kLength);
    return outcome();
  }

  void send_register(int node, RegisterRequest request, std::uint64_t life) override {
    timeline_.after(kTravel, [this, node, request = std::move(request), life] {
      controller_.ask(
          [&](controller::RequestId id) {
            return controller::RegisterAsked{id, "", request};
          },
          [this, node, life](const Answered& answer) { answer_agent(node, life, 0, answer); });
    });
  }

  void send_heartbeat(int node, Report report, std::uint64_t life) override {
    timeline_.after(kTravel, [this, node, report = std::move(report), life] {
      controller_.ask(
          [&](controller::RequestId id) {
            return controller::HeartbeatArrived{id, report};
          },
          [this, node, life, seq = report.seq](const Answered& answer) { answer_agent(node, life, seq, answer); });
    });
  }

 private:
  using Answered = std::optional<controller::Answer>;

  // ---- The one death ----

  void plan_death() {
    if (victim_ == Victim::kController) {
      controller_.dies_here = [this] { return is_the_point([this] { controller_.start(); }); };
      return;
    }
    for (const auto& node : nodes_)
      node->dies_here = [this, &node = *node] { return is_the_point([&node] { node.start(); }); };
  }

  bool is_the_point(std::function<void()> start_again) {
    if (++points_ != point_) return false;
    died_ = true;
    timeline_.after(kAway, std::move(start_again));
    return true;
  }

  // ---- The network ----

  void answer_agent(int node, std::uint64_t life, std::uint64_t seq, const Answered& answer) {
    agent::Event event = agent::LinkFailed{seq, unavailable("connection_refused", "the controller is away")};
    if (answer) {
      if (auto heartbeat = controller::heartbeat_reply(*answer))
        event = agent::HeartbeatAnswered{seq, *std::move(heartbeat)};
      if (const auto* const registered = std::get_if<RegisterReply>(&*answer)) event = agent::Registered{*registered};
      if (const auto* const error = std::get_if<Error>(&*answer)) event = agent::LinkFailed{seq, *error};
    }
    timeline_.after(kTravel, [this, node, life, event = std::move(event)] {
      SimulatedNode& target = *nodes_[static_cast<std::size_t>(node)];
      if (target.life() == life) target.deliver(event);
    });
  }

  // ---- The user ----

  void plan_requests() {
    apply_at(1, app_of("web", "1", 3));
    apply_at(2, app_of("web", "2", 3));
    apply_at(3, app_of("web", "2", 4));
    apply_at(4, app_of("other", "1", 2));
    plan(5, controller::DeleteRequest{Kind::kApp, std::string(kDefaultTenant), {"other"}, "t5"});
    apply_at(6, app_of("web", "2", 1));
    plan(7, build_of("built"));
  }

  void apply_at(int step, App app) {
    controller::ApplyRequest apply;
    apply.follow = true;
    apply.trace_id = "t" + std::to_string(step);
    apply.resources.push_back(std::move(app));
    plan(step, std::move(apply));
  }

  void plan(int step, controller::Mutation mutation) {
    controller::Caller caller;
    caller.actor = "user";
    caller.trace_id = "t" + std::to_string(step);
    caller.idempotency_key = "key-" + std::to_string(step);
    caller.body_hash = static_cast<std::uint64_t>(step);
    // A step is a little less, so that the last one has its time too.
    timeline_.after(kStep * (step - 1) + seconds(3),
                    [this, caller, mutation = std::move(mutation)] { ask(caller, mutation); });
  }

  // As a client does: with the same key, until there is an answer.
  void ask(const controller::Caller& caller, const controller::Mutation& mutation) {
    controller_.ask(
        [&](controller::RequestId id) {
          return controller::MutationAsked{id, caller, mutation};
        },
        [this, caller, mutation](const Answered& answer) {
          if (!answer) return ask_again(caller, mutation);
          if (const auto* const error = std::get_if<Error>(&*answer)) expect(false, to_string(*error));
          ++answered_;
        });
  }

  void ask_again(controller::Caller caller, const controller::Mutation& mutation) {
    if (user_ == User::kForgetful) caller.idempotency_key += "-again";
    timeline_.after(kAskAgain, [this, caller = std::move(caller), mutation] { ask(caller, mutation); });
  }

  // ---- What must hold ----

  void expect(bool holds, const std::string& what) {
    if (!holds) broken_.push_back(what);
  }

  void check_keys(const controller::Record& record) {
    for (const controller::Change& change : record.changes)
      if (const auto* const put = std::get_if<controller::PutAnswer>(&change))
        expect(keys_.insert(put->key).second, "the request " + put->key + " took effect twice");
  }

  // By name, so that two runs whose records are not the same can be compared.
  std::string state() {
    const controller::World& world = controller_.durable();
    std::string text;
    for (const auto& [name, row] : world.apps)
      text += to_string(name) + " generation " + std::to_string(row.app->metadata.generation) + "\n";
    for (const auto& [key, operation] : world.operations)
      text += "operation on " + to_string(operation->target) + ": " + std::string(to_string(operation->kind)) + " " +
              std::string(to_string(operation->state)) + "\n";
    std::multiset<std::string> running;
    for (const auto& node : nodes_)
      for (const auto& [id, vm] : node->vms())
        running.insert(to_string(id.app_name()) + " slot " + std::to_string(id.slot) + " attempt " +
                       std::to_string(id.attempt) + " run " + std::to_string(vm.run) +
                       (vm.running ? " runs" : " ended"));
    for (const std::string& one : running) text += one + "\n";
    for (const std::string& key : keys_) text += key + "\n";
    return text;
  }

  void check_rest() {
    const controller::World& world = controller_.durable();
    std::size_t vms = 0;
    for (const auto& node : nodes_) {
      vms += node->vms().size();
      for (const auto& [id, vm] : node->vms()) {
        const controller::InstanceRow* const row = world.instances.find(id);
        expect(vm.running && row != nullptr && row->node == Symbol(node->name()),
               to_string(id) + " is left on " + node->name());
      }
      for (const std::string& text : node->broken()) expect(false, text);
    }
    expect(vms == world.instances.size(), "an instance has no VM");
    expect(world.strays.empty(), "a stray is left");
    controller::World folded;
    for (const controller::Record& record : controller_.journal().records()) controller::apply(folded, record);
    expect(controller::same_tables(folded, world), "folding the journal does not give the tables");
    for (const std::string& text : controller_.broken()) expect(false, text);
    for (const std::string& text : controller_.journal().broken()) expect(false, text);
    for (const std::string& text : controller_.broken_builds()) expect(false, text);
    expect(answered_ == keys_.size(), "a request had another number of answers than of effects");
  }

  ScriptOutcome outcome() {
    check_rest();
    ScriptOutcome result;
    result.state = state();
    result.points = points_;
    result.died = died_;
    for (const auto& node : nodes_) result.boots += node->boots();
    result.broken = std::move(broken_);
    return result;
  }

  const Victim victim_;
  const std::optional<std::uint64_t> point_;
  const User user_;
  Random random_{1};  // only for how long a commit takes
  Timeline timeline_;
  SimulatedController controller_;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  std::uint64_t points_ = 0;
  bool died_ = false;
  std::size_t answered_ = 0;
  std::set<std::string> keys_;
  std::vector<std::string> broken_;
};

}  // namespace

ScriptOutcome run_script(Victim victim, std::optional<std::uint64_t> point, User user) {
  return ScriptedRun(victim, point, user).run();
}

}  // namespace unik::sim
