#!/usr/bin/env bash
# The whole way without root: user-mode networking, what limits there are without a cgroup, and adoption after kills.
#
#   unprivileged.sh BIN_DIR      as root it hands itself over to the user nobody
if [ "$(id -u)" = 0 ]; then
  # A checkout may lie where nobody cannot look.
  place=$(mktemp -d)
  trap 'rm -rf "$place"' EXIT
  root=$(cd "$(dirname "$0")/../.." && pwd)
  mkdir -p "$place/bin" "$place/tests" "$place/base"
  cp "${1:?usage: unprivileged.sh BIN_DIR}"/{unikctl,unik-controller,unik-agent} "$place/bin/"
  cp -r "$root/tests/e2e" "$place/tests/"
  cp -r "${UNIKCTL_BASE_RUNTIME:-$root/build/base}/." "$place/base"
  chmod -R a+rX "$place"
  cd /
  runuser -u nobody -- env HOME=/nonexistent UNIKCTL_BASE_RUNTIME="$place/base" "$place/tests/e2e/unprivileged.sh" \
    "$place/bin"
  exit
fi
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest

step "doctor says what holds the VMs"
code=0
unikctl doctor -o json >"$work/out" || code=$?
[ "$code" = 0 ] || fail "doctor: $(jq -c '.checks[] | select(.level == "fail")' "$work/out")"
jq . "$work/out" >/dev/null || fail "doctor -o json is no JSON"
limits=$(jq -r '.checks[] | select(.check == "cgroups") | .found' "$work/out")
[ -n "$limits" ] || fail "doctor does not say what limits there are: $(cat "$work/out")"
echo "limits: $limits"
jq -r '.checks[] | select(.check == "base_runtime") | .found' "$work/out" | holds 'kernel `' ||
  fail "doctor does not say which kernel an app boots: $(cat "$work/out")"

step "an app serves"
write_app web "[serve, '8080']" "ports: [{name: http, port: 8080, publish: $port}]" \
  "health: {http: {port: 8080, path: /}, interval: 1s, timeout: 5s, failures: 5, grace: 60s}"
unikctl apply -f "$work/web.yaml" >/dev/null || fail "apply"
unikctl wait app/web --for ready --timeout 180s || fail "web did not become ready"
until_true 20 answers well || fail "web does not answer"
vm=$(vm_pids)
[ "$(stat -c %u "/proc/$vm")" = "$(id -u)" ] || fail "the VM is not ours"
if [[ $limits == process* ]]; then
  [ "$(awk '/Max address space/ {print $4}' "/proc/$vm/limits")" != unlimited ] || fail "no bound on the VM's address space"
  [ "$(ps -o ni= -p "$vm")" -gt 0 ] || fail "the VM is not nice"
fi
awk '/Max core file size/ {exit $5 != 0}' "/proc/$vm/limits" || fail "the VM may dump its core"

step "a low port of the guest, and one of the host that only root may open"
write_app low "[serve, '80']" "ports: [{name: http, port: 80, publish: $((port + 1))}]"
unikctl apply -f "$work/low.yaml" >/dev/null || fail "apply low"
unikctl wait app/low --for ready --timeout 180s || fail "low did not become ready"
until_true 30 curl -sf -o "$work/page" "http://127.0.0.1:$((port + 1))/" || fail "the guest's port 80 does not answer"
sed -i "s/publish: [0-9]*/publish: 81/" "$work/low.yaml"
unikctl apply -f "$work/low.yaml" >/dev/null || fail "apply of a port that only root may open"
if [ "$(sysctl -n net.ipv4.ip_unprivileged_port_start 2>/dev/null || echo 1024)" -gt 81 ]; then
  says_why() { unikctl explain app/low | holds 'choose a higher host port'; }
  until_true 30 says_why || fail "nothing says why port 81 does not listen: $(unikctl explain app/low)"
fi

step "kill -9 of both, and both VMs are adopted"
vms=$(vm_pids | sort)
kill -9 "$(pid_of 'unik-agent run')" "$(pid_of unik-controller)"
answers well || fail "no answer while nobody watches"
unikctl up >/dev/null || fail "up"
unikctl wait app/web --for ready --timeout 60s || fail "web is not ready"
[ "$(vm_pids | sort)" = "$vms" ] || fail "the VMs '$vms' became '$(vm_pids | sort)'"
unikctl destroy web low --wait >/dev/null || fail "destroy"
until_true 30 is_vm_count 0 || fail "VMs are left: $(vm_pids)"
echo "all steps passed"
