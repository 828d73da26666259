#!/usr/bin/env bash
# What `deploy` packs: a dynamic program with its libraries and files laid in, and root file systems as a directory,
# tar, cpio and erofs.
#
#   images.sh BIN_DIR
# shellcheck source-path=SCRIPTDIR
# shellcheck source=stage.sh
. "$(dirname "$0")/stage.sh"
build_guest

step "a web server of the distribution, as it is, with its libraries and its files"
mkdir -p "$work/site" "$work/conf"
echo "served by lighttpd" >"$work/site/index.html"
cat >"$work/conf/lighttpd.conf" <<'END'
server.document-root = "/site"
server.port = 8080
index-file.names = ("index.html")
END
expect_code 0 unikctl deploy /usr/sbin/lighttpd --name lighttpd --memory 128Mi -p "$port:8080" --wait \
  --include "$work/site:/site" --include "$work/conf/lighttpd.conf:/etc/lighttpd.conf" \
  --include /usr/lib/lighttpd -- -D -f /etc/lighttpd.conf
until_true 60 answers "served by lighttpd" || fail "lighttpd does not answer: $(unikctl logs lighttpd)"
unikctl destroy lighttpd --wait >/dev/null || fail "destroy"

step "servers of the distribution, as they are: a key-value store and a cache"
mkdir "$work/packages"
(cd "$work/packages" && apt-get -qq download redis-server memcached) 2>"$work/err" || fail "no packages: $(cat "$work/err")"
for package in "$work"/packages/*.deb; do dpkg -x "$package" "$work/packages"; done
# Of redis the server is a program of its tools by another name.
rm "$work/packages/usr/bin/redis-server"
cp /usr/bin/redis-check-rdb "$work/packages/usr/bin/redis-server"
ask_tcp() { printf '%b' "$1" | socat -t 3 - "tcp:127.0.0.1:$port" 2>/dev/null; }
expect_code 0 unikctl deploy "$work/packages/usr/bin/redis-server" --name redis --memory 128Mi -p "$port:6379" --wait -- \
  --bind 0.0.0.0 --protected-mode no --save ""
# shellcheck disable=SC2016
hello='OK $5 hello'
told() { ask_tcp "$1" | tr -d '\r' | paste -sd' ' | holds -- "$2"; }
until_true 60 told 'SET greeting hello\r\nGET greeting\r\n' "$hello" || fail "redis: $(unikctl logs redis)"
unikctl destroy redis --wait >/dev/null || fail "destroy"
expect_code 0 unikctl deploy "$work/packages/usr/bin/memcached" --name memcached --memory 128Mi -p "$port:11211" --wait -- -l 0.0.0.0 -m 16
until_true 60 told 'set greeting 0 0 5\r\nhello\r\nget greeting\r\n' 'STORED VALUE greeting 0 5 hello END' ||
  fail "memcached: $(unikctl logs memcached)"
unikctl destroy memcached --wait >/dev/null || fail "destroy"

step "what is to be laid in must be there, and within the image"
expect_code 3 unikctl deploy "$work/guest" --name none --include "$work/missing:/x" -- exit 0
said "$work/missing"
expect_code 2 unikctl deploy "$work/guest" --name none --include "$work/site:relative" -- exit 0

step "a root file system, in each form"
mkdir -p "$work/tree/opt/deep" "$work/tree/etc"
cp "$work/guest" "$work/tree/opt/deep/guest"
echo "not ours" >"$work/tree/etc/motd"
tar -C "$work/tree" -czf "$work/tree.tar.gz" .
(cd "$work/tree" && find . | cpio -o -H newc --quiet >"$work/tree.cpio")
mkfs.erofs --all-root "$work/tree.erofs" "$work/tree" >/dev/null 2>&1 || fail "mkfs.erofs"
for form in tree tree.tar.gz tree.cpio tree.erofs; do
  expect_code 7 unikctl deploy --rootfs "$work/$form" --name form --restart never --wait -- \
    /opt/deep/guest say "from $form" exit 7
  said "from $form"
  unikctl destroy form --wait >/dev/null || fail "destroy"
done

step "what is no root file system is refused, with what to do instead"
printf 'FROM debian\n' >"$work/Dockerfile"
expect_code 2 unikctl deploy --rootfs "$work/Dockerfile" --name none -- /opt/deep/guest
said "there is no Docker here"
expect_code 2 unikctl deploy --rootfs "$work/guest" --name none -- /opt/deep/guest
said "want a directory, or a tar, cpio or erofs image"
expect_code 2 unikctl deploy --rootfs "$work/tree" --name none
said "want the command that starts the app"
expect_code 2 unikctl deploy --rootfs "$work/tree" --name none -- /opt/none
said "/opt/none"
echo "all steps passed"
