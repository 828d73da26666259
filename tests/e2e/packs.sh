#!/usr/bin/env bash
# From source to an answer over HTTP, for each pack: the example is built in two directories to the same digest, built
# again from the cache, deployed, asked by HTTP in its VM, and destroyed. Packages come from where the test puts them: a
# simple index on loopback, a tarball, Debian's Maven repository.
#
#   packs.sh BIN_DIR [WORD...]      UNIKCTL_BASE_RUNTIME names the base runtime; words: the languages of examples/*-hello,
#                                   and managers (npm, yarn, pnpm), locks (pip, uv, Poetry), sources (javac, Gradle), dependencies
#                                   (of Go and Rust): built, not booted; and programs (of others, unchanged: Python's, npm's, a
#                                   jar of Debian).
#                                   Without words: go rust. The others stand on runtimes; java wants Debian's Maven plugins.
set -euo pipefail
bin=$(realpath "${1:?usage: packs.sh BIN_DIR [LANGUAGE...]}")
shift
languages=("$@")
[ ${#languages[@]} -gt 0 ] || languages=(go rust)
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/e2e/debian_maven.sh
. "$root/tests/e2e/debian_maven.sh"

work=$(mktemp -d)
export UNIKCTL_HOME=$work/home XDG_CONFIG_HOME=$work/config PATH=$bin:$PATH NO_COLOR=1
port=$((30000 + $$ % 10000))
helpers=()

fail() {
  echo "FAILED: $*" >&2
  unikctl status >&2 || true
  tail -n 30 "$UNIKCTL_HOME"/log/*.log >&2 || true
  exit 1
}
clean_up() {
  unikctl down --all >/dev/null 2>&1 || true
  for pid in "${helpers[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in $(pgrep -f "(qemu-system-x86_64|unik-controller|unik-agent) .*$work" || true); do
    kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT
step() { printf -- '-- %s (%s s)\n' "$*" "$SECONDS"; }

# Files of a source beside what unikctl keeps for itself, with their contents.
picture() { (cd "$1" && find . -path ./.unikctl -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }

# built_alike NAME SOURCE: two directories, one digest, which is printed; the third build runs nothing.
built_alike() {
  local name=$1 source=$2 first second
  mkdir -p "$work/one" "$work/two/deeper"
  rm -rf "$work/one/$name" "$work/two/deeper/$name"
  cp -r "$source" "$work/one/$name"
  cp -r "$source" "$work/two/deeper/$name"
  rm -rf "$work/one/$name/.unikctl" "$work/two/deeper/$name/.unikctl"
  picture "$work/one/$name" >"$work/before"
  first=$(unikctl build "$work/one/$name" --name "$name") || fail "$name: build"
  second=$(unikctl build "$work/two/deeper/$name" --name "$name") || fail "$name: build in another directory"
  [ "$first" = "$second" ] || fail "$name: $first became $second in another directory"
  picture "$work/one/$name" | cmp - "$work/before" || fail "$name: the build changed the user's files"
  unikctl build "$work/one/$name" --name "$name" >"$work/out" 2>&1 || fail "$name: an unchanged build: $(cat "$work/out")"
  grep -q '^cached' "$work/out" || fail "$name: an unchanged source was built again"
  jq -e --arg image "$first" '.image == $image and .deterministic and .mode == "release" and (.builder | type == "object")' \
    "$work/one/$name/.unikctl/native/pack-metadata.json" >/dev/null || fail "$name: pack-metadata.json"
}

# proves NAME SOURCE GREETING: built alike; the app answers, then goes.
proves() {
  local name=$1 greeting=$3
  built_alike "$name" "$2"
  unikctl deploy "$work/one/$name" --name "$name" -p "$port:8080" --wait --timeout 5m || fail "$name: deploy"
  ask / >"$work/answer" || fail "$name: no answer"
  grep -q "$greeting" "$work/answer" || fail "$name: want '$greeting', got '$(cat "$work/answer")'"
  [ "$name" != static-hello ] || serves_files
  unikctl destroy "$name" --wait || fail "$name: destroy"
}
ask() {
  curl --silent --fail --path-as-is --retry 20 --retry-all-errors --retry-delay 1 --max-time 20 "http://127.0.0.1:$port$1"
}
serves_files() {
  grep -q 'Built from pages' <<<"$(ask /about)" || fail "static-hello: /about is not about.html"
  [ "$(curl --silent --path-as-is -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/../serve.mjs")" = 404 ] ||
    fail "static-hello: a path leads out of the site"
}

# app_of NAME: lays the app layer of what was built out in $work/layer.
app_of() {
  local blobs=$UNIKCTL_HOME/images/blobs/sha256 image
  image=$(jq -r '.image | split("sha256:")[1]' "$work/one/$1/.unikctl/native/pack-metadata.json")
  rm -rf "$work/layer"
  mkdir "$work/layer"
  tar -xzf "$blobs/$(jq -r '.layers[-1].digest | split(":")[1]' "$blobs/$image")" -C "$work/layer"
}

# A wheel on a simple index of loopback; its hash is in $hash.
serve_wheel() {
  mkdir -p "$work/index/tiny-greet"
  hash=$(python3 "$root/tests/runtimes/lib/wheel.py" "$work/index/tiny-greet") || fail "the wheel"
  python3 -m http.server "$((port + 1))" --bind 127.0.0.1 --directory "$work/index" >"$work/index.log" 2>&1 &
  helpers+=($!)
  export PIP_INDEX_URL=http://127.0.0.1:$((port + 1))/
}

# The same hashed package by three locks.
locks() {
  local project=$work/locks kind
  serve_wheel
  mkdir -p "$project"
  printf 'import tiny_greet\n\nprint(tiny_greet.greet("a lock"))\n' >"$project/main.py"
  for kind in requirements.txt uv.lock poetry.lock; do
    rm -f "$project"/{requirements.txt,uv.lock,poetry.lock,pyproject.toml}
    case $kind in
      requirements.txt) echo "tiny-greet==1.0.0 --hash=sha256:$hash" >"$project/$kind" ;;
      uv.lock)
        printf '[project]\nname = "locks"\nversion = "1"\ndependencies = ["tiny-greet"]\n' >"$project/pyproject.toml"
        cat >"$project/$kind" <<END
version = 1
[[package]]
name = "locks"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "tiny-greet" }, { name = "elsewhere", marker = "sys_platform == 'win32'" }]
[[package]]
name = "tiny-greet"
version = "1.0.0"
source = { registry = "https://example.com/simple" }
wheels = [{ url = "https://example.com/tiny_greet-1.0.0-py3-none-any.whl", hash = "sha256:$hash" }]
END
        ;;
      poetry.lock)
        printf '[tool.poetry.dependencies]\npython = "^3.11"\ntiny-greet = "^1"\n' >"$project/pyproject.toml"
        cat >"$project/$kind" <<END
[[package]]
name = "tiny-greet"
version = "1.0.0"
files = [{ file = "tiny_greet-1.0.0-py3-none-any.whl", hash = "sha256:$hash" }]
END
        ;;
    esac
    step "python: $kind"
    built_alike "python-${kind%%.*}" "$project"
    app_of "python-${kind%%.*}"
    grep -q "Hello from a lock" <<<"$(cd "$work/layer/app" && PYTHONPATH=.site-packages python3 -B main.py)" ||
      fail "python: the package of $kind is not there"
  done
  echo "tiny-greet==1.0.0" >"$project/requirements.txt"
  rm "$project"/{poetry.lock,pyproject.toml}
  ! unikctl build "$project" >"$work/out" 2>&1 || fail "python: an unhashed requirement was taken"
  grep -q 'requirements.txt: want `--hash=sha256' "$work/out" || fail "python: $(cat "$work/out")"
}

# workspaces RANGE: two packages of one tree, of which one requires the other in this range; the root requires nothing.
workspaces() {
  local project=$work/workspaces
  mkdir -p "$project/packages/greet" "$project/packages/app"
  echo '{"name": "root", "private": true, "main": "packages/app/server.js", "workspaces": ["packages/*"]}' >"$project/package.json"
  echo 'packages: ["packages/*"]' >"$project/pnpm-workspace.yaml"
  echo '{"name": "greet", "version": "1.0.0", "main": "index.js"}' >"$project/packages/greet/package.json"
  echo 'module.exports = (name) => "Hello from " + name;' >"$project/packages/greet/index.js"
  echo '{"name": "app", "version": "1.0.0", "dependencies": {"greet": "'"$1"'"}}' >"$project/packages/app/package.json"
  echo 'console.log(require("greet")("a workspace"));' >"$project/packages/app/server.js"
  echo "$project"
}

# managed MANAGER PROJECT NAME GREETING: locked and built by this manager, and what it made says so.
managed() {
  local manager=$1 project=$2 name=$3 greeting=$4 main
  rm -rf "$project"/{package-lock.json,yarn.lock,pnpm-lock.yaml,node_modules} "$project"/packages/*/node_modules
  case $manager in
    npm) (cd "$project" && npm install --package-lock-only --silent) ;;
    yarn) (cd "$project" && yarn install --silent --ignore-scripts) ;;
    pnpm) (cd "$project" && pnpm install --lockfile-only --silent) ;;
  esac || fail "$manager: no lock"
  rm -rf "$project/node_modules"
  built_alike "$name" "$project"
  jq -e --arg pack "$manager" '.pack == $pack' "$work/one/$name/.unikctl/native/pack-metadata.json" >/dev/null ||
    fail "node: $manager did not build it"
  app_of "$name"
  main=$(jq -r .main "$project/package.json")
  grep -q "$greeting" <<<"$(cd "$work/layer/app" && node "$main")" || fail "node: $manager installed nothing"
}

