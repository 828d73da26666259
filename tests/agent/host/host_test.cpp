#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "agent/host/cgroups.hpp"
#include "agent/host/host_info.hpp"
#include "agent/host/kvm_probe.hpp"
#include "agent/host/limits.hpp"
#include "agent/qemu/process.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

TEST(KvmProbe, AnswersInTimeAndSaysWhyNot) {
  const auto begin = std::chrono::steady_clock::now();
  const KvmProbe probe = probe_kvm();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_NE(probe.usable, !probe.reason.empty());
}

TEST(KvmProbe, NamesWhatIsNoKvm) {
  const KvmProbe missing = probe_kvm("/dev/no-such-kvm");
  EXPECT_FALSE(missing.usable);
  EXPECT_EQ(missing.reason, "/dev/no-such-kvm: it cannot be opened (No such file or directory)");
  const KvmProbe other = probe_kvm("/dev/null");
  EXPECT_FALSE(other.usable);
  EXPECT_NE(other.reason.find("another API version"), std::string::npos) << other.reason;
}

TEST(KvmProbe, DoesNotWaitForADeviceThatHangs) {
  const std::string fifo = testing::TempDir() + "unik-kvm-fifo-" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const KvmProbe probe = probe_kvm(fifo, 30ms);  // opening it for both opens; the ioctl says no at once
  unlink(fifo.c_str());
  EXPECT_FALSE(probe.usable);
}

constexpr std::string_view kMounts =
    "30 23 0:26 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw\n"
    "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 23 0:28 / /sys/fs/cgroup/memory rw shared:5 - cgroup cgroup rw,memory\n"
    "33 23 0:29 / /proc rw - proc proc rw\n";

TEST(Cgroups, BothVersionsAreFound) {
  const Cgroups found = parse_cgroups(kMounts, "5:memory:/a/b\n4:cpu,cpuacct:/\n1:name=systemd:/x\n0::/c\n");
  EXPECT_EQ(found.v2, "/sys/fs/cgroup/unified/c");
  EXPECT_EQ(found.v1_memory, "/sys/fs/cgroup/memory/a/b");
  EXPECT_EQ(found.v1_cpu, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(parse_cgroups("", "0::/c\n"), Cgroups{});
  EXPECT_EQ(parse_cgroups(kMounts, ""), Cgroups{});
}

TEST(HostInfo, IsRead) {
  const Result<HostInfo> host = read_host_info("qemu-system-x86_64", "1.2.3");
  ASSERT_TRUE(host.ok()) << to_string(host.error());
  EXPECT_GT(host->node.capacity.cpu.value, 0);
  EXPECT_GT(host->node.capacity.memory.value, mebibytes(64).value);
  EXPECT_EQ(host->node.vmm_version.substr(0, 5), "QEMU ");
  EXPECT_EQ(host->node.boot_id.size(), 36U);
  EXPECT_EQ(host->node.accelerator, to_string(host->accelerator));
  EXPECT_EQ(host->node.accelerator_reason.empty(), host->accelerator == Accelerator::kKvm);
  EXPECT_GE(host->cpus, 1U);
}

TEST(HostInfo, AMissingQemuIsNamed) {
  EXPECT_EQ(read_host_info("no-such-qemu", "1").error().reason, "no_such_program");
  EXPECT_EQ(read_host_info("true", "1").error().reason, "no_qemu_version");
}

TEST(HostInfo, QemusVersionIsRead) {
  EXPECT_EQ(parse_qemu_version("QEMU emulator version 7.2.22 (Debian 1:7.2)\nCopyright\n"), "QEMU 7.2.22");
  EXPECT_EQ(parse_qemu_version("QEMU emulator version \n"), "");
  EXPECT_EQ(parse_qemu_version("something"), "");
}

TEST(HostInfo, QemusBefore81AreNotTrustedWithAThreadForEachCpu) {
  for (const char* old : {"QEMU 7.2.22", "QEMU 8.0.5", "QEMU 6.2", ""}) EXPECT_TRUE(runs_overwritten_code(old)) << old;
  for (const char* sound : {"QEMU 8.1.0", "QEMU 9.0.2", "QEMU 10.0"})
    EXPECT_FALSE(runs_overwritten_code(sound)) << sound;
}

// Whatever this host offers, it is used, said, and gone afterwards.
TEST(Limits, AreSetAndReleased) {
  const std::string group = "unik-limits-test-" + std::to_string(getpid());
  auto limits = Limits::detect(group);
  EXPECT_FALSE(limits->description().empty());
  const Resources resources{MilliCpu{500}, mebibytes(64)};
  ProcessSpec spec;
  spec.argv = {"sleep", "100"};
  const ProcessLimits process = limits->process_limits(resources);
  EXPECT_EQ(process.nice != 0, limits->kind() == LimitKind::kProcess);
  spec.nice = process.nice;
  const Result<Process> child = start_process(spec);
  ASSERT_TRUE(child.ok());
  limits->apply("vm", child->pid, resources);
  if (limits->kind() != LimitKind::kProcess) {
    const auto in_group = [&] {
      std::ifstream file("/proc/" + std::to_string(child->pid) + "/cgroup");
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      return text.find(group + "/vm") != std::string::npos;
    };
    for (int i = 0; i < 500 && !in_group(); ++i) usleep(10'000);
    EXPECT_TRUE(in_group());
  }
  kill_process(child->pidfd);
  ASSERT_TRUE(reap(child->pidfd));
  limits->release("vm");
  limits.reset();  // ends what is queued
  const Cgroups cgroups = find_cgroups();
  for (const auto& own : {cgroups.v2, cgroups.v1_memory, cgroups.v1_cpu})
    EXPECT_NE(access((own.value_or("/none") + '/' + group).c_str(), F_OK), 0) << own.value_or("none");
}

}  // namespace
}  // namespace unik::agent
