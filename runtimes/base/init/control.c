/* Commands of the host over a virtio-serial port, a line each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
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

/* The host that asked is there to read; one that has gone gets no answer, and init never waits for it. */
static void answer(int port, const char* text) {
  (void)!write(port, text, strlen(text));
}

static enum command obey(int port, const char* line) {
  if (strcmp(line, UNIK_GUEST_COMMAND_PING) == 0) {
    char pong[32];
    snprintf(pong, sizeof pong, UNIK_GUEST_ANSWER_PONG " %d\n", UNIK_GUEST_VERSION);
    answer(port, pong);
    return COMMAND_NONE;
  }
  if (strcmp(line, UNIK_GUEST_COMMAND_STOP) == 0) {
    answer(port, UNIK_GUEST_ANSWER_OK " " UNIK_GUEST_COMMAND_STOP "\n");
    return COMMAND_STOP;
  }
  if (strcmp(line, UNIK_GUEST_COMMAND_KILL) == 0) {
    answer(port, UNIK_GUEST_ANSWER_OK " " UNIK_GUEST_COMMAND_KILL "\n");
    return COMMAND_KILL;
  }
  answer(port, UNIK_GUEST_ANSWER_ERROR " unknown-command\n");
  return COMMAND_NONE;
}

bool next_command(int port, enum command* command) {
  static char line[UNIK_GUEST_LINE_BYTES_MAX];
  static size_t length;
  static bool too_long;

  *command = COMMAND_NONE;
  for (;;) {
    char byte = 0;
    /* A byte at a time: commands are few and short, and what follows a line stays in the port. */
    ssize_t size = read(port, &byte, 1);

    if (size < 0 && errno == EINTR) continue;
    if (size == 0) {
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
    if (too_long) {
      too_long = false;
      answer(port, UNIK_GUEST_ANSWER_ERROR " line-too-long\n");
    } else {
      *command = obey(port, line);
    }
    return true;
  }
}