# One tarball by three managers: those of this machine, or as npm's registry has them.
managers() {
  local project=$work/managers manager range
  mkdir -p "$work/greet" "$project/vendor" "$work/tools"
  echo '{"name": "tiny-greet", "version": "1.0.0", "main": "index.js"}' >"$work/greet/package.json"
  echo 'module.exports = (name) => "Hello from " + name;' >"$work/greet/index.js"
  (cd "$project/vendor" && npm pack "$work/greet" --silent >/dev/null) || fail "npm pack"
  echo '{"name": "app", "private": true, "main": "server.js", "dependencies": {"tiny-greet": "file:vendor/tiny-greet-1.0.0.tgz"}}' \
    >"$project/package.json"
  echo 'console.log(require("tiny-greet")("a manager"));' >"$project/server.js"
  if ! { command -v yarn && command -v pnpm; } >/dev/null; then
    npm install --prefix "$work/tools" --no-audit --no-fund --silent yarn@1.22.22 pnpm@9.15.9 ||
      fail "yarn and pnpm are neither on PATH nor to be had"
    export PATH=$work/tools/node_modules/.bin:$PATH
  fi
  for manager in npm yarn pnpm; do
    step "node: $manager"
    managed "$manager" "$project" "node-$manager" "Hello from a manager"
    step "node: workspaces of $manager"
    # pnpm takes a package of the registry unless it is told otherwise.
    range=1.0.0
    [ "$manager" != pnpm ] || range="workspace:*"
    managed "$manager" "$(workspaces "$range")" "workspaces-$manager" "Hello from a workspace"
  done
  managed pnpm "$project" node-pnpm "Hello from a manager"
  echo '{}' >"$project/package-lock.json"
  ! unikctl build "$project" >"$work/out" 2>&1 || fail "node: two locks were taken"
  grep -q 'package.json: want one lock beside it, found package-lock.json and pnpm-lock.yaml' "$work/out" ||
    fail "node: $(cat "$work/out")"
}

