// The rim's clocks. Nothing else in the product reads one to decide anything: loops get a Now as an argument.
#pragma once

#include "api/time.hpp"

namespace unik::wire {

// CLOCK_BOOTTIME and CLOCK_REALTIME, any thread.
Now read_clock();

}  // namespace unik::wire
