#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests.
#
#   ./test.sh          everything that belongs to each change: unit tests, simulator, real VMs
#   ./test.sh --ci     the same with warnings as errors, and beside the VMs unit tests and simulator under ASan and UBSan
#   ./test.sh --full   that and the long ones, the simulator on 1,000 seeds, unit tests and simulator under ThreadSanitizer, and a while of fuzzing
#   ./test.sh --bench  no tests, but every benchmark: one table, and a report of each in build/bench/
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=.ci/packages.sh
. .ci/packages.sh

# Another checkout shares what is compiled file by file; sources that are compiled together name their paths.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1

mode=${1:-}
fuzz_seconds=30
case "$mode" in
  "" | --ci | --full | --bench) ;;
  *)
    echo "usage: ./test.sh [--ci | --full | --bench]" >&2
    exit 2
    ;;
esac

say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS" >&2; }

install_packages "${kernel_packages[@]}" "${build_packages[@]}" "${guest_packages[@]}" "${test_packages[@]}"

preset=release
target=all
kernels=up
case "$mode" in
  --ci) preset=ci ;;
  --full)
    preset=ci
    kernels=all
    ;;
  --bench) target=bench ;;
esac

# The guest's kernel takes minutes when it is not cached: it is built beside the programs.
say "base runtime, in the background"
mkdir -p build
CCACHE_DISABLE=1 runtimes/base/build.sh --variant "$kernels" --out build/base >build/base.log 2>&1 &
base_pid=$!

say "build: $preset"
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" -j "$(nproc)" --target "$target"

wait "$base_pid" || {
  tail -n 40 build/base.log >&2
  echo "error: the base runtime could not be built (build/base.log)" >&2
  exit 1
}

export UNIKCTL_BASE_RUNTIME=$PWD/build/base
if [ "$mode" = --bench ]; then
  exec tests/bench/run.sh "build/$preset/bin" build/bench
fi

long=(-LE long)
if [ "$mode" = --full ]; then
  long=()
  # How long controller and agent are away while the apps serve on (tests/e2e/away.sh).
  export E2E_AWAY=60
  # What waits for leases to run out, too.
  export E2E_LONG=1
  # Every runtime is built twice and booted, not only the quick ones (tests/e2e/runtimes.sh).
  export E2E_RUNTIMES=all
fi

say "unit tests and simulator: $preset"
ctest --preset "$preset" --no-tests=error -LE 'vm|bench' -j "$(nproc)"

if [ "$mode" = --full ]; then
  say "simulator, 1,000 seeds"
  build/$preset/bin/sim_test --seeds 1000 --gtest_brief=1
fi

sanitizers=()
case "$mode" in
  --ci) sanitizers=(asan) ;;
  --full) sanitizers=(asan tsan) ;;
esac
sanitize() {
  local sanitizer
  for sanitizer in "${sanitizers[@]}"; do
    say "build: $sanitizer"
    cmake --preset "$sanitizer" >/dev/null
    cmake --build --preset "$sanitizer" -j "$(nproc)" --target unit_tests
    say "unit tests and simulator: $sanitizer"
    ctest --preset "$sanitizer" --no-tests=error -L unit -j "$(nproc)"
  done
}
# One VM at a time leaves half of the processor idle: what the sanitizers need comes out of that.
(
  renice -n 15 "$BASHPID" >/dev/null
  sanitize
) >build/sanitizers.log 2>&1 &
sanitizers_pid=$!
trap 'pkill -P "$sanitizers_pid" || true' EXIT

say "real VMs: $preset${sanitizers[*]:+; beside them at low priority: ${sanitizers[*]} (build/sanitizers.log)}"
vms=passed
ctest --preset "$preset" --no-tests=error -L vm "${long[@]}" || vms=failed
wait "$sanitizers_pid" || {
  tail -n 200 build/sanitizers.log >&2
  echo "error: a sanitizer found something, or did not build (build/sanitizers.log)" >&2
  exit 1
}
trap - EXIT
cat build/sanitizers.log
[ "$vms" = passed ] || exit 1

# What is timed has the machine to itself.
say "benchmarks' checks: $preset"
ctest --preset "$preset" --no-tests=error -L bench

if [ "$mode" = --full ]; then
  say "fuzz targets, $fuzz_seconds s each"
  install_packages "${fuzz_packages[@]}"
  cmake --preset fuzz >/dev/null
  cmake --build --preset fuzz -j "$(nproc)" --target fuzz
  tests/fuzz/run.sh build/fuzz/bin "$fuzz_seconds"
fi
say "all tests passed"