# What `build --lock` pins is what is built on, here and where the source goes with its lock.
keeps_its_runtime() {
  local digest
  digest=$(unikctl build "$1" --lock) || fail "build --lock"
  [ "$(jq -r '.runtimes[].name' "$1/unik.lock")" = nodejs ] || fail "unik.lock: $(cat "$1/unik.lock")"
  [ "$(unikctl build "$1")" = "$digest" ] || fail "the lock is another image"
  sed -i 's/"layer": "sha256:......../"layer": "sha256:00000000/' "$1/unik.lock"
  ! unikctl deploy "$1" >"$work/out" 2>&1 || fail "deployed on another runtime than unik.lock pins"
  grep -q 'unik.lock: want nodejs@.* with the layer sha256:00000000' "$work/out" || fail "not locked: $(cat "$work/out")"
}

# A project without dependencies, which is what Debian's Gradle can build without a network.
with_gradle() {
  mkdir -p "$work/gradle/src/main/java"
  printf 'plugins { id "java" }\njar { manifest { attributes "Main-Class": "Main" } }\n' >"$work/gradle/build.gradle"
  printf 'public class Main {\n  public static void main(String[] args) {\n    System.out.println("Hello from Gradle");\n  }\n}\n' \
    >"$work/gradle/src/main/java/Main.java"
  step "java: Gradle"
  built_alike gradle-jar "$work/gradle"
  app_of gradle-jar
  grep -q "Hello from Gradle" <<<"$(java -jar "$work"/layer/app/*.jar)" || fail "java: Gradle's jar does not run"
}

