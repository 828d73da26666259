#!/usr/bin/env bash
# Events and consoles are followed whole over a restart of the controller; what was can be looked at; and a restored backup:
# an old copy of the controller's store is put back, which it says and touches nothing for, `recover` goes on, and what the
# lost history had started is left alone until somebody decides.
#
#   recover.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest
store=$UNIKCTL_HOME/controller.db

step "what is followed goes on over a restart of the controller"
unikctl up >/dev/null || fail "up"
unikctl events -f -o json >"$work/events" 2>"$work/events.err" &
events=$!
unikctl deploy "$work/guest" --name web -- count 500 sleep 12000 say late sleep 100000000 >/dev/null || fail "deploy"
unikctl wait app/web --for ready --timeout 180s || fail "web did not become ready"
unikctl logs web -f >"$work/console" 2>"$work/console.err" &
console=$!
counted() { grep -qx 'line 500' "$work/console"; }
until_true 60 counted || fail "the console is not followed: $(tail -n 3 "$work/console" "$work/console.err")"
kill -9 "$(pid_of unik-controller)"
unikctl up >/dev/null || fail "up"
late() { grep -qx late "$work/console"; }
until_true 60 late || fail "the console was not followed over the restart: $(tail -n 3 "$work/console" "$work/console.err")"
grep -xE 'line [0-9]+|late' "$work/console" | diff - <({ seq -f 'line %.0f' 500; echo late; }) >/dev/null ||
  fail "the followed console is not whole: $(sort "$work/console" | uniq -d | head -n 3)"
kill "$console"

step "a copy of the store; then another replica and another app"
before=$(unikctl get app web -o json | jq .status.rollout)
kill -9 "$(pid_of unik-controller)"
mkdir "$work/copy"
cp "$store" "$store-wal" "$work/copy/"
unikctl up >/dev/null || fail "up"
at=$(unikctl status -o json | jq .revision)
unikctl get app web -o yaml | sed 's/replicas: 1/replicas: 2/' >"$work/two.yaml"
unikctl apply -f "$work/two.yaml" >/dev/null || fail "apply of two replicas"
unikctl deploy "$work/guest" --name other -- sleep 100000000 >/dev/null || fail "deploy of another"
for app in web other; do unikctl wait "app/$app" --for ready --timeout 180s || fail "$app did not become ready"; done
is_vm_count 3 || fail "want three VMs, got $(count_vms)"
vms=$(vm_pids | sort)

step "every event came once, in order"
all_came() { [ "$(jq -r .seq "$work/events" | tail -n 1)" = "$(unikctl events -o json | jq -r .seq | tail -n 1)" ]; }
until_true 30 all_came || fail "the newest event did not come: $(tail -n 2 "$work/events" "$work/events.err")"
kill "$events"
since=$(jq -n 'first(inputs.seq)' "$work/events")
unikctl events -o json --since $((since - 1)) >"$work/happened"
head -n "$(wc -l <"$work/events")" "$work/happened" | cmp - "$work/events" ||
  fail "what was followed over two restarts is not what happened"

step "what was"
[ "$(unikctl get app web --at "$at" -o json | jq .spec.replicas)" = 1 ] || fail "--at $at"
[ "$(unikctl get app web -o json | jq .spec.replicas)" = 2 ] || fail "now"
expect_code 3 unikctl get app other --at "$at"
expect_code 3 unikctl get app web --at 1h
said "history begins at record"

step "the copy is put back: nothing is touched"
kill -9 "$(pid_of unik-controller)"
rm -f "$store" "$store-wal" "$store-shm"
cp "$work/copy/"* "$UNIKCTL_HOME/"
unikctl up >/dev/null || fail "up"
seen() { [ "$(unikctl quarantine list -o name | sort | cut -d- -f1,2 | tr '\n' ' ')" = "other-0 web-1 " ]; }
until_true 60 seen || fail "what the store does not know is not shown: $(unikctl quarantine list)"
expect_code 0 unikctl status
said "Restored"
expect_code 4 unikctl destroy web
said "unikctl recover"
[ "$(vm_pids | sort)" = "$vms" ] || fail "the VMs '$vms' became '$(vm_pids | sort)'"

step "recover goes on, and leaves alone what it does not know"
expect_code 2 unikctl recover </dev/null
unikctl recover --yes >/dev/null || fail "recover"
normal() { unikctl status -o json | jq -e '.restored == false and (.quarantine | length) == 2' >/dev/null; }
until_true 60 normal || fail "not recovered: $(unikctl status)"
unikctl wait app/web --for ready --timeout 60s || fail "web is not ready"
sleep 3 # time in which a wrong goal would have stopped something
[ "$(vm_pids | sort)" = "$vms" ] || fail "after the recovery the VMs '$vms' became '$(vm_pids | sort)'"
[ "$(unikctl get app web -o json | jq .status.rollout)" -gt $((before + 1000000)) ] || fail "the template has no new number"

step "one is adopted in the place of a new one, the other destroyed"
lost=$(unikctl quarantine list -o name | grep '^web-1-')
expect_code 4 unikctl quarantine adopt "$lost"
said "beyond the app's 1 replicas"
unikctl apply -f "$work/two.yaml" >/dev/null || fail "apply of two replicas"
unikctl wait app/web --for ready --timeout 120s || fail "two are not ready"
unikctl quarantine adopt "$lost" >/dev/null || fail "adopt"
unikctl quarantine destroy "$(unikctl quarantine list -o name | grep '^other-')" >/dev/null || fail "destroy of the other"
settled() { is_vm_count 2 && [ -z "$(unikctl quarantine list -o name 2>/dev/null)" ]; }
until_true 90 settled || fail "want two VMs and nothing quarantined: $(unikctl status)"
[ "$(vm_pids | grep -cxF "$vms")" = 2 ] || fail "the two VMs are not among those from before: '$vms', now '$(vm_pids)'"
unikctl get instance "$lost" >/dev/null || fail "the adopted instance is not there"
unikctl wait app/web --for ready --timeout 60s || fail "web is not ready in the end"
answers_all() { unikctl status -o json | jq -e 'all(.instances[]; .status.restarts == 0) and (.instances | length) == 2' >/dev/null; }
answers_all || fail "something was restarted: $(unikctl status)"

unikctl destroy web --wait >/dev/null || fail "destroy"
until_true 30 is_vm_count 0 || fail "VMs are left: $(vm_pids)"
echo "all steps passed"
