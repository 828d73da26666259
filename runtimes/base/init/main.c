/* PID 1's story: read, prepare, start, wait, report, end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

/* Holds secrets until the app runs. It is never on a disk: the kernel has no swap and writes no core dumps. */
static char config_text[UNIK_GUEST_CONFIG_BYTES_MAX];
static struct config config;

static void load_config(void) {
  const char* error = NULL;
  long size = read_fw_cfg(UNIK_GUEST_CONFIG_FW_CFG, config_text, sizeof config_text, &error);

  if (size < 0) fail("cannot read the configuration: %s", error);
  error = parse_config(config_text, (size_t)size, &config);
  if (error) fail("the configuration is wrong: %s", error);
  if (config.trace) enable_trace();
  trace("configuration read, %ld bytes", size);
}

/* --- While the app runs ----------------------------------------------------------------------------------------- */

static struct {
  pid_t app;
  long oom_kills_before;
  bool killed_by_host;
  int poll;
  int children;
  int port_events;
  int port;
} life = {.port = -1};

__attribute__((noreturn)) static void report_end(int status) {
  trace("app ended");
  /* The host may read the console as soon as it sees the last record: the app's last words come first. */
  drain_console();
  if (WIFEXITED(status)) {
    record(UNIK_GUEST_RECORD_EXIT " %d", WEXITSTATUS(status));
  } else if (WTERMSIG(status) == SIGKILL && !life.killed_by_host && count_oom_kills() > life.oom_kills_before) {
    record(UNIK_GUEST_RECORD_OOM);
  } else {
    record(UNIK_GUEST_RECORD_SIGNAL " %d", WTERMSIG(status));
  }
  end_machine();
}

/* Reaps whatever ended, the app's orphans included. */
static void reap(void) {
  struct signalfd_siginfo ignored;
  int status = 0;

  while (read(life.children, &ignored, sizeof ignored) > 0) continue;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    if (WIFSTOPPED(status)) {
      /* An unfiltered app that asks its parent to trace it asks init, which would leave it stopped for ever. */
      ptrace(PTRACE_DETACH, pid, NULL, (void*)(long)WSTOPSIG(status));
    } else if (pid == life.app) {
      report_end(status);
    }
  }
}

static void obey_host(void) {
  enum command command = COMMAND_PING;

  while (next_command(life.port, &command)) {
    switch (command) {
      case COMMAND_PING:
      case COMMAND_UNKNOWN:
      case COMMAND_TOO_LONG:
        break;
      case COMMAND_STOP:
        trace("stop: SIGTERM to the app");
        kill(life.app, SIGTERM);
        break;
      case COMMAND_KILL:
        trace("kill: SIGKILL to all");
        life.killed_by_host = true;
        kill(-1, SIGKILL);
        break;
    }
    answer_command(life.port, command);
  }
}

static void watch(int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data = {.fd = fd}};

  if (epoll_ctl(life.poll, EPOLL_CTL_ADD, fd, &event) != 0) fail("cannot watch a descriptor: %s", strerror(errno));
}

/* The port appears some time after the kernel has started init, and its name later still. */
static void try_control_port(void) {
  char event[2048];

  while (life.port_events >= 0 && recv(life.port_events, event, sizeof event, 0) > 0) continue;
  if (life.port >= 0) return;
  life.port = open_control_port();
  if (life.port < 0) return;
  /* Edge-triggered, because a port without a client on the host's side reports a hang-up for as long as that lasts. */
  watch(life.port, EPOLLIN | EPOLLET);
  trace("control port open");
}

__attribute__((noreturn)) static void watch_over_app(void) {
  watch(life.children, EPOLLIN);
  if (life.port_events >= 0) watch(life.port_events, EPOLLIN);
  try_control_port();
  for (;;) {
    struct epoll_event event;

    if (epoll_wait(life.poll, &event, 1, -1) != 1) continue;
    if (event.data.fd == life.children) reap();
    if (event.data.fd == life.port_events) try_control_port();
    if (event.data.fd == life.port) obey_host();
  }
}

int main(void) {
  sigset_t child;

  open_reports();
  record(UNIK_GUEST_RECORD_BOOT " %d", UNIK_GUEST_VERSION);
  load_config();

  if (config.ephemeral_root) make_root_writable();
  mount_file_systems();
  bring_up_network(&config);
  write_names(&config);

  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  life.children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  life.poll = epoll_create1(EPOLL_CLOEXEC);
  life.port_events = watch_control_ports();
  life.oom_kills_before = count_oom_kills();
  if (life.children < 0 || life.poll < 0) fail("cannot watch for the app's end: %s", strerror(errno));

  life.app = start_app(&config);
  explicit_bzero(config_text, sizeof config_text);
  if (!life.app) end_machine();
  trace("app started, pid %d", (int)life.app);
  watch_over_app();
}
