/* What passes between a host and PID 1 of its guest. Plain C, so that init and the agent read the same file.
 *
 * Four channels, each with one direction and one purpose:
 *   configuration  host -> guest, once      a fw_cfg file that init reads by port I/O before it does anything else
 *   life records   guest -> host            lines written to the debug console port, synchronous, no driver needed
 *   control        both, while the app runs lines over a named virtio-serial port
 *   console        guest -> host, for people the app's own output, the kernel's and init's messages; never parsed
 *
 * An image brings its own init, which may be older than the agent that boots it. So the first field of the
 * configuration is the version, and init refuses what it does not know instead of half doing it. An agent leaves out
 * every field that has its default value: then an old init boots all that it is able to honour.
 */
#ifndef UNIK_API_GUEST_H
#define UNIK_API_GUEST_H

#define UNIK_GUEST_VERSION 1

/* --- Configuration -----------------------------------------------------------------------------------------------
 *
 *   config = field("unikctl-guest", "1")  field*  field("end", "")
 *   field  = KEY "=" VALUE NUL
 *   KEY    = one of the names below; lower case letters and "-"
 *   VALUE  = any bytes but NUL: newlines, "=", quotes and invalid UTF-8 arrive as they are
 *
 * NUL ends a field because no argument, environment entry or path can hold one; so there is nothing to escape. "end"
 * must be the last field: a configuration without it was cut short. Keys may come in any order; a repeated key that
 * is not a list is an error, as are an unknown key, a bad number and anything beyond a bound below.
 * Errors name the key, never the value, because values hold secrets.
 */
#define UNIK_GUEST_CONFIG_FW_CFG "opt/unikctl/config" /* QEMU: -fw_cfg name=opt/unikctl/config,file=PATH */
#define UNIK_GUEST_CONFIG_MAGIC "unikctl-guest"       /* the first key; its value is the version in decimal */
#define UNIK_GUEST_CONFIG_END "end"                   /* the last key; its value is empty */

/* List, one or more: the program, then its arguments. A program without "/" is looked up in the PATH of its own env. */
#define UNIK_GUEST_KEY_ARG "arg"
/* List of NAME=VALUE; of one name the last counts. init adds PATH, HOME (/tmp) and HOSTNAME where they are missing. */
#define UNIK_GUEST_KEY_ENV "env"
/* An absolute path. Default "/". */
#define UNIK_GUEST_KEY_CWD "cwd"
/* Decimal, 0 to 4294967294. Default 1000, both. */
#define UNIK_GUEST_KEY_UID "uid"
#define UNIK_GUEST_KEY_GID "gid"
/* 1 to 64 letters, digits, "-" and ".". Default "unikernel". */
#define UNIK_GUEST_KEY_HOSTNAME "hostname"
/* IPv4 of eth0 with its prefix, "10.0.2.15/24". Default: eth0 stays down. */
#define UNIK_GUEST_KEY_ADDRESS "address"
/* IPv4 of the default route; wants an address. Default: no route. */
#define UNIK_GUEST_KEY_GATEWAY "gateway"
/* List of at most 3 IPv4 name servers. */
#define UNIK_GUEST_KEY_DNS "dns"
/* "no": the root is read-only. "ephemeral": a tmpfs over it takes every write, whoever owns the file in the image, and
 * is lost with the VM. Default "no". */
#define UNIK_GUEST_KEY_WRITABLE "writable"
/* "0" or "1": a timeline of init's steps on the console. Default "0". */
#define UNIK_GUEST_KEY_TRACE "trace"
/* "0" or "1": deny system calls that no app needs. Default "1". */
#define UNIK_GUEST_KEY_SECCOMP "seccomp"

