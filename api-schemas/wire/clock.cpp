#include "wire/clock.hpp"

#include <time.h>

#include "api/check.hpp"

namespace unik::wire {
namespace {

Duration read(clockid_t clock) {
  timespec value{};
  UNIK_CHECK(clock_gettime(clock, &value) == 0, "Linux has had this clock since 2.6.39");
  return std::chrono::duration_cast<Duration>(std::chrono::seconds(value.tv_sec) +
                                              std::chrono::nanoseconds(value.tv_nsec));
}

}  // namespace

Now read_clock() {
  return {Time(read(CLOCK_BOOTTIME)), WallTime(read(CLOCK_REALTIME))};
}

}  // namespace unik::wire
