#include "api/resource.hpp"

#include <array>
#include <cctype>

#include "api/check.hpp"

namespace unik {
namespace {

constexpr std::array<KindNames, 3> kKinds = {{
    {"App", "app", "apps", "a", true},
    {"Node", "node", "nodes", "no", false},
    {"Tenant", "tenant", "tenants", "tn", false},
}};

// The key before an entry and the NUL after it.
constexpr std::size_t kEntryBytes = 5;

}  // namespace

bool starts_again(RestartPolicy policy, const Exit& exit) {
  switch (policy) {
    case RestartPolicy::kAlways:
      return true;
    case RestartPolicy::kOnFailure:
      return exit != Exit{ExitKind::kExited, 0};
    case RestartPolicy::kNever:
      return false;
  }
  UNIK_CHECK(false, "a restart policy outside its enumeration");
}

std::size_t args_and_env_bytes(const BootSpec& boot) {
  std::size_t bytes = 0;
  for (const std::string& arg : boot.args) bytes += arg.size() + kEntryBytes;
  for (const auto& [name, value] : boot.env) bytes += name.size() + 1 + value.size() + kEntryBytes;
  return bytes;
}

std::optional<CheckTarget> target_of(const std::optional<HealthCheck>& health) {
  return health ? std::optional(CheckTarget{health->port, health->path}) : std::nullopt;
}

void aim(std::optional<HealthCheck>& health, const std::optional<CheckTarget>& target) {
  if (!target) return health.reset();
  if (target->port == 0) return;
  if (!health) health.emplace();
  health->port = target->port;
  health->path = target->path;
}

Kind kind_of(const Resource& resource) {
  return static_cast<Kind>(resource.index());
}

const Metadata& metadata_of(const Resource& resource) {
  return std::visit([](const auto& value) -> const Metadata& { return value.metadata; }, resource);
}

Metadata& metadata_of(Resource& resource) {
  return std::visit([](auto& value) -> Metadata& { return value.metadata; }, resource);
}

const KindNames& names_of(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  UNIK_CHECK(index < kKinds.size(), "a kind outside the enumeration");
  return kKinds[index];
}

std::optional<Kind> parse_kind(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    const KindNames& names = kKinds[i];
    if (lower == names.singular || lower == names.plural || lower == names.short_name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

}  // namespace unik
