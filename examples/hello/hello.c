/* A small HTTP server: one thread, no dependencies, everything that a well-behaved guest does. It answers every GET
 * with a few lines of text, logs each request, and ends on SIGTERM after the request in hand. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_PORT = 8080, BACKLOG = 128, REQUEST_MAX = 8192, PATIENCE_MS = 5000 };

static volatile sig_atomic_t stopping;
static int wake[2]; /* a signal writes here, so that poll() cannot miss it */

static void on_signal(int number) {
  int saved = errno;

  (void)number;
  stopping = 1;
  if (write(wake[1], "", 1) < 0) { /* full: the loop has been woken already */
  }
  errno = saved;
}

static void die(const char* what) {
  perror(what);
  exit(1);
}

static int listen_on(unsigned short port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int yes = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) < 0) die("bind");
  if (listen(fd, BACKLOG) < 0) die("listen");
  return fd;
}

/* Reads up to the empty line. Returns 0, or the status that the client deserves. */
static int read_head(int fd, char* head) {
  size_t used = 0;

  while (used < REQUEST_MAX - 1) {
    ssize_t got = read(fd, head + used, REQUEST_MAX - 1 - used);

    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 408;
    used += (size_t)got;
    head[used] = '\0';
    if (strstr(head, "\r\n\r\n")) return 0;
  }
  return 431;
}

static void send_all(int fd, const char* text, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    text += sent;
    size -= (size_t)sent;
  }
}

static double uptime(void) {
  struct timespec now;

  clock_gettime(CLOCK_BOOTTIME, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void answer(int fd, unsigned long count) {
  struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
  char head[REQUEST_MAX], method[8] = "-", path[256] = "-", hostname[65] = "", body[512], response[1024];
  const char* greeting = getenv("GREETING");
  int status, body_size = 0, size;

  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  status = read_head(fd, head);
  if (status == 0) {
    if (sscanf(head, "%7s %255s", method, path) != 2)
      status = 400;
    else
      status = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ? 200 : 405;
  }
  gethostname(hostname, sizeof hostname - 1);
  if (status == 200)
    body_size = snprintf(body, sizeof body, "%.200s\nhostname: %s\nuptime: %.2f s\nrequests: %lu\n",
                         greeting ? greeting : "Hello from a unikernel", hostname, uptime(), count);
  size = snprintf(response, sizeof response,
                  "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
                  "Connection: close\r\n\r\n%s",
                  status, status == 200 ? "OK" : "Refused", body_size,
                  body_size > 0 && strcmp(method, "HEAD") != 0 ? body : "");
  send_all(fd, response, (size_t)size);
  printf("%s %s %d\n", method, path, status);
}

int main(int argc, char** argv) {
  unsigned short port = argc > 1 ? (unsigned short)atoi(argv[1]) : DEFAULT_PORT;
  struct sigaction action = {.sa_handler = on_signal};
  unsigned long count = 0;
  int listener;

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pipe(wake) < 0) die("pipe");
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  listener = listen_on(port);
  printf("hello: listening on port %u after %.2f s\n", port, uptime());
  while (!stopping) {
    struct pollfd waiting[] = {{.fd = listener, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
    int client;

    if (poll(waiting, 2, -1) < 0 && errno != EINTR) die("poll");
    if (!(waiting[0].revents & POLLIN)) continue;
    client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    answer(client, ++count);
    close(client);
  }
  printf("hello: stopped after %lu requests\n", count);
  return 0;
}
