# Installs what building and testing need, on Debian 12. Sourced by quickstart.sh and test.sh.

build_packages=(
  cmake ninja-build pkg-config git ca-certificates
  libyaml-cpp-dev libcurl4-openssl-dev libsqlite3-dev prometheus-cpp-dev libspdlog-dev libfmt-dev
  libboost1.81-dev nlohmann-json3-dev libvalijson-dev libcli11-dev libarchive-dev libssl-dev zlib1g-dev libtomlplusplus-dev
  libgtest-dev libgmock-dev librapidcheck-dev
)
# What the guest's kernel is built with, which takes longest: installed first, so that it can begin.
kernel_packages=(linux-source-6.12 build-essential ccache flex bison bc libelf-dev cpio xz-utils)
guest_packages=(qemu-system-x86 erofs-utils)
quick_packages=(curl)
test_packages=(curl jq iproute2 procps memtest86+ socat lighttpd sqlite3 clang-format-14 shellcheck docker-registry skopeo umoci oci-image-tool busybox-static minisign python3-yaml)
# What redis and memcached are linked with; themselves they would be started on this machine.
test_packages+=(redis-tools libevent-2.1-7 libsasl2-2)
# Gradle, a program as a jar, Maven, and of Debian's Maven repository what examples/java-hello builds with.
test_packages+=(gradle libh2-java maven libcommons-lang3-java libsurefire-java)
for plugin in compiler dependency install jar resources; do test_packages+=("libmaven-$plugin-plugin-java"); done
fuzz_packages=(clang-16 libclang-rt-16-dev)

# As PROGRAM:PACKAGE, since a program of another origin will do: what the workflows of runtimes run, and what the packs
# build with beyond that.
runtime_programs=(gh:gh npm:npm javac:openjdk-17-jdk-headless)
runtime_packages=()
for tool in "${runtime_programs[@]}"; do
  command -v "${tool%%:*}" >/dev/null || runtime_packages+=("${tool#*:}")
done
for tool in go:golang-go cargo:cargo rustc:rustc node:nodejs npm:npm pip3:python3-pip javac:openjdk-17-jdk-headless; do
  command -v "${tool%%:*}" >/dev/null || test_packages+=("${tool#*:}")
done

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "error: this needs root to install packages: run it as root, or install sudo" >&2
    return 1
  fi
}

# install_packages NAME...: only those that are missing; asks the network only when there are any.
install_packages() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing ${#missing[@]} packages: ${missing[*]}" >&2
  as_root apt-get -o DPkg::Lock::Timeout=300 -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq install -y \
    --no-install-recommends "${missing[@]}" >/dev/null
}
