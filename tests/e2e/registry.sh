#!/usr/bin/env bash
# A registry of runtimes: published into a directory, served over HTTP on loopback, installed, pinned, resumed, removed; and
# all that must not be installed. No VM is needed: the runtime is one of a single small Debian package.
#
#   registry.sh BIN_DIR
set -euo pipefail
# shellcheck source=tests/e2e/stage.sh
. "$(dirname "$0")/stage.sh"
# shellcheck source=tests/e2e/tiny_runtime.sh
. "$(dirname "$0")/tiny_runtime.sh"

server_pids=()
undo() {
  local pid
  for pid in "${server_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
}
# serve DIRECTORY NAME: a server of its own, its URL in $url.
serve() {
  "$root/tests/e2e/file_server.py" "$1" "$work/$2.port" "$work/$2.log" &
  server_pids+=($!)
  until_true 10 test -s "$work/$2.port" || fail "the server $2 does not start"
  url=http://127.0.0.1:$(cat "$work/$2.port")
}
# edit JQ_FILTER: changes the registry as it is served.
edit() { jq "$1" "$shelf/registry.json" >"$work/edited" && cp "$work/edited" "$shelf/registry.json"; }
refused() {
  expect_code "$1" unikctl runtime install tiny@1.0.0
  said "$2"
  nothing
  no_downloads
}
no_downloads() {
  local left
  left=$(find "$XDG_CACHE_HOME/unikctl/downloads" -type f -not -path '*/.locks/*' 2>/dev/null || true)
  [ -z "$left" ] || fail "left: $left"
}
hidden() { UNIKCTL_RUNTIME_SOURCES=$work/none "$@"; }
export XDG_CACHE_HOME=$work/cache

step "build three versions and publish them"
shelf=$work/shelf
begin_tiny
[ "$(stat -c %a "$work/publisher.key")" = 600 ] || fail "the secret key can be read by others"
expect_code 4 unikctl runtime key generate "$work/publisher"
for number in 1.0.0 1.9.9 1.10.0; do
  build_tiny "$number"
  expect_code 0 unikctl runtime publish "tiny@$number" --to "$shelf" --key "$work/publisher.key"
done
expect_code 4 unikctl runtime publish tiny@1.0.0 --to "$shelf"
said "never overwritten"
package=$shelf/tiny/tiny-1.0.0.tar.gz
minisign -V -q -m "$package" -P "$public_key" || fail "minisign does not verify ours"
tar -xzf "$package" -C "$work" runtime/versions.lock && cmp "$work/runtime/versions.lock" "$work/sources/tiny/versions.lock"
cp -r "$shelf" "$work/pristine"
built=$UNIKCTL_HOME
export UNIKCTL_HOME=$work/host UNIKCTL_RUNTIME_SOURCES=$work/none

step "several publishers at once, each with a cache of its own, one through a link"
ln -s "$work/many" "$work/many.link"
mkdir "$work/many"
publishers=()
at_once() {
  UNIKCTL_HOME=$built XDG_CACHE_HOME=$work/cache.$1 hidden unikctl "${@:2}" >"$work/out.$1" 2>&1 &
  publishers+=($!)
}
all_done() {
  for pid in "${publishers[@]}"; do wait "$pid" || fail "one of them failed: $(cat "$work"/out.[0-9])"; done
  publishers=()
}
at_once 1 runtime publish tiny@1.0.0 --to "$work/many"
at_once 2 runtime publish tiny@1.9.9 --to "$work/many.link"
at_once 3 runtime publish tiny@1.10.0 --to "$work/many/../many/."
all_done
[ "$(jq -r '.runtimes.tiny | keys_unsorted | join(" ")' "$work/many/registry.json")" = "1.0.0 1.9.9 1.10.0" ] ||
  fail "lost: $(cat "$work/many/registry.json")"
