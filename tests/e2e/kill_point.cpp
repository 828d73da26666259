// Preloaded into a program by tests, as faults are injected by a debugger: it is killed by SIGKILL before its N-th call
// that changes files (KILL_POINT=N), whatever its threads. KILL_POINT_COUNT=FILE writes there how many there were.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<long> calls{0};

void point() {
  static const char* const text = std::getenv("KILL_POINT");
  static const long last = text == nullptr ? 0 : std::atol(text);
  if (++calls == last) ::kill(::getpid(), SIGKILL);
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

struct Count {
  ~Count() {
    const char* const path = std::getenv("KILL_POINT_COUNT");
    if (path == nullptr) return;
    if (FILE* const file = std::fopen(path, "we")) {
      std::fprintf(file, "%ld\n", calls.load());
      std::fclose(file);
    }
  }
} count;

mode_t mode_in(int flags, va_list arguments) {
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define POINT(result, name, parameters, arguments)            \
  extern "C" result name parameters {                         \
    static auto* const real = next<result parameters>(#name); \
    point();                                                  \
    return real arguments;                                    \
  }

POINT(int, rename, (const char* from, const char* to), (from, to))
POINT(int, renameat2, (int d, const char* from, int e, const char* to, unsigned flags), (d, from, e, to, flags))
POINT(int, link, (const char* from, const char* to), (from, to))
POINT(int, symlink, (const char* target, const char* path), (target, path))
POINT(int, unlink, (const char* path), (path))
POINT(int, unlinkat, (int directory, const char* path, int flags), (directory, path, flags))
POINT(int, remove, (const char* path), (path))
POINT(int, mkdir, (const char* path, mode_t mode), (path, mode))
POINT(int, fsync, (int fd), (fd))
POINT(int, ftruncate, (int fd, off_t size), (fd, size))
POINT(ssize_t, write, (int fd, const void* bytes, size_t size), (fd, bytes, size))
POINT(ssize_t, pwrite, (int fd, const void* bytes, size_t size, off_t at), (fd, bytes, size, at))

extern "C" int open(const char* path, int flags, ...) {
  static auto* const real = next<int(const char*, int, ...)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  if ((flags & O_CREAT) != 0) point();
  return real(path, flags, mode);
}

extern "C" int openat(int directory, const char* path, int flags, ...) {
  static auto* const real = next<int(int, const char*, int, ...)>("openat");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  if ((flags & O_CREAT) != 0) point();
  return real(directory, path, flags, mode);
}
