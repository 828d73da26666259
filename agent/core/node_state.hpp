// All that passes between the parts of one node's loop: what is known, whom it concerns, and what is to go out.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "agent/core/images.hpp"
#include "agent/core/instance.hpp"
#include "agent/core/lease.hpp"
#include "agent/core/record_keeper.hpp"
#include "agent/core/routes.hpp"
#include "agent/core/timers.hpp"

namespace unik::agent {

struct NodeState {
  explicit NodeState(std::string name) : keeper(std::move(name)) {}

  Now now;      // of this turn
  Effects out;  // of this turn

  Instances instances;
  Images images;
  ForwarderTable table;
  RecordKeeper keeper;
  Timers timers;
  Contact contact;
  std::uint64_t probes = 0;

  std::set<InstanceId> touched;          // to be planned in this turn
  std::set<InstanceId> awaiting_record;  // to be planned when the record is saved
  bool body_changed = false;             // since the last heartbeat

  Instance* find(const InstanceId& id) {
    const auto found = instances.find(id);
    return found == instances.end() ? nullptr : &found->second;
  }
  void touch(const InstanceId& id) { touched.insert(id); }
  void touch_all(const std::set<InstanceId>& ids) { touched.insert(ids.begin(), ids.end()); }
  void emit(Effect effect) { out.list.push_back(std::move(effect)); }
  void note(std::string text) { out.notes.push_back({std::move(text), {}}); }
  // What several requests have led to is found by the trace id of each.
  void note(const std::string& text, const std::set<std::string>& traces) {
    for (const std::string& trace : traces) out.notes.push_back({text, trace});
    if (traces.empty()) note(text);
  }
  void note(const Instance& instance, const std::string& text) {
    out.notes.push_back({to_string(instance.id) + ": " + text, instance.trace_id});
  }
};

// What is launched after a change of its record waits until the change is on disk.
template <typename Fn>
void change_record(NodeState& node, Instance& instance, Fn fn) {
  const InstanceRecord before = instance.record;
  fn();
  if (instance.record != before) instance.stored_with = node.keeper.mark();
}

}  // namespace unik::agent
