#include "codec/policy_fields.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "api/check.hpp"
#include "api/labels.hpp"
#include "codec/resource_fields.hpp"

namespace unik::codec {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr std::uint32_t kMaxCount = 1000;
constexpr std::uint32_t kMaxFactor = 1000;
constexpr std::uint32_t kMaxQuotaInstances = 1'000'000;
constexpr std::size_t kReasonMax = 256;

std::string_view short_text(std::string_view text) {
  return text.size() <= kReasonMax ? std::string_view() : "at most 256 characters";
}

// 42 bytes that begin with `Ed`, as base64.
std::string_view public_key(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const bool fits = text.size() == 56 && text.starts_with("RW") && text[2] >= 'Q' && text[2] <= 'T' &&
                    text.find_first_not_of(kAlphabet) == std::string_view::npos;
  return fits ? std::string_view()
              : "a public key of 56 characters that begins with `RW` (`unikctl runtime key generate`)";
}

// The value of `names` that `text` is; the order is that of the enumeration.
template <typename Enum, std::size_t N>
std::optional<Enum> choice(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text) return static_cast<Enum>(i);
  return std::nullopt;
}
template <typename Enum, std::size_t N>
std::string_view name(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  UNIK_CHECK(index < N, "a value outside its enumeration");
  return names[index];
}

constexpr std::array<std::string_view, 2> kTaintEffects = {"noSchedule", "noExecute"};
constexpr std::array<std::string_view, 3> kStrategies = {"rolling", "canary", "blueGreen"};
constexpr std::array<std::string_view, 2> kPromotions = {"auto", "manual"};
constexpr std::array<std::string_view, 2> kPlacements = {"spread", "binPack"};

void read_toleration(const At& at, std::vector<Toleration>& out) {
  Fields in(at, "App.spec.placement.tolerations");
  Toleration toleration;
  in.text("key", toleration.key, label_key);
  in.require_always("key", "the taint's name");
  std::string value;
  if (in.text("value", value, label_value)) toleration.value = std::move(value);
  out.push_back(std::move(toleration));
}

void read_spread(const At& at, std::vector<Spread>& out) {
  Fields in(at, "App.spec.placement.spread");
  Spread spread;
  in.text("by", spread.by, label_key);
  in.require_always("by", "the name of a node label, `by: zone`");
  out.push_back(std::move(spread));
}

}  // namespace

void read_placement(Fields& in, Placement& out) {
  in.text_map("nodeSelector", out.node_selector, kMaxLabels, label_key, label_value);
  in.list("spread", kMaxSpread, [&](const At& at) { read_spread(at, out.spread); });
  in.list("tolerations", kMaxTolerations, [&](const At& at) { read_toleration(at, out.tolerations); });
  std::ranges::sort(out.tolerations);  // their order means nothing; that of `spread` does
  in.integer<std::int32_t>("priority", out.priority);
  if (out.priority != 0 && in.at().decoding.reading.refuse_unknown)
    in.fault("priority", "want 0, got " + std::to_string(out.priority) +
                             ": no app gives up its place for another, there is no preemption yet");
}

void read_disruption(Fields& in, Disruption& out) {
  in.integer<std::uint32_t>("maxUnavailable", out.max_unavailable, 1, kMaxCount);
}

