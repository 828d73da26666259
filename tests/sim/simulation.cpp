#include "tests/sim/simulation.hpp"

#include <algorithm>
#include <utility>

#include "controller/core/diff.hpp"
#include "controller/core/goals.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/core/recovery.hpp"
#include "controller/store/row_json.hpp"
#include "tests/sim/fleet_checks.hpp"
#include "tests/sim/saboteur.hpp"
#include "tests/sim/simulated_controller.hpp"
#include "tests/sim/simulated_node.hpp"
#include "tests/sim/users.hpp"

namespace unik::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTimeout = seconds(3);  // after which a lost message is noticed

controller::LoopOptions loop_options(const Options& options) {
  controller::LoopOptions loop;
  loop.max_operations = options.max_operations;
  return loop;
}

class Simulation : public Uplink {
 public:
  explicit Simulation(const Options& options)
      : options_(options),
        random_(options.seed),
        saboteur_(options.bug, random_),
        controller_(timeline_, random_, loop_options(options)),
        end_of_faults_(timeline_.now().boot + options.faulty) {
    for (int i = 0; i < options.agents; ++i)
      nodes_.push_back(std::make_unique<SimulatedNode>(i, timeline_, random_, *this));
    if (options.bug == PlantedBug::kNoGuards)
      for (const auto& node : nodes_) node->take_guards_away();
    cut_until_.resize(nodes_.size());
  }

  Outcome run() {
    watch_controller();
    controller_.start();
    for (const auto& node : nodes_)
      timeline_.after(random_.between(Duration(0), seconds(2)), [&node = *node] { node.start(); });
    if (options_.drill == Drill::kNone) {
      plan_users();
      plan_faults();
    } else {
      timeline_.after(seconds(5), [this] { declare_apps(); });
      timeline_.after(seconds(60), [this] { begin_drill(); });
    }
    if (options_.restore)
      timeline_.after(random_.between(seconds(5), options_.faulty - seconds(5)),
                      [this] { controller_.journal().copy(); });
    timeline_.run_until(end_of_faults_);
    heal();
    timeline_.run_until(end_of_faults_ + options_.quiet);
    check_rest();
    return outcome();
  }

  void send_register(int node, RegisterRequest request, std::uint64_t life) override {
    capacity_ = request.info.capacity;
    saboteur_.distort(request);
    travel(
        node,
        [this, node, request = std::move(request), life] {
          controller_.ask(
              [&](controller::RequestId id) {
                return controller::RegisterAsked{id, "", request};
              },
              [this, node, life](const std::optional<controller::Answer>& answer) {
                back_to_agent(node, life, 0, answer);
              });
        },
        [this, node, life] { fail_link(node, life, 0); });
  }

  void send_heartbeat(int node, Report report, std::uint64_t life) override {
    saboteur_.undisguise(report);
    check_accepted(node, report, life);
    saboteur_.distort(report, controller_.durable());
    const std::uint64_t seq = report.seq;
    travel(
        node,
        [this, node, report = std::move(report), life] {
          controller_.ask(
              [&](controller::RequestId id) {
                return controller::HeartbeatArrived{id, report};
              },
              [this, node, life, seq = report.seq](const std::optional<controller::Answer>& answer) {
                back_to_agent(node, life, seq, answer);
              });
        },
        [this, node, life, seq] { fail_link(node, life, seq); });
  }

  // A host that sleeps runs nothing, and its guards wake before its guests.
  void launched(const std::string& on, const InstanceId& id, const BootSpec& boot) override {
    for (const auto& node : nodes_) {
      const auto other = node->vms().find(id);
      expect(node->name() == on || other == node->vms().end() || !other->second.running,
             "twice: " + to_string(id) + " starts on " + on + " and runs on " + node->name());
    }
    if (boot.singleton != Singleton::kStrict) return;
    ++strict_boots_;
    for (const auto& node : nodes_) {
      if (node->is_suspended()) continue;
      for (const auto& [other, vm] : node->vms())
        expect(
            !vm.running || !vm.strict || other.app_name() != id.app_name() || other.slot != id.slot || other == id,
            "twice: " + to_string(id) + " starts on " + on + " while " + to_string(other) + " runs on " + node->name());
    }
  }

