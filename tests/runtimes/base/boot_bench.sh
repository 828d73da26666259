#!/usr/bin/env bash
# Measures a boot: from exec of QEMU to init, to the app's start, to its first byte on the console, to the VM's end; and
# the processor time of all that.
#
#   boot_bench.sh [RUNS]     10 runs unless said; VARIANT=smp takes the other kernel; prints medians and minima in ms
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
# shellcheck source=vm.sh
. "$(dirname "${BASH_SOURCE[0]}")/vm.sh"

runs=${1:-10}
build_guest
for i in $(seq "$runs"); do
  write_config "run$i" arg=/app/probe arg=cpus address=10.0.2.15/24 gateway=10.0.2.2
  qemu_argv "run$i"
  "$work/host" time "$work/run$i/console.log" "$work/run$i/life" cpus= -- "${argv[@]}" >>"$work/times"
done

for mark in boot started word end cpu; do
  sed -n "s/.*$mark=\\([0-9]*\\).*/\\1/p" "$work/times" | sort -n |
    awk -v mark="$mark" \
      '{ v[NR] = $1 } END { printf "%-8s median %5d ms   least %5d ms\n", mark, v[int((NR + 1) / 2)], v[1] }'
done
printf 'runs %s, variant %s, load %s\n' "$runs" "$variant" "$(cut -d' ' -f1 /proc/loadavg)"
