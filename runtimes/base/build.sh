#!/usr/bin/env bash
# Lays out the base runtime, which every image stands on: the kernel, PID 1 and the skeleton of the root.
#
#   build.sh --variant up|smp|all|host --out DIR [--init PATH] [--release]
#
# --variant  which kernels to take; each is built on first use (minutes) and then comes from the cache. `host`: the one
#            that this host needs first, `smp` where the processor's KVM can be used and `up` elsewhere
# --out      becomes exactly what was asked for: boot/vmlinux-VARIANT, root/, manifest.yaml
# --init     take this program as init instead of compiling init/
# --release  refuse a kernel source other than the pinned one
#
# The same inputs give the same bytes, and a second call with the same inputs changes nothing. Progress on stderr.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

die() { printf 'base: error: %s\n' "$*" >&2; exit 1; }

# The agent's probe has the last word on KVM, and each kernel boots without it too; this only chooses which one is
# worth its minutes now.
variant_of_host() {
  if [ -w /dev/kvm ] && grep -qE '^flags.*[[:space:]](vmx|svm)([[:space:]]|$)' /proc/cpuinfo; then echo smp; else echo up; fi
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
schemas=$here/../../api-schemas
version=0.1.0

variants=()
out=""
init=""
release=()
while [ $# -gt 0 ]; do
  case "$1" in
    --variant)
      case "${2-}" in
        up | smp) variants=("$2") ;;
        all) variants=(up smp) ;;
        host) variants=("$(variant_of_host)") ;;
        *) die "--variant: want up, smp, all or host, got '${2-}'" ;;
      esac
      shift 2
      ;;
    --out) out=${2:?--out wants a directory}; shift 2 ;;
    --init) init=${2:?--init wants a file}; shift 2 ;;
    --release) release=(--release); shift ;;
    *) die "want --variant up|smp|all|host, --out DIR, --init PATH or --release, got '$1'" ;;
  esac
done
[ ${#variants[@]} -gt 0 ] || die "want --variant up, smp, all or host"
[ -n "$out" ] || die "want --out DIR"
[ -z "$init" ] || [ -r "$init" ] || die "--init: cannot read '$init'"
case "$out" in / | . | ..) die "--out: '$out' would be replaced as a whole; want a directory of its own" ;; esac

kernels=()
for variant in "${variants[@]}"; do
  kernels+=("$("$here/kernel/build.sh" "$variant" "${release[@]}")")
done

key=$({
  cat "$here/build.sh" "$here"/init/*.[ch] "$schemas/api/guest.h" "${init:-/dev/null}"
  printf '%s\n' "${variants[@]}" "${kernels[@]##*/kernel/}"
  gcc --version
} | sha256sum | cut -d' ' -f1)
if [ "$(cat "$out/.inputs" 2>/dev/null || true)" = "$key" ]; then exit 0; fi
if [ -d "$out" ] && [ -n "$(ls -A "$out")" ] && [ ! -f "$out/.inputs" ]; then
  die "--out: '$out' holds something else; want an empty or new directory"
fi

new=$out.new.$$
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
mkdir -p "$new"/boot "$new"/root/{app,dev,etc,proc,run,sys,tmp,var}
root=$new/root

for i in "${!variants[@]}"; do
  cp --reflink=auto "${kernels[$i]}" "$new/boot/vmlinux-${variants[$i]}"
done

if [ -n "$init" ]; then
  install -m 0755 "$init" "$root/init"
else
  # Compiled from its own directory with relative names, so that no path of this machine gets into the program.
  output=$(realpath "$root/init")
  (cd "$here/init" && gcc -std=c11 -D_GNU_SOURCE -static -Os -Wall -Wextra -Werror -ffunction-sections -fdata-sections \
    -I../../../api-schemas -Wl,--gc-sections -Wl,--build-id=none -s -o "$output" ./*.c)
fi

# No shell exists, so none is named. /tmp is the one place that any user may write, so it is everyone's home.
cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/tmp:/nonexistent
app:x:1000:1000:app:/tmp:/nonexistent
nobody:x:65534:65534:nobody:/nonexistent:/nonexistent
END
cat >"$root/etc/group" <<'END'
root:x:0:
tty:x:5:
app:x:1000:
nogroup:x:65534:
END
cat >"$root/etc/nsswitch.conf" <<'END'
passwd: files
group: files
hosts: files dns
networks: files
protocols: files
services: files
END
# The root is read-only and the same for every instance; what differs between instances is written to /run by init.
ln -s /run/hosts "$root/etc/hosts"
ln -s /run/resolv.conf "$root/etc/resolv.conf"
ln -s /run "$root/var/run"
ln -s /tmp "$root/var/tmp"
chmod 1777 "$root/tmp"

{
  printf 'name: base\nversion: %s\n' "$version"
  printf 'description: Kernel, PID 1 and root skeleton that every unikernel image stands on\n'
  printf 'platforms: [linux/amd64]\nvariants:\n'
  for variant in "${variants[@]}"; do
    printf '  %s: {kernel: boot/vmlinux-%s, sha256: %s}\n' "$variant" "$variant" \
      "$(sha256sum "$new/boot/vmlinux-$variant" | cut -d' ' -f1)"
  done
  printf 'init: {path: /init, protocol: %s, sha256: %s}\n' \
    "$(sed -n 's/^#define UNIK_GUEST_VERSION //p' "$schemas/api/guest.h")" "$(sha256sum "$root/init" | cut -d' ' -f1)"
} >"$new/manifest.yaml"

printf '%s\n' "$key" >"$new/.inputs"
find "$new" -exec touch -h -d @0 {} +
rm -rf "$out"
mv -T "$new" "$out"
