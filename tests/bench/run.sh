#!/usr/bin/env bash
# Runs every benchmark and prints one table. Each says in its report what else the machine was doing.
#
#   run.sh BIN_DIR REPORT_DIR
set -euo pipefail
bin=${1:?usage: run.sh BIN_DIR REPORT_DIR}
reports=${2:?usage: run.sh BIN_DIR REPORT_DIR}

# shellcheck source-path=SCRIPTDIR
# shellcheck source=../e2e/debian_kernel.sh
. "$(dirname "$0")/../e2e/debian_kernel.sh"

mkdir -p "$reports"
failed=()
run() {
  local name=$1
  shift
  echo "-- $name" >&2
  "$bin/${name}_bench" "$@" >"$reports/$name.json" || failed+=("$name")
}
run parse
run apply "$bin"
run heartbeats "$bin"
run restart "$bin"
run launch "$bin"
run boot "$bin" "$(debian_kernel)"
run compaction
run pull "$bin"
echo "-- examples" >&2
"$(dirname "$0")/examples_bench.sh" "$bin" >"$reports/examples.json" || failed+=(examples)
run placement "$bin"

{
  printf 'benchmark\tfigure\tmedian\tleast\tmost\tunit\ttarget\tmet\n'
  for report in parse apply heartbeats restart launch boot compaction pull examples placement; do
    jq -r 'def short: if . >= 1000 then round else (. * 1000 | round) / 1000 end;
      .benchmark as $name | .figures[] | [$name, .name, (.value | short), (.least | short), (.most | short), .unit,
      (if .target == null then "" else "\(.want) \(.target)" end),
      (if .met == null then "" elif .met then "yes" else "no" end)] | @tsv' "$reports/$report.json" || true
  done
} | column -t -s "$(printf '\t')"
jq -rs '"load of the machine, 1 minute: " + (map("\(.benchmark) \(.machine.load_before * 10 | round / 10)") | join(", "))' "$reports"/*.json
[ ${#failed[@]} = 0 ] || {
  echo "error: these did not run: ${failed[*]}" >&2
  exit 1
}
