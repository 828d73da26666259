#include "tests/controller/store/dying_vfs.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace unik::controller {
namespace {

std::uint64_t g_calls_left = 0;
bool g_torn = false;

// SQLite allocates one of these followed by the file of the VFS below.
struct DyingFile {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<DyingFile*>(file)->real();
}

void count_call() {
  if (--g_calls_left == 0) ::_exit(kDied);
}

int close_file(sqlite3_file* file) {
  sqlite3_file* const real = real_of(file);
  return real->pMethods == nullptr ? SQLITE_OK : real->pMethods->xClose(real);
}
int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  return real_of(file)->pMethods->xRead(real_of(file), to, size, at);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  if (g_torn && g_calls_left == 1) real_of(file)->pMethods->xWrite(real_of(file), from, size / 2, at);
  count_call();
  return real_of(file)->pMethods->xWrite(real_of(file), from, size, at);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  count_call();
  return real_of(file)->pMethods->xTruncate(real_of(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  count_call();
  return real_of(file)->pMethods->xSync(real_of(file), flags);
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
int lock_file(sqlite3_file* file, int level) {
  return real_of(file)->pMethods->xLock(real_of(file), level);
}
int unlock_file(sqlite3_file* file, int level) {
  return real_of(file)->pMethods->xUnlock(real_of(file), level);
}
int check_lock(sqlite3_file* file, int* out) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}
int control(sqlite3_file* file, int what, void* arg) {
  return real_of(file)->pMethods->xFileControl(real_of(file), what, arg);
}
int sector_size(sqlite3_file* file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}
int characteristics(sqlite3_file* file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}
void barrier(sqlite3_file* file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}
int unmap_shared(sqlite3_file* file, int erase) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), erase);
}

const sqlite3_io_methods kMethods = {2,         close_file,   read_file,       write_file,  truncate_file,
                                     sync_file, size_of_file, lock_file,       unlock_file, check_lock,
                                     control,   sector_size,  characteristics, map_shared,  lock_shared,
                                     barrier,   unmap_shared, nullptr,         nullptr};

int open_file(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  auto* const below = static_cast<sqlite3_vfs*>(vfs->pAppData);
  const int code = below->xOpen(below, name, real_of(file), flags, out_flags);
  file->pMethods = code == SQLITE_OK ? &kMethods : nullptr;
  return code;
}

}  // namespace

void die_at(std::uint64_t at, bool torn) {
  static sqlite3_vfs dying;
  sqlite3_vfs* const below = sqlite3_vfs_find(nullptr);
  // All but opening goes straight to the VFS below.
  dying = *below;
  dying.zName = kDyingVfs;
  dying.szOsFile = static_cast<int>(sizeof(DyingFile)) + below->szOsFile;
  dying.pAppData = below;
  dying.xOpen = open_file;
  sqlite3_vfs_register(&dying, 0);
  g_calls_left = at;
  g_torn = torn;
}

}  // namespace unik::controller
