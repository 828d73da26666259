// Processes of an earlier agent whose state directory was removed under it: nobody can reach or adopt them, since their
// sockets, locks and records went with it. Left alone they would run beside the instances that are started in their
// place, and keep their ports.
#pragma once

#include <string>
#include <vector>

namespace unik::agent {

// Kills the VMs, their guards and the forwarder of `state_dir` that nothing in it leads to any more, and waits for
// their ends. The names of what was killed, such as `unik:default/web/0/42/1#0`. To be called before anything is
// adopted or started, by who holds the directory's lock.
std::vector<std::string> end_orphans(const std::string& state_dir);

}  // namespace unik::agent
