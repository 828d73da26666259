// The policies of Apps, Nodes and Tenants out of a Tree: how instances are placed, replaced, moved and bounded. Inside
// the codec only.
#pragma once

#include <optional>
#include <string_view>

#include "api/resource.hpp"
#include "codec/fields.hpp"

namespace unik::codec {

void read_placement(Fields& in, Placement& out);
void read_disruption(Fields& in, Disruption& out);
void read_rollout(Fields& in, RolloutPolicy& out);
void read_disconnect(Fields& in, Disconnect& out);
void read_drain(Fields& in, Drain& out);
void read_taint(const At& at, std::vector<Taint>& out);
void read_quota(Fields& in, Quota& out);
void read_limits(Fields& in, InstanceLimits& out);
void read_require_signatures(Fields& in, RequireSignatures& out);

std::optional<TaintEffect> parse_taint_effect(std::string_view text);
std::string_view to_string(TaintEffect effect);
std::optional<RolloutStrategy> parse_rollout_strategy(std::string_view text);
std::string_view to_string(RolloutStrategy strategy);
std::optional<Promotion> parse_promotion(std::string_view text);
std::string_view to_string(Promotion promotion);
std::optional<PlacementStrategy> parse_placement_strategy(std::string_view text);
std::string_view to_string(PlacementStrategy strategy);

inline constexpr std::size_t kMaxSpread = 8;
inline constexpr std::size_t kMaxTolerations = 64;
inline constexpr std::size_t kMaxTaints = 64;

}  // namespace unik::codec