 private:
  bool faulty() const { return timeline_.now().boot < end_of_faults_; }

  // ---- The network ----

  // Carries `arrive` to the other side, once, twice or never; `lost` is called when it was never.
  void travel(int node, const std::function<void()>& arrive, const std::function<void()>& lost) {
    const bool faults = options_.network_faults && faulty();
    const bool cut = faulty() && cut_until_[static_cast<std::size_t>(node)] > timeline_.now().boot;
    if (cut || (faults && random_.chance(0.03))) return timeline_.after(kTimeout, lost);
    const auto delay = [&] {
      return faults && random_.chance(0.03) ? random_.between({}, seconds(4))
                                            : random_.between(Duration(100), milliseconds(15));
    };
    timeline_.after(delay(), arrive);
    if (faults && random_.chance(0.03)) timeline_.after(delay(), arrive);
  }

  void back_to_agent(int node, std::uint64_t life, std::uint64_t seq, const std::optional<controller::Answer>& answer) {
    if (!answer) return timeline_.after(milliseconds(5), [this, node, life, seq] { fail_link(node, life, seq); });
    agent::Event event = agent::LinkFailed{seq, {}};
    if (const auto* const heartbeat = std::get_if<HeartbeatReply>(&*answer)) {
      HeartbeatReply reply = *heartbeat;
      if (reply.goals) check_goals(*reply.goals);
      saboteur_.distort(reply, node, faulty());
      event = agent::HeartbeatAnswered{seq, std::move(reply)};
    } else if (const auto* const registered = std::get_if<RegisterReply>(&*answer)) {
      event = agent::Registered{*registered};
    } else if (const auto* const error = std::get_if<Error>(&*answer)) {
      event = agent::LinkFailed{seq, *error};
    }
    travel(
        node,
        [this, node, life, event] {
          SimulatedNode& target = *nodes_[static_cast<std::size_t>(node)];
          if (target.life() == life) target.deliver(saboteur_.distorted(event));
        },
        [this, node, life, seq] { fail_link(node, life, seq); });
  }

  void fail_link(int node, std::uint64_t life, std::uint64_t seq) {
    SimulatedNode& target = *nodes_[static_cast<std::size_t>(node)];
    if (target.life() == life) target.deliver(agent::LinkFailed{seq, unavailable("connection_refused", "simulated")});
  }

  // ---- Users ----

  // A restored store does not keep strict singletons from running twice (docs/decisions/0009).
  Users user_context() { return {random_, options_.apps, options_.agents, faulty(), !options_.restore}; }

  // Operators who know what they have done undo it.
  void end_steering() {
    for (const auto& node : nodes_) ask_as("operator", controller::CordonRequest{node->name(), true});
    Tenant tenant;
    tenant.metadata.name = kDefaultTenant;
    controller::ApplyRequest apply;
    apply.resources.push_back(std::move(tenant));
    for (const auto& [name, row] : controller_.durable().apps) {
      if (row.deleting) continue;
      App app = *row.app;
      app.metadata.uid = app.metadata.generation = 0;  // whatever has come of it by then
      app.spec.boot.env.erase("BROKEN");
      app.spec.boot.env.erase("JOB");
      app.spec.run.restart = {};
      app.spec.boot.env["LAST"] = "1";
      apply.resources.push_back(std::move(app));
    }
    ask_as("operator", std::move(apply));
  }

  void ask_as(const char* actor, controller::Mutation mutation) {
    controller::Caller caller;
    caller.actor = actor;
    caller.trace_id = "t" + std::to_string(++asked_);
    caller.idempotency_key = "key-" + std::to_string(asked_);
    caller.body_hash = asked_;
    ask_user(caller, mutation);
  }

