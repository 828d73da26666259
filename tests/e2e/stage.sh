# Sourced by the end-to-end scripts: a home of its own, with real processes and real VMs, and how a step fails.
#
# Wants BIN_DIR as the script's first word; UNIKCTL_BASE_RUNTIME may name the base runtime (build/base). Sets `work` (removed
# at the end, with all that was started), `root` (the checkout) and `port` (one that nobody else uses).
# shellcheck shell=bash
# The scripts that source this file use what it sets.
# shellcheck disable=SC2034
set -euo pipefail
bin=${1:?usage: ${0##*/} BIN_DIR}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

work=$(mktemp -d)
export UNIKCTL_HOME=$work/home PATH=$bin:$PATH NO_COLOR=1
export XDG_CONFIG_HOME=$work/config UNIKCTL_BASE_RUNTIME=${UNIKCTL_BASE_RUNTIME:-$root/build/base}
# Any port that nobody uses: tests may run beside each other and beside a user's own apps.
port=$((20000 + $$ % 10000))

fail() {
  unikctl status >&2 || true
  tail -n 30 "$UNIKCTL_HOME"/log/*.log >&2 || true
  tail -n 20 "$UNIKCTL_HOME"/agent/instances/*/console.log | cut -c 1-500 >&2 || true
  echo "FAILED: $*" >&2
  exit 1
}
# A script that has more to undo defines `undo`.
undo() { true; }
clean_up() {
  for pid in $(daemon_pids); do kill -CONT "$pid" 2>/dev/null || true; done
  unikctl down --all >/dev/null 2>&1 || true
  for pid in $(vm_pids) $(daemon_pids); do kill -9 "$pid" 2>/dev/null || true; done
  undo
  rm -rf "$work"
}
trap clean_up EXIT

# Processes of this very home: found by its path on their command lines.
vm_pids() { pgrep -f "^[^ ]*qemu-system-x86_64 .*$work" || true; }
daemon_pids() { pgrep -f "unik-(controller|agent) .*$work" || true; }
pid_of() { pgrep -f "$1 .*$work" | head -n 1; }
count_vms() { vm_pids | wc -l; }
is_vm_count_of_app() { [ "$(vm_ids | grep -c "/$1/")" = "$2" ]; }
is_vm_count() { [ "$(count_vms)" = "$1" ]; }

# The ids of the VMs that run, as QEMU was told them, and of the instances that there should be; sorted, doubles kept.
vm_ids() { for pid in $(vm_pids); do tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | sed -n 's/^unik:\(.*\)#.*/\1/p'; done | sort; }
instance_ids() { unikctl status -o json | jq -r '.instances[].id' | sort; }
vms_are_the_instances() { [ "$(vm_ids)" = "$(instance_ids)" ]; }

# until_true SECONDS COMMAND...: tries until it succeeds.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
}
answers() { curl --silent --fail --max-time 3 "http://127.0.0.1:$port/" | holds "$1"; }

# holds GREP_WORDS...: `grep -q` that reads its input to the end. One that leaves at the first match ends the writer by SIGPIPE,
# sometimes, which fails the whole pipe.
holds() { grep "$@" | cat >/dev/null; }

says() { unikctl logs "$1" | holds -- "$2"; }

# expect_code CODE COMMAND...: its standard output and error go to $work/out and $work/err.
expect_code() {
  local want=$1 code=0
  shift
  "$@" >"$work/out" 2>"$work/err" || code=$?
  [ "$code" = "$want" ] || fail "\`$*\` exited with $code instead of $want: $(tail -n 5 "$work/out" "$work/err")"
}
# said WORDS: the last command said so, on either stream.
said() { grep -qF -- "$1" "$work/out" "$work/err" || fail "want '$1', got: $(cat "$work/out" "$work/err")"; }

# The field of an app's first instance, as jq names it.
instance_field() { unikctl status -o json | jq -r --arg app "$1" '[.instances[] | select(.name | startswith($app + "-"))][0]'"$2"; }
app_field() { unikctl get app "$1" -o json | jq -r "$2"; }

# The guest of these tests, compiled once: tests/e2e/guest.c.
build_guest() {
  gcc -O1 -Wall -Wextra -Werror -static -s "$root/tests/e2e/guest.c" -o "$work/guest" || fail "the guest does not compile"
}

# write_app NAME WORDS SPEC_LINE...: a manifest of the guest in $work/NAME.yaml; WORDS is a YAML list of its arguments.
write_app() {
  local name=$1 words=$2
  shift 2
  mkdir -p "$work/source"
  printf 'version: 1\nlanguage: c\nbuild: {command: "cp %s guest"}\nartifact: {path: guest}\nrun: {command: [./guest]}\n' \
    "$work/guest" >"$work/source/unik.yaml"
  {
    printf 'apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: %s}\nspec:\n  source: ./source\n  args: %s\n' \
      "$name" "$words"
    printf '  %s\n' "$@"
  } >"$work/$name.yaml"
}

step() { printf -- '-- %s (%s s)\n' "$*" "$SECONDS"; }
