/* The app's process: from fork to exec, with nothing left of PID 1's powers, and the reason where that fails. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

enum { OPEN_FILES_MAX = 65536, PATH_BYTES_MAX = 4096 };

/* What an app that runs as root keeps: to change owners and users, bind, signal, chroot and ping, as in a container.
 * Not among them: to mount, load, configure the network, make devices, set the clock or trace. */
static const unsigned root_capabilities[] = {
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,  CAP_KILL,       CAP_SETGID,
    CAP_SETUID, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT,
};

/* With an ephemeral root every path may be written, whoever owns it in the image: that is what was asked for. */
static const unsigned ephemeral_capabilities[] = {CAP_DAC_OVERRIDE, CAP_FOWNER};

/* What the child tells its parent when it cannot become the app. */
struct failure {
  int exit_code;
  char reason[UNIK_GUEST_RECORD_BYTES_MAX - 32];
};

__attribute__((noreturn, format(printf, 3, 4))) static void give_up(int report, int exit_code, const char* format,
                                                                    ...) {
  struct failure failure = {.exit_code = exit_code};
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(failure.reason, sizeof failure.reason, format, arguments);
  va_end(arguments);
  (void)!write(report, &failure, sizeof failure);
  _exit(exit_code);
}

/* --- Why a program does not run -------------------------------------------------------------------------------- */

/* The program that the kernel would need to run this one: of a script the one after "#!", of a dynamic program its
 * loader. False when there is none to be found. */
static bool read_interpreter(const char* path, char* name, size_t capacity) {
  union {
    char bytes[1024];
    Elf64_Ehdr elf;
  } head = {{0}};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  bool found = false;

  if (fd < 0) return false;
  if (read(fd, head.bytes, sizeof head.bytes - 1) <= 0) {
    found = false;
  } else if (head.bytes[0] == '#' && head.bytes[1] == '!') {
    const char* start = head.bytes + 2 + strspn(head.bytes + 2, " \t");
    size_t length = strcspn(start, " \t\r\n");
    found = length > 0 && length < capacity;
    if (found) {
      memcpy(name, start, length);
      name[length] = '\0';
    }
  } else if (memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0 && head.elf.e_phentsize == sizeof(Elf64_Phdr)) {
    for (int i = 0; i < head.elf.e_phnum && !found; i++) {
      Elf64_Phdr segment;
      off_t offset = (off_t)head.elf.e_phoff + (off_t)i * (off_t)sizeof segment;
      if (pread(fd, &segment, sizeof segment, offset) != (ssize_t)sizeof segment) break;
      if (segment.p_type != PT_INTERP || segment.p_filesz == 0 || segment.p_filesz > capacity) continue;
      found = pread(fd, name, segment.p_filesz, (off_t)segment.p_offset) == (ssize_t)segment.p_filesz &&
              name[segment.p_filesz - 1] == '\0';
    }
  }
  close(fd);
  return found;
}

__attribute__((noreturn)) static void explain_exec(int report, const char* path, int error) {
  char interpreter[256];
  struct stat info;
  bool exists = stat(path, &info) == 0;

  if (error == ENOENT && exists && read_interpreter(path, interpreter, sizeof interpreter))
    give_up(report, UNIK_GUEST_EXIT_NOT_FOUND, "cannot run %s: its interpreter %s is not in the image", path,
            interpreter);
  if (error == ENOENT || error == ENOTDIR)
    give_up(report, UNIK_GUEST_EXIT_NOT_FOUND, "cannot run %s: it is not in the image", path);
  if (error == EACCES && exists && S_ISDIR(info.st_mode))
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot run %s: it is a directory", path);
  if (error == EACCES && exists && !(info.st_mode & 0111))
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot run %s: the file is not executable", path);
  if (error == ENOEXEC)
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN,
            "cannot run %s: it is neither a program for this machine nor a script that starts with #!", path);
  if (error == E2BIG)
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot run %s: its arguments and environment are too large", path);
  give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot run %s: %s", path, strerror(error));
}

/* --- The child -------------------------------------------------------------------------------------------------- */

static const char* find_env(const struct config* config, const char* prefix) {
  size_t length = strlen(prefix);

  for (size_t i = 0; i < config->env_count; i++) {
    if (strncmp(config->env[i], prefix, length) == 0) return config->env[i] + length;
  }
  return "";
}

