#!/usr/bin/env bash
# Runtimes from their pinned packages: built in two homes to the same digest, walked for what no runtime may hold, booted
# in a VM and asked by HTTP. Then what is refused, and what a wrong source falls back to.
#
#   runtimes.sh BIN_DIR [NAME...]      NAME: runtimes to prove (nodejs python); E2E_RUNTIMES=all proves every one
#
# Packages come from this machine's archives and stay in the user's own cache.
set -euo pipefail
# shellcheck source=tests/e2e/stage.sh
. "$(dirname "$0")/stage.sh"
shift
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(nodejs python)
[ "${E2E_RUNTIMES-}" != all ] || names=(nodejs python java dotnet python-3.11-ml)

# The layer `runtime` of an image, as other people's tools see it.
layer_of() {
  local hex
  hex=$(unikctl image inspect "runtimes/$1" -o json | jq -r '.layers[] | select(.name == "runtime") | .digest' | cut -d: -f2)
  echo "$UNIKCTL_HOME/images/blobs/sha256/$hex"
}
# No shell, no package manager, nothing set-id; only what the recipe has chosen of /usr and /etc.
walk() {
  local layer
  layer=$(layer_of "$1")
  tar -tzf "$layer" >"$work/paths" || fail "$1: its layer is no tar"
  [ "$(wc -l <"$work/paths")" -gt 20 ] || fail "$1: its layer is all but empty"
  if grep -E '(^|/)(sh|ash|bash|dash|ksh|zsh|busybox|toybox|apt|apt-get|dpkg|dpkg-deb|rpm|apk|npm|npx|pip|pip3)$' "$work/paths" |
    grep -vE '^(usr/share/zoneinfo|usr/lib/python3[^/]*/.*)/' >"$work/found"; then
    fail "$1: it holds $(cat "$work/found")"
  fi
  tar -tvzf "$layer" | awk '$1 ~ /^-.*[sS]/ {print}' >"$work/found"
  [ ! -s "$work/found" ] || fail "$1: set-id files: $(cat "$work/found")"
  grep -vE '^(bin|lib|lib64|sbin|usr|etc)(/|$)' "$work/paths" >"$work/found" && fail "$1: it holds $(head -n 3 "$work/found")"
  tar -tvzf "$layer" | awk '$2 != "0/0" {print}' >"$work/found"
  [ ! -s "$work/found" ] || fail "$1: files of others: $(head -n 3 "$work/found")"
}
version_of() { sed -n 's/^version: //p' "$root/runtimes/$1/manifest.yaml"; }

step "validate"
expect_code 0 unikctl runtime validate
for name in base nodejs python java dotnet python-3.11-ml; do said "runtimes/$name: $name@"; done

for name in "${names[@]}"; do
  step "$name: build"
  unikctl runtime build "$name" >"$work/first" 2>"$work/err" || fail "build $name: $(tail -n 20 "$work/err")"
  grep -q "^runtimes/$name:$(version_of "$name")@sha256:" "$work/first" || fail "build $name printed $(cat "$work/first")"
  step "$name: build in another home"
  UNIKCTL_HOME=$work/another unikctl runtime build "$name" >"$work/second" 2>"$work/err" ||
    fail "build $name: $(tail -n 20 "$work/err")"
  cmp -s "$work/first" "$work/second" || fail "$name: $(cat "$work/first") became $(cat "$work/second")"
  rm -rf "$work/another"
  walk "$name:$(version_of "$name")"
  unikctl runtime info "$name" -o json >"$work/info"
  jq -e --arg name "$name" '.name == $name and .state == "installed" and .installed.size_bytes > 100000' "$work/info" \
    >/dev/null || fail "info $name: $(cat "$work/info")"
  step "$name: boot"
  # Emulated beside sanitizers, what takes seconds takes minutes.
  unikctl runtime test "$name" --timeout 20m >"$work/answer" 2>"$work/err" || fail "test $name: $(tail -n 60 "$work/err")"
  cat "$work/answer"
  grep -q "^$name@$(version_of "$name") answers: " "$work/answer" || fail "$name answered $(cat "$work/answer")"
  is_vm_count 0 || fail "$name: its VM was left behind"
done

step "list"
unikctl runtime list -o json | jq -e --arg name "${names[0]}" \
  '[.items[] | select(.name == $name and .state == "installed")] | length == 1' >/dev/null || fail "list"

step "a lock that misses something is refused"
mkdir -p "$work/sources"
cp -r "$root/runtimes/nodejs" "$work/sources/nodejs"
jq 'del(.debian[0])' "$root/runtimes/nodejs/versions.lock" >"$work/sources/nodejs/versions.lock"
expect_code 2 env UNIKCTL_RUNTIME_SOURCES="$work/sources" unikctl runtime build nodejs
said "want a pin of Debian's ca-certificates"
expect_code 2 unikctl runtime validate "$work/sources/nodejs"
said "ca-certificates"

step "a wrong source falls back to the repository's own, and says so"
for source in "$work/sources" "$work/nowhere" "file://$work/nowhere.git"; do
  expect_code 0 unikctl runtime build nodejs --source "$source"
  said "cannot be used; taking $root/runtimes/nodejs instead"
done

step "what is not there is not found, with what was tried"
expect_code 3 unikctl runtime build cobol
said "$root/runtimes/cobol"
expect_code 3 unikctl runtime info cobol
expect_code 2 unikctl runtime info Cobol

unikctl down
echo "all steps passed"
