#!/usr/bin/env bash
# The examples, from their sources to an answer in a VM: a build that runs its commands, one of unchanged sources, what the
# image weighs, and how long it takes from the start of the VM to the health check's first success; and of each runtime what its
# layer weighs and how soon the program of its own check answers.
#
#   examples_bench.sh BIN_DIR [WORD...]      a report as those of the other benchmarks on standard output; words: languages of
#                                            examples/*-hello, and runtime:NAME
#
# Toolchains and runtimes are there before it begins: what is timed is the build. As everywhere under emulation, boots are what
# this machine gives; only the unchanged build has a target.
# shellcheck source-path=SCRIPTDIR
# shellcheck source=../e2e/stage.sh
. "$(dirname "$0")/../e2e/stage.sh"
# shellcheck source=../e2e/debian_maven.sh
. "$(dirname "$0")/../e2e/debian_maven.sh"
shift
languages=("$@")
[ ${#languages[@]} -gt 0 ] ||
  languages=(go rust static node python java runtime:nodejs runtime:python runtime:java runtime:dotnet runtime:python-3.11-ml)
boots=3
load_of_machine() { cut -d' ' -f1 /proc/loadavg; }
load_before=$(load_of_machine)
: >"$work/figures"

# figure NAME UNIT VALUE... [--at-most TARGET]: median, least and most of the values, as one line of JSON.
figure() {
  local name=$1 unit=$2 target=null
  shift 2
  local values=()
  while [ $# -gt 0 ]; do
    if [ "$1" = --at-most ]; then
      target=$2
      shift
    else
      values+=("$1")
    fi
    shift
  done
  printf '%s\n' "${values[@]}" | jq -sc --arg name "$name" --arg unit "$unit" --argjson target "$target" '
    sort | {name: $name, value: .[length / 2 | floor], least: .[0], most: .[-1], unit: $unit}
    + if $target == null then {} else {want: "at most", target: $target, met: (.[length / 2 | floor] <= $target)} end' \
    >>"$work/figures"
}

# seconds COMMAND...: how long it took.
seconds() {
  local begun=$EPOCHREALTIME
  "$@" >"$work/out" 2>"$work/err" || fail "\`$*\`: $(tail -n 20 "$work/err")"
  awk -v begun="$begun" -v ended="$EPOCHREALTIME" 'BEGIN {printf "%.3f\n", ended - begun}'
}

# boot_of NAME: deploys what was built and prints its boot, in seconds.
boot_of() {
  expect_code 0 unikctl deploy "$work/$1" --name "$1" -p "$port:8080" --wait --timeout 5m
  instance_field "$1" .status.boot.healthy_us | awk '{printf "%.3f\n", $1 / 1e6}'
  expect_code 0 unikctl destroy "$1" --wait
}

measure() {
  local language=$1 name=$1-hello try
  cp -r "$root/examples/$name" "$work/first"
  rm -rf "$work/first/.unikctl"
  [ "$language" != java ] || with_debians_maven "$work/first"
  cp -r "$work/first" "$work/$name"
  expect_code 0 unikctl build "$work/first" --name "$name"
  rm -rf "$work/first"
  figure "$name: build" s "$(seconds unikctl build "$work/$name" --name "$name" --rebuild)"
  figure "$name: unchanged build" s "$(seconds unikctl build "$work/$name" --name "$name")" --at-most 1
  figure "$name: image" MB "$(unikctl image inspect "$name" -o json | jq '[.layers[].size_bytes] | add / 1e6')"
  local seen=()
  for try in $(seq "$boots"); do
    echo "-- $name: boot $try" >&2
    seen+=("$(boot_of "$name")")
  done
  figure "$name: start of the VM to the first healthy answer" s "${seen[@]}"
}

measure_runtime() {
  local name=$1 try answers=()
  for try in $(seq "$boots"); do
    echo "-- runtime $name: boot $try" >&2
    expect_code 0 unikctl runtime test "$name" --timeout 20m
    answers+=("$(sed -n "s/^first answer \([0-9.]*\)s after the VM's start$/\1/p" "$work/err")")
  done
  figure "runtime $name: layer" MB "$(unikctl runtime info "$name" -o json | jq .installed.size_bytes/1e6)"
  figure "runtime $name: start of the VM to the first answer" s "${answers[@]}"
}

for language in "${languages[@]}"; do
  case $language in
    runtime:*) measure_runtime "${language#runtime:}" ;;
    *) measure "$language" ;;
  esac
done
jq -sc --argjson before "$load_before" --argjson after "$(load_of_machine)" --argjson cores "$(nproc)" \
  '{benchmark: "examples", machine: {cores: $cores, load_before: $before, load_after: $after}, figures: .}' "$work/figures"
