// How a VM ended, worked out from every trace that it left. Pure.
#pragma once

#include <optional>
#include <string>

#include "agent/qemu/guest_records.hpp"
#include "agent/qemu/process.hpp"
#include "api/error.hpp"
#include "api/instance.hpp"

namespace unik::agent {

struct VmTrace {
  bool own_kernel = true;  // with our init, which writes life records
  GuestRecords records;
  bool machine_up = false;          // QEMU's monitor answered: the machine was built
  bool shut_down_by_guest = false;  // QMP said so
  bool reset_by_guest = false;      // the same: a reboot or a triple fault, which ends a VM that does not reboot
  bool killed = false;              // we asked QEMU to end
  std::optional<Ended> process;     // absent for an adopted one, which is not our child
  std::string console_tail;         // the last bytes of this run's console
  std::string stderr_tail;          // what QEMU said

  bool operator==(const VmTrace&) const = default;
};

// As in VmEnded: an exit; or an error when the app never ran, and why.
struct VmOutcome {
  std::optional<Exit> exit;
  std::optional<Error> error;

  bool operator==(const VmOutcome&) const = default;
};

// Errors: `unavailable`/`vmm_failed` with QEMU's own words, `invalid`/`guest_init_failed`, and, beside an exit code of
// 126 or 127, `invalid`/`not_executable`.
VmOutcome outcome_of(const VmTrace& trace);

}  // namespace unik::agent
