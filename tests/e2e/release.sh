#!/usr/bin/env bash
# Releases from a scratch Git repository with a bare remote: one runtime, then all at once, then an install of what came of
# it; and every way in which a release is refused, after which the tree is as it was.
#
#   release.sh BIN_DIR
set -euo pipefail
# shellcheck source=tests/e2e/stage.sh
. "$(dirname "$0")/stage.sh"
export XDG_CACHE_HOME=$work/cache UNIKCTL_RUNTIME_SOURCES=$work/none
export GIT_CONFIG_GLOBAL=$work/gitconfig GIT_CONFIG_NOSYSTEM=1
git config --global user.name Nobody
git config --global user.email nobody@example.org
git config --global init.defaultBranch main
mkdir "$work/none"

repo=$work/repo
packages=$work/packages
mkdir "$packages"
git init --quiet --bare "$work/remote.git"
git init --quiet "$repo"
git -C "$repo" remote add origin "$work/remote.git"
source_of() {
  mkdir -p "$repo/runtimes/$1"
  printf 'name: %s\nversion: %s\ndescription: The time zones of %s\nplatforms: [linux/amd64]\nprovides: {%s: "1"}\n' \
    "$1" "$2" "$3" "$1" >"$repo/runtimes/$1/manifest.yaml"
  printf 'packages: {debian: [tzdata]}\nkeep: [usr/share/zoneinfo/%s/*]\n' "$3" >"$repo/runtimes/$1/unik.yaml"
}
source_of europe 1.0.0 Europe
source_of asia 1.0.0 Asia
# The base is a layer of each, and never released by itself.
mkdir "$repo/runtimes/base"
cp "$root"/runtimes/base/{manifest.yaml,unik.yaml,versions.lock,build.sh} "$repo/runtimes/base/"
cd "$repo"
expect_code 0 unikctl runtime lock europe --update --source "$repo"
cp runtimes/europe/versions.lock runtimes/asia/versions.lock
git add . && git commit --quiet --message "Begin" && git push --quiet origin main
release() { unikctl runtime release "$@" --to "$packages" --key "$work/team.key" --no-test; }
expect_code 0 unikctl runtime key generate "$work/team"
public_key=$(cat "$work/out")
# What a refused or failed release must leave alone.
state() {
  git status --porcelain --untracked-files=all
  git rev-parse HEAD
  git tag
  git ls-remote "$work/remote.git"
  git worktree list
  find "$packages" "$UNIKCTL_HOME/tmp" -mindepth 1 2>/dev/null | sort
  unikctl runtime list -o json | jq -c '.items[] | [.name, .version, .state, .digest]'
}
untouched() {
  state >"$work/after"
  cmp -s "$work/before" "$work/after" || fail "changed: $(diff "$work/before" "$work/after")"
}

step "what is refused"
state >"$work/before"
expect_code 3 release python@1.0.0 --yes
said "there is asia, europe"
expect_code 2 release europe-1.0.0 --yes
said "europe@1.0.0"
expect_code 2 release --all --yes
expect_code 2 release --all --version 1.4 --yes
expect_code 4 release europe@1.0.1 --yes
said "want manifest.yaml of europe to say 1.0.1, found 1.0.0"
expect_code 2 release europe </dev/null
said "Proceed? (yes/no)"
expect_code 0 release europe --dry-run
for words in "tag: europe@1.0.0 on main, to origin" "which this host alone can read" \
  "commit: \`Release europe@1.0.0\`, with the annotated tag europe@1.0.0; pushed to origin as refs/heads/main and refs/tags/europe@1.0.0" \
  "download_url file://$packages/europe/europe-1.0.0.tar.gz" "and its .minisig" "runtimes/europe/manifest.yaml: stays as it is" \
  "runtimes/europe/versions.lock: gets what the image holds" "## 1.0.0 (" "- Begin" "registry: a new one, signed by" "none is booted (--no-test)"; do
  said "$words"
done
expect_code 0 release --all --version 2.0.0 --dry-run --url "https://github.com/team/runtimes/releases"
for words in "runtimes/asia/manifest.yaml: version 1.0.0 becomes 2.0.0" "releases/download/v2.0.0/asia-2.0.0.tar.gz" \
  "next: \`unikctl runtime publish asia@2.0.0 --in .\`"; do
  said "$words"
