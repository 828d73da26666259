#!/usr/bin/env bash
# How apps end and fall ill: exit codes, health checks with grace, restarts with backoff, crash loops, memory.
#
#   ends.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest

step "a job's exit code is the app's own, 0 to 255"
for code in 0 1 2 77 127 128 255; do
  expect_code $code unikctl deploy "$work/guest" --name job --restart never --wait -- say "ends with $code" exit $code
  said "ends with $code"
  unikctl destroy job --wait >/dev/null || fail "destroy of a job"
done

step "out of memory is told apart from a crash, for a job and in status"
expect_code 137 unikctl deploy "$work/guest" --name eater --memory 48Mi --restart never --wait -- eat
said "memory"
[ "$(instance_field eater .status.reason)" = out_of_memory ] || fail "want out_of_memory, got $(instance_field eater .status.reason)"
unikctl status | holds -E 'eater-0.*(out of memory|out_of_memory|oom)' || fail "status does not say that eater ran out of memory"
unikctl destroy eater --wait >/dev/null

step "the least memory that may be asked for boots, and less is refused before anything runs"
expect_code 0 unikctl deploy "$work/guest" --name least --memory 40Mi --restart never --wait -- say "it boots" exit 0
said "it boots"
unikctl destroy least --wait >/dev/null || fail "destroy of least"
expect_code 2 unikctl deploy "$work/guest" --name less --memory 39Mi -- exit 0
said "want at least 40Mi, got"

step "jobs that ended hold no CPU: many go through a node that has room for one at a time"
most=$(($(unikctl get node local -o json | jq .status.allocatable.cpu_milli) * 6 / 10))
for job in first second third; do
  expect_code 0 unikctl deploy "$work/guest" --name "$job" --cpu "${most}m" --restart never --wait --timeout 120s -- exit 0
done
unikctl destroy first second third --wait >/dev/null || fail "destroy of jobs"

step "an app that is slow to serve is not ill within its grace, and is ready when it answers"
write_app slow "[sleep, '3000', serve, '8080']" "ports: [{name: http, port: 8080, publish: $port}]" \
  "health: {http: {port: 8080, path: /}, interval: 200ms, timeout: 2s, failures: 2, grace: 60s}"
unikctl apply -f "$work/slow.yaml" >/dev/null || fail "apply slow"
unikctl wait app/slow --for ready --timeout 120s || fail "slow did not become ready"
until_true 10 answers well || fail "slow does not answer"
[ "$(instance_field slow .status.restarts)" = 0 ] || fail "slow was restarted within its grace"

step "an app that falls ill after its grace leaves the table and is started again"
write_app ill "[serve, '8080']" "ports: [{name: http, port: 8080}]" "restart: {policy: always, backoff: 100ms}" \
  "health: {http: {port: 8080, path: /}, interval: 200ms, timeout: 2s, failures: 2, grace: 1s}"
sed -i "s/port: 8080}\]/port: 8080, publish: $((port + 1))}]/" "$work/ill.yaml"
unikctl apply -f "$work/ill.yaml" >/dev/null || fail "apply ill"
unikctl wait app/ill --for ready --timeout 120s || fail "ill did not become ready"
until_true 20 curl -sf -o "$work/page" "http://127.0.0.1:$((port + 1))/" || fail "ill does not answer"
curl -s "http://127.0.0.1:$((port + 1))/ill" >/dev/null || true
restarted() { [ "$(instance_field "$1" .status.restarts)" -ge "$2" ]; }
until_true 60 restarted ill 1 || fail "an app that is ill was not started again"
unikctl wait app/ill --for ready --timeout 120s || fail "ill did not recover"
unikctl events | grep ill-0 | holds unhealthy || fail "no event says that ill was unhealthy: $(unikctl events | grep ill-0)"

step "the guest's port moves and the published one serves on; so it does after a rollout that was given up, and a rollback"
asked=$((port + 2))
write_moves() { # GUEST_PORT LISTENS_ON
  write_app moves "[serve, '$2']" "ports: [{name: http, port: $1, publish: $asked}]" \
    "health: {http: {port: $1, path: /}, interval: 200ms, timeout: 2s, failures: 2, grace: 60s}" \
    "rollout: {maxUnavailable: 0, maxSurge: 1, progressDeadline: 20s, autoRollback: true}"
}
load() { while [ -f "$work/loading" ]; do curl -sf -m 5 "http://127.0.0.1:$asked/" -o "$work/load-page" && echo ok || echo lost; done >"$work/load"; }
write_moves 8080 8080
unikctl apply -f "$work/moves.yaml" >/dev/null || fail "apply moves"
unikctl wait app/moves --for ready --timeout 120s || fail "moves did not become ready"
until_true 10 curl -sf -m 5 -o "$work/page" "http://127.0.0.1:$asked/" || fail "moves does not answer"
touch "$work/loading"
load &
write_moves 9090 9090
unikctl apply -f "$work/moves.yaml" >/dev/null || fail "apply moves on 9090"
unikctl rollout status moves --wait --timeout 120s || fail "the rollout to 9090 is not done"
write_moves 9191 9999
unikctl apply -f "$work/moves.yaml" >/dev/null || fail "apply moves on 9191"
gave_up() { unikctl explain app/moves | holds RolledBack; }
until_true 120 gave_up || fail "an update that never listens was not given up: $(unikctl explain app/moves)"
first=$(unikctl history moves -o json | jq '[.. | objects | select(has("outcome")) | .rollout] | min')
unikctl rollback moves --to "$first" >/dev/null || fail "rollback to $first"
unikctl rollout status moves --wait --timeout 120s || fail "the rollback is not done"
sleep 1
rm "$work/loading"
wait %% 2>/dev/null || true
[ "$(grep -c ok "$work/load")" -gt 20 ] || fail "only $(grep -c ok "$work/load") requests were made: that shows nothing"
! grep -q lost "$work/load" || fail "$(grep -c lost "$work/load") of $(wc -l <"$work/load") requests were lost"
unikctl get app moves -o yaml >"$work/moves-now.yaml"
expect_code 0 unikctl diff -f "$work/moves-now.yaml"
unikctl destroy moves --wait >/dev/null || fail "destroy moves"