  void plan_users() {
    const Duration pause = random_.between(milliseconds(200), seconds(6));
    timeline_.after(pause, [this] {
      if (!faulty()) return;
      controller::Caller caller;
      caller.actor = "user";
      caller.trace_id = "t" + std::to_string(++asked_);
      caller.idempotency_key = "key-" + std::to_string(asked_);
      caller.body_hash = asked_;
      controller::Mutation mutation;
      if (random_.chance(0.25)) {
        mutation = random_steering(user_context(), caller.trace_id);
      } else if (random_.chance(0.25)) {
        mutation = controller::DeleteRequest{
            Kind::kApp, std::string(kDefaultTenant), {random_app(user_context()).metadata.name}, caller.trace_id};
      } else {
        controller::ApplyRequest apply;
        apply.follow = random_.chance(0.5);
        apply.trace_id = caller.trace_id;
        apply.resources.push_back(random_app(user_context()));
        mutation = std::move(apply);
      }
      ask_user(caller, mutation);
      plan_users();
    });
  }

  // What was asked of the quota is remembered; a planted bug loses it on its way.
  void ask_user(const controller::Caller& caller, controller::Mutation mutation) {
    if (auto* const apply = std::get_if<controller::ApplyRequest>(&mutation))
      for (Resource& resource : apply->resources)
        if (auto* const tenant = std::get_if<Tenant>(&resource)) {
          quotas_[caller.idempotency_key] = tenant->spec.quota;
          saboteur_.distort(*tenant);
        }
    keep_asking(caller, mutation);
  }

  // As a client does: asks again, with the same key, until there is an answer.
  void keep_asking(const controller::Caller& caller, const controller::Mutation& mutation) {
    const auto again = [this, caller, mutation] {
      timeline_.after(milliseconds(500), [this, caller, mutation] { keep_asking(caller, mutation); });
    };
    controller_.ask(
        [&](controller::RequestId id) {
          return controller::MutationAsked{id, caller, mutation};
        },
        [this, again](const std::optional<controller::Answer>& answer) {
          const Error* const error = answer ? std::get_if<Error>(&*answer) : nullptr;
          // What the quota refuses is for a person to mend.
          const bool refused = error != nullptr && error->reason.starts_with("quota_");
          if (error != nullptr) ++refused_;
          if (!answer || (error != nullptr && traits(error->code).retryable && !refused)) again();
        });
  }

  // ---- Drills ----

  void declare_apps() {
    controller::ApplyRequest apply;
    for (int i = 0; i < options_.apps; ++i) {
      App app;
      app.metadata.name = "app" + std::to_string(i);
      app.metadata.tenant = kDefaultTenant;
      app.spec.boot.image = "img@sha256:" + std::string(64, 'a');
      app.spec.replicas = 3;
      app.spec.disconnect.lost_after = std::chrono::minutes(1);
      if (i % 2 == 1) app.spec.boot.singleton = Singleton::kStrict;
      apply.resources.push_back(std::move(app));
    }
    ask_as("user", std::move(apply));
  }

  void begin_drill() {
    drilling_ = true;
    switch (options_.drill) {
      case Drill::kNone:
        return;
      case Drill::kFlap:
        return flap(seconds(15), seconds(15));
      case Drill::kLongFlap:
        return flap(seconds(130), seconds(40));
      case Drill::kDeadAgent:
        nodes_[0]->crash();
        return timeline_.after(std::chrono::minutes(5), [this] { nodes_[0]->start(); });
      case Drill::kAllSilent:
        for (Time& until : cut_until_) until = timeline_.now().boot + std::chrono::minutes(5);
        return;
      case Drill::kQuotaEdge:
        return crowd();
      case Drill::kClockJumps:
        return jump_clocks();
    }
  }

  void flap(Duration away, Duration back) {
    cut_until_[0] = timeline_.now().boot + away;
    timeline_.after(away + back, [this, away, back] { flap(away, back); });
  }

