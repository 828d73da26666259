#include "api/ids.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace unik {
namespace {

constexpr std::size_t kLabelMax = 63;

// Decimal digits alone, without sign or leading zero, so that each id has one spelling.
template <typename Int>
std::optional<Int> parse_number(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  Int value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return value;
}

Error bad_instance_id(std::string_view text) {
  return invalid("bad_instance_id",
                 "want an instance id `tenant/app/slot/rollout/attempt`, got `" + std::string(text) + "`");
}

}  // namespace

bool is_dns_label(std::string_view text) {
  if (text.empty() || text.size() > kLabelMax || text.front() == '-' || text.back() == '-') return false;
  for (const char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  return true;
}

std::string to_string(const AppName& name) {
  return name.tenant.str() + '/' + name.app.str();
}

std::string to_string(const InstanceId& id) {
  return id.tenant.str() + '/' + id.app.str() + '/' + std::to_string(id.slot) + '/' + std::to_string(id.rollout) + '/' +
         std::to_string(id.attempt);
}

Result<InstanceId> parse_instance_id(std::string_view text) {
  std::array<std::string_view, 5> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t slash = rest.find('/');
    const bool last = i + 1 == parts.size();
    if ((slash == std::string_view::npos) != last) return bad_instance_id(text);
    parts[i] = rest.substr(0, slash);
    if (!last) rest.remove_prefix(slash + 1);
  }
  const auto slot = parse_number<std::uint32_t>(parts[2]);
  const auto rollout = parse_number<std::uint64_t>(parts[3]);
  const auto attempt = parse_number<std::uint32_t>(parts[4]);
  if (!is_dns_label(parts[0]) || !is_dns_label(parts[1]) || !slot || !rollout || !attempt) return bad_instance_id(text);
  return InstanceId{Symbol(parts[0]), Symbol(parts[1]), *slot, *rollout, *attempt};
}

std::string short_name(const InstanceId& id) {
  return id.app.str() + '-' + std::to_string(id.slot) + "-r" + std::to_string(id.rollout) + '-' +
         std::to_string(id.attempt);
}

Result<InstanceId> parse_short_name(Symbol tenant, std::string_view text) {
  const Error bad = invalid("bad_instance_name",
                            "want an instance name `APP-SLOT-rROLLOUT-ATTEMPT`, got `" + std::string(text) + "`");
  std::array<std::string_view, 3> numbers;  // attempt, rollout, slot: read from the end, since the app may hold dashes
  std::string_view rest = text;
  for (std::string_view& number : numbers) {
    const std::size_t dash = rest.rfind('-');
    if (dash == std::string_view::npos) return bad;
    number = rest.substr(dash + 1);
    rest = rest.substr(0, dash);
  }
  if (numbers[1].empty() || numbers[1].front() != 'r') return bad;
  const auto attempt = parse_number<std::uint32_t>(numbers[0]);
  const auto rollout = parse_number<std::uint64_t>(numbers[1].substr(1));
  const auto slot = parse_number<std::uint32_t>(numbers[2]);
  if (!attempt || !rollout || !slot || !is_dns_label(rest)) return bad;
  return InstanceId{tenant, Symbol(rest), *slot, *rollout, *attempt};
}

bool covers(const Stamp& a, const Stamp& b) {
  if (a.cluster_id != b.cluster_id) return false;
  if (a.epoch != b.epoch) return a.epoch > b.epoch;
  return a.revision >= b.revision;
}

std::string to_string(const Stamp& stamp) {
  return stamp.cluster_id + '@' + std::to_string(stamp.epoch.recovery_count) + '.' + std::to_string(stamp.epoch.term) +
         '.' + std::to_string(stamp.revision);
}

}  // namespace unik
