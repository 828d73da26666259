#include "tests/sim/network.hpp"

#include <algorithm>
#include <utility>

#include "controller/core/diff.hpp"
#include "controller/core/goals.hpp"
#include "controller/heartbeats.hpp"

namespace unik::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTimeout = seconds(3);  // after which a lost message is noticed

}  // namespace

void Network::send_register(int node, RegisterRequest request, std::uint64_t life) {
  checks_.take_capacity(request.info.capacity);
  cluster_.saboteur.distort(request, unheard(Symbol(request.node)));
  travel(
      node,
      [this, node, request = std::move(request), life] {
        cluster_.controller.ask(
            [&](controller::RequestId id) {
              return controller::RegisterAsked{id, "", request};
            },
            [this, node, life](const std::optional<controller::Answer>& answer) {
              back_to_agent(node, life, 0, answer);
            });
      },
      [this, node, life] { fail_link(node, life, 0); });
}

void Network::send_heartbeat(int node, Report report, std::uint64_t life) {
  cluster_.saboteur.undisguise(report);
  checks_.check_accepted(node, report, life);
  cluster_.saboteur.distort(report, cluster_.controller.durable());
  const std::uint64_t seq = report.seq;
  if (cluster_.saboteur.carries_all_the_same(node) && cluster_.is_cut_off(static_cast<std::size_t>(node)))
    cluster_.controller.ask(
        [&](controller::RequestId id) {
          return controller::HeartbeatArrived{id, report};
        },
        [](const std::optional<controller::Answer>&) {});
  travel(
      node,
      [this, node, report = std::move(report), life] {
        count_heartbeat();
        if (cluster_.controller.is_up())
          cluster_.arrived[static_cast<std::size_t>(node)] = cluster_.timeline.now().boot;
        cluster_.controller.ask(
            [&](controller::RequestId id) {
              return controller::HeartbeatArrived{id, report};
            },
            [this, node, life, seq = report.seq](const std::optional<controller::Answer>& answer) {
              back_to_agent(node, life, seq, answer);
            });
      },
      [this, node, life, seq] { fail_link(node, life, seq); });
}

void Network::count_heartbeat() {
  if (!cluster_.drill_began || !cluster_.controller.is_up()) return;
  const auto since = std::chrono::floor<seconds>(cluster_.timeline.now().boot - *cluster_.drill_began).count();
  std::vector<std::uint64_t>& heartbeats = cluster_.outcome.heartbeats;
  heartbeats.resize(std::max<std::size_t>(heartbeats.size(), static_cast<std::size_t>(since) + 1));
  ++heartbeats.back();
}

Duration Network::unheard(Symbol node) const {
  if (!cluster_.controller.is_up()) return {};
  return cluster_.timeline.now().boot - controller::heard(cluster_.controller.world(), node);
}

void Network::launched(int on, const InstanceId& id, const BootSpec& boot) {
  checks_.check_launch(on, id, boot);
}

// Carries `arrive` to the other side, once, twice or never; `lost` is called when it was never.
void Network::travel(int node, const std::function<void()>& arrive, const std::function<void()>& lost) {
  Random& random = cluster_.random;
  const bool faults = cluster_.options.network_faults && cluster_.faulty();
  const bool cut = cluster_.is_cut_off(static_cast<std::size_t>(node));
  if (cut || (faults && random.chance(0.03))) return cluster_.timeline.after(kTimeout, lost);
  const auto delay = [&] {
    return faults && random.chance(0.03) ? random.between({}, seconds(4))
                                         : random.between(Duration(100), milliseconds(15));
  };
  cluster_.timeline.after(delay(), arrive);
  if (faults && random.chance(0.03)) cluster_.timeline.after(delay(), arrive);
}

void Network::back_to_agent(int node, std::uint64_t life, std::uint64_t seq,
                            const std::optional<controller::Answer>& answer) {
  if (!answer) return cluster_.timeline.after(milliseconds(5), [this, node, life, seq] { fail_link(node, life, seq); });
  travel(
      node,
      [this, node, life, event = event_of(node, seq, *answer)] {
        SimulatedNode& target = *cluster_.nodes[static_cast<std::size_t>(node)];
        if (target.life() == life) target.deliver(cluster_.saboteur.distorted(event));
      },
      [this, node, life, seq] { fail_link(node, life, seq); });
}

agent::Event Network::event_of(int node, std::uint64_t seq, const controller::Answer& answer) {
  if (const auto* const registered = std::get_if<RegisterReply>(&answer)) return agent::Registered{*registered};
  if (const auto* const error = std::get_if<Error>(&answer)) return agent::LinkFailed{seq, *error};
  std::optional<HeartbeatReply> reply = controller::heartbeat_reply(answer);
  if (!reply) return agent::LinkFailed{seq, {}};
  if (reply->goals) checks_.check_goals(*reply->goals);
  cluster_.saboteur.distort(*reply, seq, node, cluster_.faulty());
  return agent::HeartbeatAnswered{seq, *std::move(reply)};
}

void Network::fail_link(int node, std::uint64_t life, std::uint64_t seq) {
  SimulatedNode& target = *cluster_.nodes[static_cast<std::size_t>(node)];
  if (target.life() == life) target.deliver(agent::LinkFailed{seq, unavailable("connection_refused", "simulated")});
}

void Network::send_before_commit(const controller::Record& record) {
  controller::World after = cluster_.controller.durable();
  controller::apply(after, record);
  for (std::size_t i = 0; i < cluster_.nodes.size(); ++i) {
    const Symbol name(cluster_.nodes[i]->name());
    const controller::NodeRow* const row = after.nodes.find(name);
    if (row == nullptr || row->goals_revision != record.seq) continue;
    HeartbeatReply early;
    early.goals = controller::goals_of(after, name);
    back_to_agent(static_cast<int>(i), cluster_.nodes[i]->life(), 0, controller::Answer(early));
  }
}

}  // namespace unik::sim
