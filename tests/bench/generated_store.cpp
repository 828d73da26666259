#include "generated_store.hpp"

#include <string>
#include <utility>

#include "controller/loop.hpp"
#include "controller/store/store.hpp"

namespace unik::bench {
namespace {

using namespace controller;

constexpr std::size_t kReplicas = 10;
constexpr std::size_t kPerNode = 10;
const WallTime kCreated = WallTime(std::chrono::hours(500'000));

App app_of(std::size_t index, std::uint64_t uid) {
  const std::string n = std::to_string(index);
  App app;
  app.metadata.name = "app-" + n;
  app.metadata.tenant = kDefaultTenant;
  app.metadata.uid = uid;
  app.metadata.generation = 1;
  app.metadata.labels = {{"tier", "front"}, {"zone", "a"}};
  app.spec.replicas = kReplicas;
  app.spec.boot.image = "registry.local/app-" + n + "@sha256:" + std::string(64, 'a');
  app.spec.boot.args = {"--port", "8080"};
  app.spec.boot.env = {{"INDEX", n}, {"LOG_LEVEL", "info"}};
  app.spec.boot.resources = {MilliCpu{500}, mebibytes(128)};
  app.spec.boot.ports = {{"http", 8080}};
  return app;
}

NodeRow node_row(std::size_t index, std::uint64_t uid) {
  Node node;
  node.metadata.name = "node-" + std::to_string(index);
  node.metadata.uid = uid;
  node.metadata.generation = 1;
  NodeInfo info;
  info.capacity = {MilliCpu{64'000}, mebibytes(1 << 18)};
  info.platform = "linux/amd64";
  info.accelerator = "kvm";
  info.boot_id = "boot-" + std::to_string(index);
  info.overhead = mebibytes(20);
  NodeRow row;
  row.node = std::move(node);
  row.info = std::move(info);
  row.agent_start = 1;
  row.health = NodeHealth::kReady;
  row.goals_revision = 1;
  row.created_at = kCreated;
  return row;
}

InstanceRow instance_row(std::size_t index, std::uint64_t revision) {
  InstanceStatus status;
  status.phase = Phase::kRunning;
  status.address = "127.1." + std::to_string(index / 256 % 256) + "." + std::to_string(index % 256);
  status.accelerator = Symbol("kvm");
  status.started_at = kCreated;
  status.boot.total = std::chrono::milliseconds(40);
  InstanceRow row;
  row.node = Symbol("node-" + std::to_string(index / kPerNode));
  row.goal_revision = revision;
  row.created_at = kCreated;
  row.status = std::move(status);
  return row;
}

// Collects changes into records of the size that the loop writes.
class Writer {
 public:
  explicit Writer(Store& store) : store_(store) {}

  std::uint64_t seq() const { return store_.head() + 1; }

  Result<void> add(Change change) {
    record_.changes.push_back(std::move(change));
    return record_.changes.size() < kMaxChangesPerRecord ? Result<void>() : flush();
  }

  Result<void> flush() {
    if (record_.changes.empty()) return {};
    record_.seq = seq();
    record_.epoch = {0, 1};
    record_.at = kCreated;
    record_.actor = "controller";
    const CommitResult committed = store_.commit(std::exchange(record_, {}));
    if (committed.outcome == CommitOutcome::kCommitted) return {};
    return committed.error;
  }

 private:
  Store& store_;
  Record record_;
};

}  // namespace

Result<void> generate_store(const std::filesystem::path& home, std::size_t instances) {
  std::filesystem::create_directories(home);
  Result<Store> store = Store::open(home / "controller.db");
  if (!store) return store.error();
  if (const CommitResult first = store->commit(first_record(std::string(32, 'c'), kCreated));
      first.outcome != CommitOutcome::kCommitted)
    return first.error;
  Writer writer(*store);
  std::uint64_t uid = 1;
  Result<void> done;
  for (std::size_t i = 0; done && i < instances / kPerNode; ++i) done = writer.add(PutNode{node_row(i, ++uid)});
  if (done) done = writer.flush();
  for (std::size_t i = 0; done && i < instances / kReplicas; ++i) {
    AppRow row;
    row.app = app_of(i, ++uid);
    row.rollout = writer.seq();
    row.state.phase = RolloutPhase::kDone;
    row.state.live = row.rollout;
    row.history = {{row.rollout, kCreated, 1, TemplateOutcome::kGood, false, false, ""}};
    row.created_at = row.updated_at = kCreated;
    const AppName name = row.app->name();
    // A template and its app share a record, whose sequence names the rollout.
    done = writer.add(PutTemplate{{name, row.rollout}, row.app->spec.boot});
    const std::uint64_t rollout = row.rollout;
    if (done) done = writer.add(PutApp{std::move(row)});
    for (std::uint32_t slot = 0; done && slot < kReplicas; ++slot)
      done = writer.add(
          PutInstance{{name.tenant, name.app, slot, rollout, 1}, instance_row(i * kReplicas + slot, rollout)});
  }
  return done ? writer.flush() : done;
}

}  // namespace unik::bench
