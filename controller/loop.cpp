#include "controller/loop.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "api/check.hpp"
#include "controller/build_turns.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/core/retention.hpp"
#include "controller/core/sweep.hpp"
#include "controller/heartbeats.hpp"
#include "controller/log_sessions.hpp"

namespace unik::controller {
namespace {

constexpr Duration kCommitRetry = std::chrono::seconds(1);

// A request that changes something, waiting for the commit before it to end.
struct Waiting {
  RequestId id = 0;
  Caller caller;
  std::variant<Mutation, RegisterRequest> what;
};

// What is asked after a recovery is admitted and planned with the numbers that it has given out.
bool is_recovery(const Waiting& waiting) {
  const Mutation* const mutation = std::get_if<Mutation>(&waiting.what);
  return mutation != nullptr && std::holds_alternative<RecoverRequest>(*mutation);
}

// One commit under way and everything that hangs on it.
struct Flight {
  std::shared_ptr<const Record> record;
  World after;
  Dirty dirty;     // what the plan was made for: planned again if the commit fails
  Dirty leftover;  // what the plan did not get to
  std::vector<Reply> replies;
  std::vector<Reason> reasons;
  std::set<Symbol> nodes;  // whose goals it may change
  std::set<AppName> apps;
  std::optional<Time> wake_at;
};

void earlier(std::optional<Time>& time, std::optional<Time> other) {
  if (other && (!time || *other < *time)) time = other;
}

}  // namespace

class Loop::State {
 public:
  State(World world, LoopOptions options)
      : world_(std::move(world)), options_(options), heartbeats_(options.heartbeat_every, world_.revision) {
    UNIK_CHECK(!world_.cluster.cluster_id.empty(), "a World without a cluster");
    world_.max_operations = options.max_operations;
    sweep_.begin();
    world_.history_lost |= world_.cluster.history_lost;
  }

  Effects turn(Now now, std::span<const Event> events) {
    effects_ = {};
    start_turn(now);
    for (const Event& event : events) std::visit([this](const auto& one) { take(one); }, event);
    pass_time();
    if (!flight_ && !reopening_) plan_and_commit();
    wake_nodes();
    effects_.wake_at = next_wake();
    return std::move(effects_);
  }

  const World& world() const { return world_; }

 private:
  // ---- Time: the loop's own, in which a stop of the process has not passed ----

  void start_turn(Now now) {
    if (!started_) {
      started_ = true;
      last_turn_ = now.boot;
      time_ = now.boot;
      world_.started = now.boot;
      next_resync_ = now.boot + options_.resync_every;
    }
    time_ += std::clamp(now.boot - last_turn_, Duration::zero(), kLongestTurnGap);
    last_turn_ = now.boot;
    now_ = Now{time_, now.wall};
  }

  void pass_time() {
    heartbeats_.pass_time(world_, time_, dirty_, effects_);
    logs_.pass_time(time_, effects_);
    if (plan_at_ && *plan_at_ <= time_) {
      plan_at_.reset();
      sweep_.begin();
    }
    if (next_resync_ <= time_) {
      next_resync_ = time_ + options_.resync_every;
      sweep_.begin();
      tidy_ = true;
    }
  }

  std::optional<Time> next_wake() const {
    std::optional<Time> next = next_resync_;
    earlier(next, plan_at_);
    earlier(next, heartbeats_.next_deadline());
    earlier(next, logs_.next_deadline());
    if (!flight_ && !reopening_ && has_work()) earlier(next, std::max(retry_at_, time_));
    // From the loop's time back to the clock's.
    return last_turn_ + std::max(*next - time_, Duration::zero());
  }

  // However a policy asks, time passes between two looks at everything.
  void plan_again(std::optional<Time> at) {
    if (at) earlier(plan_at_, std::max(*at, time_ + kLeastPlanGap));
  }

  bool has_work() const {
    return !waiting_.empty() || !dirty_.empty() || tidy_ || sweep_.under_way() || builds_.has_work(world_);
  }

  // ---- What arrives ----

  void take(const MutationAsked& event) { wait(Waiting{event.id, event.caller, event.mutation}); }

  void take(const RegisterAsked& event) {
    Caller caller;
    caller.actor = "node/" + event.request.node;
    caller.trace_id = event.trace_id;
    wait(Waiting{event.id, std::move(caller), event.request});
  }