done
expect_code 2 release --all --version v1.4.0 --yes
said "without the \`v\`"
expect_code 2 release v1.0.0 --yes
said "--all --version 1.0.0"
packages=$repo/packages expect_code 2 release europe --dry-run
said "want a place outside of $repo"
packages=$repo expect_code 2 release europe --dry-run
ln -s "$repo" "$work/packages.link"
packages=$work/packages.link/packages expect_code 2 release europe --dry-run
rm "$work/packages.link"
echo /ignored/ >>.git/info/exclude
packages=$repo/ignored/packages expect_code 0 release europe --dry-run
expect_code 2 release europe --dry-run --url http://far.example/x
said "got plain http"
mkdir "$packages/europe"
echo theirs >"$packages/europe/europe-1.0.0.tar.gz.minisig"
expect_code 4 release europe --dry-run
said "europe-1.0.0.tar.gz.minisig: is there already"
rm -r "$packages/europe"
untouched
echo x >stray
expect_code 4 release europe --yes
said "found changes of stray"
rm stray
git checkout --quiet -b side
expect_code 4 release europe --yes
said "want branch main, found side"
git checkout --quiet main
git commit --quiet --allow-empty --message "Not pushed"
expect_code 4 release europe --yes
said "pull or push first"
git reset --quiet --hard HEAD~1
git branch --quiet -D side
untouched

step "a push that is refused leaves no place for packages, and nothing installed"
printf '#!/bin/sh\nexit 1\n' >"$work/remote.git/hooks/pre-receive"
chmod +x "$work/remote.git/hooks/pre-receive"
expect_code 7 release europe --yes
packages=$packages/below/it expect_code 7 release europe --yes
untouched
rm "$work/remote.git/hooks/pre-receive"

step "a signal in the middle of a build is rolled back, and what a kill -9 leaves goes with the next try"
# begun: a release that builds its second runtime, its process in $pid.
begun() {
  unikctl runtime release --all --version 3.0.0 --yes --to "$packages/new" --no-test >"$work/out" 2>"$work/err" &
  pid=$!
  until_true 60 grep -q "build europe@3.0.0" "$work/err" || fail "no build begins: $(cat "$work/err")"
}
begun
kill -TERM $pid
wait $pid && fail "an interrupted release has succeeded"
untouched
begun
kill -9 $pid
wait $pid 2>/dev/null && fail "a killed release has succeeded"
[ "$(git worktree list | wc -l)" = 2 ] || fail "the kill came too late: $(git worktree list)"
unikctl runtime remove asia@3.0.0 >/dev/null 2>&1
begun
kill -TERM $pid
wait $pid && fail "an interrupted release has succeeded"
untouched

step "one runtime"
printf 'yes\n' | release europe >"$work/out" 2>"$work/err" || fail "release: $(tail -n 20 "$work/err")"
grep -qx europe@1.0.0 "$work/out" || fail "released $(cat "$work/out")"
[ "$(git cat-file -t europe@1.0.0)" = tag ] || fail "the tag is not annotated"
[ -z "$(git status --porcelain)" ] || fail "the tree is not clean: $(git status --porcelain)"
[ "$(git rev-parse HEAD)" = "$(git ls-remote "$work/remote.git" refs/heads/main | cut -f1)" ] || fail "not pushed"
[ "$(git ls-remote "$work/remote.git" 'refs/tags/europe@1.0.0' | wc -l)" = 1 ] || fail "the tag is not pushed"
grep -q -- "- Begin" runtimes/europe/CHANGELOG.md || fail "changes: $(cat runtimes/europe/CHANGELOG.md)"
[ -z "$(git ls-files '*.tar.gz')" ] || fail "a package is in git"
minisign -V -q -m "$packages/europe/europe-1.0.0.tar.gz" -P "$public_key" || fail "minisign does not verify it"
# What the image says of itself is in the lock, in the commit and in the package.
[ "$(jq -r '.image.packages | join(" ") | sub("@.*"; "")' runtimes/europe/versions.lock)" = tzdata ] ||
  fail "versions.lock: $(cat runtimes/europe/versions.lock)"
