#!/usr/bin/env bash
# Who signed an image decides whether it boots: signed here and by minisign, sent through a registry, asked for by a
# tenant's policy, refused by the control plane and, where that cannot know, by the node.
#
#   signatures.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
for tool in docker-registry minisign skopeo; do
  command -v $tool >/dev/null || fail "want $tool: apt-get install docker-registry minisign skopeo"
done
build_guest
registry_pid=
undo() { [ -z "$registry_pid" ] || kill "$registry_pid" 2>/dev/null || true; }

# image NAME WORDS: an image of the guest that does WORDS (a YAML list), its reference in $reference.
image() {
  mkdir -p "$work/$1"
  printf 'version: 1\nlanguage: c\nbuild: {command: "cp %s guest"}\nartifact: {path: guest}\nrun: {command: %s}\n' \
    "$work/guest" "$2" >"$work/$1/unik.yaml"
  expect_code 0 unikctl build "$work/$1"
  reference=$(cat "$work/out")
}
# app IMAGE: a service of it.
app() {
  cat >"$work/app.yaml" <<END
apiVersion: unikctl.dev/v1
kind: App
metadata: {name: web}
spec:
  image: $1
  ports: [{name: http, port: 8080, publish: $port}]
END
}
trust() {
  printf 'apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: default}\nspec: {requireSignatures: {keys: [%s]}}\n' \
    "$1" >"$work/tenant.yaml"
  expect_code 0 unikctl apply -f "$work/tenant.yaml"
}
is_refused() { [ "$(instance_field web .status.phase) $(instance_field web .status.reason)" = "failed $1" ]; }

step "sign, verify, and what minisign says to it"
expect_code 0 unikctl runtime key generate "$work/ours"
ours=$(cat "$work/out")
expect_code 0 unikctl runtime key generate "$work/theirs"
theirs=$(cat "$work/out")
image web "[./guest, serve, '8080']"
web=$reference
expect_code 2 unikctl image verify web --key "$work/ours.pub"
said "found none"
expect_code 0 unikctl image sign web --key "$work/theirs.key"
expect_code 2 unikctl image verify web --key "$work/ours.pub"
said "found only by"
image job "[./guest, say, signed, exit, '7']"
job=$reference
expect_code 0 unikctl image sign job --key "$work/ours.key"
expect_code 0 unikctl image verify "$job" --key "$theirs" --key "$ours"
said "$job: signed by key"
manifest=$UNIKCTL_HOME/images/blobs/sha256/${job##*:}
layer=$(jq -r '.manifests[0].digest' "$UNIKCTL_HOME/images/referrers/${job##*:}")
layer=$(jq -r '.layers[0].digest' "$UNIKCTL_HOME/images/blobs/sha256/${layer#*:}")
minisign -V -q -m "$manifest" -x "$UNIKCTL_HOME/images/blobs/sha256/${layer#*:}" -P "$ours" ||
  fail "minisign does not verify ours"

step "through a registry, to a host that has never seen it"
registry=127.0.0.1:$((port + 10000))
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
  "$work/registry" "$registry" >"$work/registry.yml"
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry_pid=$!
until_true 10 curl --silent --output /dev/null "http://$registry/v2/" || fail "the registry does not start"
expect_code 0 unikctl image push job "$registry/team/job:1"
expect_code 0 unikctl image copy "$registry/team/job:1" "$registry/prod/job:1"
elsewhere() { UNIKCTL_HOME=$work/elsewhere "$@"; }
expect_code 0 elsewhere unikctl image verify "$registry/prod/job:1" --key "$ours"
said "$registry/prod/job@sha256:${job##*:}: signed by key"
expect_code 2 elsewhere unikctl image verify "$registry/prod/job:1" --key "$theirs"
expect_code 0 elsewhere unikctl image pull "$registry/prod/job:1"
expect_code 0 elsewhere unikctl image verify "$registry/prod/job:1" --key "$ours"
skopeo inspect --raw --tls-verify=false "docker://$registry/prod/job:sha256-${job##*:}" |
  jq -e '.manifests[0].artifactType == "application/vnd.dev.unikctl.signature.v1"' >/dev/null ||
  fail "skopeo does not find the signature at the referrers' tag"
# A byte of a layer on this disk: the digests are signed, so it shows.
cp -r "$work/elsewhere" "$work/tampered"
layer=$(jq -r '.layers[-1].digest' "$manifest")
printf x | dd of="$work/tampered/images/blobs/sha256/${layer#*:}" bs=1 seek=100 conv=notrunc 2>/dev/null
tampered() { UNIKCTL_HOME=$work/tampered "$@"; }
expect_code 8 tampered unikctl image verify "$registry/prod/job:1" --key "$ours"

step "without a policy everything boots, and a policy that comes stops nothing"
app "$web"
expect_code 0 unikctl apply -f "$work/app.yaml"
unikctl wait app/web --for ready --timeout 180s || fail "web did not become ready"
vm=$(vm_pids)
trust "$ours"
expect_code 0 unikctl apply -f "$work/app.yaml"
until_true 60 answers well || fail "web does not answer under the policy"
[ "$(vm_pids)" = "$vm" ] || fail "the policy replaced a VM that ran"

step "a signed image boots; one that only others have signed is refused at once"
expect_code 7 unikctl deploy job --restart never --wait
said "signed"
expect_code 2 unikctl deploy "$web" --name second
said "want a signature by a trusted key"

step "where the control plane could not refuse, the node does, and for good"
kill -9 "$vm"
until_true 60 is_refused unsigned_image || fail "booted again without a signature: $(unikctl status)"
sleep 3
is_vm_count 0 || fail "a VM runs"
is_refused unsigned_image || fail "tried again: $(unikctl status)"

step "signed anew it comes back; both keys are trusted, then the old one goes"
trust "$theirs, $ours"
expect_code 0 unikctl apply -f "$work/app.yaml"
expect_code 0 unikctl rollout restart web
unikctl wait app/web --for ready --timeout 180s || fail "web did not come back under the key that signed it"
expect_code 0 unikctl image sign web --key "$work/ours.key"
expect_code 0 unikctl apply -f "$work/app.yaml"
trust "$ours"
until_true 60 is_vm_count 1 || fail "want one VM, got $(count_vms)"
kill -9 "$(vm_pids)"
until_true 120 answers well || fail "web does not boot by its newer signature: $(unikctl status)"
echo "all steps passed"
