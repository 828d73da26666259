#!/usr/bin/env bash
# How much host memory a running VM takes beside its guest's RAM: the resident pages of every mapping of its QEMU but the
# RAM itself, which is the one as large as -m says.
#
#   vm_overhead.sh PID
set -euo pipefail
pid=${1:?want the pid of a QEMU}
ram_mib=$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -A1 -x -e -m | tail -1 | tr -d M)
awk -v ram_kib=$((ram_mib * 1024)) '
  /^Size:/ { is_ram = ($2 == ram_kib) }
  /^Rss:/ { if (is_ram) ram += $2; else own += $2 }
  /^Pss:/ { if (!is_ram) shared += $2 }
  END { printf "guest RAM touched %d KiB, QEMU itself %d KiB, of that proportional %d KiB\n", ram, own, shared }
' "/proc/$pid/smaps"
