#!/usr/bin/env bash
# Builds one variant of the unikernel's kernel and prints the path of its stripped vmlinux.
#
#   build.sh up|smp [--print] [--release]
#
# --print    only say where the kernel of these inputs is or would be
# --release  refuse a kernel source other than the one pinned in versions.lock
#
# A build takes minutes and 2 GB, so it is cached by the hash of everything that decides its bytes: the source archive,
# the fragments, the patches, this script and the tools. A directory in the cache is complete or absent.
# Result on stdout, progress on stderr. UNIKCTL_CACHE moves the cache, UNIKCTL_KERNEL_SOURCE names another archive,
# UNIKCTL_JOBS bounds the parallel jobs.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

say() { printf 'kernel: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

variant=""
print_only=no
release=no
for argument in "$@"; do
  case "$argument" in
    up | smp) variant=$argument ;;
    --print) print_only=yes ;;
    --release) release=yes ;;
    *) die "want up or smp, --print, --release; got '$argument'" ;;
  esac
done
[ -n "$variant" ] || die "want a variant: up or smp"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${UNIKCTL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/unikctl}/kernel
fragments=("$here/common.config" "$here/$variant.config")
patches=("$here"/*.patch)

# The lock is JSON of a fixed shape, one member a line.
locked() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" "$here/versions.lock"; }
package=$(locked package)
pinned_version=$(locked version)
pinned_sha256=$(locked sha256)
source_archive=${UNIKCTL_KERNEL_SOURCE:-/$(locked archive)}

[ -r "$source_archive" ] ||
  die "want the kernel source $source_archive, found none; install it: apt-get install $package=$pinned_version"
mkdir -p "$cache"

# Hashing the archive takes longer than all else on a second call, so its sum is remembered with the file's identity.
archive_sha256() {
  local identity remembered memo="$cache/source.sha256"
  identity=$(stat -Lc '%i %s %Y %Z' "$source_archive")
  remembered=$(cat "$memo" 2>/dev/null || true)
  if [ "${remembered#* }" != "$identity" ]; then
    remembered="$(sha256sum "$source_archive" | cut -d' ' -f1) $identity"
    printf '%s\n' "$remembered" >"$memo.$$"
    mv -f "$memo.$$" "$memo"
  fi
  printf '%s\n' "${remembered%% *}"
}
source_sha256=$(archive_sha256)
pinned=yes
if [ "$source_sha256" != "$pinned_sha256" ]; then
  pinned=no
  [ "$release" = no ] ||
    die "a release wants $package $pinned_version, sha256 $pinned_sha256; found sha256 $source_sha256;" \
      "install that version or update versions.lock"
  say "WARNING: $source_archive is not the pinned $package $pinned_version"
  say "WARNING:   want sha256 $pinned_sha256"
  say "WARNING:   got  sha256 $source_sha256"
  say "WARNING: building it all the same; the result claims no reproducibility"
fi

wanted_config() { grep -h '^CONFIG_' "${fragments[@]}"; }

key=$({
  printf '%s\n' "$source_sha256"
  wanted_config
  cat "${patches[@]}" "$here/build.sh"
  gcc --version
  ld --version
} | sha256sum | cut -c1-32)
result=$cache/$key

if [ "$print_only" = yes ] || [ -f "$result/vmlinux" ]; then
  printf '%s\n' "$result/vmlinux"
  exit 0
fi

for tool in flex bison bc make gcc strip patch xz flock; do
  command -v "$tool" >/dev/null || die "want the program '$tool', found none; install it with apt-get"
done

mkdir -p "$cache/locks"
exec 9>"$cache/locks/$key"
flock -n 9 || { say "waiting for another build of $variant"; flock 9; }
if [ -f "$result/vmlinux" ]; then
  printf '%s\n' "$result/vmlinux"
  exit 0
fi

# A build holds the lock of its key, so what stands here without one is the rest of a build, a gigabyte, that was killed.
remove_rests() {
  local rest
  for rest in "$cache"/build-*; do
    [ "$rest" = "$work" ] || [ ! -d "$rest" ] || flock -n "$cache/locks/${rest##*/build-}" rm -rf "$rest" || true
  done
  rm -rf "$work"
}
work=$cache/build-$key
remove_rests
mkdir "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

