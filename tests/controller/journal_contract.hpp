// What every journal must do, whatever it keeps its records in: the loop relies on it, so the simulator's journal in
// memory and the one in SQLite pass the same tests.
//
// A `Journal` of the suite is made empty but for the first record of a cluster, and has
//   begin_commit(record), reopen()   of the port (controller/ports.hpp)
//   Event next()                     the answer, waited for
//   World stored()                   what a controller finds that starts now; the one before has been killed
//   set_failing(bool)                from now on the disk fails now and then: refuses a write, or leaves it open
//                                    whether a commit's last write is there
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "controller/ports.hpp"

namespace unik::controller {

template <typename Journal>
class JournalContract : public ::testing::Test {
 protected:
  JournalContract() : expected_(journal_.stored()) {}

  // The next record: a node of its own.
  std::shared_ptr<const Record> next_record() const {
    auto record = std::make_shared<Record>();
    record->seq = expected_.revision + 1;
    record->epoch = expected_.cluster.epoch;
    record->at = WallTime(std::chrono::hours(500'000)) + std::chrono::seconds(record->seq);
    record->actor = "journal-contract";
    record->trace_id = "trace-" + std::to_string(record->seq);
    Node node;
    node.metadata.name = "node-" + std::to_string(record->seq);
    NodeRow row;
    row.node = std::move(node);
    record->changes.push_back(PutNode{std::move(row)});
    return record;
  }

  Event commit(const std::shared_ptr<const Record>& record) {
    journal_.begin_commit(record);
    return journal_.next();
  }

  // Asks until the store is in use again, as the loop does.
  std::uint64_t head_after_reopening() {
    constexpr int kTries = 200;
    for (int i = 0; i < kTries; ++i) {
      journal_.reopen();
      const Event answer = journal_.next();
      if (const auto* const opened = std::get_if<StoreReopened>(&answer)) return opened->head;
      EXPECT_TRUE(std::holds_alternative<StoreStillClosed>(answer));
    }
    ADD_FAILURE() << "the store stays closed";
    return 0;
  }

  void expect_stored() {
    const World found = journal_.stored();
    EXPECT_EQ(found.revision, expected_.revision);
    EXPECT_TRUE(same_tables(found, expected_));
  }

  Journal journal_;
  World expected_;
};

TYPED_TEST_SUITE_P(JournalContract);

TYPED_TEST_P(JournalContract, KeepsWhatItCallsCommitted) {
  for (int i = 0; i < 20; ++i) {
    const std::shared_ptr<const Record> record = this->next_record();
    const Event answer = this->commit(record);
    ASSERT_TRUE(std::holds_alternative<Committed>(answer));
    EXPECT_EQ(std::get<Committed>(answer).seq, record->seq);
    apply(this->expected_, *record);
  }
  EXPECT_EQ(this->head_after_reopening(), this->expected_.revision);
  this->expect_stored();
}

// Through rejections, answers that leave it open, and reopenings, until each kind has been met often.
TYPED_TEST_P(JournalContract, TellsTheTruthAboutAFailingDisk) {
  constexpr std::uint64_t kEach = 10;
  constexpr int kMost = 20'000;
  std::uint64_t rejected = 0;
  std::array<std::uint64_t, 2> unknown{};  // not there, there
  this->journal_.set_failing(true);
  for (int i = 0; rejected < kEach || unknown[0] + unknown[1] < kEach; ++i) {
    ASSERT_LT(i, kMost) << rejected << " rejected, " << unknown[0] << " and " << unknown[1] << " unknown";
    const std::shared_ptr<const Record> record = this->next_record();
    const Event answer = this->commit(record);
    if (std::holds_alternative<Committed>(answer)) {
      apply(this->expected_, *record);
    } else if (const auto* const refused = std::get_if<Rejected>(&answer)) {
      ++rejected;
      EXPECT_EQ(refused->seq, record->seq);
      EXPECT_FALSE(refused->error.message.empty());
    } else {
      ASSERT_TRUE(std::holds_alternative<CommitUnknown>(answer));
      EXPECT_EQ(std::get<CommitUnknown>(answer).seq, record->seq);
      const std::uint64_t head = this->head_after_reopening();
      ASSERT_TRUE(head == record->seq || head + 1 == record->seq) << head << " after " << record->seq;
      const bool there = head == record->seq;
      ++unknown[there ? 1 : 0];
      if (there) apply(this->expected_, *record);
    }
  }
  this->journal_.set_failing(false);
  this->head_after_reopening();
  const std::shared_ptr<const Record> record = this->next_record();
  ASSERT_TRUE(std::holds_alternative<Committed>(this->commit(record)));
  apply(this->expected_, *record);
  this->expect_stored();
}

// Killed while a commit is under way: the record is there whole or not at all, and the next controller goes on.
TYPED_TEST_P(JournalContract, IsWholeAfterADeath) {
  for (int i = 0; i < 20; ++i) {
    const std::shared_ptr<const Record> record = this->next_record();
    this->journal_.begin_commit(record);
    const World found = this->journal_.stored();
    if (found.revision == record->seq) apply(this->expected_, *record);
    ASSERT_EQ(found.revision, this->expected_.revision);
    ASSERT_TRUE(same_tables(found, this->expected_));
  }
}

REGISTER_TYPED_TEST_SUITE_P(JournalContract, KeepsWhatItCallsCommitted, TellsTheTruthAboutAFailingDisk,
                            IsWholeAfterADeath);

}  // namespace unik::controller
