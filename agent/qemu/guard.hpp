// The guard of a strict singleton: a small process beside its VM that ends it when its lease runs out (api/lease.hpp),
// whatever has become of the agent.
//
// QEMU is not started as itself but as `unik-agent guard … -- QEMU ARGUMENTS`. That process forks the guard, waits
// until the guard is at its post, and only then becomes QEMU, under the same pid: there is no moment at which the VM
// runs and nobody guards it. The guard knows the VM by a pidfd, reads the lease from a page of memory that the agent
// writes, and sleeps on CLOCK_BOOTTIME. It holds a lock in the instance's directory; a strict VM whose guard has died
// is ended by the agent.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::agent {

inline constexpr std::string_view kGuardLock = "guard.lock";

// `STATE/lease`: when the heartbeat was sent that last renewed the node's leases, on this boot of the host. One page,
// mapped by the agent and by each guard, so that a renewal needs no disk.
class LeasePage {
 public:
  // The agent's: made where it is missing, emptied where it is of another boot. Errors: `unavailable`/`lease_page`.
  static Result<LeasePage> create(const std::string& path, const std::string& host_boot);
  // A guard's: errors as above, also when it is of another boot.
  static Result<LeasePage> open(const std::string& path, const std::string& host_boot);
  LeasePage(LeasePage&& other) noexcept;
  LeasePage& operator=(LeasePage&&) = delete;
  ~LeasePage();

  // Never goes back. The epoch: no heartbeat has renewed anything yet.
  void renew(Time sent);
  Time renewed() const;

 private:
  struct Layout;
  explicit LeasePage(Layout* page) : page_(page) {}
  static Result<LeasePage> map(const std::string& path, bool make);
  bool is_of(const std::string& host_boot) const;

  Layout* page_ = nullptr;
};

// How a guarded program is started.
struct GuardSpec {
  std::string program;    // unik-agent
  std::string page;       // path of the LeasePage
  std::string host_boot;  // of the page
  std::string lock;       // path of the guard's lock
};

// `argv` under a guard.
std::vector<std::string> guarded(const GuardSpec& spec, const std::vector<std::string>& argv);

// What follows `guard` in the arguments: becomes the program, under a guard. Returns only when it cannot: an exit code.
int guard_main(const std::vector<std::string>& arguments);

// Whether a guard holds the lock.
bool is_guarded(const std::string& lock);

}  // namespace unik::agent
