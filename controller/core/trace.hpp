// Whose request a change goes back to: what happens to an app after a request for it carries that request's trace id,
// until the next one for it.
#pragma once

#include <string>

#include "controller/core/world.hpp"

namespace unik::controller {

// Of the request that last changed the app; empty when the app is not there.
std::string trace_of(const World& world, const AppName& app);

// Fills in what `record` does not tell by itself: a trace id for one that nobody asked for, and in front of the changes
// a NoteTrace for each other request that some of them go back to. `before` and `after` are the Worlds around it.
void note_traces(Record& record, const World& before, const World& after);

}  // namespace unik::controller
