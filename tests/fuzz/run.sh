#!/usr/bin/env bash
# Lets every fuzz target look for new inputs for a while, from its corpus and from examples and scenarios. What it finds
# is left in build/fuzz/found: a crash belongs into tests/fuzz/corpus/TARGET, beside the change that mends it.
#
#   run.sh BIN_DIR SECONDS [TARGET...]     SECONDS for each target
set -euo pipefail
bin=$(realpath "${1:?usage: run.sh BIN_DIR SECONDS [TARGET...]}")
seconds=${2:?usage: run.sh BIN_DIR SECONDS [TARGET...]}
shift 2
cd "$(dirname "$0")/../.."
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(manifest message http qmp guest_record layer registry)

found=build/fuzz/found
corpus=build/fuzz/corpus
mkdir -p "$found"
# Inputs are small: a parser's bounds are tested where they are.
readonly max_len=16384 memory_mib=2048 unit_timeout_s=20

# seeds TARGET DIR: what the tree holds of the target's language, besides its corpus.
seeds() {
  local file
  [ "$1" = manifest ] || return 0
  while IFS= read -r -d '' file; do
    cp "$file" "$2/seed-$(echo "$file" | tr '/.' '--')"
  done < <(find examples tests/scenarios -name '*.yaml' -size -16k -print0)
}

failed=()
for target in "${targets[@]}"; do
  echo "-- $target" >&2
  mkdir -p "$corpus/$target" "$corpus/$target-seeds"
  seeds "$target" "$corpus/$target-seeds"
  "$bin/${target}_fuzz" -max_total_time="$seconds" -max_len=$max_len -rss_limit_mb=$memory_mib \
    -timeout=$unit_timeout_s -print_final_stats=1 -artifact_prefix="$found/$target-" -verbosity=0 \
    "$corpus/$target" "$corpus/$target-seeds" "tests/fuzz/corpus/$target" >"$found/$target.log" 2>&1 ||
    { tail -n 40 "$found/$target.log" >&2; failed+=("$target"); }
  grep -E 'executed_units|new_units' "$found/$target.log" >&2 || true
done
[ ${#failed[@]} = 0 ] || {
  echo "error: ${failed[*]}: the inputs are in $found" >&2
  exit 1
}
