#include "agent/qemu/command_line.hpp"

#include <gtest/gtest.h>

namespace unik::agent {
namespace {

using runtimes::BootKind;

VmSpec spec_of(BootKind kind) {
  VmSpec spec;
  spec.name = "unik:default/web/0/42/1#3";
  spec.directory = "/state/instances/default.web.0.42.1";
  spec.kind = kind;
  spec.memory_mib = 128;
  spec.kernel = "/images/kernel";
  spec.address = "127.83.4.9";
  spec.forwards = {{8080, 8080}};
  return spec;
}

// One option or pair a line, as a person reads a command line.
std::string text_of(const VmSpec& spec) {
  std::string text;
  for (const std::string& argument : command_line(spec)) {
    const bool option = argument.starts_with('-') || text.empty();
    text += (text.empty() ? "" : option ? "\n" : " ") + argument;
  }
  return text;
}

TEST(CommandLine, OwnKernelUnderTcg) {
  VmSpec spec = spec_of(BootKind::kUnik);
  spec.root = "/images/root.erofs";
  spec.tsc_khz = 2100000;
  spec.forwards.push_back({64592, 80});
  EXPECT_EQ(text_of(spec), R"(qemu-system-x86_64
-name unik:default/web/0/42/1#3
-M microvm,acpi=off,x-option-roms=off,pit=on,pic=on,rtc=on,isa-serial=on
-bios qboot.rom
-accel tcg,tb-size=64
-cpu max
-smp 1
-m 128M
-nodefaults
-no-user-config
-display none
-no-reboot
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-kernel /images/kernel
-append console=ttyS0 quiet reboot=t panic=-1 no_timer_check tsc=reliable tsc_early_khz=2100000 lapic_timer_hz=1000000000 root=/dev/vda ro rootfstype=erofs init=/init
-drive if=none,id=root,format=raw,readonly=on,file=/images/root.erofs
-device virtio-blk-device,drive=root
-netdev user,id=net,ipv6=off,hostfwd=tcp:127.83.4.9:8080-:8080,hostfwd=tcp:127.83.4.9:64592-:80
-device virtio-net-device,netdev=net
-chardev file,id=console,append=on,path=/state/instances/default.web.0.42.1/console.log
-serial chardev:console
-chardev socket,id=qmp,server=on,wait=off,fd=5
-mon chardev=qmp,mode=control
-chardev file,id=records,append=on,path=/state/instances/default.web.0.42.1/records
-device isa-debugcon,iobase=233,chardev=records
-device virtio-serial-device
-chardev socket,id=control,server=on,wait=off,fd=6
-device virtserialport,chardev=control,name=dev.unikctl.control
-fw_cfg name=opt/unikctl/config,file=/proc/self/fd/4)");
}

TEST(CommandLine, KvmTakesTheHostsProcessorAndNoEmulatedTimer) {
  VmSpec spec = spec_of(BootKind::kUnik);
  spec.accelerator = Accelerator::kKvm;
  spec.vcpus = 4;
  spec.debug = true;
  spec.restrict_network = true;
  const std::string text = text_of(spec);
  EXPECT_NE(text.find("\n-accel kvm\n-cpu host\n-smp 4\n"), std::string::npos);
  EXPECT_NE(text.find("user,id=net,ipv6=off,restrict=on,hostfwd="), std::string::npos);
  EXPECT_EQ(kernel_command_line(spec),
            "console=ttyS0 reboot=t panic=-1 no_timer_check tsc=reliable root=/dev/vda ro rootfstype=erofs init=/init");
}

TEST(CommandLine, VirtualCpusTakeTurnsWhereAThreadForEachIsNotSafe) {
  VmSpec spec = spec_of(BootKind::kUnik);
  const std::string one_thread = "-accel tcg,tb-size=64,thread=single\n";
  spec.vcpus_take_turns = true;
  EXPECT_EQ(text_of(spec).find(one_thread), std::string::npos) << "one CPU needs no turns";
  spec.vcpus = 2;
  EXPECT_NE(text_of(spec).find(one_thread), std::string::npos);
  spec.vcpus_take_turns = false;
  EXPECT_EQ(text_of(spec).find(one_thread), std::string::npos);
  spec.vcpus_take_turns = true;
  spec.accelerator = Accelerator::kKvm;
  EXPECT_EQ(text_of(spec).find("thread="), std::string::npos);
}

constexpr std::string_view kForeignHead = R"(qemu-system-x86_64
-name unik:default/web/0/42/1#3
-M pc
-accel tcg,tb-size=64
-cpu max
-smp 1
-m 128M
-nodefaults
-no-user-config
-display none
-no-reboot
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
)";
constexpr std::string_view kForeignTail = R"(-netdev user,id=net,ipv6=off,hostfwd=tcp:127.83.4.9:8080-:8080
-device virtio-net-pci,netdev=net,romfile=
-chardev file,id=console,append=on,path=/state/instances/default.web.0.42.1/console.log
-serial chardev:console
-chardev socket,id=qmp,server=on,wait=off,fd=5
-mon chardev=qmp,mode=control
-device isa-debug-exit,iobase=0x501,iosize=0x02)";

std::string foreign(std::string_view middle) {
  return std::string(kForeignHead) + std::string(middle) + std::string(kForeignTail);
}

TEST(CommandLine, SomebodyElsesKernels) {
  VmSpec spec = spec_of(BootKind::kMultiboot);
  spec.kernel_arguments = "net=10.0.2.15";
  spec.initrd = "/images/initrd";
  EXPECT_EQ(text_of(spec), foreign("-kernel /images/kernel\n-append net=10.0.2.15\n-initrd /images/initrd\n"));

  EXPECT_EQ(text_of(spec_of(BootKind::kPvh)), foreign("-kernel /images/kernel\n"));

  spec = spec_of(BootKind::kBzImage);
  EXPECT_EQ(text_of(spec), foreign("-kernel /images/kernel\n-append console=ttyS0 reboot=t panic=-1\n"));
  spec.kernel_arguments = "quiet";
  EXPECT_EQ(text_of(spec), foreign("-kernel /images/kernel\n-append console=ttyS0 reboot=t panic=-1 quiet\n"));

  spec = spec_of(BootKind::kDisk);
  EXPECT_EQ(text_of(spec), foreign("-drive if=virtio,format=raw,snapshot=on,file=/images/kernel\n"));
}

TEST(CommandLine, ACommaInAPathIsDoubled) {
  VmSpec spec = spec_of(BootKind::kUnik);
  spec.directory = "/a,b";
  spec.root = "/c,d";
  const std::string text = text_of(spec);
  EXPECT_NE(text.find("file=/c,,d"), std::string::npos);
  EXPECT_NE(text.find("path=/a,,b/console.log"), std::string::npos);
}

}  // namespace
}  // namespace unik::agent
