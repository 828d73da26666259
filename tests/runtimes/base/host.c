/* What boot_test.sh cannot do in a shell: talk over unix sockets and measure time.
 *
 *   host ask SOCKET LINE...     sends each line and prints the line that answers it
 *   host qmp SOCKET COMMAND     greets a QMP socket, executes one command and prints its answer
 *   host tsc-khz                prints the frequency of this machine's time stamp counter
 *   host time CONSOLE LIFE WORD -- COMMAND...   runs a command; prints the milliseconds from its start until the life
 *                               file holds "boot", until it holds "started", until CONSOLE holds WORD, and until its
 * end; then the processor time that it took, which a busy machine distorts less
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { ANSWER_MILLISECONDS_MAX = 20000 };

static double now_ms(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int connect_to(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) == 0) return fd;
  fprintf(stderr, "host: cannot connect to %s: %s\n", path, strerror(errno));
  exit(1);
}

/* Reads one line into `line`; ends the program when none comes in time. */
static void read_line(int fd, char* line, size_t capacity) {
  size_t length = 0;

  while (length + 1 < capacity) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, ANSWER_MILLISECONDS_MAX) != 1 || read(fd, line + length, 1) != 1) {
      fprintf(stderr, "host: no answer\n");
      exit(1);
    }
    if (line[length] == '\n') break;
    length++;
  }
  line[length] = '\0';
}

static void send_line(int fd, const char* text) {
  dprintf(fd, "%s\n", text);
}

static int ask(int count, char** words) {
  char line[8192];
  int fd = connect_to(words[0]);

  for (int i = 1; i < count; i++) {
    send_line(fd, words[i]);
    read_line(fd, line, sizeof line);
    puts(line);
  }
  return 0;
}

static int qmp(char** words) {
  char line[8192];
  char command[256];
  int fd = connect_to(words[0]);

  read_line(fd, line, sizeof line);
  send_line(fd, "{\"execute\":\"qmp_capabilities\"}");
  read_line(fd, line, sizeof line);
  snprintf(command, sizeof command, "{\"execute\":\"%s\"}", words[1]);
  send_line(fd, command);
  read_line(fd, line, sizeof line);
  puts(line);
  return 0;
}

static int tsc_khz(void) {
  const double start_ms = now_ms();
  const unsigned long long start = __rdtsc();

  while (now_ms() - start_ms < 200) continue;
  printf("%.0f\n", (double)(__rdtsc() - start) / (now_ms() - start_ms));
  return 0;
}

static bool holds(const char* path, const char* word) {
  char text[65536];
  int fd = open(path, O_RDONLY);
  ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

  if (fd >= 0) close(fd);
  text[size < 0 ? 0 : size] = '\0';
  return strstr(text, word);
}

static int time_boot(char** words) {
  const char* files[] = {words[1], words[1], words[0]};
  const char* marks[] = {"boot", "started", words[2]};
  double reached[3] = {0};
  struct rusage used;
  int status = 0;
  const double start = now_ms();
  const pid_t pid = fork();

  if (pid == 0) {
    execvp(words[4], words + 4);
    _exit(127);
  }
  while (wait4(pid, &status, WNOHANG, &used) == 0) {
    for (int i = 0; i < 3; i++) {
      if (reached[i] == 0 && holds(files[i], marks[i])) reached[i] = now_ms() - start;
    }
    usleep(200);
  }
  printf("boot=%.0f started=%.0f word=%.0f end=%.0f cpu=%.0f\n", reached[0], reached[1], reached[2], now_ms() - start,
         (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
             (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3);
  return 0;
}

int main(int count, char** words) {
  if (count > 3 && strcmp(words[1], "ask") == 0) return ask(count - 2, words + 2);
  if (count == 4 && strcmp(words[1], "qmp") == 0) return qmp(words + 2);
  if (count == 2 && strcmp(words[1], "tsc-khz") == 0) return tsc_khz();
  if (count > 6 && strcmp(words[1], "time") == 0) return time_boot(words + 2);
  fprintf(stderr, "host: want ask, qmp, tsc-khz or time\n");
  return 2;
}
