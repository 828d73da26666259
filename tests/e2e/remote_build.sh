#!/usr/bin/env bash
# Sources that are sent and built on the controller's host: built once, deployed, served; a build that fails; a
# controller that is killed in the midst of one; an upload that is cut off.
#
#   remote_build.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest
socket=$UNIKCTL_HOME/controller.sock
api() { curl --silent --show-error --unix-socket "$socket" "$@"; }

# write_source NAME COMMAND: the guest as a source whose build leaves a line in $work/NAME.runs, then runs COMMAND.
write_source() {
  mkdir -p "$work/$1"
  cp "$work/guest" "$work/$1/guest.bin"
  cat >"$work/$1/unik.yaml" <<END
version: 1
language: c
build: {command: "echo run >> $work/$1.runs; $2; cp guest.bin guest"}
artifact: {path: guest}
run: {command: [./guest, serve, "8080"]}
deploy: {ports: [{name: http, port: 8080}], health: {http: {port: 8080, path: /}}}
END
}
runs_are() { [ "$(wc -l <"$work/$1.runs")" = "$2" ] || fail "$1 was built $(wc -l <"$work/$1.runs") times instead of $2"; }
build_of() { unikctl get operations -o json | jq -r --arg app "default/$1" '[.items[]? // .[] | select(.kind == "build" and .target == $app)][0]'"$2"; }
image_of() { app_field "$1" '(.spec.image // .items[0].spec.image) | split("@")[1]'; }

step "a project in C is built on the controller's host, and serves"
cp -r "$root/examples/hello" "$work/hello"
rm -rf "$work/hello/.unikctl" "$work/hello/hello" # of a build by hand
expect_code 0 unikctl deploy "$work/hello" --remote-build -p "$port:8080" --wait
said "cc -O2 -static"
said "built hello@sha256:"
answers hello || fail "hello does not answer"
for made in .unikctl hello; do [ ! -e "$work/hello/$made" ] || fail "$made was made here"; done
remote=$(image_of hello)
expect_code 0 unikctl build "$work/hello" -o name
said "$remote"
unikctl destroy hello --wait >/dev/null || fail "destroy"

step "the same sent twice is built once"
write_source twice true
expect_code 0 unikctl deploy "$work/twice" --remote-build --wait
first=$(image_of twice)
expect_code 0 unikctl deploy "$work/twice" --remote-build --replicas 2 --wait
runs_are twice 1
[ "$(image_of twice)" = "$first" ] || fail "the same source gave another image"
unikctl destroy twice --wait >/dev/null || fail "destroy"

step "a build that fails says why, and leaves the app alone"
write_source broken "echo it is all wrong; exit 4"
expect_code 1 unikctl deploy "$work/broken" --remote-build --wait
said "it is all wrong"
said "build of app/broken failed: build_failed"
if grep -qF build.log "$work/out" "$work/err"; then fail "it names a file that is gone"; fi
[ "$(build_of broken .state)" = failed ] || fail "the operation is $(build_of broken .state)"
[ "$(build_of broken .error.code)" = invalid ] || fail "its code is $(build_of broken .error.code)"
expect_code 0 unikctl logs "operation/$(build_of broken .operation_id)"
said "it is all wrong"
api "http://c/v1/operations/$(build_of broken .operation_id)/log?follow=1" | holds -F "it is all wrong" || fail "the log cannot be followed"
expect_code 3 unikctl get app broken

step "what could not be declared is refused before anything is built"
write_source refused true
expect_code 2 unikctl deploy "$work/refused" --remote-build --tenant nobody
[ ! -e "$work/refused.runs" ] || fail "it was built all the same"
ln -s /etc/passwd "$work/refused/secrets"
expect_code 2 unikctl deploy "$work/refused" --remote-build
said "secrets"

