#include "tests/sim/simulated_journal.hpp"

#include <utility>

#include "controller/loop.hpp"

namespace unik::sim {
namespace {

using std::chrono::milliseconds;

// Of commits and reopenings on a failing disk.
constexpr double kRefused = 0.3;
constexpr double kUnclear = 0.2;
constexpr double kStillClosed = 0.3;

}  // namespace

SimulatedJournal::SimulatedJournal(Timeline& timeline, Random& random, std::function<void(controller::Event)> post)
    : timeline_(timeline), random_(random), post_(std::move(post)) {
  persist(controller::first_record("cluster", timeline.now().wall));
}

void SimulatedJournal::begin_commit(std::shared_ptr<const controller::Record> record) {
  if (flight_) broken_.push_back("two commits are under way");
  if (died()) return;
  if (on_begin) on_begin(*record);
  flight_ = Flight{std::move(record), false};
  timeline_.after(random_.between(Duration(500), longest_), [this, life = life_] {
    if (life == life_) land();
  });
}

void SimulatedJournal::land() {
  const std::uint64_t seq = flight_->record->seq;
  const double luck = static_cast<double>(random_.below(1000)) / 1000;
  if (failing_ && luck < kRefused) {
    flight_.reset();
    owing_ = true;
    return post_(controller::Rejected{seq, exhausted("disk_full", "simulated")});
  }
  const bool unclear = failing_ && luck < kRefused + kUnclear;
  if (!unclear || random_.chance(0.5)) {
    persist(*flight_->record);
    flight_->durable = true;
  }
  if (died()) return;
  if (unclear) return post_(controller::CommitUnknown{seq, unavailable("io_error", "simulated")});
  flight_.reset();
  post_(controller::Committed{seq});
}

void SimulatedJournal::reopen() {
  timeline_.after(milliseconds(30), [this, life = life_] {
    if (life != life_) return;
    if (failing_ && random_.chance(kStillClosed))
      return post_(controller::StoreStillClosed{unavailable("io_error", "simulated")});
    owing_ = flight_ && !flight_->durable;
    flight_.reset();
    post_(controller::StoreReopened{durable_.revision});
  });
}

void SimulatedJournal::crash() {
  ++life_;
  if (flight_ && !flight_->durable && random_.chance(0.5)) persist(*flight_->record);
  flight_.reset();
  owing_ = false;
}

void SimulatedJournal::copy() {
  copied_ = durable_;
  copied_records_ = records_.size();
}

void SimulatedJournal::restore() {
  durable_ = copied_;
  records_.resize(copied_records_);
}

void SimulatedJournal::persist(const controller::Record& record) {
  if (record.seq != durable_.revision + 1) {
    broken_.push_back("record " + std::to_string(record.seq) + " after " + std::to_string(durable_.revision));
    return;
  }
  controller::apply(durable_, record);
  owing_ = false;
  records_.push_back(record);
  if (on_durable) on_durable(record);
}

}  // namespace unik::sim
