# shellcheck shell=bash
# For the tests of registries: a runtime of a single small Debian package, and what of it is installed. Sourced after stage.sh.

# begin_tiny: its source and its lock, and a key in $public_key.
begin_tiny() {
  export UNIKCTL_RUNTIME_SOURCES=$work/sources
  mkdir -p "$work/sources/tiny" "$work/none"
  printf 'packages: {debian: [tzdata]}\nkeep: [usr/share/zoneinfo/Europe/*]\n' >"$work/sources/tiny/unik.yaml"
  tiny_version 1.0.0
  expect_code 0 unikctl runtime lock tiny --update
  expect_code 0 unikctl runtime key generate "$work/publisher"
  # shellcheck disable=SC2034
  public_key=$(cat "$work/out")
}
tiny_version() {
  printf 'name: tiny\nversion: %s\ndescription: The time zones of Europe\nplatforms: [linux/amd64]\nprovides: {tiny: "1"}\n' \
    "$1" >"$work/sources/tiny/manifest.yaml"
}
# build_tiny VERSION
build_tiny() {
  tiny_version "$1"
  expect_code 0 unikctl runtime build tiny --release
}

# configure LINE...: the registries of config.yaml.
configure() {
  mkdir -p "$XDG_CONFIG_HOME/unikctl"
  {
    echo "runtimes:"
    echo "  registries:"
    printf '    - %s\n' "$@"
  } >"$XDG_CONFIG_HOME/unikctl/config.yaml"
}
# NAME@VERSION of each, in one line.
installed() { unikctl runtime list -o json | jq -r '.items[] | select(.state != "source") | .name + "@" + .version' | paste -sd' '; }
# Nothing of a refused install is there.
nothing() {
  [ -z "$(installed)" ] || fail "installed is $(installed)"
  [ ! -e "$UNIKCTL_HOME/runtimes/tiny" ] || fail "left: $(find "$UNIKCTL_HOME/runtimes/tiny")"
}
