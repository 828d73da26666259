#include "runtimes/lib/pack/signal_relay.hpp"

#include <signal.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>

namespace unik::runtimes {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

// A handler can reach nothing but what is global, and may touch nothing but lock-free atomics.
std::atomic<int> last_signal{0};
std::atomic<int> signals{0};
std::array<std::atomic<pid_t>, SignalRelay::kMaxRelays> groups{};
static_assert(std::atomic<pid_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

constexpr pid_t kFree = 0;
constexpr pid_t kTaken = -1;  // by a relay whose group is not known yet

void pass_to_groups(int signal) {
  const int number = errno;
  last_signal.store(signal);
  signals.fetch_add(1);
  for (const std::atomic<pid_t>& group : groups)
    if (const pid_t pid = group.load(); pid > 0) ::kill(-pid, signal);
  errno = number;
}

// How many relays there are, and what the signals did before the first.
std::mutex mutex;
int relays = 0;
std::array<struct sigaction, kSignals.size()> before;

void take_signals() {
  const std::lock_guard lock(mutex);
  if (relays++ > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_DFL) continue;
    struct sigaction taken {};
    taken.sa_handler = pass_to_groups;
    ::sigaction(kSignals[i], &taken, nullptr);
  }
}

void give_signals_back() {
  const std::lock_guard lock(mutex);
  if (--relays > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (before[i].sa_handler == SIG_DFL) ::sigaction(kSignals[i], &before[i], nullptr);
}

}  // namespace

SignalRelay::SignalRelay() {
  take_signals();
  for (int i = 0; i < kMaxRelays && slot_ < 0; ++i) {
    pid_t free = kFree;
    if (groups[static_cast<std::size_t>(i)].compare_exchange_strong(free, kTaken)) slot_ = i;
  }
}

SignalRelay::~SignalRelay() {
  if (slot_ >= 0) groups[static_cast<std::size_t>(slot_)].store(kFree);
  give_signals_back();
}

void SignalRelay::relay_to(pid_t group) {
  if (slot_ >= 0) groups[static_cast<std::size_t>(slot_)].store(group);
  if (const int missed = signal(); missed != 0) ::kill(-group, missed);
}

int SignalRelay::signal() {
  return last_signal.load();
}

int SignalRelay::count() {
  return signals.load();
}

Result<void> SignalRelay::check_none() {
  if (signal() == 0) return {};
  return unavailable("interrupted", "interrupted by signal " + std::to_string(signal()));
}

}  // namespace unik::runtimes
