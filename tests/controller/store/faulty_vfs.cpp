#include "tests/controller/store/faulty_vfs.hpp"

#include <sqlite3.h>

#include <new>

#include "api/check.hpp"

namespace unik::controller {
namespace {

// The one that is registered, and what it stands on.
FaultyVfs* g_faulty = nullptr;
sqlite3_vfs* g_real = nullptr;
sqlite3_vfs g_vfs{};

// SQLite gives room for this and for the real file behind it.
struct FaultyFile {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<FaultyFile*>(file)->real();
}
const sqlite3_io_methods& methods_of(sqlite3_file* file) {
  return *real_of(file)->pMethods;
}

int close_file(sqlite3_file* file) {
  return methods_of(file).xClose(real_of(file));
}

int read_file(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
  if (const int code = g_faulty->pass(DiskCall::kRead)) return code;
  return methods_of(file).xRead(real_of(file), into, size, at);
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  if (const int code = g_faulty->pass(DiskCall::kWrite)) return code;
  if (const int code = g_faulty->pass(DiskCall::kPartialWrite)) {
    methods_of(file).xWrite(real_of(file), from, size / 2, at);
    return code;
  }
  return methods_of(file).xWrite(real_of(file), from, size, at);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  if (const int code = g_faulty->pass(DiskCall::kTruncate)) return code;
  return methods_of(file).xTruncate(real_of(file), size);
}

// No test cuts the power, so nothing is synced: runs in their thousands would wait for the disk alone.
int sync_file(sqlite3_file*, int) {
  return g_faulty->pass(DiskCall::kSync);
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  if (const int code = g_faulty->pass(DiskCall::kFileSize)) return code;
  return methods_of(file).xFileSize(real_of(file), size);
}

int lock_file(sqlite3_file* file, int level) {
  if (const int code = g_faulty->pass(DiskCall::kLock)) return code;
  return methods_of(file).xLock(real_of(file), level);
}

int unlock_file(sqlite3_file* file, int level) {
  return methods_of(file).xUnlock(real_of(file), level);
}
int check_reserved(sqlite3_file* file, int* out) {
  return methods_of(file).xCheckReservedLock(real_of(file), out);
}
int control_file(sqlite3_file* file, int what, void* argument) {
  return methods_of(file).xFileControl(real_of(file), what, argument);
}
int sector_size(sqlite3_file* file) {
  return methods_of(file).xSectorSize(real_of(file));
}
int characteristics(sqlite3_file* file) {
  return methods_of(file).xDeviceCharacteristics(real_of(file));
}

int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  if (const int code = g_faulty->pass(DiskCall::kShmMap)) return code;
  return methods_of(file).xShmMap(real_of(file), page, size, extend, out);
}

int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  // Giving a lock back cannot fail.
  if ((flags & SQLITE_SHM_LOCK) != 0)
    if (const int code = g_faulty->pass(DiskCall::kShmLock)) return code;
  return methods_of(file).xShmLock(real_of(file), offset, count, flags);
}

void shm_barrier(sqlite3_file* file) {
  methods_of(file).xShmBarrier(real_of(file));
}
int shm_unmap(sqlite3_file* file, int remove) {
  return methods_of(file).xShmUnmap(real_of(file), remove);
}

constexpr sqlite3_io_methods kMethods = {
    2,         close_file,  read_file,      write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_reserved, control_file, sector_size,   characteristics, shm_map,
    shm_lock,  shm_barrier, shm_unmap,      nullptr,      nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* const faulty = new (file) FaultyFile{};
  if (const int code = g_faulty->pass(DiskCall::kOpen)) return code;
  const int code = g_real->xOpen(g_real, name, faulty->real(), flags, out_flags);
  if (faulty->real()->pMethods != nullptr) file->pMethods = &kMethods;
  return code;
}

int delete_file(sqlite3_vfs*, const char* name, int sync_directory) {
  if (const int code = g_faulty->pass(DiskCall::kDelete)) return code;
  return g_real->xDelete(g_real, name, sync_directory);
}

}  // namespace

const char* to_string(DiskCall call) {
  constexpr const char* kNames[kDiskCalls] = {"open", "delete",    "read", "write",   "partial write", "truncate",
                                              "sync", "file size", "lock", "shm map", "shm lock"};
  return kNames[static_cast<std::size_t>(call)];
}

FaultyVfs::FaultyVfs() {
  UNIK_CHECK(g_faulty == nullptr, "one faulty VFS at a time");
  g_faulty = this;
  g_real = sqlite3_vfs_find(nullptr);
  g_vfs = *g_real;
  g_vfs.zName = name();
  g_vfs.szOsFile = static_cast<int>(sizeof(FaultyFile)) + g_real->szOsFile;
  g_vfs.xOpen = open_file;
  g_vfs.xDelete = delete_file;
  UNIK_CHECK(sqlite3_vfs_register(&g_vfs, 0) == SQLITE_OK, "the VFS could not be registered");
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&g_vfs);
  g_faulty = nullptr;
}

void FaultyVfs::count_anew() {
  const std::lock_guard lock(mutex_);
  counts_ = {};
}

std::uint64_t FaultyVfs::count(DiskCall call) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(call)];
}

void FaultyVfs::fail(DiskCall call, std::uint64_t nth, int code, bool lasting) {
  const std::lock_guard lock(mutex_);
  counts_ = {};
  struck_ = false;
  fault_ = Fault{call, nth, code, lasting};
}

void FaultyVfs::heal() {
  const std::lock_guard lock(mutex_);
  fault_.reset();
}

bool FaultyVfs::struck() const {
  const std::lock_guard lock(mutex_);
  return struck_;
}

int FaultyVfs::pass(DiskCall call) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t count = ++counts_[static_cast<std::size_t>(call)];
  if (!fault_ || fault_->call != call || count < fault_->nth || (count > fault_->nth && !fault_->lasting)) return 0;
  struck_ = true;
  return fault_->code;
}

}  // namespace unik::controller