tar -xzOf "$packages/europe/europe-1.0.0.tar.gz" runtime/versions.lock | cmp - runtimes/europe/versions.lock ||
  fail "the package holds another lock"
tar -xzOf "$packages/europe/europe-1.0.0.tar.gz" --wildcards 'blobs/*' >"$work/blobs"
grep -aq "$(jq -r .image.base runtimes/europe/versions.lock)" "$work/blobs" ||
  fail "the lock names a base that is not in the image"
entry=$(jq -c '.runtimes.europe["1.0.0"]' registry.json)
state >"$work/before"
expect_code 4 release europe --yes
said "is never overwritten"
untouched
# What a try leaves that is killed between its tag and its push.
sed -i 's/1.0.0/1.0.1/' runtimes/europe/manifest.yaml && git commit --quiet --all --message "Raise it" && git push --quiet origin main
git tag europe@1.0.1
echo left >"$packages/europe/europe-1.0.1.tar.gz"
expect_code 4 release europe --yes
said "take it away: \`git tag -d europe@1.0.1\` and \`rm $packages/europe/europe-1.0.1.tar.gz\`"
git tag -d europe@1.0.1 >/dev/null && rm "$packages/europe/europe-1.0.1.tar.gz"

step "all at once"
expect_code 0 release --all --version 1.4.0 --yes
said v1.4.0
grep -qx "version: 1.4.0" runtimes/asia/manifest.yaml || fail "asia: $(cat runtimes/asia/manifest.yaml)"
[ "$(jq -c '.runtimes.europe["1.0.0"]' registry.json)" = "$entry" ] || fail "an entry of before has changed"
# Each change once, and no release among them.
[ "$(grep -c "^- " runtimes/europe/CHANGELOG.md)" = 2 ] || fail "changes: $(cat runtimes/europe/CHANGELOG.md)"
grep -qx -- "- Raise it" runtimes/europe/CHANGELOG.md || fail "changes: $(cat runtimes/europe/CHANGELOG.md)"
[ "$(jq -r '.runtimes | map_values(keys) | tostring' registry.json)" = '{"asia":["1.4.0"],"europe":["1.0.0","1.4.0"]}' ] ||
  fail "registry: $(cat registry.json)"

step "what was told once is not told again, quotes and comments stay"
sed -i 's/^version: 1.4.0/version: "1.4.0"   # ours/' runtimes/asia/manifest.yaml
git commit --quiet --all --message "Quote the version" && git push --quiet origin main
expect_code 0 release --all --version 1.4.4 --dry-run
said "- Quote the version"
for words in "- Begin" "- Raise it" "- Release all"; do grep -qF -- "$words" "$work/err" && fail "told again: $(cat "$work/err")"; done
said "nothing of its source has changed"

step "a release that fails leaves everything as it was"
state >"$work/before"
printf '#!/bin/sh\nexit 1\n' >"$work/remote.git/hooks/pre-receive"
chmod +x "$work/remote.git/hooks/pre-receive"
expect_code 7 release --all --version 1.5.0 --yes
said "git push"
untouched
rm "$work/remote.git/hooks/pre-receive"
# What others put there between the plan and the end is theirs.
code=0
# shellcheck disable=SC2094
{
  until grep -q Proceed "$work/err"; do sleep 0.1; done
  echo theirs >"$packages/europe/europe-1.5.0.tar.gz"
  echo yes
} | release --all --version 1.5.0 >"$work/out" 2>"$work/err" || code=$?
[ "$code" = 4 ] || fail "exited with $code: $(cat "$work/err")"
[ "$(cat "$packages/europe/europe-1.5.0.tar.gz")" = theirs ] || fail "somebody else's package is gone"
rm "$packages/europe/europe-1.5.0.tar.gz"
untouched

