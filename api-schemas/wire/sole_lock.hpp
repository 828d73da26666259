// The lock by which a daemon is the only one of its directory.
#pragma once

namespace unik::wire {

// Takes the exclusive flock of `file`, which dies with the descriptor. Waits a few seconds for a holder that has been
// killed: the kernel lets go of its lock only when all of it is gone, which is later than the kill. False: another one
// holds it, and goes on holding it.
bool take_sole_lock(int file);

}  // namespace unik::wire
