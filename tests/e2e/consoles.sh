#!/usr/bin/env bash
# Consoles: --tail, --since, --timestamps, --previous, and -f across restarts and replicas.
#
#   consoles.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest

step "the last lines, lines since a time, lines with their time"
expect_code 0 unikctl deploy "$work/guest" --name counter --wait -- count 1000 sleep 3000 say late sleep 100000000
late() { unikctl logs counter | holds -x late; }
until_true 60 late || fail "the last line did not come: $(unikctl logs counter | tail -n 3)"
unikctl logs counter | grep -xE 'line [0-9]+|late' >"$work/out"
{ seq -f 'line %.0f' 1000; echo late; } | diff - "$work/out" >/dev/null || fail "the console is not whole and in order"
[ "$(unikctl logs counter --tail 3 | tr '\n' ';')" = "line 999;line 1000;late;" ] || fail "--tail 3: $(unikctl logs counter --tail 3)"
unikctl logs counter --timestamps --tail 1 | holds -E '^20[0-9-]+T[0-9:.]+Z +late$' || fail "--timestamps: $(unikctl logs counter --timestamps --tail 1)"
at=$(unikctl logs counter --timestamps --tail 1 | cut -d' ' -f1)
[ "$(unikctl logs counter --since "$at")" = late ] || fail "--since $at: $(unikctl logs counter --since "$at" | head -n 3)"
[ "$(unikctl logs counter --since 1h | wc -l)" -ge 1001 ] || fail "--since 1h does not hold all"
[ -z "$(unikctl logs counter --since 0s)" ] || fail "--since 0s holds something"
unikctl destroy counter --wait >/dev/null || fail "destroy"

step "the run before the last restart"
write_app phoenix "[serve, '8080']" "ports: [{name: http, port: 8080, publish: $port}]" \
  "restart: {policy: always, backoff: 100ms}"
unikctl apply -f "$work/phoenix.yaml" >/dev/null 2>&1 || fail "apply"
unikctl wait app/phoenix --for ready --timeout 120s >/dev/null || fail "phoenix did not become ready"
until_true 30 answers well || fail "phoenix does not answer"
expect_code 3 unikctl logs phoenix --previous
said "it has no previous run"
unikctl logs phoenix -f >"$work/followed" 2>&1 &
follower=$!
for code in 11 12; do
  curl -s "http://127.0.0.1:$port/exit/$code" >/dev/null || true
  again() { [ "$(instance_field phoenix .status.last_exit.code)" = "$code" ] && answers well; }
  until_true 60 again || fail "phoenix did not come back after $code"
done
[ "$(unikctl logs phoenix | grep -c listening)" = 1 ] || fail "the current run alone: $(unikctl logs phoenix)"
[ "$(unikctl logs phoenix --previous | grep -c listening)" = 1 ] || fail "the previous run alone: $(unikctl logs phoenix --previous)"

step "following goes on across restarts"
three() { [ "$(grep -c listening "$work/followed")" = 3 ]; }
until_true 30 three || fail "want three starts followed, got: $(cat "$work/followed")"

step "and across replicas that come later, and a rollout"
sed -i 's/^spec:/spec:\n  replicas: 2/' "$work/phoenix.yaml"
unikctl apply -f "$work/phoenix.yaml" >/dev/null 2>&1 || fail "apply of two replicas"
second() { grep -q 'phoenix-1-' "$work/followed"; }
until_true 60 second || fail "the second replica is not followed: $(cat "$work/followed")"
unikctl logs phoenix >"$work/out"
for replica in phoenix-0 phoenix-1; do
  grep -q "^$replica-.*listening" "$work/out" || fail "$replica is not named: $(cat "$work/out")"
done
expect_code 3 unikctl logs nobody
unikctl destroy phoenix --wait >/dev/null || fail "destroy"
ended() { ! kill -0 "$follower" 2>/dev/null; }
until_true 30 ended || fail "following does not end with the app"
wait "$follower" || fail "following ended with $?"
grep -q 'phoenix is gone' "$work/followed" || fail "following does not say why it ended: $(tail -n 3 "$work/followed")"

step "a prompt is seen before its line ends"
unikctl deploy "$work/guest" --name asks --wait -- ask 'name? ' sleep 100000000 >/dev/null 2>&1 || fail "deploy of asks"
unikctl logs asks -f >"$work/followed" 2>&1 &
follower=$!
asked() { grep -q 'name? ' "$work/followed"; }
until_true 30 asked || fail "the prompt is not followed: $(cat "$work/followed")"
unikctl destroy asks --wait >/dev/null || fail "destroy of asks"
wait "$follower" || fail "following asks ended with $?"

step "megabytes without a line end come whole, and the controller keeps none of them"
unikctl deploy "$work/guest" --name still --wait -- say first sleep 100000000 >/dev/null 2>&1 || fail "deploy of still"
console=$(echo "$UNIKCTL_HOME"/agent/instances/default.still.*/console.log)
controller_kb() { awk '/^VmRSS/ {print $2}' "/proc/$(pid_of unik-controller)/status"; }
unikctl logs still -f >"$work/followed" 2>&1 &
follower=$!
before=$(controller_kb)
head -c 30000000 /dev/zero | tr '\0' z >"$work/wide"
# QEMU appends to this file, and so do we: what a guest on real hardware writes in a second takes an emulated one minutes.
cat "$work/wide" >>"$console"
whole() { tail -c +7 "$work/followed" | cmp -s - "$work/wide"; }
until_true 60 whole || fail "want 30,000,000 bytes followed, got $(stat -c %s "$work/followed")"
[ $(($(controller_kb) - before)) -lt 15000 ] || fail "the controller grew from $before kB to $(controller_kb) kB"
expect_code 0 unikctl logs still
[ "$(stat -c %s "$work/out")" -gt 5000000 ] || fail "read at once: $(stat -c %s "$work/out") bytes of what is kept"
unikctl destroy still --wait >/dev/null || fail "destroy of still"
wait "$follower" || fail "following still ended with $?"

step "when the agent is killed while somebody follows, no line is lost, cut or doubled"
unikctl deploy "$work/guest" --name busy -- count 60000 sleep 100000000 >/dev/null 2>&1 || fail "deploy of busy"
unikctl logs busy -f >"$work/followed" 2>"$work/followed.err" &
follower=$!
for _ in 1 2 3; do
  sleep 0.7
  kill -9 "$(pid_of unik-agent)"
  sleep 0.3
  unikctl up >/dev/null 2>&1 || fail "up"
done
last() { tail -n 1 "$work/followed" | holds -x 'line 60000'; }
until_true 60 last || fail "the last line is not followed: $(tail -n 1 "$work/followed")"
grep -E '^line ' "$work/followed" | cmp - <(seq -f 'line %.0f' 60000) || fail "what was followed is not whole"
unikctl destroy busy --wait >/dev/null || fail "destroy"
wait "$follower" || fail "following busy ended with $?"

step "of a flood every line comes, in order, while the job runs"
expect_code 0 unikctl deploy "$work/guest" --name flood --restart never --wait -- count 40000
grep -E '^line ' "$work/out" | cmp - <(seq -f 'line %.0f' 40000) || fail "the job's console is not whole: $(tail -n 2 "$work/out")"
[ "$(unikctl logs flood --tail 1)" = "line 40000" ] || fail "the end of the flood: $(unikctl logs flood --tail 1)"
echo "all steps passed"
