#!/usr/bin/env bash
# A controller and five agents, each in a network namespace of its own, with real VMs: a rolling update under load; a drain
# that is blocked, goes on while the controller is killed, and is forced by its deadline; a killed and a stopped agent, a
# cut network, all heartbeats lost at once, a node that returns. At the end every VM belongs to an instance and every
# instance has its VM.
#
#   fleet.sh BIN_DIR         as root, since it makes network namespaces
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
[ "$(id -u)" = 0 ] || fail "this needs root, for network namespaces"
nodes="n1 n2 n3 n4 n5"
space() { echo "unik-$$-$1"; }

undo() {
  for node in $nodes; do
    [ ! -f "$work/$node.proxy" ] || kill -9 "$(cat "$work/$node.proxy")" 2>/dev/null || true
    ip netns del "$(space "$node")" 2>/dev/null || true
  done
}

# Each agent reaches the controller through a relay of its own: its cable, which can be pulled.
plug_in() {
  socat "UNIX-LISTEN:$work/$1.sock,fork,unlink-early" "UNIX-CONNECT:$UNIKCTL_HOME/controller.sock" &
  echo $! >"$work/$1.proxy"
  disown
  until_true 5 test -S "$work/$1.sock" || fail "the relay of $1 does not listen"
}
unplug() {
  # Stopped first: a relay that still accepts would begin another connection.
  kill -STOP "$(cat "$work/$1.proxy")"
  pkill -9 -P "$(cat "$work/$1.proxy")" || true
  kill -9 "$(cat "$work/$1.proxy")"
  rm -f "$work/$1.sock"
}
start_agent() {
  ip netns exec "$(space "$1")" unik-agent run --controller "unix://$work/$1.sock" --node "$1" --state "$work/state-$1" \
    --label "zone=$2" >>"$UNIKCTL_HOME/log/agent-$1.log" 2>&1 &
  echo $! >"$work/$1.agent"
  disown
}
start_controller() {
  unik-controller --home "$UNIKCTL_HOME" --heartbeat-ms 2000 >>"$UNIKCTL_HOME/log/controller.log" 2>&1 &
  echo $! >"$work/controller.pid"
  disown
  until_true 10 unikctl get nodes >/dev/null 2>&1 || fail "the controller does not answer"
}
agent_of() { cat "$work/$1.agent"; }
health_of() { unikctl get node "$1" -o json | jq -r .status.health; }
is_health() { [ "$(health_of "$1")" = "$2" ]; }
instances_on() { unikctl get instances -o json | jq -r --arg node "$1" '.items[] | select(.node == $node) | .name'; }
is_empty() { [ -z "$(instances_on "$1")" ]; }
on_port() { ip netns exec "$(space "$1")" curl --silent --fail --max-time 10 "http://127.0.0.1:$port/"; }
zone_of() { [ $((${1#n} % 2)) = 0 ] && echo b || echo a; }

step "a controller and five agents"
mkdir -p "$UNIKCTL_HOME/log"
export UNIKCTL_CONTROL_PLANE_URL=unix://$UNIKCTL_HOME/controller.sock
start_controller
for node in $nodes; do
  ip netns add "$(space "$node")"
  ip -n "$(space "$node")" link set lo up
  plug_in "$node"
  start_agent "$node" "$(zone_of "$node")"
done
for node in $nodes; do until_true 30 is_health "$node" ready || fail "$node does not report"; done

step "three replicas behind one port"
manifest() { # VERSION SELECTOR REPLICAS NAME PORTS
  cat <<MANIFEST
apiVersion: unikctl.dev/v1
kind: App
metadata: {name: $4}
spec:
  source: $root/examples/hello
  env: {VERSION: "$1"}
  replicas: $3
  resources: {cpu: 150m, memory: 48Mi}
  ports: [{name: http, port: 8080$5}]
  health: {http: {port: 8080, path: /}, interval: 500ms, timeout: 5s, grace: 60s}
  placement: {$2}
  disruption: {maxUnavailable: 2}
  disconnect: {lostAfter: 1m}
MANIFEST
}
manifest 1 "nodeSelector: {unikctl.dev/name: n1}" 3 web ", publish: $port" >"$work/web.yaml"
unikctl apply -f "$work/web.yaml" || fail "apply"
unikctl wait app/web --for ready --timeout 180s || fail "web did not become ready"
until_true 20 on_port n1 >/dev/null || fail "web does not answer on n1"

step "a rolling update under load loses no request"
load() {
  while [ -f "$work/loading" ]; do
    if on_port n1 >/dev/null 2>&1; then echo ok; else echo lost; fi
  done >"$work/load-$1"
}
touch "$work/loading"
loads=()
for i in 1 2 3; do
  load "$i" &
  loads+=($!)
done
manifest 2 "nodeSelector: {unikctl.dev/name: n1}" 3 web ", publish: $port" >"$work/web.yaml"
unikctl apply -f "$work/web.yaml" || fail "apply"
unikctl rollout status web --wait --timeout 240s || fail "the rollout is not done"
rm "$work/loading"
wait "${loads[@]}"
lost=$(cat "$work"/load-* | grep -c lost || true)
served=$(cat "$work"/load-* | grep -c ok || true)
[ "$lost" = 0 ] || fail "$lost of $((lost + served)) requests were lost"
[ "$served" -gt 20 ] || fail "only $served requests were made: that shows nothing"
step "$served requests served, none lost"
unikctl history web | holds good || fail "the history does not say that it went well: $(unikctl history web)"
unikctl rollback web || fail "rollback"
unikctl rollout status web --wait --timeout 240s || fail "the rollback is not done"

step "ten replicas over five nodes, and a drain"
manifest 1 "spread: [{by: zone}]" 10 wide "" >"$work/wide.yaml"
unikctl apply -f "$work/wide.yaml" || fail "apply"
unikctl wait app/wide --for ready --timeout 300s || fail "wide did not become ready"
unikctl whatif --lose n2 | holds -- '->' || fail "whatif says nothing"
[ -n "$(instances_on n2)" ] || fail "nothing runs on n2: its drain would show nothing"
# What serves of `wide`, from moment to moment while n2 is drained: at most two may be away.
serving() {
  unikctl get instances -o json |
    jq '[.items[] | select((.name | startswith("wide")) and .status.phase == "running" and .status.health == "healthy")] | length'
}
watch_capacity() {
  while [ -f "$work/draining" ]; do
    serving 2>/dev/null || true
    sleep 0.1
  done >"$work/capacity"
}
touch "$work/draining"
watch_capacity &
capacity=$!
condition_of() { unikctl get node n2 -o json | jq -r '.status.conditions[] | select(.type == "Drained") | .reason'; }
is_condition() { [ "$(condition_of)" = "$1" ]; }
for node in n1 n3 n4 n5; do unikctl node cordon "$node" || fail "cordon"; done
unikctl node drain n2 --deadline 1h --reason "a new kernel" || fail "drain"
until_true 30 is_condition Blocked || fail "nowhere to go, and the drain is not blocked: $(unikctl get node n2 -o json)"
unikctl explain node/n2 | holds "wide-" || fail "nobody says what the drain waits for: $(unikctl explain node/n2)"
for node in n1 n3 n4 n5; do unikctl node uncordon "$node" || fail "uncordon"; done
kill -9 "$(cat "$work/controller.pid")"
start_controller
unikctl node drain n2 --wait --timeout 240s || fail "n2 was not drained"
is_empty n2 || fail "n2 is drained and still has $(instances_on n2)"
unikctl get node n2 -o json | holds "a new kernel" || fail "to wait for a drain has changed it"
unikctl wait app/wide --for ready --timeout 60s || fail "wide is short after the drain"
rm "$work/draining"
wait "$capacity"
[ "$(grep -c . "$work/capacity")" -gt 5 ] || fail "capacity was not watched"
[ "$(sort -n "$work/capacity" | head -n 1)" -ge 8 ] || fail "too few served during the drain: $(sort -n "$work/capacity" | uniq -c)"
unikctl node uncordon n2 || fail "uncordon"

step "a drain without room is forced by its deadline"
[ -n "$(instances_on n3)" ] || fail "nothing runs on n3: its drain would show nothing"
for node in n1 n2 n4 n5; do unikctl node cordon "$node" || fail "cordon"; done
unikctl node drain n3 --deadline 5s || fail "drain"
until_true 60 is_empty n3 || fail "the deadline is over and n3 still has $(instances_on n3)"
for node in $nodes; do unikctl node uncordon "$node" || fail "uncordon"; done
unikctl wait app/wide --for ready --timeout 120s || fail "wide is short after the forced drain"

step "an agent is killed and comes back: the same VMs"
kill -9 "$(agent_of n1)"
before=$(vm_pids | sort)
started() { unikctl get node n1 -o json | jq .status.agent_start; }
last=$(started)
is_another_start() { [ "$(started)" != "$last" ]; }
[ -n "$(instances_on n1)" ] || fail "nothing runs on n1: its agent's death would show nothing"
start_agent n1 a
until_true 30 is_another_start || fail "n1's new agent does not register"
until_true 30 is_health n1 ready || fail "n1 does not report again"
[ "$(vm_pids | sort)" = "$before" ] || fail "VMs changed by an agent's death"

step "an agent stands still, and a cable is pulled: both nodes are replaced once"
names() { unikctl get instances -o json | jq -r '.items[].name' | sort; }
names >"$work/before"
held=$( (instances_on n4 && instances_on n5) | wc -l)
[ "$held" -gt 0 ] || fail "nothing runs on n4 and n5: their loss would show nothing"
kill -STOP "$(agent_of n4)"
unplug n5
until_true 150 is_health n4 lost || fail "n4 is not lost: $(unikctl node list)"
until_true 60 is_health n5 lost || fail "n5 is not lost: $(unikctl node list)"
placed_elsewhere() {
  unikctl get instances -o json |
    jq -e '[.items[] | select(.node != "n4" and .node != "n5" and (.name | startswith("wide")) and .status.phase == "running")] | length == 10' >/dev/null
}
until_true 120 placed_elsewhere || fail "what ran on n4 and n5 ($held) was not replaced: $(unikctl get instances)"

step "they return, and give up what was replaced"
kill -CONT "$(agent_of n4)"
plug_in n5
for node in n4 n5; do until_true 60 is_health "$node" ready || fail "$node does not report again"; done
settled() { [ "$(unikctl get instances -o json | jq '[.items[] | select(.name | startswith("wide"))] | length')" = 10 ]; }
until_true 60 settled || fail "wide has not come to rest: $(unikctl get instances)"
names >"$work/after"
[ "$(comm -13 "$work/before" "$work/after" | wc -l)" = "$held" ] || fail "$held ran on two nodes, and others came: $(names)"

step "all heartbeats lost at once move nothing"
before=$(vm_pids | sort)
for node in $nodes; do unplug "$node"; done
isolated() { unikctl get node n1 -o json | jq -e '.status.conditions[] | select(.type == "Ready" and .reason == "Isolated")' >/dev/null; }
until_true 90 isolated || fail "nobody says that we are isolated: $(unikctl get node n1 -o json)"
sleep 30
[ "$(unikctl get nodes -o json | jq '[.items[] | select(.status.health == "lost")] | length')" = 0 ] || fail "nodes were given up"
for node in $nodes; do plug_in "$node"; done
for node in $nodes; do until_true 60 is_health "$node" ready || fail "$node does not report again"; done
sleep 3
[ "$(vm_pids | sort)" = "$before" ] || fail "VMs changed although it was we who were blind"

step "every VM is an instance's, every instance has its VM"
[ "$(count_vms)" = 13 ] || fail "$(count_vms) VMs for 13 instances: $(unikctl get instances)"
until_true 30 vms_are_the_instances || fail "the VMs are not the instances: $(vm_ids) and $(instance_ids)"
unikctl destroy web wide || fail "destroy"
until_true 60 is_vm_count 0 || fail "$(count_vms) VMs are left"
step "done"
