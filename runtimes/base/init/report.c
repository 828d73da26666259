/* Life records for the host, lines for people on the console, and the end of the VM. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

enum { DRAIN_MILLISECONDS_MAX = 2000 };

static bool tracing;

void open_reports(void) {
  struct termios settings;

  /* The kernel gives PID 1 its console as 0, 1 and 2, but not where the machine has none; then other files must not
   * take these numbers. */
  for (int fd = 0; fd >= 0 && fd <= STDERR_FILENO;) fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  fcntl(STDIN_FILENO, F_SETFD, 0);

  /* The app's bytes are to arrive as they are: no carriage return before a newline, no echo of the host's. */
  if (tcgetattr(STDOUT_FILENO, &settings) == 0) {
    settings.c_oflag &= ~(tcflag_t)OPOST;
    settings.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    tcsetattr(STDOUT_FILENO, TCSANOW, &settings);
  }
  /* Without the port there is no one to tell; the console still says what happens. */
  if (ioperm(UNIK_GUEST_RECORD_PORT, 1, 1) != 0) say("cannot reach the record port: %s", strerror(errno));
}

/* A line of printable ASCII, whatever a path in it holds. Returns its length. */
static size_t format_line(char* line, size_t capacity, const char* format, va_list arguments) {
  int length = vsnprintf(line, capacity - 1, format, arguments);
  size_t size = length < 0 ? 0 : (size_t)length;

  if (size > capacity - 2) size = capacity - 2;
  for (size_t i = 0; i < size; i++) {
    if (line[i] < ' ' || line[i] > '~') line[i] = '?';
  }
  line[size++] = '\n';
  return size;
}

void record(const char* format, ...) {
  char line[UNIK_GUEST_RECORD_BYTES_MAX];
  va_list arguments;
  size_t size = 0;

  va_start(arguments, format);
  size = format_line(line, sizeof line, format, arguments);
  va_end(arguments);
  if (ioperm(UNIK_GUEST_RECORD_PORT, 1, 1) == 0) outsb(UNIK_GUEST_RECORD_PORT, line, size);
}

static void say_arguments(const char* prefix, const char* format, va_list arguments) {
  char line[UNIK_GUEST_RECORD_BYTES_MAX];
  size_t prefix_size = strlen(prefix);
  size_t size = prefix_size;

  memcpy(line, prefix, prefix_size);
  size += format_line(line + prefix_size, sizeof line - prefix_size, format, arguments);
  /* A console that takes no more must not stop the boot. */
  (void)!write(STDERR_FILENO, line, size);
}

void say(const char* format, ...) {
  va_list arguments;

  va_start(arguments, format);
  say_arguments("init: ", format, arguments);
  va_end(arguments);
}

void enable_trace(void) {
  tracing = true;
}

void trace(const char* format, ...) {
  char prefix[48];
  struct timespec now;
  va_list arguments;

  if (!tracing) return;
  /* The kernel's messages count from the same zero, so the two make one timeline. */
  clock_gettime(CLOCK_MONOTONIC, &now);
  snprintf(prefix, sizeof prefix, "init: [%5lld.%06ld] ", (long long)now.tv_sec, now.tv_nsec / 1000);
  va_start(arguments, format);
  say_arguments(prefix, format, arguments);
  va_end(arguments);
}

void drain_console(void) {
  const struct timespec millisecond = {.tv_nsec = 1000000};
  int queued = 0;

  /* Bounded, because a host that stops reading the console must not keep the VM alive; tcdrain() has no bound. */
  for (int waited = 0; waited < DRAIN_MILLISECONDS_MAX; waited++) {
    if (ioctl(STDOUT_FILENO, TIOCOUTQ, &queued) != 0 || queued == 0) return;
    nanosleep(&millisecond, NULL);
  }
}

/* The kernel announces a restart as an emergency, which no quiet= hides, and it would stand at the end of every app's
 * output. A trace shows it. */
static void silence_kernel(void) {
  int fd = tracing ? -1 : open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);

  if (fd < 0) return;
  (void)!write(fd, "0", 1);
  close(fd);
}

void end_machine(void) {
  drain_console();
  silence_kernel();
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

void fail(const char* format, ...) {
  char reason[UNIK_GUEST_RECORD_BYTES_MAX - 32];
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  say("%s", reason);
  drain_console();
  record(UNIK_GUEST_RECORD_INIT_ERROR " %s", reason);
  end_machine();
}
