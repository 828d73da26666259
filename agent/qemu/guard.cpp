#include "agent/qemu/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <utility>

#include "agent/forward/fd.hpp"
#include "agent/qemu/process.hpp"
#include "api/lease.hpp"
#include "wire/clock.hpp"

namespace unik::agent {

// Zeroes are a page that nobody has written yet.
struct LeasePage::Layout {
  std::atomic<std::int64_t> renewed_us;
  std::array<char, 64> host_boot;
};

namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr int kNoProgram = 127;
constexpr int kOutOfTheWay = 64;          // the VM's descriptors have lower numbers
constexpr std::size_t kOwnArguments = 4;  // page, boot, lock, `--`

Error refused(const std::string& path, const std::string& why) {
  return unavailable("lease_page", "want the lease page " + path + ": " + why);
}

itimerspec at(Time time) {
  const auto us = time.time_since_epoch().count();
  itimerspec spec{};
  spec.it_value.tv_sec = us / 1'000'000;
  spec.it_value.tv_nsec = us % 1'000'000 * 1000 + 1;  // zero would disarm it
  return spec;
}

// Sleeps until the VM is gone or its lease has run out, and then sees to it that it is gone.
void stand_guard(const LeasePage& page, const Fd& vm, const Fd& timer) {
  for (;;) {
    const Time end = page.renewed() + kStrictLease;
    if (wire::read_clock().boot >= end) {
      kill_process(vm);
      pollfd gone{vm.get(), POLLIN, 0};
      while (poll(&gone, 1, -1) < 0 && errno == EINTR) {
      }
      return;
    }
    const itimerspec wake = at(end);
    timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &wake, nullptr);
    std::array<pollfd, 2> due{{{vm.get(), POLLIN, 0}, {timer.get(), POLLIN, 0}}};
    if (poll(due.data(), due.size(), -1) < 0 && errno != EINTR) return kill_process(vm);
    if ((due[0].revents & POLLIN) != 0) return;
  }
}

// Everything of the VM's that was inherited would outlive it in here: its lock above all.
bool keep_only(std::array<Fd*, 4> ours) {
  for (Fd* const fd : ours) {
    Fd copy(fcntl(fd->get(), F_DUPFD_CLOEXEC, kOutOfTheWay));
    if (!copy) return false;
    *fd = std::move(copy);
  }
  return syscall(SYS_close_range, 0, kOutOfTheWay - 1, 0) == 0;
}

// The VM is marked to be ended first when memory runs out, and its guard must not go before it.
void leave_oom_mark() {
  const Fd fd(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (fd) (void)!::write(fd.get(), "0", 1);
}

// In the child. Says that it stands by closing `ready` after one byte.
[[noreturn]] void be_guard(LeasePage page, Fd lock, Fd vm, Fd ready) {
  setsid();
  prctl(PR_SET_NAME, "unik-guard");
  leave_oom_mark();
  Fd timer(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC));
  if (!timer || !keep_only({&lock, &vm, &ready, &timer}) || ::write(ready.get(), "+", 1) != 1) _exit(1);
  ready.reset();
  stand_guard(page, vm, timer);
  _exit(0);
}

int give_up(const std::string& why) {
  std::cerr << "error: " << why << '\n';
  return kNoProgram;
}

Fd take_lock(const std::string& path) {
  Fd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock && flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.reset();
  return lock;
}

}  // namespace

Result<LeasePage> LeasePage::map(const std::string& path, bool make) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600));
  if (!fd) return refused(path, std::strerror(errno));
  // Its block is there from now on: a full disk cannot take it away.
  if (make && posix_fallocate(fd.get(), 0, kPageBytes) != 0) return refused(path, "no room on the disk");
  struct stat info {};
  if (fstat(fd.get(), &info) != 0 || info.st_size < static_cast<off_t>(kPageBytes))
    return refused(path, "it is too short");
  void* const page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (page == MAP_FAILED) return refused(path, std::strerror(errno));
  return LeasePage(static_cast<Layout*>(page));
}

Result<LeasePage> LeasePage::create(const std::string& path, const std::string& host_boot) {
  Result<LeasePage> page = map(path, true);
  if (!page.ok() || page->is_of(host_boot)) return page;
  page->page_->renewed_us.store(0);
  page->page_->host_boot.fill('\0');
  host_boot.copy(page->page_->host_boot.data(), page->page_->host_boot.size() - 1);
  return page;
}

Result<LeasePage> LeasePage::open(const std::string& path, const std::string& host_boot) {
  Result<LeasePage> page = map(path, false);
  if (page.ok() && !page->is_of(host_boot)) return refused(path, "it is of another boot of the host");
  return page;
}

LeasePage::LeasePage(LeasePage&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}

LeasePage::~LeasePage() {
  if (page_ != nullptr) munmap(page_, kPageBytes);
}

bool LeasePage::is_of(const std::string& host_boot) const {
  return std::string_view(page_->host_boot.data()) == host_boot.substr(0, page_->host_boot.size() - 1);
}

void LeasePage::renew(Time sent) {
  if (sent > renewed()) page_->renewed_us.store(sent.time_since_epoch().count());
}

Time LeasePage::renewed() const {
  return Time(Duration(page_->renewed_us.load()));
}

std::vector<std::string> guarded(const GuardSpec& spec, const std::vector<std::string>& argv) {
  std::vector<std::string> all = {spec.program, "guard", spec.page, spec.host_boot, spec.lock, "--"};
  all.insert(all.end(), argv.begin(), argv.end());
  return all;
}

int guard_main(const std::vector<std::string>& arguments) {
  if (arguments.size() <= kOwnArguments || arguments[kOwnArguments - 1] != "--")
    return give_up("guard: want PAGE BOOT LOCK -- PROGRAM [ARGUMENTS]; the agent starts it");
  Result<LeasePage> page = LeasePage::open(arguments[0], arguments[1]);
  if (!page.ok()) return give_up(to_string(page.error()));
  Fd lock = take_lock(arguments[2]);
  if (!lock) return give_up("guard: " + arguments[2] + " is held by another guard");
  const std::vector<std::string> command(arguments.begin() + kOwnArguments, arguments.end());
  const Result<std::string> program = find_program(command.front());
  if (!program.ok()) return give_up(to_string(program.error()));

  Fd self = open_pidfd(getpid());
  std::array<int, 2> ends{-1, -1};
  if (!self || pipe2(ends.data(), O_CLOEXEC) != 0) return give_up(std::string("guard: ") + std::strerror(errno));
  Fd listen(ends[0]), ready(ends[1]);
  const pid_t child = fork();
  if (child < 0) return give_up(std::string("guard: ") + std::strerror(errno));
  if (child == 0) be_guard(std::move(*page), std::move(lock), std::move(self), std::move(ready));
  ready.reset();
  char byte = 0;
  ssize_t heard = 0;
  do heard = read(listen.get(), &byte, 1);
  while (heard < 0 && errno == EINTR);
  if (heard != 1) return give_up("guard: the guard did not take its post");
  // The child has the lock by its own descriptor; QEMU must not have it, or a dead guard would look alive.
  lock.reset();
  std::vector<char*> argv;
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program->c_str(), argv.data());
  return give_up("guard: cannot become " + *program + ": " + std::strerror(errno));
}

bool is_guarded(const std::string& lock) {
  const Fd fd(open(lock.c_str(), O_RDWR | O_CLOEXEC));
  return fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
}

}  // namespace unik::agent
