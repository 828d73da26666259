#!/usr/bin/env bash
# From source to an answer over HTTP, for each pack: the example is built in two directories to the same digest, built
# again from the cache, deployed, asked by HTTP in its VM, and destroyed.
#
#   packs.sh BIN_DIR [LANGUAGE...]      UNIKCTL_BASE_RUNTIME names the base runtime; languages: those of examples/*-hello
set -euo pipefail
bin=$(realpath "${1:?usage: packs.sh BIN_DIR [LANGUAGE...]}")
shift
languages=("$@")
[ ${#languages[@]} -gt 0 ] || languages=(go rust)
root=$(cd "$(dirname "$0")/../.." && pwd)

work=$(mktemp -d)
export UNIKCTL_HOME=$work/home XDG_CONFIG_HOME=$work/config PATH=$bin:$PATH NO_COLOR=1
port=$((30000 + $$ % 10000))

fail() {
  echo "FAILED: $*" >&2
  unikctl status >&2 || true
  tail -n 30 "$UNIKCTL_HOME"/log/*.log >&2 || true
  exit 1
}
clean_up() {
  unikctl down --all >/dev/null 2>&1 || true
  for pid in $(pgrep -f "(qemu-system-x86_64|unik-controller|unik-agent) .*$work" || true); do
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT
step() { printf -- '-- %s (%s s)\n' "$*" "$SECONDS"; }

# Files of a source beside what unikctl keeps for itself, with their contents.
picture() { (cd "$1" && find . -path ./.unikctl -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }

# proves NAME SOURCE GREETING: two directories, one digest; the third build runs nothing; the app answers, then goes.
proves() {
  local name=$1 source=$2 greeting=$3 first second
  mkdir -p "$work/one" "$work/two/deeper"
  rm -rf "$work/one/$name" "$work/two/deeper/$name"
  cp -r "$source" "$work/one/$name"
  cp -r "$source" "$work/two/deeper/$name"
  rm -rf "$work/one/$name/.unikctl" "$work/two/deeper/$name/.unikctl"
  picture "$work/one/$name" >"$work/before"
  first=$(unikctl build "$work/one/$name" --name "$name") || fail "$name: build"
  second=$(unikctl build "$work/two/deeper/$name" --name "$name") || fail "$name: build in another directory"
  [ "$first" = "$second" ] || fail "$name: $first became $second in another directory"
  picture "$work/one/$name" | cmp - "$work/before" || fail "$name: the build changed the user's files"
  unikctl build "$work/one/$name" --name "$name" >"$work/out" 2>&1 || fail "$name: an unchanged build: $(cat "$work/out")"
  grep -q '^cached' "$work/out" || fail "$name: an unchanged source was built again"
  jq -e --arg image "$first" '.image == $image and .deterministic and .mode == "release" and (.builder | type == "object")' \
    "$work/one/$name/.unikctl/native/pack-metadata.json" >/dev/null || fail "$name: pack-metadata.json"
  unikctl deploy "$work/one/$name" --name "$name" -p "$port:8080" --wait --timeout 5m || fail "$name: deploy"
  curl --silent --fail --retry 10 --retry-connrefused --retry-delay 1 --max-time 20 "http://127.0.0.1:$port/" >"$work/answer" ||
    fail "$name: no answer"
  grep -q "$greeting" "$work/answer" || fail "$name: want '$greeting', got '$(cat "$work/answer")'"
  unikctl destroy "$name" --wait || fail "$name: destroy"
}

for language in "${languages[@]}"; do
  case "$language" in
    go) greeting="Hello from Go" ;;
    rust) greeting="Hello from Rust" ;;
    *) fail "no example for $language" ;;
  esac
  step "$language"
  proves "$language-hello" "$root/examples/$language-hello" "$greeting"
done

unikctl down
echo "all steps passed"
