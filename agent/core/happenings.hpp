// What the world says of single instances: their images, their VMs, their health. Each one changes what is known and
// touches the instances that it is about; what is to be done about it is the plan's to say. What is said of a run that
// is over, or of an instance that is not known, changes nothing.
#pragma once

#include "agent/core/node_state.hpp"

namespace unik::agent {

void take(NodeState& node, const ImageReady& ready);
void take(NodeState& node, const ImageFailed& failed);
void take(NodeState& node, const VmStarted& started);
void take(NodeState& node, const VmEnded& ended);
void take(NodeState& node, const ProbeDone& done);

}  // namespace unik::agent
