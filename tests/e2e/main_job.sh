#!/usr/bin/env bash
# The main job with real processes and real VMs: from a manifest to an answer over HTTP, through changes and kills, and
# down to nothing.
#
#   main_job.sh BIN_DIR      E2E_ROUNDS names the number of kills (default 20)
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
rounds=${E2E_ROUNDS:-20}

step "an app from a manifest answers"
cp -r "$root/examples/hello" "$work/hello"
sed -i "s/publish: 18080/publish: $port/" "$work/hello/app.yaml"
unikctl apply -f "$work/hello/app.yaml" | tee "$work/out"
grep -q 'app/hello created' "$work/out" || fail "apply did not say that it created the app"
unikctl wait app/hello --for ready --timeout 120s || fail "hello did not become ready"
until_true 10 answers "Hello from a unikernel" || fail "hello does not answer"
is_vm_count 1 || fail "want one VM, got $(count_vms)"

step "another control plane on this host runs the same app beside it"
second() { UNIKCTL_HOME=$work/second "$@"; }
sed "s/publish: $port/publish: $((port + 1))/" "$work/hello/app.yaml" >"$work/hello/beside.yaml"
second unikctl apply -f "$work/hello/beside.yaml" >/dev/null || fail "apply to a second control plane"
second unikctl wait app/hello --for ready --timeout 120s || fail "not beside another: $(second unikctl get instance -o wide)"
answers "Hello from a unikernel" || fail "the first one does not answer any more"
second unikctl down --all || fail "down of the second control plane"
rm "$work/hello/beside.yaml"

step "status, logs, get, explain, events"
unikctl status | tee "$work/out"
grep -Eq 'hello +1/1' "$work/out" || fail "status does not show hello 1/1"
unikctl status -o json | jq -e '.apps[0].status.ready == 1 and .instances[0].status.boot.total_us > 0' >/dev/null || fail "status -o json"
# The app's words come after its start, and are told after it.
heard() { unikctl get instance -o json | jq -e '.items[0].status.boot | .first_byte_us > .start_us' >/dev/null; }
until_true 10 heard || fail "the first byte was not timed: $(unikctl get instance -o json | jq -c '.items[].status.boot')"
unikctl logs hello | holds . || fail "no log"
unikctl get app hello -o yaml >"$work/got.yaml"
unikctl apply -f "$work/got.yaml" | holds 'app/hello unchanged' || fail "what get printed is not what is there"
unikctl explain app/hello >/dev/null || fail "explain"
unikctl events | holds 'hello' || fail "events"
unikctl events --since 0 -o json | jq -e 'select(.trace_id == "")' >/dev/null && fail "an event without a trace"

step "a trace id leads through the logs of the controller and of the agent, and a lost place says whose it was"
trace=$(unikctl events --since 0 -o json | jq -r 'select(.object == "app/hello") | .trace_id' | sort -u)
[ "$(wc -w <<<"$trace")" = 1 ] || fail "want one request for hello, got '$trace'"
grep -q "$trace" "$UNIKCTL_HOME/log/controller.log" || fail "the controller's log has no line of $trace"
grep "$trace" "$UNIKCTL_HOME/log/agent.log" | holds ' goals .*: taken' || fail "the agent's log has no goals of $trace"
curl -s --max-time 5 --unix-socket "$UNIKCTL_HOME/controller.sock" -H "X-Trace-Id: $(printf 'c%.0s' {1..32})" \
  'http://localhost/v1/events?since=999999999&follow=0' >"$work/out"
said "$(printf 'c%.0s' {1..32})"

step "nobody else reads what apps were told"
[ "$(stat -c %a "$UNIKCTL_HOME")" = 700 ] || fail "the home has mode $(stat -c %a "$UNIKCTL_HOME")"
open_to_others=$(find "$UNIKCTL_HOME"/controller.db* "$UNIKCTL_HOME/artifacts" "$UNIKCTL_HOME/agent" ! -type l -perm /077)
[ -z "$open_to_others" ] || fail "others may read $open_to_others"

step "the daemons say what is wrong with a command line"
for words in "unik-controller --bogus" "unik-agent" "unik-agent run"; do
  # shellcheck disable=SC2086
  expect_code 2 $words
  said "error: invalid: "
done

step "the API refuses what it does not understand"
api() { curl -s -o "$work/answer" -w '%{http_code}' --unix-socket "$UNIKCTL_HOME/controller.sock" "$@"; }
for body in '{"names":["hello"],"force":true}' '{"names":["hello"],"tenant":["team-a"]}' '{"names":["hello"],"tenant":null}' \
  '{"names":{"a":"hello"}}' '{"names":["hello"],"tenant":"UPPER"}' '{"names":"hello"}' '{}' '["hello"]' 'hello'; do
  [ "$(api -d "$body" http://localhost/v1/destroy)" = 400 ] || fail "destroy took $body"
