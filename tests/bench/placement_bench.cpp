// From the API's receipt of a declaration to its instances being bound to nodes, durably: requests over HTTP to a
// controller whose nodes have registered and report, the commit's fsync included. Beside it SQLite writing as many rows
// in one transaction, which is the floor. Then the same over growing fleets, and what a plan of everything takes when
// there is nothing to do.
//
//   placement_bench BIN_DIR [rate | curve | largest | resync] [--pairs N] [--check]    largest: the curve's last point
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "api/stable_hash.hpp"
#include "app_documents.hpp"
#include "cluster.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/store/store.hpp"
#include "generated_store.hpp"
#include "paired.hpp"
#include "report.hpp"

namespace unik::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNodes = 1'000;
constexpr std::size_t kInstances = 5'000;
constexpr std::size_t kReplicas = 10;
constexpr std::size_t kMostNodes = 10'000;
constexpr std::size_t kMostInstances = 100'000;
constexpr double kBoundSeconds = 60;
constexpr std::chrono::milliseconds kBoundPause(2);
constexpr double kRestSeconds = 10;
constexpr double kHeartbeatSeconds = 10;
constexpr std::size_t kResyncInstances = 100'000;
constexpr std::size_t kResyncToCheck = 10'000;

// Apps `first` to `first + count - 1`, of `replicas` each.
std::string declare(const Cluster& cluster, std::size_t first, std::size_t count, std::size_t replicas) {
  std::string documents;
  for (std::size_t i = first; i < first + count; ++i) documents += app_document(i, cluster.digest, 0, replicas);
  return documents;
}

Result<void> send_all(const Cluster& cluster, std::string documents) {
  const Result<std::string> applied = post(cluster.endpoint, "/v1/apply", std::move(documents));
  return applied ? Result<void>() : applied.error();
}

std::size_t metric(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? 0 : static_cast<std::size_t>(std::stod(text.substr(at + name.size() + 2)));
}

// Waits until all have a node: large applies are answered before the last of their instances has one.
Result<void> all_bound(const Cluster& cluster, std::size_t instances) {
  const double deadline = wall_seconds() + kBoundSeconds;
  while (true) {
    const Result<std::string> text = get(cluster.endpoint, "/v1/metrics");
    if (!text) return text.error();
    const std::size_t bound = metric(*text, "unikctl_instances_bound");
    if (bound == instances) return {};
    if (wall_seconds() > deadline)
      return internal("not_bound",
                      "want " + std::to_string(instances) + " instances with a node, found " + std::to_string(bound));
    std::this_thread::sleep_for(kBoundPause);
  }
}

