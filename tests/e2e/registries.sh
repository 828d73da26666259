#!/usr/bin/env bash
# Images and a registry that asks for a password (Debian's docker-registry on loopback): what goes there and comes back, what
# tools of others make of it, and how the verbs end when the registry refuses, lies or is cut off. No VM is needed.
#
#   registries.sh BIN_DIR
set -euo pipefail
# shellcheck source=tests/e2e/stage.sh
. "$(dirname "$0")/stage.sh"
for tool in docker-registry skopeo umoci oci-image-tool; do
  command -v $tool >/dev/null || fail "want $tool: apt-get install docker-registry skopeo umoci oci-image-tool"
done

pids=()
undo() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; }
export XDG_CACHE_HOME=$work/cache HOME=$work/user
unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR
mkdir -p "$HOME/.docker"
registry=127.0.0.1:$((port - 10000))
wire=127.0.0.1:$port
log_in() {
  printf '{"auths": {"%s": {"auth": "%s"}, "%s": {"auth": "%s"}}}' "$registry" "$(printf '%s' "$1" | base64)" \
    "$wire" "$(printf '%s' "$1" | base64)" >"$HOME/.docker/config.json"
}
start_wire() {
  "$root/tests/e2e/cut_wire.py" "${wire##*:}" "${registry##*:}" "$1" &
  pids+=($!)
  until_true 10 curl --silent --output /dev/null "http://$wire/v2/" || fail "the wire does not start"
}
# Another host: a store that has nothing of what was pushed.
elsewhere() { UNIKCTL_HOME=$work/elsewhere unikctl "$@"; }
names_elsewhere() { elsewhere image list -o name | paste -sd' '; }
blob_in_registry() { echo "$work/registry/docker/registry/v2/blobs/sha256/${1:7:2}/${1:7}/data"; }
quiet_skopeo() { skopeo "$@" >"$work/skopeo" 2>&1 || fail "skopeo $1: $(cat "$work/skopeo")"; }

step "an image of 8 MiB that nothing compresses, and a registry that asks who one is"
build_guest
head -c 8388608 /dev/urandom >"$work/noise"
mkdir "$work/web"
printf 'version: 1\nlanguage: c\nbuild: {command: "cp %s guest"}\nartifact: {path: guest}\nrun: {command: [./guest]}\n' \
  "$work/guest" >"$work/web/unik.yaml"
expect_code 0 unikctl build "$work/web" --include "$work/noise:/noise"
digest=$(unikctl image digest web)
# ann, s3cret
# shellcheck disable=SC2016
printf '%s\n' 'ann:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK' >"$work/htpasswd"
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\nauth:\n  htpasswd: {realm: test, path: %s}\n' \
  "$work/registry" "$registry" "$work/htpasswd" >"$work/registry.yml"
docker-registry serve "$work/registry.yml" >>"$work/registry.log" 2>&1 &
pids+=($!)
until_true 10 curl --silent --output /dev/null "http://$registry/v2/" || fail "the registry does not start"
expect_code 5 unikctl image push web "$registry/team/web:1.0"
said "put credentials for it into ~/.docker/config.json"
log_in ann:wrong
expect_code 5 unikctl image push web "$registry/team/web:1.0"
said "check the credentials in ~/.docker/config.json"

step "push, pull, copy and digest say the same"
log_in ann:s3cret
expect_code 0 unikctl image push web "$registry/team/web:1.0"
expect_code 0 unikctl image copy "$registry/team/web:1.0" "$registry/prod/web:1.0"
[ "$(elsewhere image digest "$registry/prod/web:1.0")" = "$digest" ] || fail "the copy has another digest"
expect_code 3 elsewhere image pull "$registry/team/web:2.0"
expect_code 3 elsewhere image digest "$registry/team/web:2.0"
expect_code 3 elsewhere image copy "$registry/team/none:1.0" none
[ -z "$(names_elsewhere)" ] || fail "in the index: $(names_elsewhere)"
expect_code 0 elsewhere image pull "$registry/team/web:1.0"
[ "$(elsewhere image digest "$registry/team/web:1.0")" = "$digest" ] || fail "what was pulled has another digest"
expect_code 0 elsewhere image rm "$registry/team/web:1.0"
expect_code 0 elsewhere image prune