at_once 1 runtime yank tiny@1.0.0 --in "$work/many"
at_once 2 runtime yank tiny@1.9.9 --in "$work/many.link"
at_once 3 runtime yank tiny@1.10.0 --in "$work/many"
all_done
[ "$(jq -r '[.runtimes.tiny[].yanked] | tostring' "$work/many/registry.json")" = "[true,true,true]" ] ||
  fail "lost: $(cat "$work/many/registry.json")"
[ "$(find "$work/many" -mindepth 1 -maxdepth 1 | sort | paste -sd' ')" = "$work/many/registry.json $work/many/tiny" ] ||
  fail "left: $(find "$work/many")"
expect_code 3 unikctl runtime yank tiny@1.0.0 --in "$work/nowhere"
said "nowhere: want a registry.json there, found none"
[ ! -e "$work/nowhere" ] || fail "a yank has made $work/nowhere"

step "fresh install, pinned and latest"
serve "$shelf" main
main=$url
configure "{name: main, url: \"$main\", public_key: $public_key}"
expect_code 0 unikctl runtime list --remote -o json
[ "$(jq -r '[.items[].version] | join(" ")' "$work/out")" = "1.10.0 1.9.9 1.0.0" ] || fail "remote: $(cat "$work/out")"
expect_code 0 unikctl runtime install tiny
grep -qx "runtimes/tiny:1.10.0@$(jq -r '.runtimes.tiny["1.10.0"].image_digest' "$shelf/registry.json")" "$work/out" ||
  fail "latest: $(cat "$work/out")"
expect_code 0 unikctl runtime install tiny@1.0.0 tiny@latest
[ "$(installed)" = "tiny@1.10.0 tiny@1.0.0" ] || fail "installed is $(installed)"
expect_code 0 unikctl runtime info tiny@1.0.0 -o json
[ "$(jq -r .installed.registry "$work/out")" = main ] || fail "info: $(cat "$work/out")"
cmp "$UNIKCTL_HOME/runtimes/tiny/1.0.0/package/versions.lock" "$work/sources/tiny/versions.lock"
[ "$(unikctl image digest runtimes/tiny:1.0.0)" = "$(UNIKCTL_HOME=$built unikctl image digest runtimes/tiny:1.0.0)" ] ||
  fail "another image than the publisher's"
expect_code 0 unikctl runtime verify
said "runtimes/tiny@1.0.0: whole (registry main, signed by key"
expect_code 3 unikctl runtime install tinny
said "did you mean"
expect_code 3 unikctl runtime install tiny@7.0.0
said "there is 1.10.0, 1.9.9, 1.0.0"
expect_code 2 unikctl runtime install tiny@1.0
expect_code 0 unikctl runtime outdated

step "what was installed can be published again, byte for byte"
expect_code 0 unikctl runtime publish tiny@1.0.0 --to "$work/again"
cmp "$work/again/tiny/tiny-1.0.0.tar.gz" "$package"

step "remove takes one version; --all every one"
expect_code 2 unikctl runtime remove tiny
said "--all"
expect_code 0 unikctl runtime remove tiny@1.10.0
[ "$(installed)" = "tiny@1.0.0" ] || fail "installed is $(installed)"
expect_code 1 unikctl runtime outdated -o json
[ "$(jq -r '.items[0] | .name + " " + .latest' "$work/out")" = "tiny 1.10.0" ] || fail "outdated: $(cat "$work/out")"
expect_code 0 unikctl runtime install tiny@1.9.9
expect_code 0 unikctl runtime remove tiny --all
nothing

step "yanked"
expect_code 0 unikctl runtime yank tiny@1.10.0 --in "$shelf"
expect_code 0 unikctl runtime install tiny
grep -q "^runtimes/tiny:1.9.9@" "$work/out" || fail "after yank: $(cat "$work/out")"
expect_code 0 unikctl runtime install tiny@1.10.0
said "tiny@1.10.0 was yanked"
expect_code 1 unikctl runtime outdated
said "1.10.0 (yanked)"
expect_code 0 unikctl runtime info tiny@1.10.0
said "installed, yanked: its publisher says that it is bad"
expect_code 0 unikctl runtime remove tiny --all

