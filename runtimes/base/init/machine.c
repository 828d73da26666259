/* What an app expects of a machine: file systems, a network, names. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

static void mount_on(const char* type, const char* target, unsigned long flags, const char* options) {
  if (mount(type, target, type, flags, options) != 0)
    fail("cannot mount %s on %s: %s%s", type, target, strerror(errno),
         errno == ENOENT ? "; the image lacks this directory or the kernel this file system" : "");
}

static void make_directory(const char* path, mode_t mode) {
  if (mkdir(path, mode) != 0 && errno != EEXIST) fail("cannot make %s: %s", path, strerror(errno));
}

void make_root_writable(void) {
  /* The layers need a place before there is any writable one: a tmpfs on /tmp, which the new root then hides. */
  mount_on("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=0700,size=50%");
  make_directory("/tmp/upper", 0755);
  make_directory("/tmp/work", 0755);
  make_directory("/tmp/root", 0755);
  mount_on("overlay", "/tmp/root", MS_NOSUID | MS_NODEV, "lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work");
  if (chdir("/tmp/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
    fail("cannot enter the writable root: %s", strerror(errno));
  trace("root is writable, ephemeral");
}

static void link_descriptor(const char* target, const char* path) {
  if (symlink(target, path) != 0 && errno != EEXIST) fail("cannot link %s: %s", path, strerror(errno));
}

void mount_file_systems(void) {
  /* The kernel mounts /dev on the root that it finds; a writable root laid over that one has none yet. */
  if (access("/dev/null", F_OK) != 0) mount_on("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755");
  mount_on("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_on("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
  /* Programs may run from /tmp: the JVM and Python unpack and load libraries there. */
  mount_on("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=50%");
  mount_on("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=1777,size=10%");
  make_directory("/dev/shm", 01777);
  mount_on("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=50%");
  make_directory("/dev/pts", 0755);
  mount_on("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666");
  link_descriptor("/proc/self/fd", "/dev/fd");
  link_descriptor("/proc/self/fd/0", "/dev/stdin");
  link_descriptor("/proc/self/fd/1", "/dev/stdout");
  link_descriptor("/proc/self/fd/2", "/dev/stderr");
  trace("file systems mounted");
}

static void write_file(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  size_t size = strlen(text);

  if (fd < 0 || write(fd, text, size) != (ssize_t)size) fail("cannot write %s: %s", path, strerror(errno));
  close(fd);
}

static void set_address(struct sockaddr* target, struct in_addr address) {
  struct sockaddr_in socket_address = {.sin_family = AF_INET, .sin_addr = address};

  memcpy(target, &socket_address, sizeof socket_address);
}

static void bring_up(int control, const char* name) {
  struct ifreq request = {0};

  strcpy(request.ifr_name, name);
  if (ioctl(control, SIOCGIFFLAGS, &request) != 0) fail("there is no network interface %s", name);
  request.ifr_flags |= IFF_UP;
  if (ioctl(control, SIOCSIFFLAGS, &request) != 0) fail("cannot bring %s up: %s", name, strerror(errno));
}

static void address_interface(int control, const char* name, const struct config* config) {
  struct ifreq request = {0};

  strcpy(request.ifr_name, name);
  set_address(&request.ifr_addr, config->address);
  if (ioctl(control, SIOCSIFADDR, &request) != 0)
    fail("cannot give %s its address: %s", name, errno == ENODEV ? "there is no such interface" : strerror(errno));
  set_address(&request.ifr_netmask, config->netmask);
  if (ioctl(control, SIOCSIFNETMASK, &request) != 0) fail("cannot give %s its netmask: %s", name, strerror(errno));
}

static void add_default_route(int control, struct in_addr gateway) {
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
  const struct in_addr any = {.s_addr = INADDR_ANY};

  set_address(&route.rt_dst, any);
  set_address(&route.rt_genmask, any);
  set_address(&route.rt_gateway, gateway);
  if (ioctl(control, SIOCADDRT, &route) != 0)
    fail("cannot set the default route: %s",
         errno == ENETUNREACH ? "the gateway is outside of the address's network" : strerror(errno));
}

void bring_up_network(const struct config* config) {
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (control < 0) fail("cannot open a socket: %s", strerror(errno));
  bring_up(control, "lo");
  if (config->has_address) {
    address_interface(control, "eth0", config);
    bring_up(control, "eth0");
  }
  if (config->has_gateway) add_default_route(control, config->gateway);
  close(control);
  /* The app owns every port of its machine, so it may serve port 80 without being root. */
  write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
  trace("network up");
}

void write_names(const struct config* config) {
  char address[INET_ADDRSTRLEN] = "127.0.0.1";
  char text[512];
  int size = 0;

  if (sethostname(config->hostname, strlen(config->hostname)) != 0)
    fail("cannot set the host's name: %s", strerror(errno));
  if (config->has_address) inet_ntop(AF_INET, &config->address, address, sizeof address);
  /* The JVM and others look their own name up at start, and would ask a name server that does not know it. */
  snprintf(text, sizeof text, "127.0.0.1 localhost\n%s %s\n", address, config->hostname);
  write_file("/run/hosts", text);

  *text = '\0';
  for (size_t i = 0; i < config->dns_count; i++) {
    inet_ntop(AF_INET, &config->dns[i], address, sizeof address);
    size += snprintf(text + size, sizeof text - (size_t)size, "nameserver %s\n", address);
  }
  write_file("/run/resolv.conf", text);
  trace("names written");
}