step "the controller is killed in the midst of a build: it is built again, and served"
write_source killed "touch $work/began; while [ ! -e $work/go-on ]; do sleep 0.1; done"
unikctl deploy "$work/killed" --remote-build -p "$port:8080" --wait --timeout 300s >"$work/out" 2>"$work/err" &
waiting=$!
until_true 60 test -e "$work/began" || fail "the build did not begin: $(cat "$work/err")"
kill -9 "$(pid_of unik-controller)"
nothing_builds() { [ -z "$(pgrep -f "$work/builds/op-|$work/go-on" || true)" ]; }
until_true 20 nothing_builds || fail "of the build is left: $(pgrep -fa "$work/go-on")"
rm "$work/began"
unikctl up >/dev/null || fail "up"
until_true 60 test -e "$work/began" || fail "the build did not begin again: $(unikctl get operations)"
[ "$(build_of killed .attempts)" = 2 ] || fail "want the second attempt, got $(build_of killed .attempts)"
touch "$work/go-on"
wait "$waiting" || fail "deploy --wait: $(cat "$work/out" "$work/err")"
grep -qF "attempt 2: the controller was restarted" "$work/err" || fail "the log does not tell: $(cat "$work/err")"
answers well || fail "what was built after the restart does not answer"
runs_are killed 2
left=$(find "$UNIKCTL_HOME/builds" -mindepth 1 -maxdepth 1 -type d)
[ -z "$left" ] || fail "builds have left $left"

step "a first build is taken back before the app is there"
write_source endless "setsid tail -f $work/endless.runs >/dev/null & touch $work/endless.began; while true; do sleep 0.1; done"
nothing_endless() { [ -z "$(pgrep -f "$work/endless[.]" || true)" ]; }
expect_code 0 unikctl deploy "$work/endless" --remote-build
until_true 60 test -e "$work/endless.began" || fail "the build did not begin"
expect_code 3 unikctl logs endless
said "unikctl logs operation/$(build_of endless .operation_id)"
expect_code 0 unikctl destroy endless --wait
said "build of app/endless ended"
[ "$(build_of endless .error.reason)" = destroyed ] || fail "it ended as $(build_of endless .error)"
until_true 20 nothing_endless || fail "of the build is left: $(pgrep -fa "$work/endless[.]")"
expect_code 3 unikctl destroy endless

step "an upload that is cut off leaves nothing, and is sent again"
write_source cut true
digest=sha256:$(head -c 64 /dev/zero | tr '\0' a)
head -c 100000 /dev/urandom >"$work/half"
code=0
api --max-time 2 -H 'Content-Length: 200000' --data-binary "@$work/half" "http://c/v1/artifacts?digest=$digest" >/dev/null 2>&1 || code=$?
[ "$code" != 0 ] || fail "half an upload was taken"
nothing_half() { [ -z "$(find "$UNIKCTL_HOME/artifacts/tmp" -type f)" ]; }
until_true 20 nothing_half || fail "half an upload is left: $(find "$UNIKCTL_HOME/artifacts/tmp" -type f)"
[ "$(api --head --output /dev/null --write-out '%{http_code}' "http://c/v1/artifacts/$digest")" = 404 ] || fail "half a blob is there"
expect_code 0 unikctl deploy "$work/cut" --remote-build --wait
runs_are cut 1

step "down --all ends a first build, which does not begin again"
rm "$work/endless.began"
expect_code 0 unikctl deploy "$work/endless" --remote-build --name other
until_true 60 test -e "$work/endless.began" || fail "the build did not begin"
expect_code 0 unikctl down --all
said "build of app/other ended"
until_true 20 nothing_endless || fail "of the build is left: $(pgrep -fa "$work/endless[.]")"
unikctl up >/dev/null || fail "up"
[ "$(build_of other .error.reason)" = destroyed ] || fail "it ended as $(build_of other .error)"

step "a controller that was not told to builds nothing"
unikctl down --all >/dev/null || fail "down"
UNIKCTL_HOME=$work/other
mkdir -p "$UNIKCTL_HOME/log"
unik-controller --home "$UNIKCTL_HOME" --log-file "$UNIKCTL_HOME/log/controller.log" &
other=$!
until_true 20 test -S "$UNIKCTL_HOME/controller.sock" || fail "the other controller did not start"
expect_code 5 unikctl --url "unix://$UNIKCTL_HOME/controller.sock" deploy "$work/cut" --remote-build
said "--allow-builds"
kill "$other"
wait "$other" || fail "the other controller did not end well"
echo "all steps passed"