step "wrong checksum, wrong size, wrong platform"
right=$(jq -r '.runtimes.tiny["1.0.0"].checksum' "$shelf/registry.json")
wrong=sha256:$(printf '0%.0s' $(seq 64))
edit ".runtimes.tiny[\"1.0.0\"].checksum = \"$wrong\""
refused 2 "want $wrong"
said "found $right"
cp "$work/pristine/registry.json" "$shelf/registry.json"
edit '.runtimes.tiny["1.0.0"].size += 1'
refused 2 "bytes, as its registry says, found"
edit '.runtimes.tiny["1.0.0"].size -= 2'
refused 2 "bytes, as its registry says, found more"
cp "$work/pristine/registry.json" "$shelf/registry.json"
edit '.runtimes.tiny["1.0.0"].platforms = ["linux/riscv64"]'
refused 2 "this one is for linux/riscv64"
edit '.runtimes.tiny["1.0.0"].platforms = ["ubuntu-amd64", "ubuntu-arm64"]'
expect_code 0 unikctl runtime install tiny@1.0.0
expect_code 0 unikctl runtime remove tiny@1.0.0
cp "$work/pristine/registry.json" "$shelf/registry.json"

step "no signature, a wrong one, an unknown key"
edit 'del(.runtimes.tiny["1.0.0"].signature)'
refused 2 "want a signature by key"
edit '.runtimes.tiny["1.0.0"].signature = .runtimes.tiny["1.9.9"].signature'
refused 2 "want a signature of these very bytes"
cp "$work/pristine/registry.json" "$shelf/registry.json"
expect_code 0 unikctl runtime key generate "$work/stranger"
configure "{name: main, url: \"$main\", public_key: $(cat "$work/out")}"
refused 2 "which is the trusted one, found one by key"
# What an older key has signed, no longer passes once the registry asks for another.
configure "{name: main, url: \"$main\"}"
expect_code 0 unikctl runtime install tiny@1.0.0
said "not signed by a key that you trust"
configure "{name: main, url: \"$main\", public_key: $public_key}"
expect_code 2 unikctl runtime verify
said "it was installed without one"
configure "{name: renamed, url: \"$main\", public_key: $public_key}"
expect_code 2 unikctl runtime verify
said "which is not configured"
expect_code 0 unikctl runtime install tiny@1.0.0
said "signed by key"
expect_code 0 unikctl runtime verify
configure "{name: main, url: \"$main\", public_key: $public_key}"
expect_code 0 unikctl runtime install tiny@1.0.0
said "was installed already"
expect_code 0 unikctl runtime remove tiny@1.0.0
# By Debian's own minisign.
minisign -S -s "$work/publisher.key" -m "$package" -x "$work/by_hand" >/dev/null
edit ".runtimes.tiny[\"1.0.0\"].signature = $(jq -Rs . <"$work/by_hand")"
expect_code 0 unikctl runtime install tiny@1.0.0
expect_code 0 unikctl runtime remove tiny@1.0.0
cp "$work/pristine/registry.json" "$shelf/registry.json"

step "a signed package of one version does not pass for another"
edit '.runtimes.tiny["1.0.0"] = (.runtimes.tiny["1.9.9"] | .version = "1.0.0")'
refused 2 "want an image of"
said "tiny@1.9.9"
cp "$work/pristine/registry.json" "$shelf/registry.json"

step "a truncated package, and one that is resumed"
size=$(stat -c %s "$package")
head -c 5000 "$work/pristine/tiny/tiny-1.0.0.tar.gz" >"$package"
refused 2 "found 5000"
cp "$work/pristine/tiny/tiny-1.0.0.tar.gz" "$package"
for status in 403 404 500; do
  echo "status $status" >"$shelf/.fault"
  code=0
  unikctl runtime install tiny@1.0.0 >"$work/out" 2>"$work/err" || code=$?
  [ "$status:$code" = 403:5 ] || [ "$status:$code" = 404:3 ] || [ "$status:$code" = 500:7 ] || fail "$status gives $code: $(cat "$work/err")"
  nothing
  no_downloads
