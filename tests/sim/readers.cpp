#include "tests/sim/readers.hpp"

#include <string>
#include <utility>

#include "controller/store/row_json.hpp"

namespace unik::sim {
namespace {

constexpr int kReaders = 1000;
constexpr Duration kSlowest = std::chrono::minutes(2);

}  // namespace

void Readers::publish(std::shared_ptr<const controller::World> world) {
  cluster_.expect(world->revision <= cluster_.controller.durable().revision,
                  "reader: revision " + std::to_string(world->revision) + " is shown before it is durable");
  newest_ = std::move(world);
}

void Readers::remember() {
  if (cluster_.options.drill != Drill::kReaders) return;
  const controller::World& durable = cluster_.controller.durable();
  history_[durable.revision] = durable;
}

void Readers::come() {
  for (int i = 0; i < kReaders; ++i)
    cluster_.timeline.after(cluster_.random.between({}, kSlowest), [this, held = newest_] { finish(*held); });
}

void Readers::finish(const controller::World& held) {
  ++cluster_.outcome.lists;
  const auto then = history_.find(held.revision);
  cluster_.expect(then != history_.end() && controller::same_tables(then->second, held),
                  "reader: revision " + std::to_string(held.revision) + " has changed while it was read");
}

}  // namespace unik::sim
