#!/usr/bin/env bash
# Disks that fill up under the controller and under the agent: what is asked then fails whole and says why, reads and
# running apps go on, and when there is room again all goes on without a restart, with nothing lost.
#
#   full_disk.sh BIN_DIR     in a mount namespace of its own, as root or by a user namespace
if [ -z "${E2E_OWN_MOUNTS-}" ]; then
  map=()
  [ "$(id -u)" = 0 ] || map=(--user --map-root-user)
  E2E_OWN_MOUNTS=1 exec unshare "${map[@]}" --mount "$0" "$@"
fi
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
undo() { umount "$UNIKCTL_HOME/agent" "$UNIKCTL_HOME" 2>/dev/null || true; }
build_guest

mkdir -p "$UNIKCTL_HOME"
mount -t tmpfs -o size=64m,mode=0700 controller "$UNIKCTL_HOME"
mkdir "$UNIKCTL_HOME/agent"
mount -t tmpfs -o size=64m,mode=0700 agent "$UNIKCTL_HOME/agent"

fill() { dd if=/dev/zero of="$1/ballast" bs=64k 2>/dev/null || true; }
revision() { curl -s --unix-socket "$UNIKCTL_HOME/controller.sock" http://localhost/readyz | jq .revision; }

step "an app serves"
write_app first "[serve, '8080']" "ports: [{name: http, port: 8080, publish: $port}]"
unikctl apply -f "$work/first.yaml" >/dev/null || fail "apply"
unikctl wait app/first --for ready --timeout 180s || fail "first did not become ready"
until_true 20 answers well || fail "first does not answer"
# From here on nothing is packed: the disk that fills up is to stop the controller, not the builder.
image=$(app_field first '.spec.image')
printf 'apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: second}\nspec:\n  image: %s\n  args: [tick, "500"]\n' \
  "$image" >"$work/second.yaml"
for i in $(seq 40); do
  printf -- '---\napiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: idle-%s}\nspec:\n  image: %s\n  replicas: 0\n  env: {PAD: "%s"}\n' \
    "$i" "$image" "$(printf "%02000d" "$i")"
done >"$work/many.yaml"
daemons=$(daemon_pids | sort)
vms=$(vm_pids)

step "the controller's disk is full: a request fails whole and says why"
fill "$UNIKCTL_HOME"
before=$(revision)
# What room SQLite has left in its own files may still take small ones; many at once are more than that.
expect_code 6 unikctl apply -f "$work/many.yaml"
said "disk"
expect_code 3 unikctl get app idle-1
expect_code 3 unikctl get app idle-40
[ "$(revision)" = "$before" ] || fail "a failed request moved the journal from $before to $(revision)"

step "so does a build on it, with the same code, and says how to free the images of this host"
expect_code 6 unikctl deploy "$work/guest" --name built -- exit 0
said "exhausted: writing"
said "unikctl image prune"

step "reads go on, and the app serves"
expect_code 0 unikctl status
said "first"
expect_code 0 unikctl get app first -o yaml
answers well || fail "first does not answer"

step "with room again the same request succeeds, without a restart"
rm "$UNIKCTL_HOME/ballast"
accepted() { unikctl apply -f "$work/many.yaml" >"$work/out" 2>&1; }
until_true 60 accepted || fail "the controller did not recover: $(cat "$work/out")"
expect_code 0 unikctl get app idle-40
[ "$(daemon_pids | sort)" = "$daemons" ] || fail "the daemons '$daemons' became '$(daemon_pids | sort)'"

step "the agent's disk is full: new work waits, and the app serves"
fill "$UNIKCTL_HOME/agent"
unikctl apply -f "$work/second.yaml" >/dev/null || fail "apply of second"
tried() { grep -q 'the record could not be saved and is tried again.*space' "$UNIKCTL_HOME/log/agent.log"; }
until_true 60 tried || fail "the agent does not say that its disk is full"
[ "$(instance_field second .status.phase)" = pending ] || fail "second runs, and nobody has stored that it should"
! grep -q 'image prune' "$UNIKCTL_HOME"/log/*.log || fail "a daemon sends its operator to the images of the CLI"
answers well || fail "first does not answer"
[ "$(vm_pids)" = "$vms" ] || fail "the VM '$vms' became '$(vm_pids)'"

step "with room again it starts, without a restart of anything"
rm "$UNIKCTL_HOME/agent/ballast"
unikctl wait app/second --for ready --timeout 180s || fail "second did not start: $(unikctl explain app/second)"
[ "$(daemon_pids | sort)" = "$daemons" ] || fail "the daemons '$daemons' became '$(daemon_pids | sort)'"
unikctl status -o json | jq -e '.instances[] | select(.name | startswith("first")) | .status.restarts == 0' >/dev/null ||
  fail "first was restarted"

step "nothing that was acknowledged is lost by a kill after it"
unikctl get app -o json | jq -S '[.items[] | {metadata, spec}]' >"$work/apps"
kill -9 "$(pid_of unik-controller)" "$(pid_of 'unik-agent run')"
unikctl up >/dev/null || fail "up"
unikctl get app -o json | jq -S '[.items[] | {metadata, spec}]' | diff "$work/apps" - || fail "the apps are not what they were"
unikctl wait app/first app/second --for ready --timeout 60s || fail "not ready after the kill"
answers well || fail "first does not answer"
echo "all steps passed"
