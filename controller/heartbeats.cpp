#include "controller/heartbeats.hpp"

#include <algorithm>
#include <utility>

#include "api/stable_hash.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/goals.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/recovery.hpp"
#include "controller/core/strict.hpp"

namespace unik::controller {
namespace {

// Spreads the nodes' heartbeats over a tenth of the interval, the same way each time.
Duration with_jitter(Duration every, Symbol node, std::uint64_t seq) {
  const std::uint64_t hash = stable_hash(node.str(), seq + kStableHashSeed);
  const auto spread = every.count() / 10;
  return every - Duration(static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(spread + 1)));
}

// Where in the interval a node has its place. After a restart all nodes come at the same moment, and would come so for
// ever.
Duration place_in(Duration every, Symbol node) {
  constexpr std::uint64_t kPlaces = 1000;
  const std::uint64_t place = 1 + stable_hash(node.str()) % kPlaces;
  return Duration(every.count() * static_cast<std::int64_t>(place) / static_cast<std::int64_t>(kPlaces));
}

Error refuse_foreign(const Report& report, const World& world) {
  return conflict("foreign_cluster", "node `" + report.node + "` follows cluster " + report.accepted_stamp.cluster_id +
                                         ", this is cluster " + world.cluster.cluster_id +
                                         ": restore this controller's store, or clear the state of the agent");
}

// Until the operator has recovered, and the node has been gone through, what we have may be older than what it has. A
// strict singleton that we know of may run elsewhere since, under a lease of the lost history.
bool are_goals_held_back(const World& world, Symbol node) {
  if (world.history_lost || !is_accounted(world, node)) return true;
  return world.cluster.awaits_leases && strict_instance_on(world, node);
}

bool are_goals_news(const World& world, Symbol node, const Stamp& accepted) {
  const Stamp newest{world.cluster.cluster_id, world.cluster.epoch, world.nodes.find(node)->goals_revision};
  return !covers(accepted, newest);
}

bool are_goals_due(const World& world, Symbol node, const Stamp& accepted) {
  return !are_goals_held_back(world, node) && are_goals_news(world, node, accepted);
}

// `seq` where a heartbeat with these goals renews the leases of its node's strict singletons, else 0.
std::uint64_t renewal(const World& world, Symbol node, const Stamp& accepted, std::uint64_t seq) {
  if (are_goals_held_back(world, node) || world.cluster.awaits_leases) return 0;
  return are_goals_news(world, node, accepted) ? 0 : seq;
}

}  // namespace

Error superseded_agent(const std::string& node) {
  return conflict("superseded_agent", "a newer agent of node `" + node + "` has registered");
}

std::optional<HeartbeatReply> heartbeat_reply(const Answer& answer) {
  if (const auto* const reply = std::get_if<HeartbeatReply>(&answer)) return *reply;
  const auto* const due = std::get_if<GoalsReply>(&answer);
  if (due == nullptr) return std::nullopt;
  HeartbeatReply reply = due->rest;
  reply.goals = goals_of(*due->world, due->node);
  return reply;
}

// Goals that this controller never gave: what it gave after its store was copied or cut has been lost. What a node has
// accepted when it is first heard was given before this controller started, however much it has committed since.
bool Heartbeats::shows_lost_history(const World& world, Symbol node, const Stamp& accepted) const {
  const std::uint64_t last_given = heard_.contains(node) ? world.revision : loaded_;
  if (accepted.cluster_id != world.cluster.cluster_id) return false;
  if (accepted.epoch != world.cluster.epoch) return accepted.epoch > world.cluster.epoch;
  return accepted.revision > last_given;
}

HeartbeatReply Heartbeats::answer(const World& world, Symbol node, const Stamp& accepted, std::uint64_t seq,
                                  LogSessions& logs) const {
  HeartbeatReply reply;
  reply.renew = renewal(world, node, accepted, seq);
  reply.logs = logs.requests_for(node);
  reply.next_in = with_jitter(every_, node, seq);
  return reply;
}

// Goals are made of the tables alone, so all that are told in one turn share one copy: with a copy of its own for each,
// every report that follows would copy a page of `observed` again.
std::shared_ptr<const World> Heartbeats::tables_of(const World& world) {
  if (!tables_ || tables_->revision != world.revision) tables_ = std::make_shared<const World>(world);
  return tables_;
}

