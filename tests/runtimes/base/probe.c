/* The app that boot_test.sh runs in the guest: each word does one thing that a test asks about and prints what
 * happened. Static, with no library beside libc, so that the base root alone is enough to run it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static void show(const char* what, long result) {
  printf("%s=%s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

static void show_text_file(const char* path) {
  char text[512];
  int fd = open(path, O_RDONLY);
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

  for (ssize_t i = 0; i < size; i++) text[i] = text[i] == '\n' ? '|' : text[i];
  printf("%s=%.*s\n", path, size < 0 ? 4 : (int)size, size < 0 ? "none" : text);
  close(fd);
}

static void show_hex(const char* what, const char* text) {
  printf("%s=", what);
  for (; *text; text++) printf("%02x", (unsigned char)*text);
  printf("\n");
}

static void dump(int count, char** words) {
  for (int i = 0; i < count; i++) show_hex("arg", words[i]);
  for (char** entry = environ; *entry; entry++) show_hex("env", *entry);
}

/* What a port read does, seen from outside: the signal kills a child, not the probe. */
static void show_port(const char* what, unsigned short port) {
  int status = 0;
  pid_t pid = fork();

  if (pid == 0) _exit(inb(port) & 0x7f);
  waitpid(pid, &status, 0);
  printf("%s=%s\n", what, WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "ok");
}

/* A call by the 32-bit gate, whose numbers mean other calls; in a child too. */
static void show_foreign_call(void) {
  int status = 0;
  pid_t pid = fork();

  if (pid == 0) {
    syscall(0x40000000 | SYS_getpid);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  printf("x32-call=%s\n", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "ok");
}

static void try_write(const char* what, const char* path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0644);

  show(what, fd < 0 ? fd : write(fd, "x", 1));
  close(fd);
}

static void checks(void) {
  struct utsname names;
  char text[256];
  FILE* status = fopen("/proc/self/status", "r");

  printf("uid=%u gid=%u\n", getuid(), getgid());
  uname(&names);
  printf("hostname=%s\n", names.nodename);
  printf("cwd=%s\n", getcwd(text, sizeof text));
  printf("stdin=%s\n", read(0, text, 1) == 0 ? "eof" : "open");
  while (status && fgets(text, sizeof text, status)) {
    if (strncmp(text, "Cap", 3) == 0 || strncmp(text, "NoNewPrivs", 10) == 0 || strncmp(text, "Seccomp:", 8) == 0)
      printf("%s", text);
  }
  if (status) fclose(status);

  show("mount", mount("t", "/tmp", "tmpfs", 0, NULL));
  show("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  show("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
  show("bpf", syscall(SYS_bpf, 0, NULL, 0));
  show("unshare", syscall(SYS_unshare, 0));
  show("ioperm", ioperm(0x510, 2, 1));
  show_port("port-e9", 0xe9);
  show_port("port-510", 0x510);
  show_foreign_call();

  try_write("write-root", "/new");
  try_write("write-app", "/app/new");
  try_write("write-tmp", "/tmp/new");
  try_write("write-run", "/run/new");
  try_write("write-shm", "/dev/shm/new");
  try_write("write-stdout", "/dev/stdout");
  printf("\n");
  show("mkdir-deep", mkdir("/etc/dir", 0755));
  show("unlink", unlink("/etc/passwd"));
  show_text_file("/etc/hosts");
  show_text_file("/etc/resolv.conf");
  show("pty", posix_openpt(O_RDWR | O_NOCTTY));
  show("proc-ports", open("/proc/ioports", O_RDONLY));
  show("fw-cfg-files", open("/sys/firmware/qemu_fw_cfg", O_RDONLY));
}

static void serve(unsigned short port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);

  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 8) != 0) {
    show("serve", -1);
    exit(1);
  }
  signal(SIGPIPE, SIG_IGN); /* a client that has left is no reason to die */
  printf("serving\n");
  for (;;) {
    int client = accept(listener, NULL, NULL);
    (void)!write(client, "hello\n", 6);
    close(client);
  }
}

static void on_term(int signal) {
  (void)signal;
  (void)!write(1, "got SIGTERM\n", 12);
  _exit(42);
}

/* Grows until the kernel ends it. */
static void use_all_memory(void) {
  for (;;) memset(malloc(1 << 20), 1, 1 << 20);
}

/* A grandchild that outlives its parent and ends before the probe: PID 1 has to reap it. */
static void leave_orphan(void) {
  int status = 0;
  pid_t pid = fork();

  if (pid == 0) {
    if (fork() == 0) {
      usleep(50000);
      _exit(9);
    }
    _exit(0);
  }
  waitpid(pid, &status, 0);
  usleep(300000);
  pid = fork();
  if (pid == 0) _exit(0);
  printf("orphan gone: %s\n", kill(pid - 1, 0) != 0 && errno == ESRCH ? "yes" : "no");
}

static void write_much(size_t bytes) {
  char line[100];

  memset(line, 'x', sizeof line - 1);
  line[sizeof line - 1] = '\n';
  for (size_t done = 0; done < bytes; done += sizeof line) (void)!write(1, line, sizeof line);
}

int main(int count, char** words) {
  const char* word = count > 1 ? words[1] : "";

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(word, "exit") == 0) return atoi(words[2]);
  if (strcmp(word, "dump") == 0) dump(count, words);
  if (strcmp(word, "checks") == 0) checks();
  if (strcmp(word, "serve") == 0) serve((unsigned short)atoi(words[2]));
  if (strcmp(word, "oom") == 0) use_all_memory();
  if (strcmp(word, "orphan") == 0) leave_orphan();
  if (strcmp(word, "write") == 0) write_much((size_t)atol(words[2]));
  if (strcmp(word, "signal") == 0) kill(getpid(), atoi(words[2]));
  if (strcmp(word, "cpus") == 0) printf("cpus=%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
  if (strcmp(word, "wait") == 0) {
    signal(SIGTERM, on_term);
    printf("waiting\n");
    for (;;) pause();
  }
  if (strcmp(word, "hang") == 0) {
    signal(SIGTERM, SIG_IGN);
    printf("waiting\n");
    for (;;) pause();
  }
  return 0;
}