sources() {
  mkdir -p "$work/javac"
  printf 'public class Main {\n  public static void main(String[] args) {\n    System.out.println("Hello from a jar");\n  }\n}\n' \
    >"$work/javac/Main.java"
  built_alike java-sources "$work/javac"
  app_of java-sources
  grep -q "Hello from a jar" <<<"$(java -jar "$work/layer/app/app.jar")" || fail "java: the jar does not run"
  with_gradle
}

# proves_program NAME GREETING PATH WORDS...: a source or file of somebody else as it is; its page answers.
proves_program() {
  local name=$1 greeting=$2 path=$3
  shift 3
  step "programs: $name"
  unikctl deploy "$path" --name "$name" --wait --timeout 5m "$@" >"$work/out" 2>&1 || fail "$name: $(cat "$work/out")"
  ask / >"$work/answer" || fail "$name: no answer"
  grep -q "$greeting" "$work/answer" || fail "$name: want '$greeting', got '$(cat "$work/answer")'"
  unikctl destroy "$name" --wait || fail "$name: destroy"
}

# An app that declares `rebase: auto` rolls over to a newer release of its runtime, without being built.
follows_its_runtime() {
  local old new
  step "programs: rebase"
  mkdir -p "$work/follows" "$work/sources"
  echo "served by Python" >"$work/follows/index.html"
  printf 'language: python\nrun: {command: [python3, -m, http.server, "8080"]}\ndeploy: {rebase: auto, ports: [{port: 8080, publish: %s}]}\n' \
    "$port" >"$work/follows/unik.yaml"
  unikctl deploy "$work/follows" --name follows --wait --timeout 5m >"$work/out" 2>&1 || fail "follows: $(cat "$work/out")"
  old=$(unikctl get app follows -o json | jq -r .spec.image)
  cp -r "$root/runtimes/python" "$work/sources/python"
  sed -i 's/^version: 1\.0\.0$/version: 1.0.1/' "$work/sources/python/manifest.yaml"
  sed -i 's/^environment:$/&\n  NEWER: "yes"/' "$work/sources/python/unik.yaml"
  UNIKCTL_RUNTIME_SOURCES=$work/sources unikctl runtime build python --release >"$work/out" 2>&1 || fail "python 1.0.1: $(cat "$work/out")"
  unikctl image rebase --all --from "$(unikctl image digest runtimes/python:1.0.0)" --to "$(unikctl image digest runtimes/python:1.0.1)" \
    >"$work/out" 2>&1 || fail "rebase: $(cat "$work/out")"
  new=$(unikctl get app follows -o json | jq -r .spec.image)
  [ "$new" != "$old" ] || fail "follows stands on what it stood on: $(cat "$work/out")"
  for _ in $(seq 300); do
    unikctl status -o json | jq -r '.instances[].image' >"$work/running"
    [ "$(cat "$work/running")" != "$new" ] || break
    sleep 0.2
  done
  [ "$(cat "$work/running")" = "$new" ] || fail "follows does not roll over: $(unikctl status -o json | jq -c .instances)"
  grep -q "served by Python" <<<"$(ask /)" || fail "follows: no answer after the rebase"
  [ "$(unikctl build "$work/follows" --name follows)" = "$new" ] || fail "the rebased image is not what a build on that runtime gives"
  unikctl destroy follows --wait || fail "follows: destroy"
}

programs() {
  mkdir -p "$work/files" "$work/npm/site"
  echo "served by Python" >"$work/files/index.html"
  printf 'language: python\nrun: {command: [python3, -m, http.server, "8080"]}\n' >"$work/files/unik.yaml"
  proves_program http-server-py "served by Python" "$work/files" -p "$port:8080"

  echo "served by npm" >"$work/npm/site/index.html"
  echo '{"name": "site", "private": true, "scripts": {"start": "http-server site -p 8080"}, "dependencies": {"http-server": "14.1.1"}}' \
    >"$work/npm/package.json"
  (cd "$work/npm" && npm install --package-lock-only --silent) || fail "npm: no lock"
  proves_program http-server-npm "served by npm" "$work/npm" -p "$port:8080"

  # The web console of a database; it asks the way back of who asks, which a guest has no name for.
  proves_program h2 "H2 Console" /usr/share/java/h2.jar -p "$port:8082" --memory 256Mi -- -web -webAllowOthers
  follows_its_runtime
}

