#!/usr/bin/env bash
# Registries of runtimes that ask who one is, and places that only a tool reaches: an OCI namespace (Debian's
# docker-registry, with a password), a web server with a password, and a page of releases. `gh` is a fake of tests/e2e/fakes.
#
#   namespaces.sh BIN_DIR
set -euo pipefail
# shellcheck source=tests/e2e/stage.sh
. "$(dirname "$0")/stage.sh"
# shellcheck source=tests/e2e/tiny_runtime.sh
. "$(dirname "$0")/tiny_runtime.sh"
for tool in docker-registry skopeo lighttpd; do
  command -v $tool >/dev/null || fail "want $tool: apt-get install docker-registry skopeo lighttpd"
done

pids=()
undo() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; }
export XDG_CACHE_HOME=$work/cache HOME=$work/user
unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR NETRC
mkdir -p "$HOME/.docker" "$XDG_CONFIG_HOME/unikctl"
registry=127.0.0.1:$((port - 10000))
space=oci://$registry/team/runtimes
start_registry() {
  docker-registry serve "$work/registry.yml" >>"$work/registry.log" 2>&1 &
  registry_pid=$!
  pids+=($!)
  until_true 10 curl --silent --output /dev/null "http://$registry/v2/" || fail "the registry does not start"
}
stop_registry() {
  kill "$registry_pid"
  wait "$registry_pid" 2>/dev/null || true
}
# As a user of the registry does by hand.
fetch() { curl --silent --fail --user ann:s3cret -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/$1"; }
file_of() { fetch "$1/manifests/$2" | jq -r '.layers[0].digest'; }
registry_json() { fetch "team/runtimes/blobs/$(file_of team/runtimes registry.json)"; }

step "build four versions"
begin_tiny
for number in 1.0.0 1.9.0 2.0.0 2.1.0; do build_tiny "$number"; done
publisher=$UNIKCTL_HOME

step "publish to an OCI namespace that asks for a password"
# ann, s3cret
# shellcheck disable=SC2016
printf '%s\n' 'ann:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK' >"$work/htpasswd"
printf 'version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\nauth:\n  htpasswd: {realm: test, path: %s}\n' \
  "$work/registry" "$registry" "$work/htpasswd" >"$work/registry.yml"
start_registry
# With the source that it was built from, which goes into the package.
publish() {
  tiny_version "${1#*@}"
  unikctl runtime publish "$1" --to "$space" --key "$work/publisher.key"
}
expect_code 5 publish tiny@1.0.0
said "put credentials for it into ~/.docker/config.json"
printf '{"auths": {"%s": {"auth": "%s"}}}' "$registry" "$(printf 'ann:wrong' | base64)" >"$HOME/.docker/config.json"
expect_code 5 publish tiny@1.0.0
said "check the credentials in ~/.docker/config.json"
printf '{"auths": {"%s": {"auth": "%s"}}}' "$registry" "$(printf 'ann:s3cret' | base64)" >"$HOME/.docker/config.json"
chmod 400 "$HOME/.docker/config.json"
cp "$HOME/.docker/config.json" "$work/config.json"
expect_code 0 publish tiny@1.0.0
said "$space/tiny:1.0.0"
expect_code 0 publish tiny@1.9.0
expect_code 4 publish tiny@1.0.0
said "never overwritten"
expect_code 2 unikctl runtime publish tiny@1.0.0 --to "oci://$registry"
said "want oci://HOST[:PORT]/NAMESPACE"
cmp "$HOME/.docker/config.json" "$work/config.json" || fail "the credentials' file was written"
registry_json >"$work/registry.json"
[ "$(jq -r '.runtimes.tiny | keys | join(" ")' "$work/registry.json")" = "1.0.0 1.9.0" ] || fail "registry: $(cat "$work/registry.json")"
sum=$(jq -r '.runtimes.tiny["1.0.0"].checksum' "$work/registry.json")
skopeo inspect --raw --tls-verify=false --creds ann:s3cret "docker://$registry/team/runtimes/tiny:1.0.0" |
  jq -e --arg sum "$sum" '.artifactType == "application/vnd.dev.unikctl.runtime.package.v1" and .layers[0].digest == $sum' >/dev/null ||
  fail "skopeo does not find the package"

step "four publishers at once, each with a cache of its own"
crowd=oci://$registry/crowd
publishers=()
for number in 1.0.0 1.9.0 2.0.0 2.1.0; do
  XDG_CACHE_HOME=$work/cache.$number UNIKCTL_RUNTIME_SOURCES=$work/none unikctl runtime publish "tiny@$number" --to "$crowd" \
    >"$work/out.$number" 2>&1 &
  publishers+=($!)
done
for pid in "${publishers[@]}"; do wait "$pid" || fail "one of them failed: $(cat "$work"/out.[0-9]*)"; done
fetch "crowd/blobs/$(file_of crowd registry.json)" >"$work/crowd.json"
[ "$(jq -r '.runtimes.tiny | keys_unsorted | join(" ")' "$work/crowd.json")" = "1.0.0 1.9.0 2.0.0 2.1.0" ] ||
  fail "lost: $(cat "$work/crowd.json")"
expect_code 3 unikctl runtime yank tiny@1.0.0 --in "oci://$registry/nowhere"
said "want a registry.json there, found none"

step "install from it: pinned and latest"
export UNIKCTL_HOME=$work/host UNIKCTL_RUNTIME_SOURCES=$work/none
configure "{name: main, url: \"$space\", public_key: $public_key}"
expect_code 0 unikctl runtime list --remote -o json
[ "$(jq -r '[.items[].version] | join(" ")' "$work/out")" = "1.9.0 1.0.0" ] || fail "remote: $(cat "$work/out")"
expect_code 0 unikctl runtime install tiny tiny@1.0.0
[ "$(installed)" = "tiny@1.9.0 tiny@1.0.0" ] || fail "installed is $(installed)"
said "signed by key"
expect_code 0 unikctl runtime verify
expect_code 0 unikctl runtime info tiny@1.0.0 -o json
[ "$(jq -r .installed.package "$work/out")" = "$space/tiny:1.0.0" ] || fail "info: $(cat "$work/out")"
expect_code 3 unikctl runtime install tiny@7.0.0
said "there is 1.9.0, 1.0.0"
expect_code 0 unikctl runtime remove tiny --all
[ "$(UNIKCTL_HOME=$publisher unikctl image digest runtimes/tiny:1.0.0)" = "$(jq -r '.runtimes.tiny["1.0.0"].image_digest' "$work/registry.json")" ] ||
  fail "another image than the publisher's"

step "a download is gone on with"
package=$(find "$work/registry" -path "*/${sum#sha256:}/data")
mkdir -p "$XDG_CACHE_HOME/unikctl/downloads"
head -c 5000 "$package" >"$XDG_CACHE_HOME/unikctl/downloads/${sum#sha256:}"
: >"$work/registry.log"
expect_code 0 unikctl runtime install tiny@1.0.0
said "going on with a download"
grep "blobs/$sum" "$work/registry.log" | holds "status=206" || fail "not gone on with: $(grep "blobs/$sum" "$work/registry.log")"
expect_code 0 unikctl runtime remove tiny@1.0.0
head -c 5000 /dev/zero >"$XDG_CACHE_HOME/unikctl/downloads/${sum#sha256:}"
expect_code 0 unikctl runtime install tiny@1.0.0
said "fetching it anew"
expect_code 0 unikctl runtime remove tiny@1.0.0

step "wrong checksum, size, signature, key; bytes that have changed where they lie"
mkdir -p "$work/shelf"
# refused JQ_FILTER WORDS: a registry that says something else of the same artifact.
refused() {
  jq "(.runtimes.tiny[].download_url |= \"$space/\" + .) | $1" "$work/registry.json" >"$work/shelf/registry.json"
  expect_code 2 unikctl runtime install tiny@1.0.0 --from "$work/shelf" --key "$public_key"
  said "$2"
  nothing
}
wrong=sha256:$(printf '0%.0s' $(seq 64))
refused ".runtimes.tiny[\"1.0.0\"].checksum = \"$wrong\"" "want $wrong, as its registry says, found $sum"
refused '.runtimes.tiny["1.0.0"].size += 1' "bytes, as its registry says, found"
refused '.runtimes.tiny["1.0.0"].signature = .runtimes.tiny["1.9.0"].signature' "signature"
refused '.runtimes.tiny["1.0.0"].download_url = .runtimes.tiny["1.9.0"].download_url' "as its registry says, found"
UNIKCTL_HOME=$publisher expect_code 0 unikctl runtime key generate "$work/stranger"
stranger=$(cat "$work/out")
expect_code 2 unikctl runtime install tiny@1.0.0 --from "$space" --key "$stranger"
nothing
expect_code 2 unikctl runtime install tiny@1.0.0 --key "$public_key"
said "--key goes with --from"
cp "$package" "$work/package"
printf x | dd of="$package" bs=1 seek=9000 conv=notrunc 2>/dev/null
expect_code 2 unikctl runtime install tiny@1.0.0
said "want $sum"
nothing
cp "$work/package" "$package"
expect_code 0 unikctl runtime install tiny@1.0.0 --from "$space" --key "$public_key"
expect_code 0 unikctl runtime remove tiny@1.0.0

step "yanked"
expect_code 0 unikctl runtime yank tiny@1.9.0 --in "$space"
expect_code 0 unikctl runtime install tiny
grep -q "^runtimes/tiny:1.0.0@" "$work/out" || fail "after yank: $(cat "$work/out")"
expect_code 0 unikctl runtime remove tiny --all

step "one registry down, another up; offline"
configure "{name: down, url: \"oci://127.0.0.1:1/team\"}" "{name: main, url: \"$space\", public_key: $public_key}"
expect_code 0 unikctl runtime install tiny@1.0.0
said "registry down:"
stop_registry
expect_code 0 unikctl runtime list --remote -o name
said "registry main gives no answer that can be used; going by its last one"
[ "$(wc -l <"$work/out")" = 2 ] || fail "offline: $(cat "$work/out")"
expect_code 0 unikctl runtime install tiny@1.0.0
said "was installed already"
expect_code 7 unikctl runtime install tiny@1.9.0
expect_code 0 unikctl runtime verify
# What is built on it needs nobody.
mkdir "$work/app"
cp "$(command -v busybox)" "$work/app/busybox"
printf 'version: 1\nruntime: tiny@1.0.0\nrun: {command: [/app/busybox, date]}\n' >"$work/app/unik.yaml"
expect_code 0 unikctl build "$work/app"
start_registry
expect_code 0 unikctl runtime install tiny@1.9.0
expect_code 0 unikctl runtime remove tiny --all
nothing

step "a web server that asks for a password: ~/.netrc"
web=$port
mkdir -p "$work/web/tiny"
jq '.runtimes.tiny[].download_url = "tiny/tiny-1.0.0.tar.gz" | del(.runtimes.tiny["1.9.0"])' "$work/registry.json" >"$work/web/registry.json"
cp "$package" "$work/web/tiny/tiny-1.0.0.tar.gz"
printf 'bob:hidden\n' >"$work/web.users"
cat >"$work/lighttpd.conf" <<END
server.modules = ("mod_auth", "mod_authn_file")
server.bind = "127.0.0.1"
server.port = $web
server.document-root = "$work/web"
auth.backend = "plain"
auth.backend.plain.userfile = "$work/web.users"
auth.require = ("/" => ("method" => "basic", "realm" => "runtimes", "require" => "valid-user"))
END
lighttpd -D -f "$work/lighttpd.conf" 2>"$work/lighttpd.log" &
pids+=($!)
until_true 10 curl --silent --output /dev/null "http://127.0.0.1:$web/" || fail "lighttpd: $(cat "$work/lighttpd.log")"
configure "{name: web, url: \"http://127.0.0.1:$web/\", public_key: $public_key}"
expect_code 7 unikctl runtime install tiny@1.0.0
said "machine 127.0.0.1 login USER password SECRET"
printf 'machine 127.0.0.1 login bob password hidden\n' >"$HOME/.netrc"
chmod 600 "$HOME/.netrc"
expect_code 0 unikctl runtime install tiny@1.0.0
expect_code 0 unikctl runtime remove tiny@1.0.0
printf 'machine 127.0.0.1 login bob password other\n' >"$HOME/.netrc"
expect_code 5 unikctl runtime install tiny@1.0.0
said "going by its last one"
rm "$HOME/.netrc"

step "a page of releases, by a fake gh"
export FAKE_GH=$work/pages PATH=$root/tests/e2e/fakes:$PATH
mkdir -p "$FAKE_GH"
"$root/tests/e2e/file_server.py" "$FAKE_GH" "$work/pages.port" "$work/pages.log" &
pids+=($!)
until_true 10 test -s "$work/pages.port" || fail "the server does not start"
page=http://127.0.0.1:$(cat "$work/pages.port")/team/runtimes/releases
export UNIKCTL_HOME=$publisher UNIKCTL_RUNTIME_SOURCES=$work/sources
tiny_version 1.0.0
named() {
  jq ".runtimes.tiny[\"1.0.0\"].download_url = \"$1\" | del(.runtimes.tiny[\"1.9.0\"])" "$work/registry.json" >"$work/shelf/registry.json"
}
named "$page/download/tiny@1.0.0/tiny-1.0.0.tar.gz"
expect_code 0 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
cmp "$FAKE_GH/team/runtimes/releases/download/tiny@1.0.0/tiny-1.0.0.tar.gz" "$package"
[ "$(cat "$FAKE_GH/team/runtimes/releases/download/tiny@1.0.0/tiny-1.0.0.tar.gz.minisig")" = "$(jq -r '.runtimes.tiny["1.0.0"].signature' "$work/registry.json")" ] ||
  fail "the page has another signature"
repository=${page#http://}
grep -qF -- "release create tiny@1.0.0 --repo ${repository%/releases} --verify-tag" "$FAKE_GH/calls" || fail "calls: $(cat "$FAKE_GH/calls")"
expect_code 0 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
said "was there already"
echo theirs >"$FAKE_GH/team/runtimes/releases/download/tiny@1.0.0/tiny-1.0.0.tar.gz"
expect_code 4 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
said "never overwritten"
cp "$package" "$FAKE_GH/team/runtimes/releases/download/tiny@1.0.0/tiny-1.0.0.tar.gz"
edited=$(jq ".runtimes.tiny[\"1.0.0\"].checksum = \"$wrong\"" "$work/shelf/registry.json")
echo "$edited" >"$work/shelf/registry.json"
expect_code 4 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
said "want $wrong"
named "$page/download/tiny@1.0.0/tiny-1.0.0.tar.gz"
UNIKCTL_HOME=$work/host UNIKCTL_RUNTIME_SOURCES=$work/none expect_code 0 unikctl runtime install tiny@1.0.0 --from "$work/shelf" --key "$public_key"
named "https://example.org/tiny-1.0.0.tar.gz"
expect_code 2 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
said "copy the package there yourself"
expect_code 2 unikctl runtime publish tiny@1.0.0
said "want --to"
named "$page/download/tiny@1.0.0/tiny-1.0.0.tar.gz"
PATH=$bin:/nowhere expect_code 3 "$bin/unikctl" runtime publish tiny@1.0.0 --in "$work/shelf"
said "gh"

step "what registry.json names goes into a directory and a namespace, too"
named "tiny/tiny-1.0.0.tar.gz"
expect_code 0 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
cmp "$work/shelf/tiny/tiny-1.0.0.tar.gz" "$package"
expect_code 0 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
said "was there already"
named "oci://$registry/other/tiny:1.0.0"
expect_code 0 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
[ "$(file_of other/tiny 1.0.0)" = "$sum" ] || fail "the namespace has $(fetch other/tiny/manifests/1.0.0)"
expect_code 0 unikctl runtime publish tiny@1.0.0 --in "$work/shelf"
said "was there already"

echo "all steps passed"
