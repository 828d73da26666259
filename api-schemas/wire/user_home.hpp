// Where the user's own files lie.
#pragma once

#include <string>

namespace unik::wire {

// HOME, or where that is not set or empty, what the system's user database says; `/nonexistent` where it knows nobody
// of this uid, so that nothing comes to lie wherever the program happens to be started.
std::string user_home();

}  // namespace unik::wire
