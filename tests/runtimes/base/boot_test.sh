#!/usr/bin/env bash
# Boots real VMs under software emulation and asserts what PID 1 promises in api/guest.h.
#
#   boot_test.sh [NAME...]     runs all tests, or those named; VARIANT=smp takes the other kernel
#
# Prints one line a test and, of a failed one, the console and the life records. Wants QEMU, erofs-utils and a compiler.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
# shellcheck source=vm.sh
. "$(dirname "${BASH_SOURCE[0]}")/vm.sh"

readonly seconds_max=60 # of one VM; a loaded machine emulates slowly

# --- A VM, its end and what it left --------------------------------------------------------------------------------

start_vm() {
  qemu_argv "$1"
  "${argv[@]}" >"$work/$1/qemu.log" 2>&1 &
  vm=$!
}

# Waits for the VM's own end; one that does not end is killed, and its missing life record fails the test.
await_end() {
  local deadline=$((SECONDS + seconds_max))
  while kill -0 "$vm" 2>/dev/null; do
    if [ $SECONDS -ge $deadline ]; then
      kill -9 "$vm"
      fault "the VM did not end within $seconds_max s"
    fi
    sleep 0.05
  done
  wait "$vm" || true
}

run_vm() {
  start_vm "$1"
  await_end
}

await_text() {
  local deadline=$((SECONDS + seconds_max))
  until grep -qaF -- "$2" "$1" 2>/dev/null; do
    if [ $SECONDS -ge $deadline ] || ! kill -0 "$vm" 2>/dev/null; then
      fault "'$2' did not come"
      return
    fi
    sleep 0.05
  done
}

fault() { faults+=("$*"); }

expect_life() {
  local want
  want=$(printf '%s\n' "$@")
  # The pid is the guest's own affair.
  local got
  got=$(sed 's/^started [0-9]*$/started PID/' "$work/$name/life" 2>/dev/null || true)
  [ "$got" = "$want" ] || fault "life records: want '${want//$'\n'/, }', got '${got//$'\n'/, }'"
}

expect_console() { grep -qaF -- "$1" "$work/$name/console.log" || fault "console: want '$1'"; }
expect_console_line() { grep -qaxF -- "$1" "$work/$name/console.log" || fault "console: want the line '$1'"; }
expect_no_console() { ! grep -qaF -- "$1" "$work/$name/console.log" || fault "console: want no '$1'"; }
expect_equal() { [ "$1" = "$2" ] || fault "$3: want '$1', got '$2'"; }

hex() { printf '%s' "$1" | od -An -tx1 -v | tr -d ' \n'; }

# --- The tests -----------------------------------------------------------------------------------------------------

test_exit_codes() {
  local code
  for code in 0 7 255; do
    rm -rf "${work:?}/$name"
    write_config "$name" arg=/app/probe arg=exit arg=$code
    run_vm "$name"
    expect_life "boot 1" "started PID" "exit $code"
  done
  expect_equal 0 "$(stat -c %s "$work/$name/console.log")" "bytes that a silent app leaves on the console"
}

test_death_by_signal() {
  write_config "$name" arg=/app/probe arg=signal arg=11
  run_vm "$name"
  expect_life "boot 1" "started PID" "signal 11"
}

test_plain_sigkill_is_not_oom() {
  write_config "$name" arg=/app/probe arg=signal arg=9
  run_vm "$name"
  expect_life "boot 1" "started PID" "signal 9"
}

test_out_of_memory() {
  write_config "$name" arg=/app/probe arg=oom
  memory=48M run_vm "$name"
  expect_life "boot 1" "started PID" "oom"
}

test_stop_is_sigterm() {
  write_config "$name" arg=/app/probe arg=wait
  start_vm "$name"
  await_text "$work/$name/console.log" waiting
  expect_equal $'pong 1\nerror unknown-command\nok stop' \
    "$("$work/host" ask "$work/$name/control.sock" ping nonsense stop)" "answers on the control port"
  await_end
  expect_console_line "got SIGTERM"
  expect_life "boot 1" "started PID" "exit 42"
}

test_kill_ends_what_ignores_stop() {
  write_config "$name" arg=/app/probe arg=hang
  start_vm "$name"
  await_text "$work/$name/console.log" waiting
  expect_equal "ok stop" "$("$work/host" ask "$work/$name/control.sock" stop)" "first client"
  expect_equal "pong 1" "$("$work/host" ask "$work/$name/control.sock" ping)" "second client"
  grep -q '"running"' <<<"$("$work/host" qmp "$work/$name/qmp.sock" query-status)" || fault "QMP: want a running VM"
  expect_equal "ok kill" "$("$work/host" ask "$work/$name/control.sock" kill)" "third client"
  await_end
  expect_life "boot 1" "started PID" "signal 9"
}