# A module of Go from a proxy in a directory, held to go.sum.
module_of_go() {
  local proxy=$work/proxy/example.com/tiny-greet/@v project=$work/module
  mkdir -p "$proxy" "$project"
  echo v1.0.0 >"$proxy/list"
  echo '{"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}' >"$proxy/v1.0.0.info"
  printf 'module example.com/tiny-greet\n\ngo 1.19\n' >"$proxy/v1.0.0.mod"
  python3 - "$proxy" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/v1.0.0.zip", "w") as module:
    top = "example.com/tiny-greet@v1.0.0/"
    module.writestr(top + "go.mod", open(sys.argv[1] + "/v1.0.0.mod").read())
    module.writestr(top + "greet.go", 'package greet\n\nfunc Greet(name string) string { return "Hello from " + name }\n')
END
  export GOPROXY=file://$work/proxy GONOSUMDB="example.com/*"
  printf 'module example.com/app\n\ngo 1.19\n\nrequire example.com/tiny-greet v1.0.0\n' >"$project/go.mod"
  printf 'package main\n\nimport greet "example.com/tiny-greet"\n\nfunc main() { println(greet.Greet("a module")) }\n' >"$project/main.go"
  (cd "$project" && GOMODCACHE=$work/modules GOFLAGS="-mod=mod -modcacherw" go mod tidy 2>"$work/out") || fail "go.sum: $(cat "$work/out")"
  built_alike go-module "$project"
  app_of go-module
  grep -q "Hello from a module" <<<"$("$work/layer/app/app" 2>&1)" || fail "go: the module is not in the program"
  sed -i 's/ h1:..../ h1:AAAA/' "$project/go.sum"
  ! unikctl build "$project" >"$work/out" 2>&1 || fail "go: a module with another hash than in go.sum was taken"
  sed -i '/^require/a replace example.com/tiny-greet => ../outside' "$project/go.mod"
  ! unikctl build "$project" >"$work/out" 2>&1 || fail "go: a module outside of the source was taken"
  grep -q 'go.mod: replace .*: want a path inside' "$work/out" || fail "go: $(cat "$work/out")"
}

# A crate that lies in the source, held to Cargo.lock.
crate_of_rust() {
  local project=$work/crate sum
  mkdir -p "$project/src" "$project/.cargo" "$project/vendor/tiny-greet/src"
  printf '[package]\nname = "tiny-greet"\nversion = "1.0.0"\nedition = "2021"\n' >"$project/vendor/tiny-greet/Cargo.toml"
  echo 'pub fn greet(name: &str) -> String { format!("Hello from {name}") }' >"$project/vendor/tiny-greet/src/lib.rs"
  sum=$(printf '%064d' 1)
  echo '{"files": {}, "package": "'"$sum"'"}' >"$project/vendor/tiny-greet/.cargo-checksum.json"
  printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n' >"$project/.cargo/config.toml"
  printf '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\ntiny-greet = "1"\n' >"$project/Cargo.toml"
  echo 'fn main() { println!("{}", tiny_greet::greet("a crate")); }' >"$project/src/main.rs"
  cat >"$project/Cargo.lock" <<END
version = 3

[[package]]
name = "app"
version = "1.0.0"
dependencies = ["tiny-greet"]

[[package]]
name = "tiny-greet"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "$sum"
END
  built_alike rust-crate "$project"
  app_of rust-crate
  grep -q "Hello from a crate" <<<"$("$work/layer/app/app")" || fail "rust: the crate is not in the program"
  sed -i 's/^checksum = "0/checksum = "1/' "$project/Cargo.lock"
  ! unikctl build "$project" >"$work/out" 2>&1 || fail "rust: a crate with another sum than in Cargo.lock was taken"
}

dependencies() {
  module_of_go
  crate_of_rust
}

for language in "${languages[@]}"; do
  step "$language"
  source=$root/examples/$language-hello
  case "$language" in
    go) greeting="Hello from Go" ;;
    rust) greeting="Hello from Rust" ;;
    node) greeting="Hello from Node" ;;
    static) greeting="Hello from a static site" ;;
    python) greeting="Hello from Python" ;;
    java)
      greeting="Hello from Java"
      cp -r "$source" "$work/java"
      source=$work/java
      with_debians_maven "$source"
      ;;
    dependencies | managers | locks | sources | programs) "$language" && continue ;;
    *) fail "no example for $language" ;;
  esac
  proves "$language-hello" "$source" "$greeting"
  [ "$language" != node ] || keeps_its_runtime "$work/one/node-hello"
done

unikctl down
echo "all steps passed"