step "tools of others read what is here and there"
quiet_skopeo inspect --tls-verify=false --creds ann:s3cret "docker://$registry/team/web:1.0"
[ "$(jq -r .Digest "$work/skopeo")" = "$digest" ] || fail "skopeo sees $(cat "$work/skopeo")"
quiet_skopeo inspect "oci:$UNIKCTL_HOME/images:web"
oci-image-tool validate --type image --ref name=web "$UNIKCTL_HOME/images" >"$work/out" 2>&1 || fail "oci-image-tool: $(cat "$work/out")"
umoci unpack --rootless --image "$UNIKCTL_HOME/images:web" "$work/unpacked" >"$work/out" 2>&1 || fail "umoci: $(cat "$work/out")"
cmp "$work/unpacked/rootfs/noise" "$work/noise" || fail "umoci unpacks something else"

step "what tools of others write is pulled byte for byte"
umoci init --layout "$work/theirs"
umoci new --image "$work/theirs:one"
umoci unpack --rootless --image "$work/theirs:one" "$work/bundle" >/dev/null 2>&1
echo "of theirs" >"$work/bundle/rootfs/words"
umoci repack --image "$work/theirs:one" "$work/bundle" >/dev/null 2>&1
quiet_skopeo copy --dest-tls-verify=false --dest-creds ann:s3cret "oci:$work/theirs:one" "docker://$registry/theirs:1"
expect_code 0 elsewhere image copy "$registry/theirs:1" theirs
[ "$(elsewhere image digest theirs)" = "$(jq -r '.manifests[0].digest' "$work/theirs/index.json")" ] || fail "another digest"
umoci unpack --rootless --image "$work/elsewhere/images:theirs" "$work/back" >"$work/out" 2>&1 || fail "umoci: $(cat "$work/out")"
cmp "$work/back/rootfs/words" "$work/bundle/rootfs/words" || fail "it came back altered"

step "a blob that the registry's disk has altered is refused, and so is one of this disk"
kept=$(names_elsewhere)
layer=$(jq -r '.layers | max_by(.size) | .digest' "$UNIKCTL_HOME/images/blobs/sha256/${digest#*:}")
cp "$(blob_in_registry "$layer")" "$work/whole"
printf evil | dd of="$(blob_in_registry "$layer")" bs=1 seek=5000 conv=notrunc status=none
expect_code 2 elsewhere image pull "$registry/team/web:1.0"
said "what was sent is not what was asked for"
[ "$(names_elsewhere)" = "$kept" ] || fail "in the index: $(names_elsewhere)"
[ ! -e "$work/elsewhere/images/blobs/sha256/${layer#*:}" ] || fail "the altered blob is kept"
cp "$work/whole" "$(blob_in_registry "$layer")"
printf evil | dd of="$UNIKCTL_HOME/images/blobs/sha256/${layer#*:}" bs=1 seek=5000 conv=notrunc status=none
expect_code 8 unikctl image push web "$registry/other/web:1.0"
said "the bytes do not match $layer"
expect_code 3 unikctl image digest "$registry/other/web:1.0"
expect_code 0 unikctl build "$work/web" --include "$work/noise:/noise" --rebuild
[ "$(unikctl image digest web)" = "$digest" ] || fail "built again it is another"
expect_code 0 unikctl image push web "$registry/other/web:1.0"

step "a wire that is cut for good leaves nothing; whole again, the next try succeeds"
start_wire 3000000
expect_code 7 elsewhere image pull "$wire/team/web:1.0"
[ "$(names_elsewhere)" = "$kept" ] || fail "in the index: $(names_elsewhere)"
[ -z "$(ls -A "$work/elsewhere/images/tmp")" ] || fail "left: $(ls -A "$work/elsewhere/images/tmp")"
start_wire 0
expect_code 0 elsewhere image pull "$wire/team/web:1.0"
[ "$(elsewhere image digest "$wire/team/web:1.0")" = "$digest" ] || fail "what was pulled has another digest"
expect_code 0 elsewhere image push "$wire/team/web:1.0" "$wire/again/web:1.0"

echo "ok: images go to a registry and back ($SECONDS s)"