  // A day forward, two days back, a day forward: where it began.
  void jump_clocks() {
    constexpr std::chrono::hours kDay(24);
    timeline_.jump_wall_clock(kDay);
    timeline_.after(std::chrono::minutes(2), [this, kDay] { timeline_.jump_wall_clock(-2 * kDay); });
    timeline_.after(std::chrono::minutes(4), [this, kDay] { timeline_.jump_wall_clock(kDay); });
  }

  void crowd() {
    controller::ApplyRequest bounds;
    Tenant tenant;
    tenant.metadata.name = kDefaultTenant;
    tenant.spec.quota.instances = 20;
    bounds.resources.push_back(std::move(tenant));
    ask_as("operator", std::move(bounds));
    for (int i = 0; i < 100; ++i) {
      controller::ApplyRequest apply;
      App app;
      app.metadata.name = "crowd" + std::to_string(i);
      app.metadata.tenant = kDefaultTenant;
      app.spec.boot.image = "img@sha256:" + std::string(64, 'a');
      app.spec.replicas = static_cast<std::uint32_t>(1 + random_.below(3));
      if (i % 2 == 0) app.spec.boot.resources.memory = mebibytes(1);
      apply.resources.push_back(std::move(app));
      timeline_.after(seconds(1), [this, apply] { ask_as("user", apply); });
    }
  }

  // ---- Faults ----

  void plan_faults() {
    timeline_.after(random_.between(milliseconds(100), seconds(8)), [this] {
      if (!faulty()) return;
      do_harm();
      plan_faults();
    });
  }

  void do_harm() {
    const std::size_t index = random_.below(nodes_.size());
    SimulatedNode& node = *nodes_[index];
    switch (random_.below(10)) {
      case 0:
        if (options_.crashes) crash_controller();
        break;
      case 1:
      case 2:
        if (options_.crashes && node.is_up()) crash_agent(node, false);
        break;
      case 3:
        if (options_.crashes && node.is_up()) crash_agent(node, true);
        break;
      case 4:
        if (options_.network_faults) cut_until_[index] = timeline_.now().boot + cut_length();
        break;
      case 5:
        if (options_.disk_faults) fail_disks(node);
        break;
      case 6:
        if (options_.clock_jumps)
          timeline_.jump_wall_clock(random_.chance(0.5) ? std::chrono::hours(24) : -std::chrono::hours(24));
        break;
      case 7:
        if (options_.crashes) node.kill_some_vm();
        break;
      case 8:
        if (options_.crashes && random_.chance(0.3)) node.suspend(random_.between(seconds(10), seconds(600)));
        break;
      case 9:
        if (options_.crashes && node.is_up()) crash_agent(node, false, seconds(200));
        break;
    }
  }

  // Most cuts heal before the node is given up.
  Duration cut_length() { return random_.between(seconds(1), seconds(random_.chance(0.3) ? 200 : 60)); }

  void crash_controller() {
    if (!controller_.is_up()) return;
    ++controller_crashes_;
    controller_.crash();
    timeline_.after(random_.between(milliseconds(50), seconds(20)), [this] {
      if (!controller_.is_up()) controller_.start();
    });
  }

  void crash_agent(SimulatedNode& node, bool lose_record, Duration at_most = seconds(15)) {
    ++agent_crashes_;
    node.crash();
    if (lose_record) node.roll_record_back();
    timeline_.after(random_.between(milliseconds(50), at_most), [&node] {
      if (!node.is_up()) node.start();
    });
  }

  void fail_disks(SimulatedNode& node) {
    controller_.journal().set_failing(true);
    node.set_disk_failing(true);
    timeline_.after(random_.between(milliseconds(500), seconds(10)), [this, &node] {
      controller_.journal().set_failing(false);
      node.set_disk_failing(false);
    });
  }

  void heal() {
    controller_.journal().set_failing(false);
    if (!controller_.is_up()) controller_.start();
    for (const auto& node : nodes_) {
      node->set_disk_failing(false);
      node->wake();
      if (!node->is_up()) node->start();
    }
    if (options_.drill != Drill::kNone) return;
    // By then every request of before has had its answer.
    timeline_.after(seconds(20), [this] { options_.restore ? restore() : end_steering(); });
  }

