/* PID 1 of a unikernel: prepares the machine, runs the app as its child, reports how it ends and ends the VM.
 *
 * One thread, no heap of its own. Each file below owns one step; main.c is the story. What passes to and from the host
 * is defined in api/guest.h. A step that fails calls fail(), which reports and ends the VM: nothing runs half prepared.
 */
#ifndef UNIK_INIT_H
#define UNIK_INIT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/guest.h"

/* --- config.c: the configuration, read from fw_cfg and checked as a whole -------------------------------------- */

struct config {
  char* args[UNIK_GUEST_ARGS_MAX + 1]; /* ends in NULL */
  size_t arg_count;
  char* env[UNIK_GUEST_ENV_MAX + 4]; /* room for the entries that init adds; ends in NULL */
  size_t env_count;
  const char* cwd;
  uid_t uid;
  gid_t gid;
  const char* hostname;
  bool has_address;
  struct in_addr address;
  struct in_addr netmask;
  bool has_gateway;
  struct in_addr gateway;
  struct in_addr dns[UNIK_GUEST_DNS_MAX];
  size_t dns_count;
  bool ephemeral_root;
  bool trace;
  bool seccomp;
};

/* Reads `text`, `size` bytes in the grammar of api/guest.h, into `config`, whose strings point into `text`.
 * Returns NULL, or what is wrong: a phrase that names the key and never the value. */
const char* parse_config(char* text, size_t size, struct config* config);

/* --- fwcfg.c: QEMU's way to hand over a file -------------------------------------------------------------------- */

/* Reads the file `name` into `buffer`. Returns its size, or -1 with `*error` set to a phrase. */
long read_fw_cfg(const char* name, char* buffer, size_t capacity, const char** error);

/* --- report.c: everything that leaves the guest, and the end of the VM ------------------------------------------ */

/* Opens the record port and quietens the terminal's output processing; the first thing that main does. */
void open_reports(void);

/* Writes one life record; `format` without the "\n". */
void record(const char* format, ...) __attribute__((format(printf, 1, 2)));

/* Writes one line `init: …` to the console. */
void say(const char* format, ...) __attribute__((format(printf, 1, 2)));

/* As say(), with the time since boot, and only when the configuration asked for a trace. */
void trace(const char* format, ...) __attribute__((format(printf, 1, 2)));
void enable_trace(void);

/* Waits, for a bounded time, until what was written to the console has left the guest. */
void drain_console(void);

/* Ends the VM at once. The last record must have been written. */
__attribute__((noreturn)) void end_machine(void);

/* Says and records an init-error, then ends the VM. The message is for people and holds no secret. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char* format, ...);

/* --- machine.c: file systems, network, names -------------------------------------------------------------------- */

/* Puts a tmpfs over the root, so that every write succeeds and is lost with the VM. Comes before other mounts. */
void make_root_writable(void);
void mount_file_systems(void);
void bring_up_network(const struct config* config);
/* The host's name, and the files that a resolver reads. Wants /run mounted. */
void write_names(const struct config* config);

/* --- app.c: the app's process ----------------------------------------------------------------------------------- */

/* Starts the app. Returns its pid, or 0 when its program could not be executed: then the reason and the exit code have
 * been recorded. Returns only after the program was executed, so the configuration may be wiped. */
pid_t start_app(const struct config* config);

/* How many processes the kernel has killed for want of memory since boot; -1 when that cannot be told. */
long count_oom_kills(void);

/* --- seccomp.c: the system calls that no app needs -------------------------------------------------------------- */

/* Denies them to this process and all that it starts, for good. Returns 0, or -1 with errno. */
int deny_system_calls(void);

/* --- control.c: the host's commands ----------------------------------------------------------------------------- */

/* A descriptor that becomes readable when control ports come or change; -1 when there are none. */
int watch_control_ports(void);

/* Opens the control port. Returns a descriptor, or -1 when the port is not there (yet). */
int open_control_port(void);

enum command { COMMAND_PING, COMMAND_STOP, COMMAND_KILL, COMMAND_UNKNOWN, COMMAND_TOO_LONG };

/* Reads at most one line from the port into `*command`. Returns false when there is no whole line to read. */
bool next_command(int port, enum command* command);

/* Answers it. Comes after the deed, because it may wait for a second where the host seems to have gone. */
void answer_command(int port, enum command command);

#endif