void read_rollout(Fields& in, RolloutPolicy& out) {
  in.one_of("strategy", out.strategy, parse_rollout_strategy, "rolling, canary or blueGreen");
  in.integer<std::uint32_t>("maxUnavailable", out.max_unavailable, 0, kMaxCount);
  in.integer<std::uint32_t>("maxSurge", out.max_surge, 0, kMaxCount);
  if (out.max_unavailable == 0 && out.max_surge == 0 && in.at().decoding.reading.refuse_unknown)
    in.fault("maxSurge", "want it or `maxUnavailable` (0) above 0, or nothing could be replaced");
  in.duration("progressDeadline", out.progress_deadline, milliseconds(10), hours(24));
  in.boolean("autoRollback", out.auto_rollback);
  in.object("canary", "rollout.canary", [&](Fields& canary) {
    canary.integer<std::uint32_t>("percent", out.canary.percent, 1, 100);
    canary.duration("bake", out.canary.bake, Duration::zero(), hours(24));
    canary.one_of("promote", out.canary.promote, parse_promotion, "auto or manual");
  });
  in.object("gate", "rollout.gate", [&](Fields& gate) {
    gate.duration("healthyFor", out.gate.healthy_for, Duration::zero(), hours(1));
    gate.integer<std::uint32_t>("bootFactor", out.gate.boot_factor, 0, kMaxFactor);
    gate.integer<std::uint32_t>("restartFactor", out.gate.restart_factor, 0, kMaxFactor);
  });
}

void read_disconnect(Fields& in, Disconnect& out) {
  in.duration("lostAfter", out.lost_after, minutes(1), hours(24));
  in.boolean("replace", out.replace);
  Duration silence;
  if (in.duration("stopOnClientAfter", silence, minutes(1), hours(24))) out.stop_on_client_after = silence;
}

void read_drain(Fields& in, Drain& out) {
  in.boolean("enabled", out.enabled);
  in.duration("deadline", out.deadline, Duration::zero(), hours(24));
  in.boolean("force", out.force);
  in.text("reason", out.reason, short_text);
}

void read_taint(const At& at, std::vector<Taint>& out) {
  Fields in(at, "Node.spec.taints");
  Taint taint;
  in.text("key", taint.key, label_key);
  in.require_always("key", "the taint's name");
  in.text("value", taint.value, label_value);
  in.one_of("effect", taint.effect, parse_taint_effect, "noSchedule or noExecute");
  out.push_back(std::move(taint));
}

void read_quota(Fields& in, Quota& out) {
  std::uint32_t instances = 0;
  if (in.integer<std::uint32_t>("instances", instances, 0, kMaxQuotaInstances)) out.instances = instances;
  MilliCpu cpu;
  if (in.cpu("cpu", cpu, {})) out.cpu = cpu;
  Bytes memory;
  if (in.bytes("memory", memory, {})) out.memory = memory;
}

void read_limits(Fields& in, InstanceLimits& out) {
  in.cpu("cpu", out.cpu, {});
  in.bytes("memory", out.memory, {});
}

void read_require_signatures(Fields& in, RequireSignatures& out) {
  in.require_always("keys", "the public keys of which one must have signed an image");
  in.list("keys", kMaxTrustedKeys, [&](const At& at) {
    if (const auto key = read_text(at, public_key)) out.keys.emplace_back(*key);
  });
  if (out.keys.empty() && in.has("keys")) in.fault("keys", "want 1 to 16 public keys, got none");
  std::ranges::sort(out.keys);  // their order means nothing
  out.keys.erase(std::ranges::unique(out.keys).begin(), out.keys.end());
}

std::optional<TaintEffect> parse_taint_effect(std::string_view text) {
  return choice<TaintEffect>(kTaintEffects, text);
}
std::string_view to_string(TaintEffect effect) {
  return name(kTaintEffects, effect);
}
std::optional<RolloutStrategy> parse_rollout_strategy(std::string_view text) {
  return choice<RolloutStrategy>(kStrategies, text);
}
std::string_view to_string(RolloutStrategy strategy) {
  return name(kStrategies, strategy);
}
std::optional<Promotion> parse_promotion(std::string_view text) {
  return choice<Promotion>(kPromotions, text);
}
std::string_view to_string(Promotion promotion) {
  return name(kPromotions, promotion);
}
std::optional<PlacementStrategy> parse_placement_strategy(std::string_view text) {
  return choice<PlacementStrategy>(kPlacements, text);
}
std::string_view to_string(PlacementStrategy strategy) {
  return name(kPlacements, strategy);
}

}  // namespace unik::codec
