#include "agent/qemu/vm_outcome.hpp"

#include <csignal>

#include "api/guest.h"

namespace unik::agent {
namespace {

// What a Solo5 guest exits with when all is well: (41 << 1) | 1.
constexpr int kSolo5Success = 83;

// A kernel that panics resets its VM. Where a signal or the agent ended QEMU there was no panic, whatever an app has
// written on its console.
std::optional<Exit> panic_of(const VmTrace& trace) {
  if (trace.killed || (trace.process && trace.process->signaled)) return std::nullopt;
  const std::size_t at = trace.console_tail.rfind(UNIK_GUEST_PANIC_TEXT);
  if (at == std::string::npos) return std::nullopt;
  // `Kernel panic - not syncing: System is deadlocked on memory`
  const std::string line = trace.console_tail.substr(at, trace.console_tail.find('\n', at) - at);
  const bool memory = line.find("deadlocked on memory") != std::string::npos;
  return Exit{memory ? ExitKind::kOutOfMemory : ExitKind::kPanicked, 0};
}

// Somebody else's kernel says its exit code by isa-debug-exit, which makes it (code << 1) | 1; by a plain shutdown, 0.
// A Linux that panics says so on the console, and the reset that follows is no end that anybody wished for.
Exit foreign_exit(const VmTrace& trace) {
  const bool by_status = trace.process && !trace.process->signaled && !trace.killed;
  if (by_status && trace.process->code == kSolo5Success) return {ExitKind::kExited, 0};
  if (by_status && trace.process->code != 0) return {ExitKind::kExited, trace.process->code >> 1};
  if (const std::optional<Exit> panic = panic_of(trace)) return *panic;
  if (trace.reset_by_guest) return {ExitKind::kCrashed, 0};
  return {by_status || trace.shut_down_by_guest ? ExitKind::kExited : ExitKind::kCrashed, 0};
}

bool refused_to_start(const VmTrace& trace) {
  const bool guest_ran = trace.records.booted || trace.machine_up;
  return trace.process && !trace.process->signaled && trace.process->code != 0 && !guest_ran && !trace.killed;
}

}  // namespace

VmOutcome outcome_of(const VmTrace& trace) {
  if (trace.records.exit) {
    VmOutcome outcome{trace.records.exit, std::nullopt};
    if (!trace.records.not_started.empty())
      outcome.error =
          invalid("not_executable",
                  "the app's program could not be executed: " + trace.records.not_started + "; build the image again");
    return outcome;
  }
  if (!trace.records.init_error.empty())
    return {std::nullopt, invalid("guest_init_failed", "the guest's init gave up: " + trace.records.init_error)};
  if (refused_to_start(trace))
    return {std::nullopt, unavailable("vmm_failed", "QEMU ended with status " + std::to_string(trace.process->code) +
                                                        (trace.stderr_tail.empty() ? " and said nothing"
                                                                                   : ": " + trace.stderr_tail))};
  if (!trace.own_kernel) return {foreign_exit(trace), std::nullopt};
  if (const std::optional<Exit> panic = panic_of(trace)) return {panic, std::nullopt};
  // Its app was asked to end, and did not: the VM's end was to it what SIGKILL is to a process.
  if (trace.killed && trace.records.booted) return {Exit{ExitKind::kSignaled, SIGKILL}, std::nullopt};
  return {Exit{ExitKind::kCrashed, 0}, std::nullopt};
}

}  // namespace unik::agent
