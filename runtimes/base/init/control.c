/* Commands of the host over a virtio-serial port, a line each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

int watch_control_ports(void) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
  int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

  if (fd < 0) return -1;
  if (bind(fd, (struct sockaddr*)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

static bool has_control_name(int ports, const char* port) {
  char path[64];
  char name[sizeof UNIK_GUEST_CONTROL_PORT] = {0};
  ssize_t size = 0;
  int fd = -1;

  if ((size_t)snprintf(path, sizeof path, "%s/name", port) >= sizeof path) return false;
  fd = openat(ports, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size = read(fd, name, sizeof name);
  close(fd);
  return size == (ssize_t)sizeof name && memcmp(name, UNIK_GUEST_CONTROL_PORT "\n", sizeof name) == 0;
}

int open_control_port(void) {
  DIR* ports = opendir("/sys/class/virtio-ports");
  int fd = -1;

  if (!ports) return -1;
  for (struct dirent* entry = readdir(ports); entry && fd < 0; entry = readdir(ports)) {
    char path[64];
    if (entry->d_name[0] == '.' || !has_control_name(dirfd(ports), entry->d_name)) continue;
    if ((size_t)snprintf(path, sizeof path, "/dev/%s", entry->d_name) >= sizeof path) continue;
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  }
  closedir(ports);
  return fd;
}

enum { LOOKS_MAX = 100, LOOK_PAUSE_MS = 10 };

/* Whether somebody is connected on the host's side. What a client sends comes by an interrupt, the news that it has
 * connected by a worker of the kernel, which may run later: so a port that looks deserted is looked at again, for a
 * second at most. */
static bool is_host_there(int port) {
  const struct timespec pause = {.tv_nsec = LOOK_PAUSE_MS * 1000000L};

  for (int look = 0; look < LOOKS_MAX; look++) {
    struct pollfd state = {.fd = port, .events = POLLOUT};
    if (poll(&state, 1, 0) >= 0 && !(state.revents & POLLHUP)) return true;
    nanosleep(&pause, NULL);
  }
  return false;
}

/* A client that has gone gets no answer, and one that does not read loses it when the port is full. */
void answer_command(int port, enum command command) {
  char text[64] = "";

  switch (command) {
    case COMMAND_PING:
      snprintf(text, sizeof text, UNIK_GUEST_ANSWER_PONG " %d\n", UNIK_GUEST_VERSION);
      break;
    case COMMAND_STOP:
      snprintf(text, sizeof text, UNIK_GUEST_ANSWER_OK " " UNIK_GUEST_COMMAND_STOP "\n");
      break;
    case COMMAND_KILL:
      snprintf(text, sizeof text, UNIK_GUEST_ANSWER_OK " " UNIK_GUEST_COMMAND_KILL "\n");
      break;
    case COMMAND_UNKNOWN:
      snprintf(text, sizeof text, UNIK_GUEST_ANSWER_ERROR " unknown-command\n");
      break;
    case COMMAND_TOO_LONG:
      snprintf(text, sizeof text, UNIK_GUEST_ANSWER_ERROR " line-too-long\n");
      break;
  }
  if (is_host_there(port)) (void)!write(port, text, strlen(text));
}

static enum command command_of(const char* line) {
  if (strcmp(line, UNIK_GUEST_COMMAND_PING) == 0) return COMMAND_PING;
  if (strcmp(line, UNIK_GUEST_COMMAND_STOP) == 0) return COMMAND_STOP;
  if (strcmp(line, UNIK_GUEST_COMMAND_KILL) == 0) return COMMAND_KILL;
  return COMMAND_UNKNOWN;
}

bool next_command(int port, enum command* command) {
  static char line[UNIK_GUEST_LINE_BYTES_MAX];
  static size_t length;
  static bool too_long;

  for (;;) {
    char byte = 0;
    /* A byte at a time: commands are few and short, and what follows a line stays in the port. */
    ssize_t size = read(port, &byte, 1);

    if (size < 0 && errno == EINTR) continue;
    if (size == 0) {
      if ((length > 0 || too_long) && is_host_there(port)) continue;
      /* The host hung up; half a line of one client is not the start of the next one's. */
      length = 0;
      too_long = false;
    }
    if (size <= 0) return false;
    if (byte != '\n') {
      too_long = too_long || length == sizeof line - 1;
      if (!too_long) line[length++] = byte;
      continue;
    }
    line[length] = '\0';
    length = 0;
    *command = too_long ? COMMAND_TOO_LONG : command_of(line);
    too_long = false;
    return true;
  }
}
