// What compaction costs with 100,000 instances in the store: how long one base takes to write and how large it is, how
// long a commit that meets a step has to wait for it, and how long it takes to have the tables of a past moment.
//
//   compaction_bench [--pairs N]
#include <algorithm>
#include <numeric>
#include <vector>

#include "controller/store/history.hpp"
#include "controller/store/store.hpp"
#include "generated_store.hpp"
#include "paired.hpp"
#include "process.hpp"
#include "report.hpp"
#include "wire/clock.hpp"

namespace unik::bench {
namespace {

using namespace unik::controller;
namespace fs = std::filesystem;

constexpr std::size_t kInstances = 100'000;
constexpr std::uint64_t kRecords = 2000;  // beside those that fill the store

double seconds_since(Time start) {
  return std::chrono::duration<double>(wire::read_clock().boot - start).count();
}

// One instance is seen again: the smallest thing that a node's report makes durable.
Record small_record(const World& world, std::uint64_t number) {
  const auto row = world.instances.nth(number % world.instances.size());
  InstanceStatus status = *row->second.status;
  ++status.restarts;
  Record record;
  record.seq = world.revision + 1 + number;
  record.epoch = world.cluster.epoch;
  record.at = wire::read_clock().wall;
  record.actor = "controller";
  record.changes.push_back(ObserveInstance{row->first, std::move(status)});
  return record;
}

struct Took {
  std::vector<double> commits_s;
  std::vector<double> steps_s;
};

// A commit after each step of a base, and as many more as `kRecords` wants.
Result<Took> write_base_beside_commits(Store& store, JournalReader reader, const World& world) {
  Retention keep;
  keep.records = world.revision;  // so that a base is due at once
  Took took;
  bool more = true;
  for (std::uint64_t number = 0; number < kRecords || more; ++number) {
    if (more) {
      const Time begun = wire::read_clock().boot;
      const Result<bool> stepped = store.compact(keep, wire::read_clock().wall);
      if (!stepped) return stepped.error();
      took.steps_s.push_back(seconds_since(begun));
      const Result<std::uint64_t> floor = reader.floor();
      if (!floor) return floor.error();
      more = *floor == 0;  // the first base is not complete
    }
    const Time begun = wire::read_clock().boot;
    if (CommitResult done = store.commit(small_record(world, number)); done.outcome != CommitOutcome::kCommitted)
      return std::move(done.error);
    took.commits_s.push_back(seconds_since(begun));
  }
  return took;
}

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

Spread single(double value) {
  return {value, value, value};
}

Result<void> measure_past(const fs::path& path, std::uint64_t base, std::uint64_t head, Report& report) {
  Result<History> history = History::open(path);
  if (!history) return history.error();
  const auto timed = [&](const std::string& name, std::uint64_t seq) -> Result<void> {
    const Time begun = wire::read_clock().boot;
    const auto world = history->at(seq);
    if (!world) return world.error();
    report.add({name, single(seconds_since(begun)), "s"});
    return {};
  };
  Result<void> done = timed("the tables at a base", base);
  if (done) done = timed("the tables " + std::to_string(head - base) + " records later", head);
  return done;
}

Result<void> measure(Report& report) {
  const ScratchDir scratch;
  if (Result<void> generated = generate_store(scratch.path(), kInstances); !generated) return generated;
  const fs::path path = scratch.path() / "controller.db";
  Result<Store> store = Store::open(path);
  if (!store) return store.error();
  const World world = *store->load();
  const auto before = static_cast<double>(fs::file_size(path));
  Result<JournalReader> reader = JournalReader::open(path);
  if (!reader) return reader.error();
  const Result<Took> took = write_base_beside_commits(*store, std::move(*reader), world);
  if (!took) return took.error();
  report.add(
      {"a base of 100,000 instances", single(std::accumulate(took->steps_s.begin(), took->steps_s.end(), 0.0)), "s"});
  report.add({"one of its steps", spread_of(took->steps_s), "s"});
  report.add({"a commit after a step",
              spread_of({took->commits_s.begin(),
                         took->commits_s.begin() + static_cast<std::ptrdiff_t>(took->steps_s.size())}),
              "s"});
  report.add(
      {"a commit without",
       spread_of({took->commits_s.begin() + static_cast<std::ptrdiff_t>(took->steps_s.size()), took->commits_s.end()}),
       "s"});
  const std::uint64_t head = store->head();
  if (Result<void> past = measure_past(path, world.revision, head, report); !past) return past;
  store = Result<Store>(internal("closed", "to have all of it in the file"));
  report.add({"what the base adds to the file", single((static_cast<double>(fs::file_size(path)) - before) / (1 << 20)),
              "MiB"});
  return {};
}

int run(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  Report report("compaction");
  if (const Result<void> done = measure(report); !done) return give_up("compaction", done.error());
  return report.finish(options);
}

}  // namespace
}  // namespace unik::bench

int main(int argc, char** argv) {
  return unik::bench::run(argc, argv);
}
