// VmSpec -> argv of QEMU. Pure, and compared exactly by golden tests: what this file says is what runs.
//
// Our own kernel boots on `microvm` by PVH with nothing that it does not need; somebody else's kernel (multiboot, PVH
// ELF, bzImage, raw disk) gets the machine that such kernels expect. Every VM is confined by QEMU's seccomp filter. No
// secret is ever in argv: the guest's configuration comes through an inherited memfd (kConfigFd).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/qemu/vm_spec.hpp"

namespace unik::agent {

// Files in VmSpec::directory that QEMU writes. Both are opened O_APPEND.
inline constexpr std::string_view kConsoleFile = "console.log";  // the guest's serial console; see logs/console.hpp
inline constexpr std::string_view kRecordsFile = "records";      // life records of the guest's init (api/guest.h)

// MiB of code that TCG keeps translated. QEMU's own default is a GiB for each VM, which no memory limit could hold.
inline constexpr int kTcgCacheMib = 64;

// The whole argv, argv[0] included.
std::vector<std::string> command_line(const VmSpec& spec);

// The kernel's command line, for our own kernel.
std::string kernel_command_line(const VmSpec& spec);

// QEMU's option syntax separates by commas; a comma inside a value is doubled.
std::string escape_option(std::string_view value);

}  // namespace unik::agent
