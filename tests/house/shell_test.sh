#!/usr/bin/env bash
# Every shell script of the tree passes shellcheck, together with what it sources.
set -euo pipefail
cd "$(dirname "$0")/../.."

scripts=()
while IFS= read -r -d '' file; do
  head -n 1 "$file" | grep -qaE '^#!.*[/ ](ba)?sh$' && scripts+=("$file")
done < <(find . \( -path ./build -o -path ./.git \) -prune -o -type f \( -name '*.sh' -o -perm -u+x \) -print0)
if [ ${#scripts[@]} -lt 10 ]; then
  echo "error: only ${#scripts[@]} scripts were found: this test has lost sight of the tree" >&2
  exit 1
fi
shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
echo "${#scripts[@]} scripts are clean"
