#!/usr/bin/env bash
# From a fresh Debian 12 machine to a web server in a micro-VM: installs what is missing, builds, boots examples/hello,
# and shows its status, its log and its answer. Run again, it only does what has still to be done.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=.ci/packages.sh
. .ci/packages.sh

# Another checkout shares what is compiled file by file; sources that are compiled together name their paths.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

say "packages, and with them the guest kernel and base runtime (minutes the first time, then cached)"
install_packages "${kernel_packages[@]}"
mkdir -p build
# The kernel is cached as a whole: its objects would only cost time.
CCACHE_DISABLE=1 runtimes/base/build.sh --variant host --out build/base >build/base.log 2>&1 &
base_pid=$!
install_packages "${build_packages[@]}" "${guest_packages[@]}" "${quick_packages[@]}"

say "building unikctl"
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target unikctl unik-controller unik-agent
wait "$base_pid" || {
  tail -n 40 build/base.log >&2
  exit 1
}
export PATH=$PWD/build/release/bin:$PATH

say "unikctl up"
unikctl up

say "unikctl apply -f examples/hello/app.yaml"
unikctl apply -f examples/hello/app.yaml
unikctl wait app/hello --for ready --timeout 120s

say "unikctl status"
unikctl status

say "unikctl logs hello"
unikctl logs hello

say "curl http://127.0.0.1:18080/"
curl --fail --silent --show-error --retry 5 --retry-all-errors --max-time 10 http://127.0.0.1:18080/

cat <<EOF

It runs. What to type next:

  export PATH=$PWD/build/release/bin:\$PATH
  unikctl status                 what runs, and where it answers
  unikctl logs -f hello          its console, as it comes
  unikctl deploy ./my-program -p 8080     a program of yours in a VM of its own
  unikctl explain app/hello      why it is as it is
  unikctl destroy hello          stop it and forget it
  unikctl down                   stop the local controller and agent
EOF
