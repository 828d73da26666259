// What becomes of an instance whose run has ended: it is started again after a wait, or stays ended.
#pragma once

#include <optional>
#include <string_view>

#include "agent/core/instance.hpp"

namespace unik::agent {

// A run that was ready for this long makes the next wait start from the beginning.
inline constexpr Duration kHealthyReset = std::chrono::minutes(10);
// So many runs in a row that ended sooner are a crash loop, and called so.
inline constexpr std::uint32_t kCrashLoopFailures = 5;

// How a run ended: with an exit, or with why it never began.
struct RunEnd {
  std::optional<Exit> exit;
  std::optional<Error> error;
};

// Brings `instance` from a live VM, or from an adopted one that has ended, to what comes after. A restart is counted
// here, when it is decided on and not when it happens, so that one save of the record holds all that an exit changed.
void end_run(Instance& instance, const RunEnd& end, Time now);

// Whether the end of the run that `instance.vm` says has led to what its record says.
inline bool is_end_taken_up(const Instance& instance) {
  return instance.record.ended || instance.vm.run < instance.record.restarts;
}

// An app that waits to be started again after it has run, and that the policy which its goal has now would leave ended,
// stays so. What has ended stays ended under every policy: the room that it took may be another's by now.
void retire(Instance& instance, Time now);

// Its image or VM can never be had.
void fail_for_good(Instance& instance, const Error& error, std::string_view fallback_reason);

// Keeps `restart.ready_since` true to what is seen.
void note_ready(Instance& instance, Time now);

// `completed`, `error`, `signaled`, `out_of_memory`, `kernel_panic`, `vm_crashed`.
std::string_view exit_reason(const Exit& exit);

}  // namespace unik::agent