/* execvpe() would search PID 1's own PATH, and hand a file of no known format to a shell that is not there. */
__attribute__((noreturn)) static void execute(const struct config* config, int report) {
  const char* program = config->args[0];
  char path[PATH_BYTES_MAX];
  int error = ENOENT;

  if (strchr(program, '/')) {
    execve(program, config->args, config->env);
    explain_exec(report, program, errno);
  }
  for (const char* directory = find_env(config, "PATH="); *directory;) {
    size_t length = strcspn(directory, ":");
    int size = snprintf(path, sizeof path, "%.*s/%s", (int)length, directory, program);
    if (length > 0 && size > 0 && (size_t)size < sizeof path) {
      execve(path, config->args, config->env);
      error = errno;
      if (access(path, F_OK) == 0) explain_exec(report, path, error);
    }
    directory += length;
    if (*directory == ':') directory++;
  }
  give_up(report, UNIK_GUEST_EXIT_NOT_FOUND, "cannot run %s: it is in no directory of the app's PATH", program);
}

static bool contains(const unsigned* list, size_t count, unsigned wanted) {
  for (size_t i = 0; i < count; i++) {
    if (list[i] == wanted) return true;
  }
  return false;
}

/* No program that the app runs, as root or through a file, gets more than this. Reading fails past the kernel's last
 * capability, which ends the loop. */
static void bound_capabilities(void) {
  const size_t count = sizeof root_capabilities / sizeof *root_capabilities;

  for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
    if (!contains(root_capabilities, count, capability)) prctl(PR_CAPBSET_DROP, capability);
  }
}

static int grant_ephemeral_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
  const size_t count = sizeof ephemeral_capabilities / sizeof *ephemeral_capabilities;

  for (size_t i = 0; i < count; i++) data[0].permitted |= 1U << ephemeral_capabilities[i];
  data[0].effective = data[0].inheritable = data[0].permitted;
  if (syscall(SYS_capset, &header, data) != 0) return -1;
  for (size_t i = 0; i < count; i++) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, ephemeral_capabilities[i], 0, 0) != 0) return -1;
  }
  return 0;
}

static int become_user(const struct config* config) {
  const bool keep = config->ephemeral_root && config->uid != 0;

  bound_capabilities();
  if (keep && prctl(PR_SET_KEEPCAPS, 1) != 0) return -1;
  if (setgroups(0, NULL) != 0) return -1;
  if (setresgid(config->gid, config->gid, config->gid) != 0) return -1;
  if (setresuid(config->uid, config->uid, config->uid) != 0) return -1;
  if (keep && grant_ephemeral_capabilities() != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

__attribute__((noreturn)) static void run_child(const struct config* config, int report) {
  const struct rlimit open_files = {.rlim_cur = OPEN_FILES_MAX, .rlim_max = OPEN_FILES_MAX};
  sigset_t none;
  int input = -1;

  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  /* Nobody types on a unikernel's console: an app that reads gets the end of the file rather than a wait for ever. */
  input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input < 0 || dup2(input, STDIN_FILENO) < 0)
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot open /dev/null: %s", strerror(errno));
  setrlimit(RLIMIT_NOFILE, &open_files);
  if (chdir(config->cwd) != 0)
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot enter the directory %s: %s", config->cwd, strerror(errno));
  /* Permission to ports survives fork and exec; with it the app could forge life records. */
  ioperm(UNIK_GUEST_RECORD_PORT, 1, 0);
  if (become_user(config) != 0)
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot become user %u: %s", config->uid, strerror(errno));
  if (config->seccomp && deny_system_calls() != 0)
    give_up(report, UNIK_GUEST_EXIT_CANNOT_RUN, "cannot install the system call filter: %s", strerror(errno));
  execute(config, report);
}

/* --- The parent ------------------------------------------------------------------------------------------------- */

pid_t start_app(const struct config* config) {
  struct failure failure;
  ssize_t size = 0;
  pid_t pid = 0;
  int report[2];

  /* The app may open its own output anew, as /dev/stdout. */
  if (fchown(STDOUT_FILENO, config->uid, config->gid) != 0) trace("cannot give the app its console");
  if (pipe2(report, O_CLOEXEC) != 0) fail("cannot make a pipe: %s", strerror(errno));
  pid = fork();
  if (pid < 0) fail("cannot fork: %s", strerror(errno));
  if (pid == 0) run_child(config, report[1]);

  /* exec closes the pipe, so the end of the file means that the program runs. */
  close(report[1]);
  do size = read(report[0], &failure, sizeof failure);
  while (size < 0 && errno == EINTR);
  close(report[0]);
  if (size == (ssize_t)sizeof failure) {
    say("%s", failure.reason);
    record(UNIK_GUEST_RECORD_NOT_STARTED " %s", failure.reason);
    record(UNIK_GUEST_RECORD_EXIT " %d", failure.exit_code);
    return 0;
  }
  record(UNIK_GUEST_RECORD_STARTED " %d", (int)pid);
  return pid;
}

long count_oom_kills(void) {
  char text[8192];
  const char* found = NULL;
  ssize_t size = 0;
  int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);

  if (fd < 0) return -1;
  size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size < 0) return -1;
  text[size] = '\0';
  found = strstr(text, "\noom_kill ");
  return found ? strtol(found + strlen("\noom_kill "), NULL, 10) : -1;
}