// One transaction of `rows` rows like those of instances, with a journal row, as durable as ours.
class Floor {
 public:
  explicit Floor(const fs::path& path) {
    UNIK_CHECK(::sqlite3_open(path.c_str(), &database_) == SQLITE_OK, "SQLite opens a new file");
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE rows (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID; CREATE TABLE journal (seq INTEGER PRIMARY "
        "KEY, value TEXT)");
  }
  ~Floor() { ::sqlite3_close(database_); }
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  Result<void> write(std::size_t rows) {
    ++rounds_;
    run("BEGIN IMMEDIATE");
    sqlite3_stmt* statement = nullptr;
    ::sqlite3_prepare_v2(database_, "INSERT INTO rows VALUES (?, ?)", -1, &statement, nullptr);
    const std::string value(kRowBytes, 'v');
    bool fine = true;
    for (std::size_t i = 0; i < rows && fine; ++i) {
      char key[64];
      std::snprintf(key, sizeof key, "default/app-%zu/%zu/%zu", i / kReplicas, i % kReplicas, rounds_);
      ::sqlite3_bind_text(statement, 1, key, -1, SQLITE_TRANSIENT);
      ::sqlite3_bind_text(statement, 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
      fine = ::sqlite3_step(statement) == SQLITE_DONE;
      ::sqlite3_reset(statement);
    }
    ::sqlite3_finalize(statement);
    run("INSERT INTO journal (value) VALUES (zeroblob(" + std::to_string(rows * kRowBytes) + "))");
    run("COMMIT");
    return fine ? Result<void>() : internal("sqlite", ::sqlite3_errmsg(database_));
  }

 private:
  static constexpr std::size_t kRowBytes = 200;

  void run(const std::string& sql) {
    UNIK_CHECK(::sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
               "SQLite takes a statement");
  }

  sqlite3* database_ = nullptr;
  std::size_t rounds_ = 0;
};

Spread rate_of(std::size_t count, Spread seconds) {
  const double n = static_cast<double>(count);
  return {n / seconds.median, n / seconds.most, n / seconds.least};
}

double one_of(Result<void>& done, const Work& work) {
  const double begun = wall_seconds();
  done = work();
  return wall_seconds() - begun;
}

Result<void> measure_rate(const Options& options, const fs::path& bin, Report& report) {
  for (const std::size_t replicas : {kReplicas, std::size_t{1}}) {
    const ScratchDir scratch;
    Result<Cluster> cluster = start_cluster(bin, scratch.path() / "home", kNodes);
    if (!cluster) return cluster.error();
    Floor floor(scratch.path() / "floor.db");
    std::size_t apps = 0;
    const auto create = [&]() -> Result<void> {
      const std::size_t count = kInstances / replicas;
      Result<void> applied = send_all(*cluster, declare(*cluster, apps, count, replicas));
      apps += count;
      return applied ? all_bound(*cluster, apps * replicas) : applied;
    };
    std::vector<double> ours, floors, ratios, cpus;
    for (std::size_t round = 0; round <= options.pairs; ++round) {
      // Between two rounds the nodes take their goals and report: what is silent gets nothing.
      Result<void> done = cluster->fleet.settle(apps * replicas);
      if (!done) return done;
      const double peer_s = one_of(done, [&] { return floor.write(kInstances); });
      if (!done) return done;
      const double cpu = cpu_seconds_of(cluster->controller.pid());
      const double ours_s = one_of(done, create);
      if (!done) return done;
      if (round == 0) continue;  // warms up
      cpus.push_back(cpu_seconds_of(cluster->controller.pid()) - cpu);
      ours.push_back(ours_s);
      floors.push_back(peer_s);
      ratios.push_back(ours_s / peer_s);
    }
    const std::string of = " of apps of " + std::to_string(replicas);
    report.add({"create to bound on 1,000 nodes," + of, rate_of(kInstances, spread_of(ours)), "/s", Want::kAtLeast,
                replicas == kReplicas ? std::optional<double>(20'000) : std::nullopt});
    report.add({"CPU of the controller for 5,000," + of, spread_of(cpus), "s"});
    report.add({"SQLite writing as many rows", rate_of(kInstances, spread_of(floors)), "/s"});
    report.add({"create to bound over SQLite's rows," + of,
                spread_of(ratios),
                "x",
                Want::kAtMost,
                {},
                replicas == kReplicas ? std::optional<double>(40) : std::nullopt});
    if (options.check) return {};
  }
  return {};
}

Spread only(double value) {
  return {value, value, value};
}

Spread megabytes_of(std::uint64_t bytes) {
  return only(static_cast<double>(bytes) / 1e6);
}

// What a controller without a node takes for `count` kept connections on which nothing is asked: less than those of
// nodes, each of which has a request waiting.
Result<std::uint64_t> connections_bytes(const fs::path& bin, std::size_t count) {
  const ScratchDir scratch;
  Result<Cluster> cluster = start_cluster(bin, scratch.path() / "home", 0);
  if (!cluster) return cluster.error();
  const std::uint64_t before = cluster->controller.resident_bytes();
  if (Result<void> connected = cluster->fleet.connect(count); !connected) return connected.error();
  return cluster->controller.resident_bytes() - before;
}

// The controller's CPU of each instance, in microseconds.
Result<double> measure_point(const fs::path& bin, std::size_t nodes, std::size_t instances, Report& report) {
  const bool largest = nodes == kMostNodes && instances == kMostInstances;
  const Result<std::uint64_t> connections = largest ? connections_bytes(bin, nodes) : Result<std::uint64_t>(0);
  if (!connections) return connections.error();
  const ScratchDir scratch;
  Result<Cluster> cluster = start_cluster(bin, scratch.path() / "home", nodes);
  if (!cluster) return cluster.error();
  const std::string documents = declare(*cluster, 0, instances / kReplicas, kReplicas);
  Result<void> done;
  const std::uint64_t empty = cluster->controller.resident_bytes();
  const double cpu = cpu_seconds_of(cluster->controller.pid());
  const double wall = one_of(done, [&] {
    Result<void> applied = send_all(*cluster, documents);
    return applied ? all_bound(*cluster, instances) : applied;
  });
  if (!done) return done.error();
  const double spent = cpu_seconds_of(cluster->controller.pid()) - cpu;
  const std::string name = std::to_string(instances) + " instances on " + std::to_string(nodes) + " nodes";
  report.add({name, only(wall), "s", Want::kAtMost, largest ? std::optional<double>(5) : std::nullopt});
  report.add({name + ", CPU", only(spent), "s"});
  // While the nodes are still being told what to run.
  report.add({name + ", memory of the nodes alone", megabytes_of(empty), "MB"});
  report.add({name + ", memory once bound", megabytes_of(cluster->controller.resident_bytes()), "MB"});
  report.add({name + ", most memory", megabytes_of(cluster->controller.peak_resident_bytes()), "MB"});
  const double each_us = 1e6 * spent / static_cast<double>(instances);
  if (!largest) return each_us;
  if (done = cluster->fleet.settle(instances); !done) return done.error();
  if (const auto beats = cluster->fleet.rest(kRestSeconds, kHeartbeatSeconds); !beats) return beats.error();
  const std::uint64_t all = cluster->controller.resident_bytes();
  report.add({name + ", memory when all run", megabytes_of(all), "MB"});
  report.add({"memory of " + std::to_string(nodes) + " connections alone", megabytes_of(*connections), "MB"});
  report.add({name + ", memory when all run, without the connections", megabytes_of(all - *connections), "MB",
              Want::kAtMost, 150});
  const Result<std::uint64_t> before = revision_of(cluster->endpoint);
  const double again = one_of(done, [&] { return send_all(*cluster, documents); });
  const Result<std::uint64_t> after = revision_of(cluster->endpoint);
  if (!done || !before || !after) return internal("again", "the same declaration was not taken again");
  report.add({"the same applied again", only(again), "s"});
  report.add({"records of it", only(static_cast<double>(*after - *before)), "records", Want::kAtMost, 0, 0});
  return each_us;
}

Result<void> measure_curve(const fs::path& bin, Report& report) {
  for (const std::size_t nodes : {std::size_t{1'000}, std::size_t{3'000}, kMostNodes}) {
    std::vector<double> each_us;
    for (const std::size_t instances : {std::size_t{10'000}, std::size_t{30'000}, kMostInstances}) {
      const Result<double> point = measure_point(bin, nodes, instances, report);
      if (!point) return point.error();
      each_us.push_back(*point);
    }
    report.add({"CPU of the last 100,000 over the first 10,000, on " + std::to_string(nodes) + " nodes",
                only(each_us.back() / each_us.front()), "x"});
  }
  return {};
}

// Every node has said what the tables say.
void observe_all(controller::World& world) {
  for (const auto& [name, row] : world.nodes) {
    auto report = std::make_shared<controller::NodeObservation>();
    report->agent_start = row.agent_start;
    report->seq = 1;
    report->accepted_stamp = {world.cluster.cluster_id, world.cluster.epoch, row.goals_revision};
    ReportBody body;
    controller::for_each_on_node(world, name, [&](const InstanceId& id, const controller::InstanceRow& instance) {
      body.instances.push_back({id, *instance.status});
    });
    report->body = controller::seen_body(world, body);
    world.observed.set(name, {std::move(report), world.started});
  }
}

// A plan of everything, and a plan of nothing, over the same World.
Result<void> measure_resync(const Options& options, Report& report) {
  using controller::Dirty;
  using controller::Draft;
  using controller::Plan;
  using controller::Store;
  using controller::World;
  const std::size_t instances = options.check ? kResyncToCheck : kResyncInstances;
  const ScratchDir scratch;
  if (Result<void> generated = generate_store(scratch.path() / "home", instances); !generated) return generated;
  Result<Store> store = Store::open(scratch.path() / "home" / "controller.db");
  if (!store) return store.error();
  Result<World> loaded = store->load();
  if (!loaded) return loaded.error();
  World world = std::move(*loaded);
  world.started = Time(std::chrono::hours(1));
  observe_all(world);
  const Now now{world.started + std::chrono::seconds(5), WallTime(std::chrono::hours(500'001))};
  Dirty everything;
  everything.everything = true;
  // What the first turn of a controller finds to do, and the clocks that it sets going.
  ++world.revision;
  Draft draft(std::move(world), now);
  double begun = wall_seconds();
  controller::reconcile(draft, everything);
  report.add({"the first plan after a start", only(wall_seconds() - begun), "s"});
  const World next = draft.world();
  std::vector<double> full, none;
  for (std::size_t i = 0; i < options.pairs; ++i) {
    begun = wall_seconds();
    const Plan plan = controller::reconcile(next, everything, now);
    full.push_back(wall_seconds() - begun);
    if (!plan.changes.empty()) return internal("not_settled", "a plan of everything changes a settled World");
    begun = wall_seconds();
    const Plan nothing = controller::reconcile(next, Dirty{}, now);
    none.push_back(1e6 * (wall_seconds() - begun));
    if (!nothing.changes.empty()) return internal("not_settled", "a plan of nothing changes something");
  }
  report.add({"a full resync of " + std::to_string(instances) + " instances", spread_of(full), "s", Want::kAtMost,
              options.check ? std::nullopt : std::optional<double>(0.1)});
  report.add({"a plan when nothing has happened", spread_of(none), "us"});
  return {};
}

int run(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.operands.empty())
    return give_up("placement", invalid("usage", "want BIN_DIR [rate | curve | largest | resync]"));
  const fs::path bin = options.operands.front();
  const std::string part = options.operands.size() > 1 ? options.operands[1] : "";
  const auto wanted = [&](const char* name) { return part.empty() || part == name; };
  Report report("placement");
  Result<void> done;
  if (wanted("rate")) done = measure_rate(options, bin, report);
  if (done && wanted("curve") && !options.check) done = measure_curve(bin, report);
  if (part == "largest") {
    const Result<double> point = measure_point(bin, kMostNodes, kMostInstances, report);
    if (!point) done = point.error();
  }
  if (done && wanted("resync")) done = measure_resync(options, report);
  if (!done) return give_up("placement", done.error());
  return report.finish(options);
}

}  // namespace
}  // namespace unik::bench

int main(int argc, char** argv) {
  return unik::bench::run(argc, argv);
}
