// What an instance leaves on the node: one directory, `STATE/instances/TENANT.APP.SLOT.ROLLOUT.ATTEMPT/`, kept over its
// runs until it is forgotten.
//
//   run.json      the last run (run_file.hpp), written before QEMU is started
//   lock          held by QEMU itself through an inherited descriptor, so by no one else while it lives: one VM an id
//   pid           of QEMU, written by its process before it becomes QEMU
//   console.log   the guest's console, appended to by QEMU over all runs; read and freed by agent/logs
//   records       the life records of this run's guest
//   qemu.log      what QEMU said in this run
//   qmp.sock, control.sock
//
// An InstanceDir belongs to one thread. Errors: `unavailable`/`instance_dir` (the disk refused), naming the path.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/forward/fd.hpp"
#include "agent/qemu/run_file.hpp"
#include "api/ids.hpp"
#include "api/result.hpp"

namespace unik::agent {

// `TENANT.APP.SLOT.ROLLOUT.ATTEMPT`; a DNS label holds no dot, so it reads back.
std::string instance_dir_name(const InstanceId& id);
std::optional<InstanceId> parse_instance_dir_name(std::string_view name);

// Held by the instance's VM for as long as it lives, as kLockFd.
inline constexpr std::string_view kLockFile = "lock";

class InstanceDir {
 public:
  // Creates it where it is missing, mode 0700.
  static Result<InstanceDir> open(const std::string& instances, const InstanceId& id);

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + '/' + std::string(name); }

  // Replaces run.json by rename. Not synced: it is of use to a later agent on this host boot only.
  Result<void> write_run(const RunFile& run) const;
  // Errors: also `not_found`/`no_run_file`, `invalid`/`bad_run_file`.
  Result<RunFile> read_run() const;

  // Errors: `conflict`/`vm_already_runs` when a VM holds it.
  Result<Fd> lock() const;
  bool is_locked() const;

  // A listening unix socket; a stale one is replaced. Its path may be of any length: the kernel gets a short one
  // through the directory's descriptor.
  Result<Fd> listen(std::string_view socket) const;
  // Non-blocking, connected. Errors: `unavailable`/`instance_dir`.
  Result<Fd> connect(std::string_view socket) const;

  // An empty file; what was in it is gone.
  Result<Fd> create(std::string_view name) const;
  // The file as it is, or an empty one.
  Result<Fd> open_or_create(std::string_view name) const;

  std::uint64_t size_of(std::string_view name) const;
  // The last bytes of a file, of those from `begin` on; empty when there are none.
  std::string tail(std::string_view name, std::size_t max_bytes, std::uint64_t begin = 0) const;

  // 0 when there is none.
  pid_t read_pid() const;

  // Removes the directory and everything in it.
  void remove() const;

 private:
  InstanceDir(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Error failed(std::string_view what, std::string_view name) const;

  std::string path_;
  Fd fd_;
};

// The instances that have a directory, in the order of their ids. What has no such name is left alone.
std::vector<InstanceId> list_instance_dirs(const std::string& instances);

}  // namespace unik::agent
