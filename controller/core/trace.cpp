#include "controller/core/trace.hpp"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "api/stable_hash.hpp"

namespace unik::controller {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string hex(std::uint64_t value) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) *digit = kHexDigits[value & 15];
  return text;
}

// Of what the controller did unasked: two records never share it, and a replay gives the same.
std::string own_trace(const std::string& cluster_id, std::uint64_t seq) {
  const std::string text = cluster_id + '/' + std::to_string(seq);
  const std::uint64_t half = stable_hash(text);
  return hex(half) + hex(stable_hash(text, half));
}

// The app that the change is about; none where it is about none, or tells by itself whose request it goes back to.
struct AppOf {
  std::optional<AppName> operator()(const RemoveApp& change) const { return change.name; }
  std::optional<AppName> operator()(const PutApp& change) const { return change.row.app->name(); }
  std::optional<AppName> operator()(const PutInstance& change) const { return change.id.app_name(); }
  std::optional<AppName> operator()(const RemoveInstance& change) const { return change.id.app_name(); }
  std::optional<AppName> operator()(const ObserveInstance& change) const { return change.id.app_name(); }
  std::optional<AppName> operator()(const auto&) const { return std::nullopt; }
};

// Whose requests each app of the record goes back to once the record stands. One that goes in the very record that was
// asked for has the trace of its last row there.
class Traces {
 public:
  Traces(const Record& record, const World& before, const World& after) : before_(before), after_(after) {
    for (const Change& change : record.changes)
      if (const auto* const put = std::get_if<PutApp>(&change)) last_[put->row.app->name()] = put->row.trace_id;
  }

  std::string of(const AppName& app) const {
    if (after_.apps.contains(app)) return trace_of(after_, app);
    const auto last = last_.find(app);
    return last == last_.end() ? trace_of(before_, app) : last->second;
  }

 private:
  const World& before_;
  const World& after_;
  std::map<AppName, std::string> last_;
};

}  // namespace

std::string trace_of(const World& world, const AppName& app) {
  const AppRow* const row = world.apps.find(app);
  return row == nullptr ? std::string() : row->trace_id;
}

void note_traces(Record& record, const World& before, const World& after) {
  const Traces traces(record, before, after);
  std::map<std::string, std::set<AppName>> apps;
  for (const Change& change : record.changes) {
    const std::optional<AppName> app = std::visit(AppOf{}, change);
    if (!app) continue;
    const std::string trace = traces.of(*app);
    if (!trace.empty()) apps[trace].insert(*app);
  }
  if (record.trace_id.empty())
    record.trace_id = apps.size() == 1 ? apps.begin()->first : own_trace(after.cluster.cluster_id, record.seq);
  apps.erase(record.trace_id);
  std::vector<Change> notes;
  for (const auto& [trace, names] : apps) notes.push_back(NoteTrace{trace, {names.begin(), names.end()}});
  record.changes.insert(record.changes.begin(), notes.begin(), notes.end());
}

}  // namespace unik::controller
