// What a publication leads to where a template has other ports than the app declares by now: during a rollout that
// changes them, after one that was given up, and when an older template is gone back to.
#pragma once

#include <vector>

#include "api/resource.hpp"

namespace unik::controller {

// The port among `ports` that serves what `declared` publishes under `publication`: the one of that name; else of that
// number, unless `declared` has a port of its name; else the one that has no counterpart on the other side, where there
// is one such on each. Null: none does. No two publications lead to one port.
const Port* port_for(const Publication& publication, const std::vector<Port>& declared, const std::vector<Port>& ports);

// For an instance of `boot`: each publication keeps its name, and leads to the port that serves it there. Those that
// nothing there serves go.
void aim(std::vector<Publication>& publications, const std::vector<Port>& declared, const BootSpec& boot);

// For an app that declares `boot` from now on: each has the name of its port, too.
void redeclare(std::vector<Publication>& publications, const std::vector<Port>& declared, const BootSpec& boot);

}  // namespace unik::controller