void Heartbeats::arrive(World& world, const HeartbeatArrived& event, Time now, LogSessions& logs, Dirty& dirty,
                        Effects& effects) {
  const Report& report = event.report;
  const Symbol node(report.node);
  // Also of an agent that is not listened to: an older store may know a later start of it, or not know it at all.
  if (shows_lost_history(world, node, report.accepted_stamp)) world.history_lost = true;
  const NodeRow* const row = world.nodes.find(node);
  if (row == nullptr || !row->info || row->agent_start < report.agent_start) {
    HeartbeatReply reply;
    reply.want_register = true;
    effects.list.push_back(Reply{event.id, std::move(reply)});
    return;
  }
  if (row->agent_start > report.agent_start) {
    effects.list.push_back(Reply{event.id, superseded_agent(report.node)});
    return;
  }
  if (!report.accepted_stamp.cluster_id.empty() && report.accepted_stamp.cluster_id != world.cluster.cluster_id) {
    effects.list.push_back(Reply{event.id, refuse_foreign(report, world)});
    return;
  }
  heard_.insert(node);

  const Observed* const known = world.observed.find(node);
  const bool same_start = known != nullptr && known->report->agent_start == report.agent_start;
  if (same_start && report.seq <= known->report->seq) {
    effects.list.push_back(
        Reply{event.id, conflict("stale_report", "a newer report of node `" + report.node + "` is known")});
    return;
  }
  const bool is_whole = report.body || (same_start && known->report->digest == report.digest);
  // The one that is parked is answered with what this one renews: one that is not taken in counts for nobody.
  const bool renews = is_whole && same_start;
  release(world, node, renews ? renewal(world, node, report.accepted_stamp, report.seq) : 0, effects);
  if (!is_whole) {
    HeartbeatReply reply;
    reply.want_body = true;
    reply.next_in = with_jitter(every_, node, report.seq);
    effects.list.push_back(Reply{event.id, std::move(reply)});
    return;
  }

  auto observation = std::make_shared<NodeObservation>();
  observation->boot_id = report.boot_id;
  observation->agent_start = report.agent_start;
  observation->seq = report.seq;
  observation->accepted_stamp = report.accepted_stamp;
  observation->digest = report.digest;
  observation->body = report.body ? seen_body(world, *report.body) : known->report->body;
  const bool says_something = !same_start || row->health != NodeHealth::kReady ||
                              known->report->accepted_stamp != report.accepted_stamp ||
                              (report.body && known->report->body != observation->body);
  if (says_something) dirty.nodes.insert(node);
  const bool comes_back = known == nullptr || now >= known->received + 3 * every_ / 2;
  world.observed.set(node, Observed{std::move(observation), now});
  if (watched_.insert(node).second) silence_.insert({now + kSilenceLimit, node});

  HeartbeatReply reply = answer(world, node, report.accepted_stamp, report.seq, logs);
  // It may have little left of its leases. The agent comes again soon, and then waits.
  if (comes_back) to_place_.insert(node);
  if (are_goals_due(world, node, report.accepted_stamp)) {
    effects.list.push_back(Reply{event.id, GoalsReply{std::move(reply), node, tables_of(world)}});
    return;
  }
  if (comes_back || !reply.logs.empty()) {
    effects.list.push_back(Reply{event.id, std::move(reply)});
    return;
  }
  // The first one that waits is released when the node's next is due. The others are kept for longer than the node
  // waits before its next heartbeat, which releases them.
  std::optional<Duration> next_in;
  if (to_place_.erase(node) > 0) next_in = place_in(every_, node);
  const Time until = now + next_in.value_or(2 * every_);
  parked_[node] = Parked{event.id, report.seq, report.accepted_stamp, until, next_in};
  park_deadlines_.insert({until, node});
}

void Heartbeats::wake(const World& world, const std::set<Symbol>& nodes, LogSessions& logs, Effects& effects) {
  const auto snapshot = std::make_shared<const World>(world);
  for (const Symbol node : nodes) {
    const auto parked = parked_.find(node);
    if (parked == parked_.end() || !world.nodes.contains(node)) continue;
    HeartbeatReply reply = answer(world, node, parked->second.accepted, parked->second.seq, logs);
    const bool goals_due = are_goals_due(world, node, parked->second.accepted);
    if (!goals_due && reply.logs.empty()) continue;
    Answer told = goals_due ? Answer(GoalsReply{std::move(reply), node, snapshot}) : Answer(std::move(reply));
    effects.list.push_back(Reply{parked->second.id, std::move(told)});
    park_deadlines_.erase({parked->second.until, node});
    parked_.erase(parked);
  }
}

void Heartbeats::release(const World& world, Symbol node, std::uint64_t renew, Effects& effects) {
  const auto parked = parked_.find(node);
  if (parked == parked_.end()) return;
  HeartbeatReply reply;
  reply.renew = std::max(renew, renewal(world, node, parked->second.accepted, parked->second.seq));
  reply.next_in = parked->second.next_in.value_or(with_jitter(every_, node, parked->second.seq));
  effects.list.push_back(Reply{parked->second.id, std::move(reply)});
  park_deadlines_.erase({parked->second.until, node});
  parked_.erase(parked);
}

void Heartbeats::pass_time(const World& world, Time now, Dirty& dirty, Effects& effects) {
  tables_.reset();
  while (!park_deadlines_.empty() && park_deadlines_.begin()->first <= now) {
    const Symbol node = park_deadlines_.begin()->second;
    release(world, node, 0, effects);
  }
  // Nodes that this controller has not heard yet count from its own start.
  if (watched_.size() < world.nodes.size()) {
    for (const auto& [node, row] : world.nodes)
      if (watched_.insert(node).second) silence_.insert({world.started + kSilenceLimit, node});
  }
  while (!silence_.empty() && silence_.begin()->first <= now) {
    const Symbol node = silence_.begin()->second;
    silence_.erase(silence_.begin());
    if (!world.nodes.contains(node)) {
      watched_.erase(node);
      continue;
    }
    const Observed* const observed = world.observed.find(node);
    const Time limit = (observed == nullptr ? world.started : observed->received) + kSilenceLimit;
    if (limit <= now) dirty.nodes.insert(node);
    silence_.insert({limit <= now ? now + kSilenceLimit : limit, node});
  }
}

void Heartbeats::forget(RequestId id) {
  const auto parked =
      std::find_if(parked_.begin(), parked_.end(), [&](const auto& one) { return one.second.id == id; });
  if (parked == parked_.end()) return;
  park_deadlines_.erase({parked->second.until, parked->first});
  parked_.erase(parked);
}

std::optional<Time> Heartbeats::next_deadline() const {
  std::optional<Time> next;
  for (const auto* const deadlines : {&park_deadlines_, &silence_})
    if (!deadlines->empty() && (!next || deadlines->begin()->first < *next)) next = deadlines->begin()->first;
  return next;
}

}  // namespace unik::controller