done
unikctl get app hello >/dev/null || fail "a request that was refused destroyed hello"
[ "$(api -d '{"deadline":"1s"}' http://localhost/v1/nodes/local/drain)" = 400 ] || fail "drain took a body that it does not read"
for list in apps nodes tenants instances operations; do
  [ "$(api "http://localhost/v1/$list?continue=a/b/c")" = 400 ] || fail "a list of $list went on from nowhere"
  [ "$(jq -r .error.reason "$work/answer")" = bad_query ] || fail "want bad_query for a list of $list, got $(cat "$work/answer")"
done
[ "$(api "http://localhost/v1/apps?continue=%00")" = 400 ] || fail "a list of apps went on from a zero byte"
[ "$(api -H 'Origin: http://evil.example' http://localhost/v1/status)" = 403 ] || fail "a foreign page was answered"

step "an unchanged apply writes nothing"
before=$(curl -s --unix-socket "$UNIKCTL_HOME/controller.sock" http://localhost/readyz | jq .revision)
unikctl apply -f "$work/hello/app.yaml" | holds unchanged || fail "the same manifest changed something"
after=$(curl -s --unix-socket "$UNIKCTL_HOME/controller.sock" http://localhost/readyz | jq .revision)
[ "$before" = "$after" ] || fail "an unchanged apply moved the journal from $before to $after"

step "diff says what a change would do, exit code 1"
sed 's/Hello from a unikernel/Second greeting/' "$work/hello/app.yaml" >"$work/hello/second.yaml"
code=0
unikctl diff -f "$work/hello/second.yaml" >"$work/out" || code=$?
[ "$code" = 1 ] || fail "diff exited with $code"
grep -q 'restart' "$work/out" || fail "diff does not say restart"

step "a change replaces the VM without a gap"
unikctl apply -f "$work/hello/second.yaml" | holds 'app/hello updated\|app/hello configured' || fail "apply of a change"
until_true 60 answers "Second greeting" || fail "the new template does not answer"
until_true 60 is_vm_count 1 || fail "the old VM is still there"

step "replicas"
sed -i 's/replicas: 1/replicas: 2/' "$work/hello/second.yaml"
unikctl apply -f "$work/hello/second.yaml" >/dev/null
unikctl wait app/hello --for ready --timeout 120s || fail "two replicas did not become ready"
is_vm_count 2 || fail "want two VMs, got $(count_vms)"

step "instances of one app alone"
count_of() { [ "$(api "http://localhost/v1/instances?app=$1")" = 200 ] && jq '.items | length' "$work/answer"; }
[ "$(count_of hello)" = 2 ] || fail "want the two instances of hello, got $(cat "$work/answer")"
[ "$(count_of hell)" = 0 ] || fail "an app that is none has instances: $(cat "$work/answer")"
[ "$(api "http://localhost/v1/instances?app=hello&continue=other-0-r1-1")" = 400 ] || fail "hello's instances went on at another app's"

step "the app keeps answering while controller and agent are away, and they find it again"
vms=$(vm_pids | sort)
kill -9 "$(pid_of 'unik-agent run')" "$(pid_of unik-controller)"
for _ in 1 2 3 4 5; do
  answers "Second greeting" || fail "no answer while the daemons are away"
done
unikctl up >/dev/null
unikctl wait app/hello --for ready --timeout 60s || fail "hello is not ready after the daemons came back"
[ "$(vm_pids | sort)" = "$vms" ] || fail "the VMs were not adopted: '$vms' became '$(vm_pids | sort)'"
answers "Second greeting" || fail "no answer after the daemons came back"

step "up puts the programs of its own build in the place of others', and VMs run on"
mkdir "$work/update"
cp "$bin"/unikctl "$bin"/unik-controller "$bin"/unik-agent "$work/update/"
controller=$(pid_of unik-controller)
unikctl up | holds 'already up' || fail "up of the same build"
[ "$(pid_of unik-controller)" = "$controller" ] || fail "up of the same build started another controller"
"$work/update/unikctl" up >/dev/null || fail "up of another build"
for name in unik-controller 'unik-agent run'; do
  readlink "/proc/$(pid_of "$name")/exe" | holds "^$work/update/" || fail "$name of the old build still runs"
done
[ "$(vm_pids | sort)" = "$vms" ] || fail "the VMs were not adopted: '$vms' became '$(vm_pids | sort)'"
answers "Second greeting" || fail "no answer after the update"
unikctl up >/dev/null || fail "up of the first build"

step "a controller that dies while its node begins is started again"
for _ in 1 2 3; do
  kill -9 "$(pid_of unik-controller)"
  unikctl up >"$work/up" 2>&1 &
  up=$!
  until died=$(pid_of unik-controller); do sleep 0.01; done
  until_true 20 curl -sf --unix-socket "$UNIKCTL_HOME/controller.sock" http://unik/readyz -o "$work/ready" || fail "not ready"
  kill -9 "$died"
  begun=$SECONDS
  timeout 100 tail --pid="$up" -f /dev/null || fail "up waits for a controller that has gone: $(cat "$work/up")"
  [ $((SECONDS - begun)) -lt 60 ] || fail "up took $((SECONDS - begun)) s: $(cat "$work/up")"
  unikctl up >/dev/null || fail "up after it"
done
answers "Second greeting" || fail "no answer after the controller died"

step "a controller that hangs is waited for no longer than was asked for"
kill -STOP "$(pid_of unik-controller)"
expect_code 9 timeout 60 unikctl wait app/hello --for deleted --timeout 1s
expect_code 9 timeout 60 unikctl version
kill -CONT "$(pid_of unik-controller)"
until_true 30 unikctl wait app/hello --for ready --timeout 5s || fail "hello is not ready after the controller goes on"

step "kill -9 at random moments, $rounds rounds"
answers_once() {
  [ "$(vm_ids | uniq -d)" = "" ] || fail "two VMs of one instance: $(vm_ids)"
  answers "$1"
}
for round in $(seq "$rounds"); do
  greeting="Round $round"
  sed "s/Hello from a unikernel/$greeting/; s/replicas: 1/replicas: $((1 + round % 2))/" "$work/hello/app.yaml" >"$work/hello/round.yaml"
  # In every fourth round while the apply is under way, whose answer may then be lost: it is asked again.
  if [ $((round % 4)) = 0 ]; then
    unikctl apply -f "$work/hello/round.yaml" >/dev/null 2>&1 &
    sleep "0.0$((RANDOM % 10))"
  else
    unikctl apply -f "$work/hello/round.yaml" >/dev/null || fail "apply in round $round"
    sleep "0.$((RANDOM % 10))"
  fi
  case $((round % 3)) in
    0) kill -9 "$(pid_of 'unik-agent run')" ;;
    1) kill -9 "$(pid_of unik-controller)" ;;
    2) kill -9 "$(pid_of unik-controller)" "$(pid_of 'unik-agent run')" ;;
  esac
  wait
  unikctl up >/dev/null || fail "up in round $round"
  if [ $((round % 4)) = 0 ]; then unikctl apply -f "$work/hello/round.yaml" >/dev/null || fail "apply again in round $round"; fi
  until_true 90 answers_once "$greeting" || fail "round $round: the app does not answer as applied"
  until_true 60 is_vm_count $((1 + round % 2)) || fail "round $round: want $((1 + round % 2)) VMs, got $(count_vms)"
  until_true 30 vms_are_the_instances || fail "round $round: want a VM for each of $(instance_ids), found $(vm_ids)"
done

step "bad input is refused whole, with its place"
printf 'apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: bad}\nspec:\n  image: x\n  replica: 3\n' >"$work/bad.yaml"
code=0
unikctl apply -f "$work/bad.yaml" 2>"$work/out" || code=$?
[ "$code" = 2 ] || fail "a bad manifest exited with $code"
grep -q 'bad.yaml:6:.*replicas' "$work/out" || fail "the fault is not placed: $(cat "$work/out")"
code=0
unikctl get app nothing 2>/dev/null || code=$?
[ "$code" = 3 ] || fail "an unknown app exited with $code"

step "a list comes in pages of 500, and the CLI shows it whole"
for i in $(seq -w 1 501); do printf -- '---\napiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: t%s}\n' "$i"; done >"$work/tenants.yaml"
unikctl apply -f "$work/tenants.yaml" >/dev/null || fail "apply of 501 tenants"
page=$(curl -s --unix-socket "$UNIKCTL_HOME/controller.sock" http://localhost/v1/tenants | jq -r '"\(.items | length) \(.continue)"')
[ "$page" = "500 t499" ] || fail "want 500 tenants and where they go on, got $page"
[ "$(unikctl get tenants -o name | grep -c '^tenant/t[0-9]')" = 501 ] || fail "unikctl get tenants does not show them all"
[ "$(curl -sI --unix-socket "$UNIKCTL_HOME/controller.sock" http://localhost/v1/tenants | head -n 1 | tr -d '\r')" = "HTTP/1.1 200 OK" ] ||
  fail "HEAD is not answered as GET is"

step "destroy leaves nothing"
unikctl destroy hello --wait || fail "destroy"
until_true 30 is_vm_count 0 || fail "VMs are left: $(vm_pids)"
unikctl get app hello 2>/dev/null && fail "hello is still there"
unikctl down
until_true 10 [ -z "$(daemon_pids)" ] || fail "daemons are left: $(daemon_pids)"
echo "all steps passed"