enum {
  UNIK_GUEST_CONFIG_BYTES_MAX = 256 * 1024,
  UNIK_GUEST_ARGS_MAX = 1024,
  UNIK_GUEST_ENV_MAX = 1024,
  UNIK_GUEST_DNS_MAX = 3,
  UNIK_GUEST_VALUE_BYTES_MAX = 128 * 1024 - 1, /* Linux refuses a longer argument or environment entry */
  UNIK_GUEST_HOSTNAME_BYTES_MAX = 64,
  UNIK_GUEST_DEFAULT_ID = 1000
};

/* --- Life records ------------------------------------------------------------------------------------------------
 *
 * Lines of ASCII that end in "\n", written to an I/O port behind which QEMU has a file
 * (-chardev file,… -device isa-debugcon,iobase=0xe9). A write is complete when the guest goes on, so a record is never
 * lost, whatever happens next. A reader treats bytes without their "\n" as not yet written.
 *
 *   boot VERSION            init runs; always first, then
 *   started PID             the app's program was executed; it is not ready to serve yet
 *   and last, exactly one of
 *   exit CODE               the app ended by itself, 0 to 255; or after "not-started", 126 or 127
 *   signal NUMBER           a signal killed the app, 1 to 64
 *   oom                     the kernel killed the app because the guest's memory was used up
 *   init-error REASON       init could not prepare the machine, or the configuration is wrong; the app never ran
 *
 *   not-started REASON      comes in place of "started": the program could not be executed; "exit 127" follows when it
 *                           or its interpreter does not exist, "exit 126" when it may not or cannot run
 *
 * REASON is printable ASCII to the end of the line, for people; it never holds a value of the configuration but paths.
 * A VM that ended without a last record crashed, or was killed from outside; a panic of the kernel leaves a line with
 * UNIK_GUEST_PANIC_TEXT on the console. Unknown records are to be ignored.
 */
#define UNIK_GUEST_RECORD_PORT 0xe9

#define UNIK_GUEST_RECORD_BOOT "boot"
#define UNIK_GUEST_RECORD_STARTED "started"
#define UNIK_GUEST_RECORD_NOT_STARTED "not-started"
#define UNIK_GUEST_RECORD_EXIT "exit"
#define UNIK_GUEST_RECORD_SIGNAL "signal"
#define UNIK_GUEST_RECORD_OOM "oom"
#define UNIK_GUEST_RECORD_INIT_ERROR "init-error"

#define UNIK_GUEST_PANIC_TEXT "Kernel panic - not syncing"

enum { UNIK_GUEST_RECORD_BYTES_MAX = 512, UNIK_GUEST_EXIT_CANNOT_RUN = 126, UNIK_GUEST_EXIT_NOT_FOUND = 127 };

/* --- Control -----------------------------------------------------------------------------------------------------
 *
 * Lines of ASCII that end in "\n" over the virtio-serial port of this name. Each command gets one answer, in order.
 * A command sent before init listens waits in the port. The end of the app shows as a life record and as the end of
 * the VM, not here.
 *
 *   ping            -> pong VERSION
 *   stop            -> ok stop      SIGTERM to the app; again each time it is asked
 *   kill            -> ok kill      SIGKILL to every process but init
 *   resume …        reserved: mend clock, entropy and addresses after a snapshot is restored
 *   anything else   -> error unknown-command; over-long lines are error line-too-long
 */
#define UNIK_GUEST_CONTROL_PORT "dev.unikctl.control"

#define UNIK_GUEST_COMMAND_PING "ping"
#define UNIK_GUEST_COMMAND_STOP "stop"
#define UNIK_GUEST_COMMAND_KILL "kill"
#define UNIK_GUEST_COMMAND_RESUME "resume"

#define UNIK_GUEST_ANSWER_PONG "pong"
#define UNIK_GUEST_ANSWER_OK "ok"
#define UNIK_GUEST_ANSWER_ERROR "error"

enum { UNIK_GUEST_LINE_BYTES_MAX = 4096 }; /* with its "\n", in either direction */

/* The kernel's command line names this path (init=), and the base root holds init there. */
#define UNIK_GUEST_INIT_PATH "/init"

#endif
