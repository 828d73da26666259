#include "agent/qemu/launch.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/qemu/command_line.hpp"
#include "agent/qemu/qmp.hpp"

namespace unik::agent {
namespace {

// The kernel ends VMs before it ends the agent or the controller.
constexpr int kVmOomScore = 300;

Result<Fd> in_memory(const std::string& bytes) {
  Fd fd(memfd_create("unik-config", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return unavailable("instance_dir",
                       std::string("cannot hold the guest's configuration in memory: ") + std::strerror(errno));
  return fd;
}

}  // namespace

Result<StartedVm> start_vm(const InstanceDir& dir, const VmSpec& spec, const RunFile& run, const std::string& config,
                           const ProcessLimits& limits, const std::optional<GuardSpec>& guard) {
  const Result<Fd> lock = dir.lock();
  if (!lock.ok()) return lock.error();
  // From here on no VM of this instance lives, so its files are ours.
  if (Result<void> written = dir.write_run(run); !written.ok()) return written.error();
  Result<Fd> records = dir.create(kRecordsFile);
  if (!records.ok()) return std::move(records).error();
  // There before QEMU opens it, so that its first byte can be watched for.
  if (Result<Fd> console = dir.open_or_create(kConsoleFile); !console.ok()) return std::move(console).error();
  const Result<Fd> log = dir.create(kQemuLog);
  if (!log.ok()) return log.error();
  const Result<Fd> qmp = dir.listen(kQmpSocket);
  if (!qmp.ok()) return qmp.error();
  const Result<Fd> control = dir.listen(kControlSocket);
  if (!control.ok()) return control.error();
  const Result<Fd> memory = in_memory(config);
  if (!memory.ok()) return memory.error();

  ProcessSpec process;
  process.argv = guard ? guarded(*guard, command_line(spec)) : command_line(spec);
  process.descriptors = {{log->get(), 1},        {log->get(), 2},
                         {lock->get(), kLockFd}, {memory->get(), kConfigFd},
                         {qmp->get(), kQmpFd},   {control->get(), kControlFd}};
  process.pid_file = dir.file("pid");
  process.nice = limits.nice;
  process.address_space_bytes = limits.address_space_bytes;
  process.oom_score_adj = kVmOomScore;
  Result<Process> started = start_process(process);
  if (!started.ok()) return std::move(started).error();

  StartedVm vm{std::move(*started), Fd(), std::move(*records)};
  if (Result<Fd> connection = dir.connect(kQmpSocket); connection.ok()) vm.qmp = std::move(*connection);
  return vm;
}

}  // namespace unik::agent
