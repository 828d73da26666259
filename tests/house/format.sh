#!/usr/bin/env bash
# Holds every C and C++ file of the tree to .clang-format.
#
#   format.sh          says which files are written otherwise, and fails where there are any
#   format.sh --fix    writes them so
set -euo pipefail
cd "$(dirname "$0")/../.."

mode=(--dry-run -Werror)
[ "${1-}" != --fix ] || mode=(-i)
files=()
while IFS= read -r -d '' file; do
  files+=("$file")
done < <(find . \( -path ./build -o -path ./.git \) -prune -o -type f -regex '.*\.\(cpp\|hpp\|c\|h\)' -print0)
if [ ${#files[@]} -lt 100 ]; then
  echo "error: only ${#files[@]} files were found: this has lost sight of the tree" >&2
  exit 1
fi
# Other versions put some lines otherwise.
if ! printf '%s\0' "${files[@]}" | xargs -0 -n 32 -P "$(nproc)" clang-format-14 "${mode[@]}"; then
  echo "error: these are not formatted: tests/house/format.sh --fix does it" >&2
  exit 1
fi
echo "${#files[@]} files are formatted"
