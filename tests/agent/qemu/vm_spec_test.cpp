#include "agent/qemu/vm_spec.hpp"

#include <gtest/gtest.h>

namespace unik::agent {
namespace {

runtimes::BootFiles own_files() {
  runtimes::BootFiles files;
  files.kernel_up = "/k/up";
  files.kernel_smp = "/k/smp";
  files.root = "/r/root.erofs";
  return files;
}

LaunchVm launch_of(MilliCpu cpu, Bytes memory) {
  LaunchVm launch;
  launch.id = {Symbol("default"), Symbol("web"), 0, 42, 1};
  launch.boot.resources = {cpu, memory};
  launch.address = "127.83.4.9";
  launch.run = 3;
  return launch;
}

const HostFacts kHost{"/usr/bin/qemu", Accelerator::kTcg, 8, 2'000'000, false, true};

TEST(VmSpec, ALimitOfOneCpuTakesTheKernelForOne) {
  const Result<VmSpec> spec = plan_vm(launch_of({500}, mebibytes(64)), own_files(), kHost, "/d");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->vcpus, 1U);
  EXPECT_EQ(spec->kernel, "/k/up");
  EXPECT_EQ(spec->name, "unik:default/web/0/42/1#3");
  EXPECT_EQ(spec->qemu, "/usr/bin/qemu");
  EXPECT_EQ(spec->tsc_khz, 2'000'000U);
}

TEST(VmSpec, MoreThanOneCpuTakesTheOtherWhereThereIsOne) {
  const Result<VmSpec> two = plan_vm(launch_of({1001}, mebibytes(64)), own_files(), kHost, "/d");
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(two->vcpus, 2U);
  EXPECT_TRUE(two->vcpus_take_turns);
  EXPECT_EQ(two->kernel, "/k/smp");

  runtimes::BootFiles files = own_files();
  files.kernel_smp.clear();
  const Result<VmSpec> one = plan_vm(launch_of({4000}, mebibytes(64)), files, kHost, "/d");
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->vcpus, 1U);
  EXPECT_EQ(one->kernel, "/k/up");

  EXPECT_EQ(plan_vm(launch_of({64'000}, mebibytes(64)), own_files(), kHost, "/d")->vcpus, 8U);
}

TEST(VmSpec, MemoryIsRoundedUpToMiB) {
  EXPECT_EQ(memory_mib_of(Bytes{1}), 1U);
  EXPECT_EQ(memory_mib_of(mebibytes(64)), 64U);
  EXPECT_EQ(memory_mib_of(mebibytes(64) + Bytes{1}), 65U);
  EXPECT_EQ(plan_vm(launch_of({1000}, Bytes{0}), own_files(), kHost, "/d").error().reason, "bad_memory");
}

TEST(VmSpec, AKernelThatIsLoadedBeyondItsMemoryIsRefused) {
  runtimes::BootFiles files;
  files.kind = runtimes::BootKind::kMultiboot;
  files.kernel = "/k/kernel";
  files.kernel_end = mebibytes(64) + Bytes{1};
  const Result<VmSpec> refused = plan_vm(launch_of({1000}, mebibytes(64)), files, kHost, "/d");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "kernel_beyond_memory");
  EXPECT_TRUE(plan_vm(launch_of({1000}, mebibytes(65)), files, kHost, "/d").ok());
}

TEST(VmSpec, LowPortsMoveUpAndTheOthersStay) {
  EXPECT_EQ(host_port_of(80), 64592);
  EXPECT_EQ(host_port_of(1023), 65535);
  EXPECT_EQ(host_port_of(1024), 1024);
  LaunchVm launch = launch_of({1000}, mebibytes(64));
  launch.boot.ports = {{"http", 80}, {"admin", 8080}, {"again", 80}};
  const Result<VmSpec> spec = plan_vm(launch, own_files(), kHost, "/d");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->forwards, (std::vector<PortForward>{{64592, 80}, {8080, 8080}}));
  launch.boot.ports = {{"http", 80}, {"high", 64592}};
  EXPECT_EQ(plan_vm(launch, own_files(), kHost, "/d").error().reason, "port_collision");
}

TEST(VmSpec, AForeignKernelGetsTheWordsOfItsImageAndApp) {
  runtimes::BootFiles files;
  files.kind = runtimes::BootKind::kMultiboot;
  files.kernel = "/k/foreign";
  files.config.entrypoint = {"/boot/kernel"};
  files.config.cmd = {"--default"};
  LaunchVm launch = launch_of({1000}, mebibytes(64));
  EXPECT_EQ(plan_vm(launch, files, kHost, "/d")->kernel_arguments, "--default");
  launch.boot.args = {"--a", "b"};
  EXPECT_EQ(plan_vm(launch, files, kHost, "/d")->kernel_arguments, "--a b");
  files.kernel.clear();
  EXPECT_EQ(plan_vm(launch, files, kHost, "/d").error().reason, "no_kernel");
}

TEST(VmSpec, AnAddressOutsideTheLoopbackIsRefused) {
  LaunchVm launch = launch_of({1000}, mebibytes(64));
  launch.address = "10.0.0.1";
  EXPECT_EQ(plan_vm(launch, own_files(), kHost, "/d").error().reason, "bad_address");
}

}  // namespace
}  // namespace unik::agent
