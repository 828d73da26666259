# Sourced by boot_test.sh and boot_bench.sh: builds what they boot, and holds the one QEMU command line that they use.
# It is the reference of runtimes/base/README.md, which says why each flag is there.
#
# UNIKCTL_BASE names a base runtime that is already built; VARIANT is up or smp.
# shellcheck shell=bash
# Commas belong to QEMU's options, and the scripts that source this file use what it sets.
# shellcheck disable=SC2054,SC2034

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
tests=$repository/tests/runtimes/base
variant=${VARIANT:-up}
qboot=/usr/share/qemu/qboot.rom

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build_guest() {
  base=${UNIKCTL_BASE:-$work/base}
  [ -n "${UNIKCTL_BASE-}" ] || "$repository/runtimes/base/build.sh" --variant "$variant" --out "$base"
  gcc -O1 -Wall -Wextra -Werror -static -s "$tests/probe.c" -o "$work/probe"
  gcc -O1 -Wall -Wextra -Werror "$tests/host.c" -o "$work/host"

  cp -a "$base/root" "$work/root"
  install -m 0755 "$work/probe" "$work/root/app/probe"
  printf '#!/bin/missing -x\n' >"$work/root/app/script"
  printf 'no format\n' >"$work/root/app/noformat"
  printf 'not executable\n' >"$work/root/app/data"
  chmod 0755 "$work/root/app/script" "$work/root/app/noformat"
  mkfs.erofs --all-root -T0 -x-1 "$work/root.erofs" "$work/root" >"$work/mkfs.log" 2>&1 ||
    { cat "$work/mkfs.log" >&2; return 1; }
  tsc_khz=$("$work/host" tsc-khz)
}

# write_config NAME FIELD... : the bytes that a guest gets, fields between the first and the last one.
write_config() {
  local name=$1
  shift
  mkdir -p "$work/$name"
  { printf 'unikctl-guest=1\0'; printf '%s\0' "$@"; printf 'end=\0'; } >"$work/$name/config"
}

# qemu_argv NAME: sets `argv` to the whole command line for the VM whose files are in $work/NAME.
qemu_argv() {
  local dir=$work/$1
  local append="console=ttyS0 root=/dev/vda ro rootfstype=erofs init=${init_path:-/init} reboot=t panic=-1"
  append+=" no_timer_check tsc=reliable tsc_early_khz=$tsc_khz lapic_timer_hz=1000000000 ${extra_append-quiet}"
  argv=(
    qemu-system-x86_64
    -M microvm,acpi=off,x-option-roms=off,pit=on,pic=on,rtc=on,isa-serial=on
    -bios "$qboot"
    -accel tcg -cpu max -smp "${cpus:-1}" -m "${memory:-128M}"
    -nodefaults -no-user-config -display none -no-reboot
    -kernel "$base/boot/vmlinux-$variant"
    -append "$append"
    -drive "if=none,id=root,file=$work/root.erofs,format=raw,readonly=on"
    -device virtio-blk-device,drive=root
    -netdev "user,id=net,hostfwd=tcp:127.0.0.1:${host_port:-0}-:80"
    -device virtio-net-device,netdev=net
    -fw_cfg "name=opt/unikctl/config,file=$dir/config"
    -chardev "socket,id=console,path=$dir/console.sock,server=on,wait=off,logfile=$dir/console.log,logappend=on"
    -serial chardev:console
    -chardev "socket,id=qmp,path=$dir/qmp.sock,server=on,wait=off"
    -mon chardev=qmp,mode=control
    -chardev "file,id=life,path=$dir/life,append=on"
    -device isa-debugcon,iobase=0xe9,chardev=life
    -device virtio-serial-device
    -chardev "socket,id=control,path=$dir/control.sock,server=on,wait=off"
    -device virtserialport,chardev=control,name=dev.unikctl.control
  )
}
