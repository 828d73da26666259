#!/usr/bin/env bash
# Kernels of others through `unikctl deploy`: Debian's cloud kernel, memtest86+ and a Multiboot kernel of a few bytes;
# and what is no kernel and no program is refused before a VM starts.
#
#   kernels.sh BIN_DIR       DEBIAN_KERNEL names Debian's bzImage; else its package is fetched with apt-get download
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"

# shellcheck source=debian_kernel.sh
. "$root/tests/e2e/debian_kernel.sh"
build_guest
debian=$(debian_kernel) || fail "Debian's kernel cannot be fetched"

step "what cannot boot is refused, with what was found and what is accepted, before a VM starts"
refused() {
  expect_code 2 unikctl deploy "$1"
  said "$2"
  said "${3:-want a Linux program for x86-64, a directory with a unik.yaml, or a kernel}"
}
printf 'MZ\x90\0%04096d' 0 >"$work/pe.exe"
printf 'just some words\n' >"$work/words.txt"
printf 'FROM debian\nRUN true\n' >"$work/Dockerfile"
head -c 40 "$work/guest" >"$work/cut"
head -c 20000 /usr/bin/env >"$work/cut-later"
cp "$work/guest" "$work/arm"
printf '\xb7\0' | dd of="$work/arm" bs=1 seek=18 conv=notrunc status=none
: >"$work/empty"
refused "$work/pe.exe" "a Windows or EFI program"
refused "$work/words.txt" "a text file"
refused "$work/Dockerfile" "a Dockerfile; there is no Docker here"
refused "$work/cut" "found a broken ELF file: its header is cut short"
refused "$work/cut-later" "found a broken ELF file"
refused "$work/arm" "for aarch64; build it for x86-64 Linux"
refused "$work/empty" "an empty file"
expect_code 3 unikctl deploy "$work/nothing"
[ ! -e "$UNIKCTL_HOME/controller.sock" ] || fail "a refused deploy started the controller"
is_vm_count 0 || fail "a refused deploy started a VM"

step "Debian's own kernel, with an initrd"
mkdir "$work/initrd"
cp "$work/guest" "$work/initrd/init"
(cd "$work/initrd" && find . | cpio -o -H newc --quiet | gzip >"$work/initrd.gz")
expect_code 0 unikctl deploy "$debian" --initrd "$work/initrd.gz" --name debian --memory 256Mi --wait -- \
  console=ttyS0 -- say hello-from-debian tick 1000
until_true 120 says debian hello-from-debian || fail "no word on the console: $(unikctl logs debian | tail -n 5)"
[ "$(instance_field debian .status.phase)" = running ] || fail "Debian's kernel does not run"
[ "$(instance_field debian .status.restarts)" = 0 ] || fail "Debian's kernel was restarted"
unikctl destroy debian --wait >/dev/null || fail "destroy of a foreign kernel"

step "a foreign kernel that panics has not completed"
expect_code 1 unikctl deploy "$debian" --initrd "$work/initrd.gz" --name panics --memory 256Mi --restart never --wait -- \
  console=ttyS0 -- exit 0
[ "$(instance_field panics .status.reason)" = kernel_panic ] || fail "want kernel_panic, got $(instance_field panics .status.reason)"
unikctl destroy panics --wait >/dev/null

step "memtest86+"
expect_code 0 unikctl deploy /boot/memtest86+x64.bin --name memtest --memory 64Mi --wait -- console=ttyS0,115200
until_true 60 says memtest Memtest86+ || fail "memtest86+ says nothing on the console"
[ "$(instance_field memtest .status.phase)" = running ] || fail "memtest86+ does not run"
unikctl destroy memtest --wait >/dev/null || fail "destroy of memtest86+"

step "a Multiboot kernel ends with its own code"
cat >"$work/multiboot.S" <<'END'
.align 4
.long 0x1BADB002, 0, -(0x1BADB002)
.globl _start
_start:
  mov $message, %esi
1:lodsb
  test %al, %al
  jz 2f
  mov $0x3f8, %dx
  outb %al, %dx
  jmp 1b
2:mov $0x501, %dx
  mov $5, %al
  outb %al, %dx
  hlt
message: .asciz "hello from multiboot\n"
END
gcc -m32 -nostdlib -static -Wl,-Ttext=0x100000 -Wl,--build-id=none -o "$work/multiboot" "$work/multiboot.S"
expect_code 5 unikctl deploy "$work/multiboot" --restart never --wait
said "hello from multiboot"
unikctl destroy multiboot --wait >/dev/null

step "one that is loaded beyond its memory is not started"
gcc -m32 -nostdlib -static -Wl,-Ttext=0x8000000 -Wl,--build-id=none -o "$work/high" "$work/multiboot.S"
expect_code 1 unikctl deploy "$work/high" --restart never --memory 64Mi --wait
said "the kernel is loaded up to"
unikctl destroy high --wait >/dev/null
is_vm_count 0 || fail "VMs are left: $(vm_pids)"
echo "all steps passed"
