#!/usr/bin/env bash
# Makes the root that the VMs of vm_test.cpp boot: our init and guest_app.c, as erofs.
#
#   guest_root.sh OUT.erofs
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$here/../../..
out=${1:?want the file to write}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{app,dev,etc,proc,run,sys,tmp,var}
chmod 0755 "$root"
chmod 1777 "$root/tmp"
if [ -x "${UNIKCTL_BASE_RUNTIME:-}/root/init" ]; then
  cp "$UNIKCTL_BASE_RUNTIME/root/init" "$root/init"
else
  gcc -std=c11 -D_GNU_SOURCE -static -Os -s -I"$top/api-schemas" -o "$root/init" "$top"/runtimes/base/init/*.c
fi
gcc -std=c11 -D_GNU_SOURCE -static -Os -s -o "$root/app/guest" "$here/guest_app.c"
ln -s /run/hosts "$root/etc/hosts"
ln -s /run/resolv.conf "$root/etc/resolv.conf"
rm -f "$out"
mkfs.erofs --all-root -T0 "$out" "$root" >/dev/null
