#include "agent/qemu/command_line.hpp"

#include "api/guest.h"

namespace unik::agent {
namespace {

using runtimes::BootKind;

using Argv = std::vector<std::string>;

void add(Argv& argv, std::string option, std::string value) {
  argv.push_back(std::move(option));
  argv.push_back(std::move(value));
}

// Whether the machine has PCI decides the name of every virtio device.
bool has_pci(const VmSpec& spec) {
  return spec.kind != BootKind::kUnik;
}

std::string virtio(const VmSpec& spec, std::string_view device) {
  return "virtio-" + std::string(device) + (has_pci(spec) ? "-pci" : "-device");
}

void add_machine(Argv& argv, const VmSpec& spec) {
  if (spec.kind == BootKind::kUnik) {
    // rtc=on: without it the kernel waits 2 s for a CMOS clock. acpi=off: else QEMU does not announce the virtio
    // devices on the command line, and there are none.
    add(argv, "-M", "microvm,acpi=off,x-option-roms=off,pit=on,pic=on,rtc=on,isa-serial=on");
    add(argv, "-bios", "qboot.rom");
  } else {
    add(argv, "-M", "pc");
  }
  if (spec.accelerator == Accelerator::kKvm) {
    add(argv, "-accel", "kvm");
    add(argv, "-cpu", "host");
  } else {
    const bool take_turns = spec.vcpus_take_turns && spec.vcpus > 1;
    add(argv, "-accel", "tcg,tb-size=" + std::to_string(kTcgCacheMib) + (take_turns ? ",thread=single" : ""));
    // `max` has RDRAND: without it Python and Node wait seconds for entropy.
    add(argv, "-cpu", "max");
  }
  add(argv, "-smp", std::to_string(spec.vcpus));
  add(argv, "-m", std::to_string(spec.memory_mib) + "M");
  argv.insert(argv.end(), {"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"});
  add(argv, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

void add_kernel(Argv& argv, const VmSpec& spec) {
  switch (spec.kind) {
    case BootKind::kUnik:
      add(argv, "-kernel", spec.kernel);
      add(argv, "-append", kernel_command_line(spec));
      return;
    case BootKind::kBzImage:
      add(argv, "-kernel", spec.kernel);
      // What a Linux kernel needs to be heard and to end; the image's own words come later and win.
      add(argv, "-append",
          "console=ttyS0 reboot=t panic=-1" + (spec.kernel_arguments.empty() ? "" : ' ' + spec.kernel_arguments));
      break;
    case BootKind::kMultiboot:
    case BootKind::kPvh:
      add(argv, "-kernel", spec.kernel);
      if (!spec.kernel_arguments.empty()) add(argv, "-append", spec.kernel_arguments);
      break;
    case BootKind::kDisk:
      // snapshot=on: writes go to a temporary file that dies with the VM; the image stays as it was packed.
      add(argv, "-drive", "if=virtio,format=raw,snapshot=on,file=" + escape_option(spec.kernel));
      return;
  }
  if (!spec.initrd.empty()) add(argv, "-initrd", spec.initrd);
}

void add_root(Argv& argv, const VmSpec& spec) {
  if (spec.root.empty()) return;
  add(argv, "-drive", "if=none,id=root,format=raw,readonly=on,file=" + escape_option(spec.root));
  add(argv, "-device", virtio(spec, "blk") + ",drive=root");
}

void add_network(Argv& argv, const VmSpec& spec) {
  std::string net = "user,id=net,ipv6=off";
  if (spec.restrict_network) net += ",restrict=on";
  for (const PortForward& forward : spec.forwards)
    net += ",hostfwd=tcp:" + spec.address + ':' + std::to_string(forward.host_port) +
           "-:" + std::to_string(forward.guest_port);
  add(argv, "-netdev", net);
  add(argv, "-device", virtio(spec, "net") + ",netdev=net" + (has_pci(spec) ? ",romfile=" : ""));
}

std::string file_in(const VmSpec& spec, std::string_view file) {
  return escape_option(spec.directory + '/' + std::string(file));
}

void add_console(Argv& argv, const VmSpec& spec) {
  // A file that QEMU appends to: nothing is lost, whether an agent reads along or not.
  add(argv, "-chardev", "file,id=console,append=on,path=" + file_in(spec, kConsoleFile));
  add(argv, "-serial", "chardev:console");
}

void add_channels(Argv& argv, const VmSpec& spec) {
  const std::string descriptor = "server=on,wait=off,fd=";
  add(argv, "-chardev", "socket,id=qmp," + descriptor + std::to_string(kQmpFd));
  add(argv, "-mon", "chardev=qmp,mode=control");
  if (spec.kind != BootKind::kUnik) {
    // How kernels without an init of ours say their exit code: QEMU then exits with (code << 1) | 1.
    add(argv, "-device", "isa-debug-exit,iobase=0x501,iosize=0x02");
    return;
  }
  // Synchronous and without a driver: a record is on disk before the guest goes on, whether an agent is there or not.
  add(argv, "-chardev", "file,id=records,append=on,path=" + file_in(spec, kRecordsFile));
  add(argv, "-device", "isa-debugcon,iobase=" + std::to_string(UNIK_GUEST_RECORD_PORT) + ",chardev=records");
  add(argv, "-device", "virtio-serial-device");
  add(argv, "-chardev", "socket,id=control," + descriptor + std::to_string(kControlFd));
  add(argv, "-device", "virtserialport,chardev=control,name=" UNIK_GUEST_CONTROL_PORT);
  add(argv, "-fw_cfg", "name=" UNIK_GUEST_CONFIG_FW_CFG ",file=/proc/self/fd/" + std::to_string(kConfigFd));
}

}  // namespace

std::string escape_option(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    escaped += c;
    if (c == ',') escaped += c;
  }
  return escaped;
}

std::string kernel_command_line(const VmSpec& spec) {
  std::string line = spec.debug ? "console=ttyS0" : "console=ttyS0 quiet";
  line += " reboot=t panic=-1 no_timer_check tsc=reliable";
  // Calibrating against an emulated timer is slow and, on a loaded host, wrong.
  if (spec.tsc_khz != 0) line += " tsc_early_khz=" + std::to_string(spec.tsc_khz);
  // QEMU's emulated APIC timer runs at 1 GHz.
  if (spec.accelerator == Accelerator::kTcg) line += " lapic_timer_hz=1000000000";
  line += " root=/dev/vda ro rootfstype=erofs init=" UNIK_GUEST_INIT_PATH;
  return line;
}

std::vector<std::string> command_line(const VmSpec& spec) {
  Argv argv{spec.qemu};
  add(argv, "-name", escape_option(spec.name));
  add_machine(argv, spec);
  add_kernel(argv, spec);
  add_root(argv, spec);
  add_network(argv, spec);
  add_console(argv, spec);
  add_channels(argv, spec);
  return argv;
}

}  // namespace unik::agent