log=$work/build.log
failed() {
  tail -n 40 "$log" >&2
  mkdir -p "$cache/failed"
  cp "$log" "$cache/failed/$key.log"
  die "$1; the whole log is $cache/failed/$key.log"
}

# Two thirds of the source, of which the fragments use nothing: what is not written need not be removed. Each Kconfig stays,
# since all of them are read.
unused=('*/Documentation/*.rst' '*/Documentation/*/*.yaml' '*/tools/testing/*' '*/tools/perf/*' '*/sound/soc/*.[ch]' '*/sound/pci/*.[ch]')
for part in arc arm arm64 loongarch m68k mips parisc powerpc riscv s390 sh sparc um xtensa; do
  unused+=("*/arch/$part/*.[chS]" "*/arch/$part/boot/dts/*.dts*")
done
for part in accel clk gpu hwmon iio infiniband media net/ethernet net/wireless pinctrl scsi staging usb; do
  unused+=("*/drivers/$part/*.[ch]")
done

say "unpacking $source_archive"
mkdir "$work/tree" "$work/result"
tar -xf "$source_archive" -C "$work/tree" --strip-components=1 "${unused[@]/#/--exclude=}"
cd "$work/tree"
for file in "${patches[@]}"; do
  patch -p1 --fuzz=0 <"$file" >>"$log" 2>&1 || failed "${file##*/} does not apply"
done

# A kernel names its builder and its time; these are fixed, and building inside the tree keeps every path relative.
export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_USER=unikctl KBUILD_BUILD_HOST=unikctl
export KBUILD_BUILD_VERSION=1
compiler=gcc
if command -v ccache >/dev/null; then compiler="ccache gcc"; fi
run_make() { nice -n 5 make CC="$compiler" HOSTCC="$compiler" "$@" >>"$log" 2>&1; }

say "configuring $variant"
run_make tinyconfig || failed "tinyconfig failed"
wanted_config >>.config
run_make olddefconfig || failed "olddefconfig failed"

# Kconfig drops a symbol whose dependency is missing, and accepts one that does not exist, without a word.
check_config() {
  local line symbol wrong=0
  grep -rhoE --include='Kconfig*' '^[[:space:]]*(menu)?config[[:space:]]+[A-Za-z0-9_]+' . |
    awk '{print "CONFIG_" $2}' | sort -u >"$work/symbols"
  while IFS= read -r line; do
    symbol=${line%%=*}
    if ! grep -qxF "$symbol" "$work/symbols"; then
      say "error: $symbol is no symbol of this kernel"
      wrong=1
    elif [ "${line#*=}" = n ]; then
      if grep -q "^$symbol=" .config; then
        say "error: want $symbol=n, got $(grep "^$symbol=" .config)"
        wrong=1
      fi
    elif ! grep -qxF "$line" .config; then
      say "error: want $line, got $(grep -E "^(# )?${symbol}[= ]" .config || echo "nothing: a dependency is missing")"
      wrong=1
    fi
  done < <(wanted_config)
  return "$wrong"
}
check_config || die "the configuration is not what the fragments ask for; correct the lines named above"

jobs=${UNIKCTL_JOBS:-$(nproc)}
say "compiling $variant with $jobs jobs; this takes minutes, once"
run_make -j"$jobs" vmlinux || failed "the build failed"

strip -s -o "$work/result/vmlinux" vmlinux
cp .config "$work/result/config"
cp "$log" "$work/result/build.log"
version=$pinned_version
[ "$pinned" = yes ] || version=$(make -s kernelversion)
printf 'package %s\nversion %s\nsha256 %s\npinned %s\n' "$package" "$version" "$source_sha256" "$pinned" \
  >"$work/result/source"
sync "$work/result"/*
mv -T "$work/result" "$result"
say "built $result/vmlinux ($(stat -c %s "$result/vmlinux") bytes)"
printf '%s\n' "$result/vmlinux"