step "what was asked before an instance stops is answered, by an app that dies at once when it is asked to end"
write_slow() { # REPLICAS
  write_app polite "[delay, '400', serve, '8080']" "replicas: $1" "ports: [{name: http, port: 8080, publish: $asked}]" \
    "health: {http: {port: 8080, path: /}, interval: 1s, timeout: 5s, failures: 3, grace: 60s}"
  unikctl apply -f "$work/polite.yaml" >/dev/null || fail "apply polite"
}
write_slow 2
unikctl wait app/polite --for ready --timeout 120s || fail "polite did not become ready"
touch "$work/loading"
clients=()
for client in 1 2 3 4; do
  while [ -f "$work/loading" ]; do curl -sf -m 9 "http://127.0.0.1:$asked/" -o "$work/page-$client" && echo ok || echo lost; done \
    >"$work/load-$client" &
  clients+=($!)
done
for replicas in 1 2 1; do
  sleep 2
  write_slow "$replicas"
  unikctl wait app/polite --for ready --timeout 120s || fail "polite is not ready with $replicas"
  until_true 30 is_vm_count_of_app polite "$replicas" || fail "polite has not $replicas VMs"
done
rm "$work/loading"
wait "${clients[@]}"
[ "$(cat "$work"/load-? | grep -c ok)" -gt 20 ] || fail "only $(cat "$work"/load-? | grep -c ok) requests were made: that shows nothing"
! grep -q lost "$work"/load-? || fail "$(cat "$work"/load-? | grep -c lost) of $(cat "$work"/load-? | wc -l) requests were lost"
unikctl destroy polite --wait >/dev/null || fail "destroy polite"

step "a TCP check is content with a connection"
write_app mute "[accept, '9000']" "ports: [{name: tcp, port: 9000}]" \
  "health: {tcp: {port: 9000}, interval: 200ms, timeout: 2s, failures: 2, grace: 30s}"
unikctl apply -f "$work/mute.yaml" >/dev/null || fail "apply mute"
unikctl wait app/mute --for ready --timeout 120s || fail "mute did not become ready"
[ "$(instance_field mute .status.health)" = healthy ] || fail "mute is not healthy"
unikctl destroy slow ill mute --wait >/dev/null || fail "destroy"

step "a crash loop is named, its restarts come ever later, and it recovers by an apply"
write_app loops "[say, here, exit, '3']" "restart: {policy: on-failure, backoff: 500ms, maxBackoff: 2s}"
unikctl apply -f "$work/loops.yaml" >/dev/null || fail "apply loops"
loops() { unikctl status | grep -E 'loops-0' | holds crash_loop; }
until_true 120 loops || fail "status does not name the crash loop"
restarted loops 3 || fail "a crash loop after $(instance_field loops .status.restarts) restarts"
[ "$(instance_field loops .status.last_exit.code)" = 3 ] || fail "the last exit is not 3"
unikctl explain app/loops | holds 'code 3' || fail "explain does not say what the app ended with: $(unikctl explain app/loops)"
write_app loops "[say, better, exit, '0']" "restart: {policy: on-failure, backoff: 500ms, maxBackoff: 2s}"
unikctl apply -f "$work/loops.yaml" >/dev/null || fail "apply of the mend"
completed() { [ "$(instance_field loops .status.reason)" = completed ]; }
until_true 60 completed || fail "on-failure: want the app completed after exit 0, got $(instance_field loops .status.reason)"

step "what has ended is no VM that runs on, and still says how it ended when the agent is started anew"
write_app fails "[exit, '5']" "restart: {policy: never}"
unikctl apply -f "$work/fails.yaml" >/dev/null || fail "apply fails"
how() { unikctl explain app/fails | holds "the app exited with code 5"; }
until_true 60 how || fail "explain does not say how fails ended: $(unikctl explain app/fails)"
expect_code 0 unikctl down
if grep -q 'on;' "$work/err"; then fail "down counts what has ended: $(cat "$work/err")"; fi
unikctl up >/dev/null || fail "up"
reported_anew() { unikctl node list | holds -E 'local +ready'; }
until_true 30 reported_anew || fail "the agent does not report: $(unikctl node list)"
how || fail "explain has forgotten how fails ended: $(unikctl explain app/fails)"
unikctl destroy fails --wait >/dev/null || fail "destroy"

step "nothing is left"
unikctl destroy loops --wait >/dev/null || fail "destroy"
is_vm_count 0 || fail "VMs are left: $(vm_pids)"
echo "all steps passed"
