#include "controller/committer.hpp"

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "controller/loop.hpp"
#include "tests/controller/journal_contract.hpp"
#include "tests/controller/store/faulty_vfs.hpp"
#include "tests/controller/store/long_journal.hpp"
#include "tests/controller/store/store_home.hpp"
#include "tests/sim/random.hpp"

namespace unik::controller {
namespace {

// The journal in SQLite behind its thread, over a disk that can be made to fail.
class InSqlite {
 public:
  InSqlite() {
    Result<Store> store = Store::open(home_.path(), FaultyVfs::name());
    EXPECT_TRUE(store.ok());
    EXPECT_EQ(store->commit(first_record("cluster", WallTime(std::chrono::hours(500'000)))).outcome,
              CommitOutcome::kCommitted);
    start(std::move(*store));
  }

  void begin_commit(std::shared_ptr<const Record> record) {
    if (failing_) fail_somewhere();
    committer_->begin_commit(std::move(record), nullptr);
  }
  void reopen() {
    // A fault strikes once: what it left is found out by a disk that works again, in the end.
    if (failing_ && random_.chance(0.5)) vfs_.heal();
    committer_->reopen();
  }
  void set_failing(bool failing) {
    failing_ = failing;
    vfs_.heal();
  }

  Event next() {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return answer_.has_value(); });
    return *std::exchange(answer_, std::nullopt);
  }
  World stored() {
    committer_.reset();
    answer_.reset();
    Result<Store> store = Store::open(home_.path(), FaultyVfs::name());
    EXPECT_TRUE(store.ok()) << to_string(store.error());
    EXPECT_TRUE(store->verify().ok());
    World found = *store->load();
    start(std::move(*store));
    return found;
  }

 private:
  void start(Store store) {
    const auto post = [this](Event event) {
      const std::lock_guard lock(mutex_);
      answer_ = std::move(event);
      answered_.notify_one();
    };
    CommitterOptions options;
    options.vfs = FaultyVfs::name();
    committer_.emplace(home_.path(), std::move(store), options, post);
  }

  // Where a commit meets it decides what the answer is: before it has written anything, or in the COMMIT's own writes.
  void fail_somewhere() {
    struct Fault {
      DiskCall call;
      int code;
      std::uint64_t among;  // the first calls of the kind
    };
    constexpr std::array kFaults = {Fault{DiskCall::kShmLock, SQLITE_IOERR_SHMLOCK, 3},
                                    Fault{DiskCall::kWrite, SQLITE_FULL, 6},
                                    Fault{DiskCall::kSync, SQLITE_IOERR_FSYNC, 2}};
    const Fault& fault = kFaults[random_.below(kFaults.size())];
    vfs_.fail(fault.call, 1 + random_.below(fault.among), fault.code, false);
  }

  FaultyVfs vfs_;
  StoreHome home_;
  sim::Random random_{7};
  bool failing_ = false;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<Event> answer_;
  std::optional<Committer> committer_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(InSqlite, JournalContract, InSqlite);

// Somebody sets the wall clock a year forward: what was committed today is not a year old.
TEST(CommitterTest, AClockThatIsSetForwardDropsNoHistory) {
  const StoreHome home;
  const std::vector<Record> journal = long_journal(100);
  std::atomic<std::int64_t> booted_s = 0;
  std::atomic<bool> jumped = false;
  CommitterOptions options;
  options.clock = [&] {
    const Duration booted = std::chrono::seconds(booted_s);
    return Now{Time(booted), minute(1) + booted + (jumped ? std::chrono::hours(24 * 365) : Duration())};
  };
  std::mutex mutex;
  std::condition_variable committed;
  std::uint64_t last = 0;
  Result<Store> store = Store::open(home.path());
  ASSERT_TRUE(store.ok());
  {
    Committer committer(home.path(), std::move(*store), options, [&](const Event& event) {
      const std::lock_guard lock(mutex);
      last = std::get<Committed>(event).seq;
      committed.notify_one();
    });
    for (const Record& record : journal) {
      jumped = record.seq > 10;
      booted_s += 60;  // past the committer's next look at what is old
      committer.begin_commit(std::make_shared<const Record>(record), nullptr);
      std::unique_lock lock(mutex);
      committed.wait(lock, [&] { return last == record.seq; });
    }
  }
  Result<JournalReader> reader = JournalReader::open(home.path());
  ASSERT_TRUE(reader.ok());
  const Result<std::vector<Record>> kept = reader->after(0, 1'000);
  ASSERT_TRUE(kept.ok()) << to_string(kept.error());
  EXPECT_EQ(kept->size(), journal.size());
}

}  // namespace
}  // namespace unik::controller
