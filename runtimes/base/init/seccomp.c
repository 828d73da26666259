/* The system calls that no app needs, denied.
 *
 * A list of denials rather than of permissions: the runtimes use most of the rest and each version finds new calls,
 * while what takes over a machine is a short, stable list. EPERM rather than death, because runtimes probe and fall
 * back (Go tries perf and namespaces, the JVM process_vm_readv, .NET ptrace). Calls of another architecture, whose
 * numbers mean other calls, can only be an attempt to slip past this list: those kill.
 *
 * clone() and clone3() with flags for new namespaces need no check, since the kernel is built without namespaces; with
 * none that looks at arguments, the kernel answers every permitted call from its cache without running the filter.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

/* Numbers that glibc 2.36 does not know yet. */
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif

enum { X32_CALL_BIT = 0x40000000 };

/* By subject rather than one a line. */
/* clang-format off */
static const int denied[] = {
    /* File systems and the root. */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_mount_setattr, SYS_swapon, SYS_swapoff, SYS_quotactl, SYS_quotactl_fd, SYS_acct,
    SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_fanotify_init, SYS_nfsservctl, SYS_ustat, SYS_sysfs,
    SYS_statmount, SYS_listmount,
    /* The machine and its kernel. */
    SYS_reboot, SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_create_module, SYS_query_module, SYS_get_kernel_syms, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_syslog,
    SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_vhangup, SYS_uselib, SYS__sysctl,
    /* Other processes and their memory. */
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_kcmp, SYS_userfaultfd,
    /* What looks into the kernel or runs code in it. */
    SYS_bpf, SYS_perf_event_open, SYS_lookup_dcookie,
    /* Key rings and namespaces. */
    SYS_add_key, SYS_request_key, SYS_keyctl, SYS_setns, SYS_unshare,
};
/* clang-format on */

enum { DENIED_COUNT = sizeof denied / sizeof *denied, PROLOGUE = 5, PROGRAM_MAX = PROLOGUE + 2 * DENIED_COUNT + 2 };

static struct sock_filter program[PROGRAM_MAX];

int deny_system_calls(void) {
  static const struct sock_filter prologue[PROLOGUE] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALL_BIT, 0, 1),
  };
  const struct sock_filter kill = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  const struct sock_filter deny = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {.filter = program};
  unsigned short size = 0;

  for (; size < PROLOGUE; size++) program[size] = prologue[size];
  program[size++] = kill;
  /* Each pair says: this call? then deny, else look further. It is longer than one jump to a shared end, and needs no
   * offsets that a longer list would overflow. */
  for (int i = 0; i < DENIED_COUNT; i++) {
    program[size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)denied[i], 0, 1);
    program[size++] = deny;
  }
  program[size++] = allow;
  filter.len = size;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}
