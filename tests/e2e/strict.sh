#!/usr/bin/env bash
# A strict singleton on two nodes with real VMs: its agent is killed and nobody else is there to stop the VM, then its agent
# stands still. Each time the guard ends the VM when the lease runs out, another node takes over, and never do two run.
#
#   strict.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest

start_agent() {
  unik-agent run --controller "unix://$UNIKCTL_HOME/controller.sock" --node "$1" --state "$work/state-$1" \
    >>"$UNIKCTL_HOME/log/agent-$1.log" 2>&1 &
  echo $! >"$work/$1.agent"
  disown
}
agent_of() { cat "$work/$1.agent"; }
is_health() { [ "$(unikctl get node "$1" -o json | jq -r .status.health)" = "$2" ]; }
node_of_db() { unikctl get instances -o json | jq -r '[.items[] | select(.name | startswith("db-")) | select(.status.phase == "running")][0].node'; }

step "a controller and two agents"
mkdir -p "$UNIKCTL_HOME/log"
unik-controller --home "$UNIKCTL_HOME" --heartbeat-ms 2000 >>"$UNIKCTL_HOME/log/controller.log" 2>&1 &
disown
until_true 10 test -S "$UNIKCTL_HOME/controller.sock" || fail "the controller does not listen"
export UNIKCTL_CONTROL_PLANE_URL=unix://$UNIKCTL_HOME/controller.sock
for node in n1 n2; do start_agent "$node"; done
for node in n1 n2; do until_true 30 is_health "$node" ready || fail "$node does not report"; done

step "a strict singleton"
write_app db "[serve, '8080']" "singleton: strict" "ports: [{name: http, port: 8080}]" "disconnect: {lostAfter: 1m}"
unikctl apply -f "$work/db.yaml" >/dev/null || fail "apply"
unikctl wait app/db --for ready --timeout 180s || fail "db did not become ready"
is_vm_count 1 || fail "$(count_vms) VMs of one singleton"
pgrep -f "unik-agent guard $work" >/dev/null || fail "the VM has no guard"

# From now on somebody counts the VMs, all the time.
watch_for_two() {
  while [ -f "$work/watching" ]; do
    [ "$(count_vms)" -le 1 ] || echo "$(count_vms) VMs" >>"$work/twice"
    sleep 0.1
  done
}
touch "$work/watching"
watch_for_two &

take_over() { # HOW
  local node vm
  node=$(node_of_db)
  vm=$(vm_pids)
  kill "-$1" "$(agent_of "$node")"
  sleep 40
  [ "$(vm_pids)" = "$vm" ] || fail "the VM was ended long before its lease ran out"
  until_true 30 is_vm_count 0 || fail "nobody ended the VM of a dead agent"
  elsewhere() { [ "$(node_of_db)" != "$node" ] && [ "$(node_of_db)" != null ]; }
  until_true 120 elsewhere || fail "db was not taken over: $(unikctl get instances)"
  [ ! -f "$work/twice" ] || fail "two ran at once: $(cat "$work/twice")"
}

step "its agent is killed: the guard ends the VM, the other node takes over"
first=$(node_of_db)
take_over KILL
start_agent "$first"
until_true 60 is_health "$first" ready || fail "$first does not report again"

step "its agent stands still: the same, and it finds itself replaced"
second=$(node_of_db)
take_over STOP
kill -CONT "$(agent_of "$second")"
until_true 60 is_health "$second" ready || fail "$second does not report again"
sleep 5
[ "$(node_of_db)" = "$first" ] || fail "db moved once more: $(unikctl get instances)"
is_vm_count 1 || fail "$(count_vms) VMs in the end"
rm "$work/watching"
[ ! -f "$work/twice" ] || fail "two ran at once: $(cat "$work/twice")"

step "a VM whose guard is killed is ended too"
guard=$(pgrep -f "unik-agent guard $work/state-$first" | head -n 1)
vm=$(vm_pids)
kill -9 "$guard"
is_another_vm() { [ "$(count_vms)" = 1 ] && [ "$(vm_pids)" != "$vm" ]; }
until_true 90 is_another_vm || fail "a VM goes on without its guard"
unikctl destroy db || fail "destroy"
until_true 60 is_vm_count 0 || fail "$(count_vms) VMs are left"
step "done"
