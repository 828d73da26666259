#!/usr/bin/env bash
# Builds and runs config_test.c, which needs no VM.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

gcc -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
  -I"$repository/api-schemas" "$here/config_test.c" "$repository/runtimes/base/init/config.c" -o "$work/config_test"
"$work/config_test"