  // ---- A restored backup ----

  // An old copy of the store takes the place of the newer one. What nodes run and the copy does not know must be left
  // alone until the operator has decided on it.
  void restore() {
    if (controller_.is_up()) controller_.crash();
    controller_.journal().restore();
    before_ = controller_.durable();
    forget_lost_records();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const auto& [id, vm] : nodes_[i]->vms()) {
        const controller::InstanceRow* const row = controller_.durable().instances.find(id);
        const bool known = (row != nullptr && row->node == Symbol(nodes_[i]->name())) ||
                           controller_.durable().strays.contains({Symbol(nodes_[i]->name()), id});
        // One of a broken app ends by itself soon after its start, a job a little later.
        const bool lasts = vm.running && vm.started && !vm.job && timeline_.now().wall - vm.started_at > seconds(2);
        if (lasts && !known) unknown_[{i, id}] = vm.process;
      }
    }
    const std::uint64_t kept = controller_.durable().revision;
    const bool newer = std::any_of(accepted_.begin(), accepted_.end(),
                                   [&](const auto& one) { return one.second.second.revision > kept; });
    controller_.start();
    timeline_.after(seconds(25), [this, newer] {
      expect(!newer || controller_.world().history_lost, "the controller has not noticed that its history is lost");
      check_left_alone();
      ask_as("operator", controller::RecoverRequest{});
    });
    timeline_.after(seconds(60), [this] {
      check_left_alone();
      decide();
    });
    timeline_.after(seconds(80), [this] { end_steering(); });
  }

  // Every byte that decides what a record means.
  void remember(const controller::Record& record) {
    journal_.push_back(std::to_string(record.seq) + ' ' + std::to_string(record.epoch.recovery_count) + '.' +
                       std::to_string(record.epoch.term) + ' ' + std::to_string(record.at.time_since_epoch().count()) +
                       ' ' + record.actor + ' ' + record.trace_id);
    for (const controller::Change& change : record.changes) journal_.push_back(controller::change_json(change));
  }

  // Requests of the lost records may take effect again, and what they declared is undone.
  void forget_lost_records() {
    journal_.clear();
    keys_.clear();
    for (const controller::Record& record : controller_.journal().records()) {
      remember(record);
      for (const controller::Change& change : record.changes) {
        if (const auto* const put = std::get_if<controller::PutAnswer>(&change)) keys_.insert(put->key);
      }
    }
    const controller::TenantUsage* const usage = controller_.durable().usage.find(Symbol(kDefaultTenant));
    declared_ = usage == nullptr ? 0 : usage->instances;
  }

  void check_left_alone() {
    for (const auto& [where, process] : unknown_) {
      const auto vm = nodes_[where.first]->vms().find(where.second);
      expect(vm != nodes_[where.first]->vms().end() && vm->second.running && vm->second.process == process,
             to_string(where.second) + " of the lost history was stopped on " + nodes_[where.first]->name());
    }
  }

  // Adopts what can be adopted and destroys the rest.
  void decide() {
    expect(!controller_.durable().cluster.history_lost, "the controller has not recovered");
    for (const QuarantinedView& one : controller::view_quarantine(controller_.world())) {
      ++quarantined_;
      const bool adopt = one.obstacle.empty();
      if (adopt) ++adopted_;
      ask_as("operator", controller::QuarantineRequest{
                             Symbol(one.node), one.id,
                             adopt ? controller::QuarantineVerb::kAdopt : controller::QuarantineVerb::kDestroy});
    }
  }

  // ---- What must hold at every step ----

  void expect(bool holds, const std::string& what) {
    if (!holds && broken_.size() < 20) broken_.push_back(what);
  }

  void check_goals(const Goals& goals) {
    expect(goals.stamp.revision <= controller_.durable().revision,
           "a node was sent goals of revision " + std::to_string(goals.stamp.revision) + " before it was durable");
  }

  // Within one life of an agent, what it has accepted never becomes older.
  void check_accepted(int node, const Report& report, std::uint64_t life) {
    auto& [last_life, last] = accepted_[node];
    const Stamp& stamp = report.accepted_stamp;
    expect(life != last_life || last.cluster_id.empty() || covers(stamp, last),
           "n" + std::to_string(node) + " went back from goals " + to_string(last) + " to " + to_string(stamp));
    last_life = life;
    last = stamp;
  }

  void watch_controller() {
    controller_.journal().on_begin = [this](const controller::Record& record) {
      if (options_.bug != PlantedBug::kSendBeforeCommit) return;
      controller::World after = controller_.durable();
      controller::apply(after, record);
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const controller::NodeRow* const row = after.nodes.find(Symbol(nodes_[i]->name()));
        if (row == nullptr || row->goals_revision != record.seq) continue;
        HeartbeatReply early;
        early.goals = controller::goals_of(after, Symbol(nodes_[i]->name()));
        back_to_agent(static_cast<int>(i), nodes_[i]->life(), 0, controller::Answer(early));
      }
    };
    controller_.journal().on_durable = [this](const controller::Record& record) {
      remember(record);
      for (const controller::Change& change : record.changes) {
        if (drilling_ && moves_something(change)) ++moved_;
        if (const auto* const put = std::get_if<controller::PutAnswer>(&change))
          expect(keys_.insert(put->key).second, "the request " + put->key + " took effect twice");
        if (const auto* const removed = std::get_if<controller::RemoveInstance>(&change)) check_forgotten(removed->id);
        if (std::holds_alternative<controller::PutStray>(change)) ++strays_;
        if (const auto* const put = std::get_if<controller::PutInstance>(&change))
          if (!put->row.node.empty() && seen_.insert(put->id).second) ++placed_;
      }
      check_derived(record);
      check_turns(record);
      check_fleet(record);
      before_ = controller_.durable();
    };
  }

  // A lease, readiness or a place: what the passing of wall time must not touch.
  static bool moves_something(const controller::Change& change) {
    return std::holds_alternative<controller::PutInstance>(change) ||
           std::holds_alternative<controller::RemoveInstance>(change) ||
           std::holds_alternative<controller::ObserveInstance>(change) ||
           std::holds_alternative<controller::PutNode>(change);
  }

  // An instance is forgotten only when its VM is gone; a disk that gave back an old record may have brought it back,
  // and of a host that sleeps nothing serves: a strict one's guard ends it as the first thing after.
  void check_forgotten(const InstanceId& id) {
    for (const auto& node : nodes_) {
      const auto vm = node->vms().find(id);
      const bool sleeps = node->is_suspended() && vm != node->vms().end() && vm->second.strict;
      expect(vm == node->vms().end() || !vm->second.running || node->rolled_back() || sleeps,
             "the controller forgot " + to_string(id) + " while it runs on " + node->name());
    }
  }

  // An operation that comes back from a silent node takes its turn at once, so that only new ones are counted.
  void check_turns(const controller::Record& record) {
    const controller::World& world = controller_.durable();
    for (const controller::Change& change : record.changes) {
      const auto* const put = std::get_if<controller::PutInstance>(&change);
      if (put == nullptr || put->row.goal == controller::InstanceGoal::kStop) continue;
      bool at_work = false;
      bool waits = false;
      for (const auto& [key, operation] : world.operations) {
        if (operation->target != put->id.app_name()) continue;
        at_work |= operation->state == OperationState::kRunning;
        // One that waited for a silent node until this very record had a turn when its app was planned.
        const bool comes_back = before_.operations.contains(key) && !before_.queued_operations.contains(key);
        waits |= world.queued_operations.contains(key) && !comes_back;
      }
      // One that ended, or found its way blocked, with this very record had the turn.
      for (const controller::Change& other : record.changes)
        if (const auto* const ended = std::get_if<controller::PutOperation>(&other))
          at_work |= ended->operation->target == put->id.app_name() &&
                     (is_final(*ended->operation) || ended->operation->error);
      expect(at_work || !waits, to_string(put->id) + " was planned while its operation waited for its turn");
    }
  }

  void check_fleet(const controller::Record& record) {
    const controller::World& world = controller_.durable();
    std::vector<std::string> broken = check_nodes(world, capacity_);
    for (std::string& text : check_strict_slots(before_, record)) broken.push_back(std::move(text));
    // One that has just died has no clocks to judge by.
    if (controller_.is_up())
      for (std::string& text : check_budgets(before_, world, controller_.world())) broken.push_back(std::move(text));
    for (const std::string& text : broken) expect(false, text);
    check_successors(record);
  }

  // What an old instance is stopped for has really begun to serve: by its node, not by what was said of it.
  void check_successors(const controller::Record& record) {
    for (const controller::Change& change : record.changes) {
      const auto* const put = std::get_if<controller::PutInstance>(&change);
      if (put == nullptr || put->row.goal != controller::InstanceGoal::kStop || !is_ready(*put->row.status)) continue;
      controller::for_each_instance(
          controller_.durable(), put->id.app_name(), [&](const InstanceId& id, const auto& row) {
            if (id.slot != put->id.slot || row.goal != controller::InstanceGoal::kRun || !is_ready(*row.status)) return;
            for (const auto& node : nodes_) {
              const auto vm = node->vms().find(id);
              expect(
                  vm == node->vms().end() || !vm->second.running || vm->second.started,
                  "successor: " + to_string(put->id) + " is stopped for " + to_string(id) + ", which has not started");
            }
          });
    }
  }

  // What is kept up with each change is what a recount gives; and nobody declares more than the quota lets them.
  void check_derived(const controller::Record& record) {
    const controller::World& world = controller_.durable();
    controller::World recounted = world;
    controller::derive(recounted);
    expect(controller::same_tables(world, recounted),
           "a recount gives other sums at record " + std::to_string(record.seq));
    const Symbol tenant(kDefaultTenant);
    const controller::TenantUsage* const usage = world.usage.find(tenant);
    const std::int64_t instances = usage == nullptr ? 0 : usage->instances;
    for (const controller::Change& change : record.changes)
      if (const auto* const put = std::get_if<controller::PutAnswer>(&change))
        if (const auto asked = quotas_.find(put->key); asked != quotas_.end()) quota_ = asked->second;
    const Quota& quota = quota_;
    expect(!quota.instances || instances <= *quota.instances || instances <= declared_,
           "quota: the tenant declares " + std::to_string(instances) + " instances at record " +
               std::to_string(record.seq));
    declared_ = instances;
  }

  // ---- What must hold in the end ----

  void check_rest() {
    const controller::World& world = controller_.durable();
    std::map<InstanceId, std::string> running;
    for (const auto& node : nodes_) {
      for (const auto& [id, vm] : node->vms()) {
        if (!vm.running) continue;
        expect(running.emplace(id, node->name()).second, "two VMs run for " + to_string(id));
        const controller::InstanceRow* const row = world.instances.find(id);
        expect(row != nullptr && row->node == Symbol(node->name()) && row->goal == controller::InstanceGoal::kRun,
               to_string(id) + " runs on " + node->name() + " and nobody wants it");
      }
    }
    for (const auto& [name, app] : world.apps) {
      expect(!app.deleting, "app " + to_string(name) + " is still being deleted");
      std::set<std::uint32_t> slots;
      controller::CurrentTemplate current(world, name, app.rollout);
      controller::for_each_instance(world, name, [&](const InstanceId& id, const controller::InstanceRow& row) {
        if (row.node.empty()) return;
        expect(row.goal == controller::InstanceGoal::kRun, to_string(id) + " is still being stopped");
        expect(current.covers(id.rollout), to_string(id) + " is of an old rollout");
        expect(running.contains(id), to_string(id) + " should run and has no VM");
        expect(is_ready(*row.status), to_string(id) + " is not ready: " + row.status->reason);
        slots.insert(id.slot);
      });
      expect(slots.size() == app.app->spec.replicas || world.unplaced.size() > 0,
             "app " + to_string(name) + " has " + std::to_string(slots.size()) + " of " +
                 std::to_string(app.app->spec.replicas));
    }
    for (const auto& [index, nothing] : world.active_operations)
      expect(!world.unplaced.empty(), "operation " + to_string(index.key) + " on " + to_string(index.app) +
                                          " has not ended: " + (*world.operations.find(index.key))->message);
    check_fold(world);
    check_settled();
  }

  // What is left to do for a plan of everything, by a World that has heard every node, is nothing.
  void check_settled() {
    expect_no_plan(controller_.world(), "a plan of everything");
    // Without the clocks that an app at rest has, each one is planned at length.
    controller::World at_length = controller_.world();
    at_length.clocks.ready_since = {};
    expect_no_plan(at_length, "a plan of everything at length");
  }

  void expect_no_plan(const controller::World& world, const std::string& name) {
    controller::Dirty everything;
    everything.everything = true;
    const controller::Plan plan = controller::reconcile(world, everything, Now{world.as_of, timeline_.now().wall});
    for (const controller::Change& change : plan.changes)
      expect(false, name + " still changes " + controller::change_json(change));
  }

  void check_fold(const controller::World& world) {
    controller::World folded;
    for (const controller::Record& record : controller_.journal().records()) controller::apply(folded, record);
    expect(controller::same_tables(folded, world), "folding the journal does not give the tables");
  }

  Outcome outcome() {
    Outcome result;
    result.broken = broken_;
    for (const std::string& text : controller_.broken()) result.broken.push_back(text);
    for (const std::string& text : controller_.journal().broken()) result.broken.push_back(text);
    for (const auto& node : nodes_) {
      for (const std::string& text : node->broken()) {
        if (!node->rolled_back()) result.broken.push_back(text);
      }
      result.boots += node->boots();
      result.stale_goals_refused += node->refused();
    }
    result.journal = std::move(journal_);
    result.commits = controller_.journal().records().size();
    result.controller_crashes = controller_crashes_;
    result.agent_crashes = agent_crashes_;
    result.strays = strays_;
    result.quarantined = quarantined_;
    result.adopted = adopted_;
    result.strict_boots = strict_boots_;
    result.placed = placed_;
    result.moved = moved_;
    result.refused = refused_;
    for (const auto& [name, app] : controller_.durable().apps) result.declared += app.app->spec.replicas;
    return result;
  }

  const Options options_;
  Random random_;
  Saboteur saboteur_;
  Timeline timeline_;
  SimulatedController controller_;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  const Time end_of_faults_;
  std::vector<Time> cut_until_;
  std::uint64_t asked_ = 0;
  std::set<std::string> keys_;
  std::map<std::string, Quota> quotas_;                                  // by the key of the request that asked for it
  Quota quota_;                                                          // the last one that was taken
  std::int64_t declared_ = 0;                                            // instances, after the record before
  std::map<int, std::pair<std::uint64_t, Stamp>> accepted_;              // by node: its life, and the goals
  std::map<std::pair<std::size_t, InstanceId>, std::uint64_t> unknown_;  // VMs of the lost history: their processes
  std::uint64_t quarantined_ = 0;
  std::uint64_t adopted_ = 0;
  controller::World before_;                   // the durable one, before the record that is looked at
  Resources capacity_{MilliCpu{1}, Bytes{1}};  // of each node, as it knows it itself
  std::vector<std::string> broken_;
  std::vector<std::string> journal_;
  std::uint64_t controller_crashes_ = 0;
  std::uint64_t agent_crashes_ = 0;
  std::uint64_t strays_ = 0;
  std::uint64_t strict_boots_ = 0;
  std::set<InstanceId> seen_;
  std::uint64_t placed_ = 0;
  bool drilling_ = false;
  std::uint64_t moved_ = 0;  // since then
  std::uint64_t refused_ = 0;
};

}  // namespace

Outcome simulate(const Options& options) {
  return Simulation(options).run();
}

}  // namespace unik::sim