done
said "tiny-1.0.0.tar.gz: want a file, the answer was status 500"
rm "$shelf/.fault"
head -c 5000 "$package" >"$XDG_CACHE_HOME/unikctl/downloads/${right#sha256:}"
: >"$work/main.log"
expect_code 0 unikctl runtime install tiny@1.0.0
grep -q "tiny-1.0.0.tar.gz 206 bytes=5000-" "$work/main.log" || fail "not gone on with: $(cat "$work/main.log")"
expect_code 0 unikctl runtime remove tiny@1.0.0
: >"$work/main.log"
echo "cut 7000" >"$shelf/.fault"
expect_code 0 unikctl runtime install tiny@1.0.0
grep -q "tiny-1.0.0.tar.gz 206 bytes=" "$work/main.log" || fail "a cut was not gone on from: $(cat "$work/main.log")"
expect_code 0 unikctl runtime remove tiny@1.0.0
echo slow >"$shelf/.fault"
unikctl runtime install tiny@1.0.0 >"$work/out" 2>&1 &
pid=$!
until_true 10 test -s "$XDG_CACHE_HOME/unikctl/downloads/${right#sha256:}" || fail "no download begins"
kill -9 $pid
wait $pid 2>/dev/null || true
nothing
echo plain >"$shelf/.fault"
expect_code 0 unikctl runtime install tiny@1.0.0
rm "$shelf/.fault"
expect_code 0 unikctl runtime verify tiny
expect_code 0 unikctl runtime remove tiny@1.0.0
[ "$size" -gt 7000 ] || fail "the package of $size bytes is too small for this test"

step "archives of an enemy"
# attack WORDS COMMAND...: what COMMAND writes to stdout is published as the package of 1.0.0.
attack() {
  local words=$1
  shift
  "$@" | gzip -n >"$package"
  edit ".runtimes.tiny[\"1.0.0\"] |= (.checksum = \"sha256:$(sha256sum "$package" | cut -d' ' -f1)\"
    | .size = $(stat -c %s "$package") | del(.signature, .image_digest))"
  refused 2 "cannot be installed"
  said "$words"
  [ ! -e "$work/escaped" ] || fail "something escaped"
  cp "$work/pristine/registry.json" "$shelf/registry.json"
}
configure "{name: main, url: \"$main\"}"
mkdir "$work/evil"
echo x >"$work/evil/file"
ln -s "$work" "$work/evil/blobs"
attack "" tar -C "$work/evil" -c --transform "s,file,../../../../../../../..$work/escaped," file
attack "" tar -P -C "$work/evil" -c --transform "s,file,$work/escaped," file
attack "" tar -C "$work/evil" -c --transform "s,file,blobs/escaped," blobs file
attack "oci-layout" tar -C "$work/evil" -c file
attack "" head -c 100000 /dev/urandom
cp "$work/pristine/tiny/tiny-1.0.0.tar.gz" "$package"

