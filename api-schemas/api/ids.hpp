// Who is who: names, instance ids, and the stamps that order what a controller says.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "api/symbol.hpp"

namespace unik {

// A DNS label: 1 to 63 of [a-z0-9-], beginning and ending with a letter or digit.
bool is_dns_label(std::string_view text);

// Names an app; the order of everything that lists apps.
struct AppName {
  Symbol tenant;
  Symbol app;

  auto operator<=>(const AppName&) const = default;
};

// `tenant/app`
std::string to_string(const AppName& name);

// One run of one replica. `rollout` numbers the template (the journal sequence that introduced it, raised by
// recoveries): never reused, not after delete, rollback or a restored backup; `attempt` grows when the controller moves
// the instance. A restart in place by the agent keeps the id. At most one VM exists for an id, ever.
//
// Ordered by tenant, app, slot, rollout, attempt; laid out without a gap, since a fleet has several of each in memory.
struct InstanceId {
  Symbol tenant;
  Symbol app;
  std::uint64_t rollout = 0;
  std::uint32_t slot = 0;
  std::uint32_t attempt = 0;

  InstanceId() = default;
  InstanceId(Symbol of_tenant, Symbol of_app, std::uint32_t of_slot, std::uint64_t of_rollout, std::uint32_t of_attempt)
      : tenant(of_tenant), app(of_app), rollout(of_rollout), slot(of_slot), attempt(of_attempt) {}

  bool operator==(const InstanceId&) const = default;
  std::strong_ordering operator<=>(const InstanceId& other) const {
    if (const auto order = app_name() <=> other.app_name(); order != 0) return order;
    if (const auto order = slot <=> other.slot; order != 0) return order;
    if (const auto order = rollout <=> other.rollout; order != 0) return order;
    return attempt <=> other.attempt;
  }
  AppName app_name() const { return {tenant, app}; }
};

// `tenant/app/slot/rollout/attempt`
std::string to_string(const InstanceId& id);
Result<InstanceId> parse_instance_id(std::string_view text);

// `web-0-r42-1`: how an instance is shown and addressed inside its tenant.
std::string short_name(const InstanceId& id);

// Reads a short name back, or says that `text` is not of that form (it may be an app's name).
Result<InstanceId> parse_short_name(Symbol tenant, std::string_view text);

// Which line of history a controller speaks for: `recovery_count` grows with each `recover`, `term` with each leader.
struct Epoch {
  std::uint64_t recovery_count = 0;
  std::uint64_t term = 0;

  auto operator<=>(const Epoch&) const = default;
};

// Orders the goals of one node. `revision` is the last commit that changed them. Stamps of two clusters do not compare:
// ask `cluster_id` first.
struct Stamp {
  std::string cluster_id;
  Epoch epoch;
  std::uint64_t revision = 0;

  bool operator==(const Stamp&) const = default;
};

// Whether `a` says the same as `b` or something later, in the same cluster.
bool covers(const Stamp& a, const Stamp& b);

// `CLUSTER@RECOVERY.TERM.REVISION`, for logs.
std::string to_string(const Stamp& stamp);

}  // namespace unik
