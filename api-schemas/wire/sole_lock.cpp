#include "wire/sole_lock.hpp"

#include <sys/file.h>

#include <chrono>
#include <thread>

namespace unik::wire {
namespace {

constexpr std::chrono::seconds kDying(3);
constexpr std::chrono::milliseconds kLook(20);

}  // namespace

bool take_sole_lock(int file) {
  for (std::chrono::milliseconds waited{}; waited < kDying; waited += kLook) {
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) return true;
    std::this_thread::sleep_for(kLook);
  }
  return false;
}

}  // namespace unik::wire
