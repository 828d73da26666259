// What is known of one instance. The agent observes it, the controller keeps the last transition.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/ids.hpp"
#include "api/rare_text.hpp"
#include "api/time.hpp"

namespace unik {

// `pending`: no VM yet, or none again; `reason` says which (`placing`, `fetching`, `starting`, `backoff`,
// `crash_loop`). `running`: the guest's init has started the app. `exited`: the app ended and stays ended by its
// restart policy. `failed`: it cannot run; `reason` says why.
enum class Phase : std::uint8_t { kPending, kRunning, kExited, kFailed };

std::string_view to_string(Phase phase);
std::optional<Phase> parse_phase(std::string_view text);

// `kNone`: the app declares no check, so running is enough.
enum class Health : std::uint8_t { kNone, kStarting, kHealthy, kUnhealthy };

std::string_view to_string(Health health);
std::optional<Health> parse_health(std::string_view text);

// How the last run of the app ended.
enum class ExitKind : std::uint8_t {
  kExited,       // by itself; `code` is its own, 0 to 255
  kSignaled,     // by a signal; `code` is the signal's number
  kOutOfMemory,  // the guest had no memory left
  kPanicked,     // the guest's kernel gave up
  kCrashed,      // the VM ended without a word: QEMU died or was killed
};

std::string_view to_string(ExitKind kind);
std::optional<ExitKind> parse_exit_kind(std::string_view text);

struct Exit {
  ExitKind kind = ExitKind::kExited;
  std::int32_t code = 0;

  bool operator==(const Exit&) const = default;
};

// The parts of the last boot; `total` runs from the agent's decision until the guest's init reports that the app was
// started. A first byte may come much later, and counts in none of the others.
struct BootTimes {
  Duration fetch{};       // image blobs that were not there
  Duration prepare{};     // digest checks and the boot root
  Duration start{};       // exec of the VMM until the guest's init reports that the app was started
  Duration first_byte{};  // exec of the VMM until the first byte on the console; zero while nothing has come
  Duration total{};
  Duration healthy{};  // until the first passed check; zero where none is declared or none has passed yet

  bool operator==(const BootTimes&) const = default;
};

// A fleet has one of each instance in memory, so that its parts stand in an order without gaps.
struct InstanceStatus {
  Phase phase = Phase::kPending;
  Health health = Health::kNone;
  std::uint32_t restarts = 0;
  RareText reason;
  RareText message;     // for a person: what happened, what to do
  std::string address;  // where the node reaches the guest, `127.83.4.9`
  Symbol accelerator;   // `kvm` or `tcg`
  std::optional<Exit> last_exit;
  WallTime started_at{};  // of the last run; the epoch before the first
  BootTimes boot;

  bool operator==(const InstanceStatus&) const = default;
};

// Serving as far as anybody can tell.
constexpr bool is_ready(const InstanceStatus& status) {
  return status.phase == Phase::kRunning && (status.health == Health::kNone || status.health == Health::kHealthy);
}

// The reason of what a node has seen to end while no goal named it: with a goal it may be started again.
inline constexpr std::string_view kNoGoal = "no_goal";

// The agent will not start it again under its policy.
constexpr bool is_final(const InstanceStatus& status) {
  return status.phase == Phase::kExited || status.phase == Phase::kFailed;
}

}  // namespace unik
