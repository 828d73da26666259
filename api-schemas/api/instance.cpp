#include "api/instance.hpp"

#include <array>

#include "api/check.hpp"

namespace unik {
namespace {

constexpr std::array<std::string_view, 4> kPhases = {"pending", "running", "exited", "failed"};
constexpr std::array<std::string_view, 4> kHealths = {"none", "starting", "healthy", "unhealthy"};
constexpr std::array<std::string_view, 5> kExitKinds = {"exited", "signaled", "out_of_memory", "panicked", "crashed"};

template <typename Enum, std::size_t N>
std::string_view name_in(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  UNIK_CHECK(index < N, "a value outside its enumeration");
  return names[index];
}

template <typename Enum, std::size_t N>
std::optional<Enum> value_in(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Phase phase) {
  return name_in(kPhases, phase);
}
std::optional<Phase> parse_phase(std::string_view text) {
  return value_in<Phase>(kPhases, text);
}

std::string_view to_string(Health health) {
  return name_in(kHealths, health);
}
std::optional<Health> parse_health(std::string_view text) {
  return value_in<Health>(kHealths, text);
}

std::string_view to_string(ExitKind kind) {
  return name_in(kExitKinds, kind);
}
std::optional<ExitKind> parse_exit_kind(std::string_view text) {
  return value_in<ExitKind>(kExitKinds, text);
}

}  // namespace unik
