#include "tests/sim/simulated_journal.hpp"

#include <optional>

#include "tests/controller/journal_contract.hpp"

namespace unik::controller {
namespace {

class InMemory {
 public:
  void begin_commit(std::shared_ptr<const Record> record) { journal_.begin_commit(std::move(record)); }
  void reopen() { journal_.reopen(); }
  void set_failing(bool failing) { journal_.set_failing(failing); }

  Event next() {
    timeline_.run_until(timeline_.now().boot + std::chrono::seconds(1));
    EXPECT_TRUE(answer_.has_value());
    return *std::exchange(answer_, std::nullopt);
  }
  World stored() {
    journal_.crash();
    timeline_.run_until(timeline_.now().boot + std::chrono::seconds(1));
    EXPECT_FALSE(answer_.has_value()) << "a journal that was killed answers";
    EXPECT_TRUE(journal_.broken().empty()) << journal_.broken().front();
    return journal_.durable();
  }

 private:
  sim::Timeline timeline_;
  sim::Random random_{7};
  std::optional<Event> answer_;
  sim::SimulatedJournal journal_{timeline_, random_, [this](Event event) { answer_ = std::move(event); }};
};

INSTANTIATE_TYPED_TEST_SUITE_P(InMemory, JournalContract, InMemory);

}  // namespace
}  // namespace unik::controller
