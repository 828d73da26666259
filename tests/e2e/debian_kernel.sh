# Sourced: where Debian's cloud kernel is, as a bzImage.
# shellcheck shell=bash

# debian_kernel: prints its path; $DEBIAN_KERNEL where that is set. Else its package is fetched once with apt-get download and
# only unpacked: installed, it would become this machine's own kernel.
debian_kernel() {
  local cache=${UNIKCTL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/unikctl}/debian-kernel package unpacked
  if [ -n "${DEBIAN_KERNEL-}" ]; then
    echo "$DEBIAN_KERNEL"
    return
  fi
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ {print $2; exit}')
  if [ -z "$package" ]; then
    echo "error: apt knows no linux-image-cloud-amd64: apt-get update" >&2
    return 1
  fi
  if [ ! -f "$cache/$package" ]; then
    mkdir -p "$cache"
    unpacked=$(mktemp -d "$cache/unpack.XXXXXX")
    (
      trap 'rm -rf "$unpacked"' EXIT
      cd "$unpacked" || exit 1
      apt-get -qq download "$package" 2>apt.log || { cat apt.log >&2; exit 1; }
      dpkg-deb --fsys-tarfile "$package"*.deb | tar -x --wildcards './boot/vmlinuz-*' && mv boot/vmlinuz-* "$cache/$package"
    ) || return 1
  fi
  echo "$cache/$package"
}
