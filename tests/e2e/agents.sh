#!/usr/bin/env bash
# What befalls an agent beside death: its state directory is removed, it cannot start, another takes its name.
#
#   agents.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest

forwarders() { pgrep -f "^[^ ]*unik-agent forward --directory $UNIKCTL_HOME/agent/" || true; }

step "an agent whose state directory was removed leaves no VM twice, and no port taken"
write_app web "[serve, '8080']" "ports: [{name: http, port: 8080, publish: $port}]" "replicas: 2"
write_app one "[sleep, '1000000000']" "singleton: strict"
unikctl apply -f "$work/web.yaml" -f "$work/one.yaml" >/dev/null || fail "apply"
unikctl wait app/web app/one --for ready --timeout 120s || fail "not ready"
kill -9 "$(pid_of "unik-agent run")"
rm -rf "$UNIKCTL_HOME/agent"
unikctl up || fail "up after the state directory was removed"
unikctl wait app/web app/one --for ready --timeout 120s || fail "not ready again"
until_true 60 answers well || fail "web does not answer again"
vms_are_the_instances || fail "want a VM for each of $(instance_ids), found $(vm_ids)"
is_vm_count 3 || fail "want 3 VMs, found $(vm_ids)"
[ "$(forwarders | wc -l)" = 1 ] || fail "want one forwarder, found $(forwarders)"

step "another agent under the name of one that reports is given nothing to run, and says why"
run_other() {
  "$bin/unik-agent" run --controller "unix://$UNIKCTL_HOME/controller.sock" --node local --state "$work/other" \
    >>"$work/other.log" 2>&1 &
  other=$!
}
run_other
is_refused() { grep -q "not registered, and asking again: node/local: another agent" "$work/other.log"; }
until_true 60 is_refused || fail "the second agent was not refused: $(cat "$work/other.log")"
vms_are_the_instances || fail "want a VM for each of $(instance_ids), found $(vm_ids)"
is_vm_count 3 || fail "want 3 VMs, found $(vm_ids)"
kill -9 "$other"

step "up fails when the agent that it starts does"
kill -9 "$(pid_of "unik-agent run")"
mkdir -p "$work/no-qemu"
for tool in sh env; do ln -sf "$(command -v "$tool")" "$work/no-qemu/"; done
said_up=$(PATH=$work/no-qemu "$bin/unikctl" up 2>&1) && fail "up succeeded without QEMU: $said_up"
[[ $said_up == *qemu-system-x86_64* ]] || fail "up does not say what is missing: $said_up"
unikctl up || fail "up"

step "nothing is left of the apps"
unikctl destroy web one --wait >/dev/null || fail "destroy"
is_vm_count 0 || fail "VMs are left: $(vm_ids)"

lost_name() {
  step "an agent that was silent and lost its name stands aside, says so, and returns when the other is gone"
  first=$(pid_of "unik-agent run")
  kill -STOP "$first"
  run_other
  held=$(unikctl get node local -o json | jq .status.agent_start)
  has_name() { [ "$(unikctl get node local -o json | jq --arg held "$held" '.status.health == "ready" and .status.agent_start != ($held | tonumber)')" = true ]; }
  until_true 120 has_name || fail "the second agent did not get the name of a silent one"
  kill -CONT "$first"
  stands_aside() { grep -q "another agent has registered as local" "$UNIKCTL_HOME/log/agent.log"; }
  until_true 60 stands_aside || fail "the first agent does not say that another has its name"
  others_start=$(unikctl get node local -o json | jq .status.agent_start)
  kill -9 "$other"
  returned() { [ "$(unikctl get node local -o json | jq --arg other "$others_start" '.status.agent_start > ($other | tonumber)')" = true ]; }
  until_true 120 returned || fail "the older agent did not return"
  unikctl apply -f "$work/one.yaml" >/dev/null || fail "apply after the older agent's return"
  unikctl wait app/one --for ready --timeout 120s || fail "not ready after the older agent's return"
}
# Minutes of waiting: of `./test.sh --full` alone.
if [ -n "${E2E_LONG:-}" ]; then lost_name; fi

step "a registration that would lock the node out is refused"
for body in '{"node":"local","agent_id":"a1","agent_start":18446744073709551615,"info":{"cpu_milli":1000,"memory_bytes":1000000000}}' \
  '{"node":"local","agent_id":"a1","agent_start":1,"info":{}}' '{"node":"local","agent_start":1,"info":{"cpu_milli":1000,"memory_bytes":1000000000}}'; do
  code=$(curl -s -o "$work/refused" -w '%{http_code}' --unix-socket "$UNIKCTL_HOME/controller.sock" -H 'Content-Type: application/json' \
    -d "$body" http://localhost/v1/nodes/register)
  [ "$code" = 400 ] || fail "want 400 for $body, got $code: $(cat "$work/refused")"
done

step "nothing is left"
[ -z "${E2E_LONG:-}" ] || unikctl destroy one --wait >/dev/null || fail "destroy"
is_vm_count 0 || fail "VMs are left: $(vm_ids)"
