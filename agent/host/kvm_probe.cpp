#include "agent/host/kvm_probe.hpp"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "agent/forward/fd.hpp"

namespace unik::agent {
namespace {

constexpr int kApiVersion = 12;
constexpr std::size_t kGuestBytes = 8 << 20;
constexpr std::uint64_t kPageTables = 0x2000;
constexpr std::uint64_t kCode = 0x100000;
constexpr std::uint64_t kStack = 0x1f0000;
constexpr std::uint64_t kCounter = 0x200000;
constexpr std::uint32_t kLoops = 2'000'000;
constexpr std::uint32_t kSwitches = 64;

// mov ecx, kLoops; 1: inc [rbx]; dec ecx; jnz 1b; mov ecx, kSwitches; 2: mov rax, cr3; mov cr3, rax; inc [rbx];
// dec ecx; jnz 2b; mov al, 42; out 0xf4, al; hlt
constexpr std::array<std::uint8_t, 33> kProgram = {0xb9, 0x80, 0x84, 0x1e, 0x00, 0xff, 0x03, 0xff, 0xc9, 0x75, 0xfa,
                                                   0xb9, 0x40, 0x00, 0x00, 0x00, 0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8,
                                                   0xff, 0x03, 0xff, 0xc9, 0x75, 0xf4, 0xb0, 0x2a, 0xe6, 0xf4, 0xf4};

// What the child answers over its pipe; the text must outlive it, so it is a literal with an errno.
struct Answer {
  int error = 0;
  char what[96] = {};
};

Answer fail(const char* what) {
  Answer answer;
  answer.error = errno == 0 ? EIO : errno;
  std::strncpy(answer.what, what, sizeof answer.what - 1);
  return answer;
}

kvm_segment code_segment() {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = 8;
  segment.type = 11;
  segment.present = segment.s = segment.l = 1;
  return segment;
}

kvm_segment data_segment() {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = 16;
  segment.type = 3;
  segment.present = segment.db = segment.s = segment.g = 1;
  return segment;
}

// Identity-mapped pages of 2 MiB, then the program.
void fill(std::uint8_t* memory) {
  const auto entry = [memory](std::uint64_t at, std::uint64_t value) {
    std::memcpy(memory + at, &value, sizeof value);
  };
  entry(kPageTables, (kPageTables + 0x1000) | 3);
  entry(kPageTables + 0x1000, (kPageTables + 0x2000) | 3);
  for (std::uint64_t i = 0; i < kGuestBytes >> 21; ++i) entry(kPageTables + 0x2000 + 8 * i, (i << 21) | 0x83);
  std::memcpy(memory + kCode, kProgram.data(), kProgram.size());
}

Answer run_guest(int device) {
  if (ioctl(device, KVM_GET_API_VERSION, 0) != kApiVersion) return fail("it speaks another API version");
  const Fd vm(ioctl(device, KVM_CREATE_VM, 0));
  if (!vm) return fail("it makes no VM");
  void* memory = mmap(nullptr, kGuestBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail("no memory for the probe");
  fill(static_cast<std::uint8_t*>(memory));
  kvm_userspace_memory_region region{0, 0, 0, kGuestBytes, reinterpret_cast<std::uint64_t>(memory)};
  if (ioctl(vm.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) return fail("it takes no memory");
  const Fd vcpu(ioctl(vm.get(), KVM_CREATE_VCPU, 0));
  const int run_bytes = ioctl(device, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (!vcpu || run_bytes <= 0) return fail("it makes no CPU");
  void* shared = mmap(nullptr, static_cast<std::size_t>(run_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.get(), 0);
  if (shared == MAP_FAILED) return fail("it shares no CPU state");

  kvm_sregs special{};
  if (ioctl(vcpu.get(), KVM_GET_SREGS, &special) != 0) return fail("it gives no registers");
  special.cr3 = kPageTables;
  special.cr4 = 0x20;
  special.cr0 = 0x80050033;
  special.efer = 0x500;
  special.cs = code_segment();
  special.ds = special.es = special.ss = special.fs = special.gs = data_segment();
  if (ioctl(vcpu.get(), KVM_SET_SREGS, &special) != 0) return fail("it refuses long mode");
  kvm_regs registers{};
  registers.rip = kCode;
  registers.rbx = kCounter;
  registers.rsp = kStack;
  registers.rflags = 2;
  if (ioctl(vcpu.get(), KVM_SET_REGS, &registers) != 0) return fail("it takes no registers");

  errno = 0;
  if (ioctl(vcpu.get(), KVM_RUN, 0) != 0) return fail("it runs no guest");
  std::uint32_t count = 0;
  std::memcpy(&count, static_cast<std::uint8_t*>(memory) + kCounter, sizeof count);
  errno = 0;
  if (static_cast<kvm_run*>(shared)->exit_reason != KVM_EXIT_IO)
    return fail("a small guest ended in an internal error");
  if (count != kLoops + kSwitches) return fail("a small guest computed wrongly");
  return {};
}

[[noreturn]] void child(const char* device, int pipe) {
  const Fd fd(open(device, O_RDWR | O_CLOEXEC));
  const Answer answer = fd ? run_guest(fd.get()) : fail("it cannot be opened");
  (void)!write(pipe, &answer, sizeof answer);
  _exit(0);
}

}  // namespace

KvmProbe probe_kvm(const std::string& device, Duration deadline) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return {false, std::string("cannot probe: ") + std::strerror(errno)};
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const char* path = device.c_str();
  const pid_t pid = fork();
  if (pid < 0) return {false, std::string("cannot probe: ") + std::strerror(errno)};
  if (pid == 0) child(path, theirs.get());  // system calls only from here on
  theirs.reset();

  pollfd wait{ours.get(), POLLIN, 0};
  Answer answer;
  const int wait_ms = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(deadline).count());
  const bool answered = poll(&wait, 1, wait_ms) == 1;
  const bool whole = answered && read(ours.get(), &answer, sizeof answer) == static_cast<ssize_t>(sizeof answer);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  if (!answered)
    return {false, device + " opens, but a small guest did not finish within " + format_duration(deadline)};
  if (!whole) return {false, device + ": the probe died"};
  if (answer.error == 0) return {true, {}};
  answer.what[sizeof answer.what - 1] = '\0';
  return {false, device + ": " + answer.what + " (" + std::strerror(answer.error) + ")"};
}

}  // namespace unik::agent