  void wait(Waiting waiting) {
    if (waiting_.size() >= kMaxWaiting) {
      reply(waiting.id,
            exhausted("too_many_requests", std::to_string(kMaxWaiting) + " changes are waiting: try again"));
      return;
    }
    waiting_.push_back(std::move(waiting));
  }

  void take(const HeartbeatArrived& event) {
    if (loses_its_name(event.report)) {
      reply(event.id, superseded_agent(event.report.node));
      return;
    }
    const bool lost = world_.history_lost;
    heartbeats_.arrive(world_, event, time_, logs_, dirty_, effects_);
    if (world_.history_lost != lost)
      publish(nullptr, {{"controller", "restored: a node knows a later history than this store"}});
    observed_ = true;
  }

  // A registration that is under way counts already: an answer as before it would renew the leases of an agent whose
  // instances the next one is given in a moment.
  bool loses_its_name(const Report& report) const {
    if (!flight_) return false;
    const NodeRow* const next = flight_->after.nodes.find(Symbol(report.node));
    return next != nullptr && next->info && next->agent_start > report.agent_start;
  }

  void take(const LogsAsked& event) { logs_.open(world_, event, time_, wake_, effects_); }
  void take(const LogsClosed& event) { logs_.close(event.session); }
  void take(const LogPushBegan& event) { logs_.push_began(event.stream_id); }
  void take(const LogPushEnded& event) { logs_.push_ended(event.stream_id); }
  void take(const BuildEnded& event) { builds_.ended(event); }
  void take(const RequestClosed& event) { heartbeats_.forget(event.id); }

  void take(const Committed& event) {
    UNIK_CHECK(flight_ && flight_->record->seq == event.seq, "an answer to a commit that is not under way");
    Flight flight = std::move(*flight_);
    flight_.reset();
    // Reports that came meanwhile are newer than those that the plan saw.
    flight.after.observed = world_.observed;
    const bool recovered = flight.after.cluster.epoch.recovery_count > world_.cluster.epoch.recovery_count;
    flight.after.history_lost = world_.history_lost && !recovered;
    world_ = std::move(flight.after);
    merge(dirty_, std::move(flight.leftover));
    plan_again(flight.wake_at);
    retry_at_ = Time{};
    publish(flight.record, std::move(flight.reasons));
    for (Reply& reply : flight.replies) effects_.list.push_back(std::move(reply));
    wake_.merge(flight.nodes);
    logs_.look_again(world_, flight.apps, time_, wake_, effects_);
    builds_.committed(*flight.record, effects_);
  }

  void take(const Rejected& event) {
    UNIK_CHECK(flight_ && flight_->record->seq == event.seq, "an answer to a commit that is not under way");
    abandon(event.error);
  }

  void take(const CommitUnknown& event) {
    UNIK_CHECK(flight_ && flight_->record->seq == event.seq, "an answer to a commit that is not under way");
    unknown_error_ = event.error;
    reopening_ = true;
    effects_.list.push_back(ReopenStore{});
  }

  void take(const StoreReopened& event) {
    UNIK_CHECK(reopening_ && flight_, "a store that nobody asked to reopen");
    reopening_ = false;
    const std::uint64_t seq = flight_->record->seq;
    UNIK_CHECK(event.head == seq || event.head + 1 == seq, "the store lost records that had been committed");
    if (event.head == seq) {
      take(Committed{seq});
    } else {
      abandon(unknown_error_);
    }
  }

  void take(const StoreStillClosed&) { effects_.list.push_back(ReopenStore{}); }

  // The commit did not happen: everything that hung on it is as before.
  void abandon(const Error& error) {
    Flight flight = std::move(*flight_);
    flight_.reset();
    merge(dirty_, std::move(flight.dirty));
    retry_at_ = time_ + kCommitRetry;
    for (const Reply& held : flight.replies) reply(held.id, error);
  }

  // ---- Planning and committing ----

