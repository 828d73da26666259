// Tables of what the API shows. `now` is the caller's wall clock: ages are for people and decide nothing.
#pragma once

#include <string>
#include <vector>

#include "api/views.hpp"
#include "cli/output/table.hpp"

namespace unik::cli {

Table table_of(const std::vector<AppView>& apps, WallTime now, bool wide);
Table table_of(const std::vector<InstanceView>& instances, WallTime now, bool wide);
Table table_of(const std::vector<NodeView>& nodes, WallTime now, bool wide);
Table table_of(const std::vector<TenantView>& tenants, WallTime now, bool wide);
Table table_of(const std::vector<Operation>& operations, WallTime now, bool wide);
Table table_of(const std::vector<QuarantinedView>& quarantine);

// The whole tenant on one page: apps, instances, recent operations, nodes. An empty part says so in a word. A restored
// store and what is quarantined stand before them, where there is anything.
std::string render_status(const StatusView& status, WallTime now, bool wide, bool colour);

// `AGE  OBJECT  REASON  MESSAGE` as one line, newline included: events come one by one and cannot share columns.
std::string render_event(const EventView& event, bool colour);

// Summary, conditions, and the reasons step by step.
std::string render_explanation(const Explanation& explanation, bool colour);

// Milliseconds for tables: `203ms`, `1.2s`; empty for zero.
std::string format_boot(Duration duration);

// How long a boot took for people: until the guest's init had started the app; the sum of its parts where the agent was
// not there for all of it.
Duration boot_time(const BootTimes& boot);

// The same until it serves: until the first passed check, where one is declared.
Duration ready_time(const BootTimes& boot);

// `hello@0123456789ab`: the digest's beginning tells images apart.
std::string short_image(const std::string& image);

// `exit 3`, `signal 9`, `out of memory`, `guest panicked`, `VM crashed`.
std::string describe(const Exit& exit);

// The parts of one boot in the order in which they happen; `first byte` and `healthy` only where there was
// one.
//   fetch 120ms, prepare 14ms, start 240ms, first byte 203ms, healthy 1.3s
std::string render_boot(const BootTimes& boot);

}  // namespace unik::cli
