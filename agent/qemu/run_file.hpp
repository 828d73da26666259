// `run.json`: what an agent must find again of a VM that outlived the one before it. Holds no secret: of the boot, only
// where the guest is reached. Pure; the file is written and read by instance_dir.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/qemu/vm_spec.hpp"
#include "api/ids.hpp"
#include "api/instance.hpp"
#include "api/result.hpp"

namespace unik::agent {

struct RunFile {
  InstanceId id;
  std::uint32_t run = 0;
  std::string host_boot;  // boot_id of the host's kernel: after a reboot no VM is left
  std::string address;
  std::vector<PortForward> forwards;
  Accelerator accelerator = Accelerator::kTcg;
  bool own_kernel = true;           // with our init, which writes life records
  bool strict = false;              // beside it stands a guard
  Resources resources;              // its limits
  std::uint64_t console_begin = 0;  // of this run, in console.log
  std::uint64_t start_ticks = 0;    // of QEMU's process; 0: not known yet. See process_start_ticks
  bool machine_up = false;          // QEMU's monitor has answered
  WallTime started_at{};            // the epoch: the app has not started
  Duration start{};
  Duration first_byte{};

  bool operator==(const RunFile&) const = default;
};

std::string to_json(const RunFile& file);

// Errors: `invalid`/`bad_run_file`.
Result<RunFile> parse_run_file(std::string_view json);

}  // namespace unik::agent
