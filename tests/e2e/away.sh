#!/usr/bin/env bash
# Controller and agent away for a while, stopped and killed, one after the other: the apps keep serving on their
# published ports, and when both are back nothing was restarted and nothing is missing.
#
#   away.sh BIN_DIR          E2E_AWAY seconds for each of the four (default 8; a minute in test.sh --full)
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
away=${E2E_AWAY:-8}
readonly silence_limit=40 # kSilenceLimit: after it a node that says nothing is unknown
build_guest

step "two instances serve on a published port"
write_app web "[serve, '8080']" "replicas: 2" "ports: [{name: http, port: 8080, publish: $port}]" \
  "health: {http: {port: 8080, path: /}, interval: 1s, timeout: 5s, failures: 5, grace: 60s}"
unikctl apply -f "$work/web.yaml" >/dev/null || fail "apply"
unikctl wait app/web --for ready --timeout 180s || fail "web did not become ready"
until_true 20 answers well || fail "web does not answer"
vms=$(vm_pids | sort)

# Asks for as long as somebody is away; each request wants an answer.
serves_for() {
  local until=$((SECONDS + $1)) asked=0
  while [ $SECONDS -lt "$until" ]; do
    curl --silent --fail --max-time 10 "http://127.0.0.1:$port/" | holds well ||
      fail "request $asked had no answer while $2 was away"
    asked=$((asked + 1))
    sleep 0.1
  done
  [ $asked -gt 0 ] || fail "nothing was asked"
}
node_is() { [ "$(unikctl node list -o json | jq -r '.items[0].status.health // .items[0].health')" = "$1" ]; }
all_is_as_before() {
  unikctl up >/dev/null || fail "up after $1"
  until_true 60 node_is ready || fail "the node is not ready after $1: $(unikctl node list)"
  unikctl wait app/web --for ready --timeout 60s || fail "web is not ready after $1"
  [ "$(vm_pids | sort)" = "$vms" ] || fail "after $1 the VMs '$vms' became '$(vm_pids | sort)'"
  unikctl status -o json | jq -e 'all(.instances[]; .status.restarts == 0) and (.instances | length) == 2' >/dev/null ||
    fail "after $1 something was restarted or placed anew: $(unikctl status)"
  answers well || fail "no answer after $1"
}

step "the controller stands still for $away s"
pid=$(pid_of unik-controller)
kill -STOP "$pid"
serves_for "$away" "the controller"
kill -CONT "$pid"
all_is_as_before "the controller's standstill"

step "the controller is dead for $away s"
kill -9 "$(pid_of unik-controller)"
serves_for "$away" "the controller"
all_is_as_before "the controller's death"

step "the agent stands still for $away s"
pid=$(pid_of 'unik-agent run')
kill -STOP "$pid"
serves_for "$away" "the agent"
if [ "$away" -gt $((silence_limit + 10)) ]; then
  node_is unknown || fail "a node that was silent for $away s is not unknown: $(unikctl node list)"
fi
kill -CONT "$pid"
all_is_as_before "the agent's standstill"

step "the agent is dead for $away s, and finds what was applied meanwhile"
kill -9 "$(pid_of 'unik-agent run')"
serves_for "$away" "the agent"
sed -i 's/replicas: 2/replicas: 3/' "$work/web.yaml"
unikctl apply -f "$work/web.yaml" >/dev/null 2>&1 || fail "apply while the agent was away"
unikctl up >/dev/null || fail "up"
until_true 120 is_vm_count 3 || fail "want a third VM, got $(count_vms)"
unikctl wait app/web --for ready --timeout 120s || fail "three are not ready"
[ "$(vm_pids | grep -cxF "$vms")" = 2 ] || fail "the two VMs '$vms' are not among '$(vm_pids)'"
unikctl status -o json | jq -e 'all(.instances[]; .status.restarts == 0)' >/dev/null || fail "something was restarted"

unikctl destroy web --wait >/dev/null || fail "destroy"
until_true 30 is_vm_count 0 || fail "VMs are left: $(vm_pids)"
echo "all steps passed"