step "kill -9 before every call that changes a file leaves a whole install or none"
configure "{name: main, url: \"$shelf\", public_key: $public_key}"
killed_at() { KILL_POINT=$1 LD_PRELOAD=$bin/libkill_point.so unikctl runtime install tiny@1.0.0 >"$work/out" 2>&1; }
KILL_POINT_COUNT=$work/points LD_PRELOAD=$bin/libkill_point.so unikctl runtime install tiny@1.0.0
expect_code 0 unikctl runtime remove tiny@1.0.0
points=$(cat "$work/points")
[ "$points" -gt 30 ] || fail "an install has $points such calls"
whole=0
stride=3
[ -z "${E2E_LONG:-}" ] || stride=1
for ((point = 1; point <= points; point += stride)); do
  code=0
  (killed_at "$point") 2>/dev/null || code=$?
  [ "$code" = 137 ] || fail "want it killed at $point of $points, it exited with $code: $(cat "$work/out")"
  case "$(installed)" in
    "") ;;
    tiny@1.0.0)
      whole=$((whole + 1))
      expect_code 0 unikctl runtime verify
      ;;
    *) fail "installed is $(installed)" ;;
  esac
  # What was left is in nobody's way, and goes.
  expect_code 0 unikctl runtime install tiny@1.0.0
  [ "$(find "$UNIKCTL_HOME/runtimes/tiny/1.0.0" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] ||
    fail "killed at $point it left $(find "$UNIKCTL_HOME/runtimes/tiny/1.0.0" -maxdepth 1)"
  [ -z "$(find "$XDG_CACHE_HOME/unikctl/downloads" -type f -not -path '*/.locks/*')" ] ||
    fail "killed at $point it left $(find "$XDG_CACHE_HOME/unikctl/downloads" -type f)"
  expect_code 0 unikctl runtime remove tiny@1.0.0
done
echo "   of $points points, $whole tried ones leave it whole" >&2

step "a byte of an installed layer has changed: removed and installed again, it is whole"
expect_code 0 unikctl runtime install tiny@1.0.0
blob=$(find "$UNIKCTL_HOME/images/blobs" -type f -size +100k -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2)
chmod u+w "$blob"
printf 'damage' | dd of="$blob" bs=1 seek=60000 conv=notrunc 2>/dev/null
expect_code 2 unikctl runtime verify
expect_code 0 unikctl runtime remove tiny@1.0.0
expect_code 0 unikctl runtime install tiny@1.0.0
expect_code 0 unikctl runtime verify
expect_code 0 unikctl runtime remove tiny@1.0.0

step "eight installs of the same at once"
configure "{name: main, url: \"$main\", public_key: $public_key}"
: >"$work/main.log"
pids=()
for _ in 1 2 3 4 5 6 7 8; do
  unikctl runtime install tiny@1.0.0 >/dev/null 2>&1 &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of eight installs failed"; done
[ "$(grep -c "tar.gz 200" "$work/main.log")" = 1 ] || fail "fetched more than once: $(cat "$work/main.log")"
expect_code 0 unikctl runtime verify
expect_code 0 unikctl runtime remove tiny --all

step "two registries, one of them down; offline"
cp -r "$work/pristine" "$work/second"
serve "$work/second" second
second=$url
configure "{name: down, url: \"http://127.0.0.1:1\"}" "{name: off, url: \"$main\", enabled: false}" \
  "{name: second, url: \"$second\", public_key: $public_key}"
expect_code 0 unikctl runtime install tiny@1.9.9
said "registry down:"
expect_code 0 unikctl runtime info tiny@1.9.9 -o json
[ "$(jq -r .installed.registry "$work/out")" = second ] || fail "info: $(cat "$work/out")"
configure "{name: down, url: \"http://127.0.0.1:1\"}"
expect_code 7 unikctl runtime install tiny@1.0.0
said "want an answer of one of the registries that are enabled"
expect_code 7 unikctl runtime list --remote
configure "{name: down, url: \"http://127.0.0.1:1\"}" "{name: second, url: \"$second\", public_key: $public_key}"
kill "${server_pids[1]}"
expect_code 0 unikctl runtime list --remote -o name
said "registry second gives no answer that can be used; going by its last one"
[ "$(wc -l <"$work/out")" = 3 ] || fail "offline: $(cat "$work/out")"
expect_code 7 unikctl runtime install tiny@1.0.0
expect_code 0 unikctl runtime install tiny@1.9.9
said "was installed already"
expect_code 0 unikctl runtime remove tiny --all
nothing

step "a build takes what it stands on from the registry"
configure "{name: main, url: \"$main\", public_key: $public_key}"
mkdir -p "$work/app"
printf 'print("hello")\n' >"$work/app/main.py"
expect_code 3 unikctl build "$work/app"
said "the registries"

configure "{name: main, url: \"ftp://nowhere\", public_key: RWx, colour: red}"
expect_code 2 unikctl runtime list
for words in "registries[0].url" "registries[0].public_key" "registries[0].colour"; do said "$words"; done

echo "all steps passed"
