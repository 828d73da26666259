#!/bin/bash
# Ordinary container images, made by tools of others, run in VMs: from a layout of this host, and from a registry by a tag
# that is resolved once. Usage: containers.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/stage.sh"
for tool in docker-registry umoci skopeo busybox; do
  command -v $tool >/dev/null || fail "want $tool: apt-get install docker-registry umoci skopeo busybox-static"
done

registry_port=$((port + 10000))
registry=127.0.0.1:$registry_port
registry_pid=
undo() { [ -z "$registry_pid" ] || kill -9 "$registry_pid" 2>/dev/null || true; }

step "a container image of two layers and a whiteout"
mkdir -p "$work/rootfs/bin" "$work/rootfs/etc" "$work/rootfs/www"
cp "$(command -v busybox)" "$work/rootfs/bin/busybox"
ln -s busybox "$work/rootfs/bin/sh"
echo 'root:x:0:0::/:/bin/sh
web:x:101:102::/:/bin/sh' >"$work/rootfs/etc/passwd"
echo secret >"$work/rootfs/www/gone"
echo public >"$work/rootfs/www/kept"
image() { umoci "$1" --image "$work/layout:web" "${@:2}" >/dev/null 2>"$work/umoci.log" || fail "umoci $*: $(cat "$work/umoci.log")"; }
umoci init --layout "$work/layout"
image new
# By unpack and repack: what `umoci insert` writes is no whole tar (it lacks the end), and is refused.
umoci unpack --rootless --image "$work/layout:web" "$work/bundle" >/dev/null
cp -a "$work/rootfs/." "$work/bundle/rootfs/"
umoci repack --refresh-bundle --image "$work/layout:web" "$work/bundle" >/dev/null
rm "$work/bundle/rootfs/www/gone"
umoci repack --image "$work/layout:web" "$work/bundle" >/dev/null
image config --config.entrypoint /bin/sh --config.entrypoint -c --config.env GREETING=hello \
  --config.cmd "cd /www && echo \"\$GREETING from \$(busybox id -u) in \$PWD with \$(busybox ls)\" >index.html && exec busybox httpd -f -p 8080" \
  --config.workingdir /www --config.user web

step "deploy oci:DIR"
unikctl deploy "oci:$work/layout:web" --name web -p "$port:8080" --memory 128Mi --wait --timeout 5m >"$work/out" 2>"$work/err" ||
  fail "deploy: $(cat "$work/out" "$work/err"); $(unikctl logs web | tail -n 20)"
said "outside the no-shell baseline"
until_true 30 answers "hello from 101 in /www with kept" || fail "it answers $(curl -s "http://127.0.0.1:$port/")"
unikctl status | holds 'ready (container)' || fail "status does not mark it"
unikctl destroy web --wait >/dev/null

step "a tag in a manifest is resolved when it is applied"
mkdir -p "$work/registry"
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
  "$work/registry" "$registry" >"$work/registry.yml"
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry_pid=$!
until_true 30 curl -s -o "$work/out" "http://$registry/v2/" || fail "no registry: $(cat "$work/registry.log")"
skopeo copy --dest-tls-verify=false "oci:$work/layout:web" "docker://$registry/team/web:1.0" >/dev/null
digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/team/web:1.0")
[ "$(unikctl image digest "$registry/team/web:1.0")" = "$digest" ] || fail "another digest than skopeo's"
cat >"$work/app.yaml" <<YAML
apiVersion: unikctl.dev/v1
kind: App
metadata: {name: pulled}
spec:
  image: $registry/team/web:1.0
  env: {GREETING: servus}
  resources: {memory: 128Mi}
  ports: [{name: http, port: 8080, publish: $port}]
YAML
expect_code 0 unikctl apply -f "$work/app.yaml"
said "$registry/team/web:1.0 is $digest"
app_field pulled .spec.image | holds -E "^$registry/team/web@sha256:[0-9a-f]{64}$" || fail "stored: $(app_field pulled .spec.image)"
unikctl wait app/pulled --for ready --timeout 5m >/dev/null || fail "it does not come up"
until_true 30 answers "servus from 101" || fail "it answers $(curl -s "http://127.0.0.1:$port/")"

step "the registry is gone; what runs, and what is applied again by its digest, needs it no more"
kill -9 "$registry_pid"
stored=$(app_field pulled .spec.image)
sed -i "s|image: .*|image: $stored|" "$work/app.yaml"
expect_code 0 unikctl apply -f "$work/app.yaml"
said "app/pulled unchanged"
answers "servus from 101" || fail "it stopped answering"

step "a tenant that allows no containers keeps what runs, and takes no other"
printf 'apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: default}\nspec: {allowContainers: false}\n' >"$work/tenant.yaml"
expect_code 0 unikctl apply -f "$work/tenant.yaml"
expect_code 0 unikctl apply -f "$work/app.yaml"
answers "servus from 101" || fail "a policy stopped what ran"
sed "s/name: pulled/name: other/; s/publish: $port/publish: auto/" "$work/app.yaml" >"$work/other.yaml"
expect_code 5 unikctl apply -f "$work/other.yaml"
said "which tenant default does not allow (spec.allowContainers)"
expect_code 5 unikctl deploy "oci:$work/layout:web" --name third
expect_code 5 unikctl diff -f "$work/other.yaml"
sed 's/false/true/' "$work/tenant.yaml" >"$work/allows.yaml"
expect_code 0 unikctl apply -f "$work/other.yaml" -f "$work/allows.yaml"
unikctl destroy pulled other --wait >/dev/null

echo "ok: containers of others run ($SECONDS s)"