step "a signal in the middle of a push is rolled back as well"
printf '#!/bin/sh\ntouch %s\nexec sleep 60\n' "$work/pushing" >"$work/remote.git/hooks/pre-receive"
chmod +x "$work/remote.git/hooks/pre-receive"
unikctl runtime release --all --version 1.5.0 --yes --to "$packages" --no-test >"$work/out" 2>"$work/err" &
pid=$!
until_true 60 test -e "$work/pushing" || fail "no push begins: $(cat "$work/err")"
kill -TERM $pid
wait $pid && fail "an interrupted release has succeeded"
untouched
rm "$work/remote.git/hooks/pre-receive"

step "the user's work goes on beside a release"
# The hook is the user who works on while a release is under way; the first time the release fails.
printf '#!/bin/sh\necho "# mine" >>%s\necho mine >%s\n[ -e %s ]\n' "$repo/runtimes/asia/unik.yaml" "$repo/stray" "$work/pass" \
  >.git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
expect_code 7 release --all --version 1.5.0 --yes
grep -q "# mine" runtimes/asia/unik.yaml || fail "uncommitted work is gone"
[ "$(cat stray)" = mine ] || fail "a file that git does not know is gone"
git checkout --quiet runtimes && rm stray
untouched
touch "$work/pass"
expect_code 0 release --all --version 1.4.1 --yes
grep -q "# mine" runtimes/asia/unik.yaml || fail "uncommitted work is gone"
[ "$(git status --porcelain | sort | tr '\n' ' ')" = " M runtimes/asia/unik.yaml ?? stray " ] || fail "status: $(git status --porcelain)"
[ "$(git rev-parse HEAD)" = "$(git rev-parse 'v1.4.1^{commit}')" ] || fail "the checkout does not follow"
git show HEAD:runtimes/asia/unik.yaml | holds mine && fail "the user's work was released"
git checkout --quiet runtimes && rm stray .git/hooks/pre-commit
[ "$(git worktree list | wc -l)" = 1 ] || fail "left work trees: $(git worktree list)"

step "an answer that is lost, and words beside one"
mkdir "$work/shim"
cat >"$work/shim/git" <<END
#!/bin/sh
echo "Welcome to this host" >&2
[ "\$1" != ls-remote ] || [ ! -e "$work/deaf" ] || exit 128
code=0
$(command -v git) "\$@" || code=\$?
[ "\$1" != push ] || { [ ! -e "$work/cut_off" ] || touch "$work/deaf"; exit 128; }
exit \$code
END
chmod +x "$work/shim/git"
PATH=$work/shim:$PATH expect_code 0 release --all --version 1.4.2 --yes
[ -e "$packages/asia/asia-1.4.2.tar.gz" ] || fail "the packages of a release that was pushed are gone"
[ "$(git ls-remote "$work/remote.git" refs/tags/v1.4.2 | wc -l)" = 1 ] || fail "not pushed"
touch "$work/cut_off"
PATH=$work/shim:$PATH expect_code 7 release --all --version 1.4.3 --yes
said "cannot be told"
[ -e "$packages/asia/asia-1.4.3.tar.gz" ] || fail "the packages of a release that may be pushed are gone"
git pull --quiet --ff-only origin main
[ "$(git rev-parse HEAD)" = "$(git rev-parse 'v1.4.3^{commit}')" ] || fail "it was pushed and is not"

sed -i 's/zoneinfo/zoneinfos/' runtimes/asia/unik.yaml && git commit --quiet --all --message "Break it" && git push --quiet origin main
state >"$work/before"
expect_code 2 release --all --version 1.5.0 --yes
untouched

step "an install of what was released, elsewhere"
mkdir -p "$XDG_CONFIG_HOME/unikctl"
printf 'runtimes:\n  registries:\n    - {name: repo, url: "%s", public_key: %s}\n' "$repo" "$public_key" \
  >"$XDG_CONFIG_HOME/unikctl/config.yaml"
released=$(unikctl image digest runtimes/europe:1.4.0)
export UNIKCTL_HOME=$work/elsewhere
expect_code 0 unikctl runtime install europe@1.4.0 asia europe@1.0.0
grep -qx "runtimes/europe:1.4.0@$released" "$work/out" || fail "installed $(cat "$work/out"), released $released"
expect_code 0 unikctl runtime verify

echo "all steps passed"