  void plan_and_commit() {
    const bool may_plan = time_ >= retry_at_;
    if (waiting_.empty() && !(may_plan && has_work())) {
      if (observed_) publish(nullptr, {});
      observed_ = false;
      return;
    }
    observed_ = false;
    Flight flight;
    World next = world_;
    ++next.revision;
    Draft draft(std::move(next), now_);
    remember_loss(draft);
    Caller first;
    while (!waiting_.empty() && draft.plan().changes.size() < options_.max_changes) {
      const Waiting waiting = std::move(waiting_.front());
      waiting_.pop_front();
      const std::size_t before = draft.plan().changes.size();
      draft.ask_as(waiting.caller.trace_id);
      Answer answer = admit(draft, waiting);
      if (draft.plan().changes.size() > before)
        speak_for_record(first, waiting.caller, std::holds_alternative<Mutation>(waiting.what));
      flight.replies.push_back(Reply{waiting.id, std::move(answer)});
      if (is_recovery(waiting)) break;
    }
    draft.ask_as({});
    if (may_plan) {
      sweep_.take(world_, kSweepPiece, dirty_);
      flight.dirty = std::exchange(dirty_, Dirty{});
      if (const std::optional<Caller> caller = builds_.plan(world_, draft)) speak_for_record(first, *caller, true);
      if (std::exchange(tidy_, false)) drop_expired(draft);
      Dirty work = flight.dirty;
      merge(work, std::exchange(draft.touched(), Dirty{}));
      reconcile(draft, std::move(work), options_.max_changes);
      flight.leftover = std::exchange(draft.touched(), Dirty{});
    } else {
      flight.leftover = std::exchange(draft.touched(), Dirty{});
    }
    commit(std::move(draft), std::move(flight), first);
  }

  // The record is the first one's who changed something, but before all a user's: by that it is kept for longer.
  static void speak_for_record(Caller& first, const Caller& caller, bool is_user) {
    const bool by_node = first.actor.starts_with("node/");
    if (first.actor.empty() || (by_node && is_user)) first = caller;
  }

  // With the first record after it was seen: a later start, from a longer journal, could not tell.
  static void remember_loss(Draft& draft) {
    ClusterRow cluster = draft.world().cluster;
    if (!draft.world().history_lost || cluster.history_lost) return;
    cluster.history_lost = true;
    draft.change(PutCluster{std::move(cluster)});
  }

  void commit(Draft draft, Flight flight, const Caller& caller) {
    World after = draft.world();
    Plan plan = std::move(draft).take_plan();
    if (plan.changes.empty()) {
      // Nothing to make durable: what was refused or already so is said at once.
      for (Reply& reply : flight.replies) effects_.list.push_back(std::move(reply));
      merge(dirty_, std::move(flight.leftover));
      plan_again(plan.wake_at);
      world_.clocks = std::move(after.clocks);
      publish(nullptr, std::move(plan.reasons));
      return;
    }
    Record record;
    record.seq = after.revision;
    record.epoch = after.cluster.epoch;
    record.at = now_.wall;
    record.actor = caller.actor.empty() ? "controller" : caller.actor;
    record.trace_id = caller.trace_id;
    record.changes = std::move(plan.changes);
    note_traces(record, world_, after);
    for (const auto& [name, row] : after.nodes)
      if (row.goals_revision == record.seq) flight.nodes.insert(name);
    for (const Change& change : record.changes) {
      if (const auto* const put = std::get_if<PutInstance>(&change)) flight.apps.insert(put->id.app_name());
      if (const auto* const seen = std::get_if<ObserveInstance>(&change)) flight.apps.insert(seen->id.app_name());
      if (const auto* const gone = std::get_if<RemoveInstance>(&change)) flight.apps.insert(gone->id.app_name());
      if (const auto* const gone = std::get_if<RemoveApp>(&change)) flight.apps.insert(gone->name);
    }
    flight.record = std::make_shared<const Record>(std::move(record));
    flight.after = std::move(after);
    flight.reasons = std::move(plan.reasons);
    flight.wake_at = plan.wake_at;
    effects_.list.push_back(BeginCommit{flight.record, std::make_shared<const World>(flight.after)});
    flight_ = std::move(flight);
  }

