#include <algorithm>
#include <chrono>
#include <utility>

#include "api/labels.hpp"
#include "api/lease.hpp"
#include "controller/core/admit.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/place.hpp"
#include "controller/core/strict.hpp"

namespace unik::controller {
namespace {

// Nodes' clocks are not ours, but no clock is off by so much.
constexpr Duration kMostClockError = std::chrono::hours(24 * 365 * 10);

bool is_agent_id(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest &&
         text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

}  // namespace

Result<void> check_register(const RegisterRequest& request, WallTime now) {
  if (!is_agent_id(request.agent_id))
    return invalid("bad_agent_id", "node/" + request.node + ": want an agent_id of 1 to 64 of `0-9a-f-`, got `" +
                                       request.agent_id + "`");
  const auto latest = static_cast<std::uint64_t>((now + kMostClockError).time_since_epoch().count());
  if (request.agent_start > latest)
    return invalid("bad_agent_start", "node/" + request.node + ": want an agent's start of at most " +
                                          std::to_string(latest) + " (microseconds since 1970, ten years ahead), got " +
                                          std::to_string(request.agent_start) + ": set that machine's clock");
  for (const auto& [key, value] : request.labels)
    if (key.starts_with(kOwnLabels))
      return invalid("bad_label", "node/" + request.node + ": want labels of the agent's own, got `" + key +
                                      "`: what begins with `" + std::string(kOwnLabels) + "` a node says of itself");
  if (request.info.capacity.cpu.value <= 0 || request.info.capacity.memory.value <= 0)
    return invalid("bad_capacity", "node/" + request.node + ": want a node with CPU and memory, got " +
                                       std::to_string(request.info.capacity.cpu.value) + "m and " +
                                       std::to_string(request.info.capacity.memory.value) + " bytes");
  return {};
}

namespace {

// Two agents under one name would both run what is placed on the node. The one that is registered keeps the name until
// it has been silent for so long that it is unknown, and that no strict singleton of its can be left.
Result<void> check_holder(const Draft& draft, const NodeRow& row, const RegisterRequest& request) {
  if (row.agent_id.empty() || row.agent_id == request.agent_id) return {};
  const Symbol name(request.node);
  const Time last = heard(draft.world(), name);
  const Time until = std::max(last + kSilenceLimit, all_leases_over_at(draft.world(), name).value_or(last));
  const Time now = draft.now().boot;
  if (now >= until) return {};
  return conflict(
      "node_name_taken",
      "node/" + request.node + ": another agent, on the host of boot id " + (row.info ? row.info->boot_id : "") +
          ", has this name and was heard " +
          format_duration(std::chrono::duration_cast<std::chrono::seconds>(now - last)) +
          " ago: give this one another name, or end that one; the name is free when it has been silent for " +
          format_duration(until - last));
}

}  // namespace

Result<RegisterReply> admit_register(Draft& draft, const RegisterRequest& request) {
  const Symbol name(request.node);
  const NodeRow* const row = draft.world().nodes.find(name);
  if (row != nullptr)
    if (Result<void> free = check_holder(draft, *row, request); !free) return std::move(free).error();
  RegisterReply reply;
  reply.cluster_id = draft.world().cluster.cluster_id;
  NodeRow next;
  if (row != nullptr) {
    next = *row;
    if (request.agent_start < row->agent_start) {
      reply.newer_start = row->agent_start;
      reply.newer_is_silent = row->health != NodeHealth::kReady;
      return reply;
    }
  } else {
    Node node;
    node.metadata.name = request.node;
    node.metadata.uid = draft.world().last_uid + 1;
    node.metadata.generation = 1;
    next.node = std::move(node);
    next.created_at = draft.now().wall;
    next.goals_revision = draft.world().revision;
  }
  next.agent_labels = request.labels;
  next.info = request.info;
  next.agent_start = request.agent_start;
  next.agent_id = request.agent_id;
  if (row == nullptr || !(next == *row)) draft.change(PutNode{std::move(next)});
  return reply;
}

}  // namespace unik::controller
