#!/usr/bin/env bash
# The workflows of runtimes, step by step as they stand in .github/workflows, on a scratch repository with a bare remote:
# one runtime, then all at once, to a page of releases, by a fake `gh` (tests/e2e/fakes).
#
#   workflows.sh BIN_DIR
set -euo pipefail
# shellcheck source=tests/e2e/stage.sh
. "$(dirname "$0")/stage.sh"
undo() { [ -z "${server_pid:-}" ] || kill "$server_pid" 2>/dev/null || true; }
export XDG_CACHE_HOME=$work/cache GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1
git config --global user.name Nobody
git config --global user.email nobody@example.org
git config --global init.defaultBranch main
git config --global advice.detachedHead false
workflow() { "$root/tests/e2e/workflow.py" "$@"; }

step "each step is a verb, each matrix has all runtimes, each tag starts what it should"
expect_code 0 workflow check
starts() {
  [ "$(workflow triggered "$1" | paste -sd' ')" = "$2" ] || fail "the tag $1 starts '$(workflow triggered "$1")', want '$2'"
}
starts python@1.2.0 release-runtime.yml
starts python-3.11-ml@1.3.2 release-runtime.yml
starts vlang@1.0.0 release-runtime.yml
starts v1.4.0 release.yml
starts v10.20.30 release.yml
starts python-3.11-ml-1.3.2 ""
starts 1.3.2 ""
starts V1.3.2 ""

step "a repository of two runtimes"
export FAKE_GH=$work/pages
mkdir -p "$FAKE_GH" "$work/repo/runtimes"
"$root/tests/e2e/file_server.py" "$FAKE_GH" "$work/pages.port" "$work/pages.log" &
server_pid=$!
until_true 10 test -s "$work/pages.port" || fail "the server does not start"
page=http://127.0.0.1:$(cat "$work/pages.port")/team/runtimes/releases
git init --quiet --bare "$work/remote.git"
git init --quiet "$work/repo"
cd "$work/repo"
git remote add origin "$work/remote.git"
export UNIKCTL_RUNTIME_SOURCES=runtimes
(cd runtimes && unikctl runtime new mine && unikctl runtime new yours) >/dev/null
expect_code 0 unikctl runtime lock mine --update --source runtimes
cp runtimes/mine/versions.lock runtimes/yours/
printf '/build/\n' >.gitignore
git add . && git commit --quiet --message Begin && git push --quiet origin main
expect_code 0 unikctl runtime key generate "$work/team"
RUNTIMES_PUBLIC_KEY=$(cat "$work/out")
export RUNTIMES_PUBLIC_KEY
release() { unikctl runtime release "$@" --to "$work/packages" --url "$page" --key "$work/team.key" --no-test --yes; }
# In a fresh checkout of the tag, and a home that has nothing, as a runner has.
on_runner() {
  git clone --quiet --branch "$1" "$work/remote.git" "$work/runner-$1"
  local file
  for file in $(workflow triggered "$1"); do
    (cd "$work/runner-$1" && UNIKCTL_HOME=$work/home-$1 PATH=$root/tests/e2e/fakes:$PATH workflow run "$file" "$@") ||
      fail "$file of $1"
  done
  UNIKCTL_HOME=$work/home-$1 unikctl down --all >/dev/null 2>&1 || true
}
published() { [ -s "$FAKE_GH/team/runtimes/releases/download/$1" ] || fail "$1 is not published: $(find "$FAKE_GH")"; }

step "runtime-quality and build-runtimes"
(cd "$work/repo" && UNIKCTL_HOME=$work/quality workflow run runtime-quality.yml main mine) || fail "runtime-quality"
(cd "$work/repo" && UNIKCTL_HOME=$work/quality workflow run build-runtimes.yml main mine) || fail "build-runtimes"
UNIKCTL_HOME=$work/quality unikctl down --all >/dev/null 2>&1 || true

step "release-runtime: one"
expect_code 0 release mine
said "next: \`unikctl runtime publish mine@0.1.0 --in .\`"
on_runner mine@0.1.0
published mine@0.1.0/mine-0.1.0.tar.gz
cmp "$FAKE_GH/team/runtimes/releases/download/mine@0.1.0/mine-0.1.0.tar.gz" "$work/packages/mine/mine-0.1.0.tar.gz"
minisign -V -q -m "$FAKE_GH/team/runtimes/releases/download/mine@0.1.0/mine-0.1.0.tar.gz" -P "$RUNTIMES_PUBLIC_KEY" ||
  fail "minisign does not verify what is published"

step "release: all of them, on one page"
expect_code 0 release --all --version 1.4.0
on_runner v1.4.0 mine yours
published v1.4.0/mine-1.4.0.tar.gz
published v1.4.0/yours-1.4.0.tar.gz
[ "$(grep -c "release create v1.4.0" "$FAKE_GH/calls")" = 1 ] || fail "calls: $(cat "$FAKE_GH/calls")"

step "an app on what was published, on a host that has nothing else"
mkdir -p "$work/app" "$work/none" "$XDG_CONFIG_HOME/unikctl"
echo "An app on it" >"$work/app/index.html"
printf 'version: 1\nrun: {command: [/usr/sbin/mini_httpd, -D, -p, "8080", -d, /app]}\n' >"$work/app/unik.yaml"
printf 'apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: app}\nspec:\n  source: ./app\n  runtime: mine@1.4.0\n  ports: [{port: 8080, publish: %s}]\n' \
  "$port" >"$work/app.yaml"
printf 'runtimes:\n  registries:\n    - {name: team, url: "%s", public_key: %s}\n' "$work/runner-v1.4.0" "$RUNTIMES_PUBLIC_KEY" \
  >"$XDG_CONFIG_HOME/unikctl/config.yaml"
elsewhere() { UNIKCTL_HOME=$work/elsewhere UNIKCTL_RUNTIME_SOURCES=$work/none "$@"; }
expect_code 0 elsewhere unikctl apply -f "$work/app.yaml"
said "from registry team, signed by key"
until_true 60 answers "An app on it" || fail "the app does not answer"
elsewhere unikctl down --all >/dev/null 2>&1

step "what is not what was released is not published"
git clone --quiet --branch mine@0.1.0 "$work/remote.git" "$work/changed"
jq '.runtimes.mine["0.1.0"].checksum = "sha256:" + ("0" * 64)' registry.json >"$work/changed/registry.json"
code=0
(cd "$work/changed" && UNIKCTL_HOME=$work/home-mine@0.1.0 PATH=$root/tests/e2e/fakes:$PATH \
  unikctl runtime publish mine@0.1.0 --in .) >"$work/out" 2>"$work/err" || code=$?
[ "$code" = 4 ] || fail "published: $(cat "$work/out" "$work/err")"
said "build it from the source that was released"

echo "all steps passed"