  Answer admit(Draft& draft, const Waiting& waiting) {
    if (const auto* const request = std::get_if<RegisterRequest>(&waiting.what)) {
      if (Result<void> fit = check_register(*request, now_.wall); !fit)
        return traced(std::move(fit).error(), waiting.caller);
      Result<RegisterReply> reply = admit_register(draft, *request);
      if (!reply) return traced(std::move(reply).error(), waiting.caller);
      reply->heartbeat_every = options_.heartbeat_every;
      return std::move(reply).value();
    }
    const std::string& key = waiting.caller.idempotency_key;
    if (std::optional<Result<ApplyReply>> first = first_answer(draft.world(), key, waiting.caller.body_hash)) {
      if (!*first) return traced(std::move(*first).error(), waiting.caller);
      return std::move(*first).value();
    }
    const Mutation& mutation = std::get<Mutation>(waiting.what);
    if (draft.world().history_lost && !std::holds_alternative<RecoverRequest>(mutation))
      return traced(refuse_before_recovery(), waiting.caller);
    Result<ApplyReply> reply = std::visit([&](const auto& one) { return admit_one(draft, one); }, mutation);
    if (!reply) return traced(std::move(reply).error(), waiting.caller);
    if (!key.empty()) draft.change(PutAnswer{key, AnswerRow{waiting.caller.body_hash, *reply, now_.wall}});
    return std::move(reply).value();
  }

  static Result<ApplyReply> admit_one(Draft& draft, const ApplyRequest& request) { return admit_apply(draft, request); }
  static Result<ApplyReply> admit_one(Draft& draft, const DeleteRequest& request) {
    return admit_delete(draft, request);
  }
  static Result<ApplyReply> admit_one(Draft& draft, const CordonRequest& request) {
    return admit_cordon(draft, request);
  }

  static Result<ApplyReply> admit_one(Draft& draft, const DrainRequest& request) { return admit_drain(draft, request); }
  static Result<ApplyReply> admit_one(Draft& draft, const RolloutRequest& request) {
    return admit_rollout(draft, request);
  }
  static Result<ApplyReply> admit_one(Draft& draft, const RecoverRequest&) { return admit_recover(draft); }
  static Result<ApplyReply> admit_one(Draft& draft, const QuarantineRequest& request) {
    return admit_quarantine(draft, request);
  }
  static Result<ApplyReply> admit_one(Draft& draft, const BuildRequest& request) { return admit_build(draft, request); }

  static Error traced(Error error, const Caller& caller) {
    error.trace_id = caller.trace_id;
    return error;
  }

  // ---- What goes out ----

  void reply(RequestId id, Error error) { effects_.list.push_back(Reply{id, std::move(error)}); }

  void publish(std::shared_ptr<const Record> record, std::vector<Reason> reasons) {
    world_.as_of = time_;
    effects_.list.push_back(PublishWorld{std::make_shared<const World>(world_), std::move(record), std::move(reasons)});
  }

  void wake_nodes() {
    if (wake_.empty()) return;
    heartbeats_.wake(world_, wake_, logs_, effects_);
    wake_.clear();
  }

  World world_;
  const LoopOptions options_;
  Heartbeats heartbeats_;
  LogSessions logs_;
  BuildTurns builds_;

  bool started_ = false;
  Time last_turn_;  // of the clock
  Time time_;       // of the loop
  Now now_;

  Dirty dirty_;
  Sweep sweep_;
  bool tidy_ = false;
  bool observed_ = false;  // reports came in that no commit has published
  std::deque<Waiting> waiting_;
  std::optional<Flight> flight_;
  bool reopening_ = false;
  Error unknown_error_;
  Time retry_at_;
  Time next_resync_;
  std::optional<Time> plan_at_;
  std::set<Symbol> wake_;
  Effects effects_;
};

Loop::Loop(World world, LoopOptions options) : state_(std::make_unique<State>(std::move(world), options)) {}
Loop::~Loop() = default;

Effects Loop::turn(Now now, std::span<const Event> events) {
  return state_->turn(now, events);
}
const World& Loop::world() const {
  return state_->world();
}

Record first_record(std::string cluster_id, WallTime now) {
  Record record;
  record.seq = 1;
  record.at = now;
  record.actor = "controller";
  record.epoch = {0, 1};
  record.changes.push_back(PutCluster{ClusterRow{std::move(cluster_id), record.epoch}});
  TenantRow tenant;
  Tenant value;
  value.metadata.name = kDefaultTenant;
  value.metadata.uid = 1;
  value.metadata.generation = 1;
  tenant.tenant = std::move(value);
  tenant.created_at = now;
  record.changes.push_back(PutTenant{std::move(tenant)});
  return record;
}

}  // namespace unik::controller
