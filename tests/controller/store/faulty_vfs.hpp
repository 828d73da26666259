// A VFS of SQLite that passes every call on to the real one, but for the calls that are told to fail. Registered under
// `name()` as long as it lives; one at a time. Any thread may use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace unik::controller {

// The calls that touch the disk. `kPartialWrite` is a write of which half arrives.
enum class DiskCall : std::uint8_t {
  kOpen,
  kDelete,
  kRead,
  kWrite,
  kPartialWrite,
  kTruncate,
  kSync,
  kFileSize,
  kLock,
  kShmMap,
  kShmLock
};
inline constexpr std::size_t kDiskCalls = 11;

const char* to_string(DiskCall call);

class FaultyVfs {
 public:
  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  static const char* name() { return "faulty"; }

  // Calls of the kind from now on.
  void count_anew();
  std::uint64_t count(DiskCall call) const;

  // The `nth` call of the kind from now on fails with SQLite's `code`; with `lasting`, so do all after it.
  void fail(DiskCall call, std::uint64_t nth, int code, bool lasting);
  void heal();
  // Whether a fault has struck since `fail`.
  bool struck() const;

  // For the VFS's own calls: what this one fails with, 0 if it does not.
  int pass(DiskCall call);

 private:
  struct Fault {
    DiskCall call = DiskCall::kOpen;
    std::uint64_t nth = 0;
    int code = 0;
    bool lasting = false;
  };
  mutable std::mutex mutex_;
  std::array<std::uint64_t, kDiskCalls> counts_{};
  std::optional<Fault> fault_;
  bool struck_ = false;
};

}  // namespace unik::controller