test_long_lines_are_refused() {
  write_config "$name" arg=/app/probe arg=wait
  start_vm "$name"
  await_text "$work/$name/console.log" waiting
  expect_equal $'error line-too-long\npong 1\nok stop' \
    "$("$work/host" ask "$work/$name/control.sock" "$(printf '%05000d' 0)" ping stop)" "answers on the control port"
  await_end
}

# A client's words may reach the guest before the news that somebody has connected.
test_each_client_is_answered() {
  local round long
  long=$(printf '%05000d' 0)
  write_config "$name" arg=/app/probe arg=wait
  start_vm "$name"
  await_text "$work/$name/console.log" waiting
  for round in $(seq 50); do
    expect_equal "pong 1" "$("$work/host" ask "$work/$name/control.sock" ping)" "client $round"
    expect_equal "error line-too-long" "$("$work/host" ask "$work/$name/control.sock" "$long")" "long client $round"
    [ ${#faults[@]} -eq 0 ] || break
  done
  "$work/host" ask "$work/$name/control.sock" stop >/dev/null || fault "want an answer to stop"
  await_end
}

test_odd_arguments_arrive_intact() {
  local odd=$'two\nlines = "quoted" \\ \t\x01\xff\xfe \' $HOME'
  local many i
  many=()
  for i in $(seq 500); do many+=("env=V$i=$i"); done
  write_config "$name" arg=/app/probe arg=dump "arg=$odd" arg= "env=ODD=$odd" env=EMPTY= env=TWICE=1 env=TWICE=2 \
    "env=LONG=$(printf '%020000d' 0)" "${many[@]}" hostname=odd-1
  run_vm "$name"
  expect_console_line "arg=$(hex "$odd")"
  expect_console_line "arg="
  expect_console_line "env=$(hex "ODD=$odd")"
  expect_console_line "env=$(hex EMPTY=)"
  expect_console_line "env=$(hex TWICE=2)"
  expect_no_console "env=$(hex TWICE=1)"
  expect_console_line "env=$(hex "LONG=$(printf '%020000d' 0)")"
  expect_console_line "env=$(hex V500=500)"
  expect_console_line "env=$(hex HOME=/tmp)"
  expect_console_line "env=$(hex HOSTNAME=odd-1)"
  expect_life "boot 1" "started PID" "exit 0"
}

test_unprivileged_and_read_only() {
  write_config "$name" arg=/app/probe arg=checks cwd=/app hostname=web-0 address=10.0.2.15/24 gateway=10.0.2.2 \
    dns=10.0.2.3 dns=192.0.2.1
  run_vm "$name"
  expect_life "boot 1" "started PID" "exit 0"
  local line
  for line in "uid=1000 gid=1000" hostname=web-0 cwd=/app stdin=eof $'CapPrm:\t0000000000000000' $'NoNewPrivs:\t1' \
    $'Seccomp:\t2' mount=EPERM ptrace=EPERM reboot=EPERM bpf=EPERM unshare=EPERM ioperm=EPERM port-e9=SEGV \
    port-510=SEGV x32-call=SYS write-root=EROFS write-app=EROFS write-tmp=ok write-run=ok write-shm=ok \
    xwrite-stdout=ok mkdir-deep=EROFS unlink=EROFS \
    "/etc/hosts=127.0.0.1 localhost|10.0.2.15 web-0|" \
    "/etc/resolv.conf=nameserver 10.0.2.3|nameserver 192.0.2.1|" pty=ok fw-cfg-files=ENOENT; do
    expect_console_line "$line"
  done
}

test_root_is_bounded() {
  write_config "$name" arg=/app/probe arg=checks uid=0 gid=0
  run_vm "$name"
  local line
  for line in "uid=0 gid=0" $'CapEff:\t00000000000425fb' mount=EPERM ptrace=EPERM reboot=EPERM ioperm=EPERM \
    port-e9=SEGV write-root=EROFS; do
    expect_console_line "$line"
  done
}

test_without_seccomp() {
  write_config "$name" arg=/app/probe arg=checks seccomp=0
  run_vm "$name"
  local line
  for line in $'Seccomp:\t0' $'NoNewPrivs:\t1' mount=EPERM ptrace=ok port-e9=SEGV port-510=SEGV; do
    expect_console_line "$line"
  done
}

test_ephemeral_root() {
  write_config "$name" arg=/app/probe arg=checks writable=ephemeral
  run_vm "$name"
  expect_life "boot 1" "started PID" "exit 0"
  local line
  for line in "uid=1000 gid=1000" write-root=ok write-app=ok write-tmp=ok mkdir-deep=ok unlink=ok mount=EPERM; do
    expect_console_line "$line"
  done
}

test_network() {
  local answer="" deadline=$((SECONDS + seconds_max))
  write_config "$name" arg=/app/probe arg=serve arg=80 address=10.0.2.15/24 gateway=10.0.2.2
  host_port=$((20000 + RANDOM % 10000))
  start_vm "$name"
  await_text "$work/$name/console.log" serving
  until [ -n "$answer" ] || [ $SECONDS -ge $deadline ]; do
    answer=$(head -n 1 <"/dev/tcp/127.0.0.1/$host_port" 2>/dev/null || true)
  done
  expect_equal hello "$answer" "answer through the forwarded port"
  "$work/host" ask "$work/$name/control.sock" stop >/dev/null || fault "want an answer to stop"
  await_end
  expect_life "boot 1" "started PID" "signal 15"
  unset host_port
}

test_orphans_are_reaped() {
  write_config "$name" arg=/app/probe arg=orphan
  run_vm "$name"
  expect_console_line "orphan gone: yes"
}

# expect_not_started CODE REASON FIELD...
expect_not_started() {
  local code=$1 reason=$2
  shift 2
  rm -rf "${work:?}/$name"
  write_config "$name" "$@"
  run_vm "$name"
  expect_life "boot 1" "not-started $reason" "exit $code"
  expect_console_line "init: $reason"
}

test_programs_that_do_not_run() {
  expect_not_started 127 "cannot run /app/none: it is not in the image" arg=/app/none
  expect_not_started 127 "cannot run none: it is in no directory of the app's PATH" arg=none env=PATH=/bin:/app
  expect_not_started 127 "cannot run /app/script: its interpreter /bin/missing is not in the image" \
    arg=script env=PATH=/app
  expect_not_started 126 \
    "cannot run /app/noformat: it is neither a program for this machine nor a script that starts with #!" \
    arg=/app/noformat
  expect_not_started 126 "cannot run /app/data: the file is not executable" arg=/app/data
  expect_not_started 126 "cannot run /app: it is a directory" arg=/app
  expect_not_started 126 "cannot enter the directory /none: No such file or directory" arg=/app/probe cwd=/none
}

test_found_in_path() {
  write_config "$name" arg=probe arg=exit arg=5 env=PATH=/bin:/app
  run_vm "$name"
  expect_life "boot 1" "started PID" "exit 5"
}

test_wrong_configuration() {
  write_config "$name" arg=/app/probe secret=hunter2
  run_vm "$name"
  local reason="a key that this init does not know: the image's base is older than the agent"
  expect_life "boot 1" "init-error the configuration is wrong: $reason"
  expect_no_console hunter2
}

test_panic_is_recognisable() {
  write_config "$name" arg=/app/probe
  init_path=/none run_vm "$name"
  expect_console "Kernel panic - not syncing"
  [ ! -s "$work/$name/life" ] || fault "want no life record of a guest that panicked"
}

test_trace() {
  write_config "$name" arg=/app/probe arg=exit arg=3 trace=1
  extra_append="" run_vm "$name"
  expect_console "Linux version"
  expect_console "file systems mounted"
  expect_console "app started, pid"
  expect_console "app ended"
  expect_life "boot 1" "started PID" "exit 3"
}

test_last_words_are_kept() {
  write_config "$name" arg=/app/probe arg=write arg=200000
  run_vm "$name"
  expect_equal 200000 "$(stat -c %s "$work/$name/console.log")" "bytes on the console"
  expect_life "boot 1" "started PID" "exit 0"
}

test_several_cpus() {
  [ "$variant" = smp ] || return 0
  write_config "$name" arg=/app/probe arg=cpus
  cpus=2 run_vm "$name"
  expect_console_line "cpus=2"
  expect_life "boot 1" "started PID" "exit 0"
}

# --- Running them --------------------------------------------------------------------------------------------------

build_guest
failed=0
if [ $# -gt 0 ]; then names=("$@"); else mapfile -t names < <(declare -F | sed -n 's/^declare -f test_//p'); fi
for name in "${names[@]}"; do
  faults=()
  started=$SECONDS
  "test_$name"
  if [ ${#faults[@]} -eq 0 ]; then
    printf 'ok    %s (%d s)\n' "$name" $((SECONDS - started))
    continue
  fi
  failed=$((failed + 1))
  printf 'FAIL  %s\n' "$name"
  printf '      %.400s\n' "${faults[@]}"
  for file in life console.log qemu.log; do
    [ -s "$work/$name/$file" ] || continue
    printf '      --- %s\n' "$file"
    tail -n 40 "$work/$name/$file" | cut -c1-200 | sed 's/^/      /'
  done
done
printf '%d of %d tests failed\n' "$failed" "${#names[@]}"
[ "$failed" -eq 0 ]
