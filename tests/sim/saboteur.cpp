#include "tests/sim/saboteur.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "controller/core/node_watch.hpp"
#include "tests/sim/forgery.hpp"

namespace unik::sim {
namespace {

void claim_readiness(ReportBody& body) {
  for (ObservedInstance& one : body.instances) {
    if (one.status.phase != Phase::kPending) continue;
    one.status.phase = Phase::kRunning;
    one.status.health = Health::kHealthy;
    one.status.reason = std::string();
  }
}

void hide_strays(Report& report, const controller::World& durable) {
  std::erase_if(report.body->instances, [&](const ObservedInstance& one) {
    const controller::InstanceRow* const row = durable.instances.find(one.id);
    return row == nullptr || row->node != Symbol(report.node);
  });
}

void hide_what_is_stopped(Report& report, const controller::World& durable) {
  std::erase_if(report.body->instances, [&](const ObservedInstance& one) {
    const controller::InstanceRow* const row = durable.instances.find(one.id);
    return row != nullptr && row->goal == controller::InstanceGoal::kStop;
  });
}

}  // namespace

void Saboteur::distort(RegisterRequest& request, Duration unheard) const {
  if (bug_ == PlantedBug::kBoastfulNodes) request.info.capacity.cpu += request.info.capacity.cpu;
  // The first of a name has the index that the name ends with.
  const bool too_soon = bug_ == PlantedBug::kNamesWithoutLease && unheard >= controller::kSilenceLimit;
  if (bug_ == PlantedBug::kNamesakesLetIn || too_soon) request.agent_id = request.node.substr(1);
}

void Saboteur::undisguise(Report& report) const {
  const auto real = disguises_.find(report.accepted_stamp.revision);
  if (real != disguises_.end()) report.accepted_stamp.revision = real->second;
}

void Saboteur::distort(Report& report, const controller::World& durable) {
  if (bug_ == PlantedBug::kRestoreUnseen) {
    const controller::NodeRow* const row = durable.nodes.find(Symbol(report.node));
    const std::uint64_t given = row == nullptr ? 0 : row->goals_revision;
    report.accepted_stamp.revision = std::min(report.accepted_stamp.revision, given);
  }
  if (bug_ == PlantedBug::kAbsentWithoutStamp && !report.accepted_stamp.cluster_id.empty()) {
    if (const controller::NodeRow* const row = durable.nodes.find(Symbol(report.node)))
      report.accepted_stamp.revision = row->goals_revision;
  }
  if (bug_ == PlantedBug::kEagerReports && report.body) claim_readiness(*report.body);
  if (bug_ == PlantedBug::kNoStrayBucket && report.body) hide_strays(report, durable);
  if (bug_ == PlantedBug::kEarlyAbsence && report.body) hide_what_is_stopped(report, durable);
}

void Saboteur::distort(HeartbeatReply& reply, std::uint64_t seq, int node, bool faulty) {
  if (bug_ == PlantedBug::kBlindRenewals && reply.goals && random_.chance(0.7)) {
    reply.goals.reset();
    reply.renew = seq;
  }
  if (bug_ == PlantedBug::kHeldBackRenewals && !reply.goals && !reply.want_body && !reply.want_register)
    reply.renew = seq;
  if (bug_ == PlantedBug::kDeafNode && node == 0 && !faulty) reply.goals.reset();
}

void Saboteur::distort(Tenant& tenant) const {
  if (bug_ == PlantedBug::kNoQuota) tenant.spec.quota = {};
}

std::vector<controller::Change> Saboteur::forged(const controller::World& before, const controller::World& after,
                                                 const controller::Record& record) const {
  return forged_changes(bug_, before, after, record);
}

void Saboteur::distort(controller::World& tables) const {
  if (bug_ != PlantedBug::kMiscount) return;
  const Symbol tenant(kDefaultTenant);
  controller::TenantTotals totals = controller::totals_of(tables, tenant);
  ++totals.placed.instances;
  tables.usage.set(tenant, totals);
}

// Goals that arrive look newer than all that arrived before.
agent::Event Saboteur::distorted(agent::Event event) {
  auto* const answered = std::get_if<agent::HeartbeatAnswered>(&event);
  if (bug_ != PlantedBug::kNoFencing || answered == nullptr || !answered->reply.goals) return event;
  const std::uint64_t looks_like = 1'000'000 + disguises_.size();
  disguises_[looks_like] = answered->reply.goals->stamp.revision;
  answered->reply.goals->stamp.revision = looks_like;
  return event;
}

}  // namespace unik::sim
