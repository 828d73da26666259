#!/usr/bin/env bash
# Every shell script of the tree passes shellcheck, together with what it sources, and none pipes into `grep -q`, which
# leaves at the first match: the writer then dies of SIGPIPE, sometimes, and under `pipefail` the pipe with it.
set -euo pipefail
cd "$(dirname "$0")/../.."

scripts=()
while IFS= read -r -d '' file; do
  grep -qaE '^#!.*[/ ](ba)?sh$' <(head -n 1 "$file") && scripts+=("$file")
done < <(find . \( -path ./build -o -path ./.git \) -prune -o -type f \( -name '*.sh' -o -perm -u+x \) -print0)
if [ ${#scripts[@]} -lt 10 ]; then
  echo "error: only ${#scripts[@]} scripts were found: this test has lost sight of the tree" >&2
  exit 1
fi
if grep -nE '\|&? *grep +(-[a-zA-Z]+ +)*(-[a-zA-Z]*q|--quiet)' "${scripts[@]}"; then
  echo "error: want a grep that reads its input to the end (in an end-to-end script: holds)" >&2
  exit 1
fi
shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
echo "${#scripts[@]} scripts are clean"
