#include "controller/store/compaction.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "controller/store/history.hpp"
#include "controller/store/store.hpp"
#include "tests/controller/store/dying_vfs.hpp"
#include "tests/controller/store/long_journal.hpp"
#include "tests/controller/store/store_home.hpp"
#include "tests/point_stride.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

constexpr Stride kShortStride{600, 1, 3};

Retention keep_records(std::uint64_t records) {
  Retention keep;
  keep.records = records;
  return keep;
}

Store open_store(const std::string& path) {
  Result<Store> store = Store::open(path);
  EXPECT_TRUE(store.ok()) << to_string(store.error());
  return std::move(store).value();
}

void expect_whole(Store& store) {
  const Result<void> verified = store.verify();
  EXPECT_TRUE(verified.ok()) << to_string(verified.error());
}

// Until there is nothing left to do; the number of steps.
int compact_all(Store& store, const Retention& keep, WallTime now, Stride stride = {}) {
  for (int steps = 1; steps < 10'000; ++steps) {
    const Result<bool> more = store.compact(keep, now, stride);
    EXPECT_TRUE(more.ok()) << to_string(more.error());
    if (!more || !*more) return steps;
  }
  ADD_FAILURE() << "compaction does not end";
  return 0;
}

void commit_all(Store& store, const std::vector<Record>& records) {
  for (const Record& record : records) {
    if (record.seq <= store.head()) continue;
    ASSERT_EQ(store.commit(record).outcome, CommitOutcome::kCommitted);
  }
}

std::int64_t count(const std::string& path, const std::string& what) {
  Result<Database> database = Database::open(path);
  Result<Statement> row = database->prepare("SELECT count(*) FROM " + what);
  EXPECT_TRUE(row.ok() && *row->step());
  return row->integer(0);
}

std::vector<World> worlds_of(const std::vector<Record>& records) {
  std::vector<World> worlds(1);
  for (const Record& record : records) {
    World next = worlds.back();
    apply(next, record);
    worlds.push_back(std::move(next));
  }
  return worlds;
}

class CompactionTest : public ::testing::Test {
 protected:
  StoreHome home_;
};

TEST_F(CompactionTest, KeepsTheTablesAndTheNewestRecords) {
  const std::vector<Record> records = long_journal(200);
  {
    Store store = open_store(home_.path());
    for (const Record& record : records) {
      ASSERT_EQ(store.commit(record).outcome, CommitOutcome::kCommitted);
      compact_all(store, keep_records(40), record.at);
    }
    expect_whole(store);
  }
  EXPECT_GE(count(home_.path(), "journal"), 40);
  EXPECT_EQ(kBasesPerRetention, 4);
  EXPECT_EQ(Retention{}.records, 1'000'000U);
  EXPECT_EQ(Retention{}.transitions, std::chrono::hours(24 * 7));
  EXPECT_EQ(Retention{}.intents, std::chrono::hours(24 * 90));
  EXPECT_EQ(Stride{}.chunk_bytes, 128U * 1024);
  EXPECT_EQ(Stride{}.records, 500U);
  EXPECT_LE(count(home_.path(), "journal"), 40 + 40 / kBasesPerRetention + 1);
  EXPECT_LE(count(home_.path(), "bases"), kBasesPerRetention + 1);
  EXPECT_EQ(count(home_.path(), "base_rows WHERE base NOT IN (SELECT seq FROM bases)"), 0);
  Store store = open_store(home_.path());
  EXPECT_TRUE(same_tables(*store.load(), worlds_of(records).back()));
}

TEST_F(CompactionTest, KeepsForLongWhatSomebodyAskedFor) {
  Store store = open_store(home_.path());
  commit_all(store, long_journal(200));
  compact_all(store, keep_records(5), minute(200));
  commit_all(store, long_journal(210));
  compact_all(store, keep_records(5), minute(210));
  EXPECT_EQ(count(home_.path(), "journal"), 11);
  EXPECT_EQ(count(home_.path(), "intents"), 199 / 5);
  EXPECT_EQ(count(home_.path(), "intents WHERE actor <> 'uid/1000'"), 0);
  expect_whole(store);

  Retention keep = keep_records(5);
  keep.intents = std::chrono::minutes(100);
  compact_all(store, keep, minute(210));
  EXPECT_EQ(count(home_.path(), "intents WHERE seq < 110"), 0);
  EXPECT_EQ(count(home_.path(), "intents"), 90 / 5);
  expect_whole(store);
}

TEST_F(CompactionTest, AgeEndsTransitionsToo) {
  Store store = open_store(home_.path());
  commit_all(store, long_journal(100));
  Retention keep;
  keep.transitions = std::chrono::minutes(40);
  compact_all(store, keep, minute(100));
  EXPECT_EQ(count(home_.path(), "journal"), 100) << "there was no base to begin at yet";
  compact_all(store, keep, minute(141));
  EXPECT_EQ(count(home_.path(), "journal"), 1);
  expect_whole(store);
}

TEST_F(CompactionTest, BlobsGoWithTheLastRecordThatNamesThem) {
  Store store = open_store(home_.path());
  commit_all(store, long_journal(200));
  EXPECT_GT(count(home_.path(), "blobs"), 15);
  Retention keep = keep_records(1);
  keep.intents = std::chrono::minutes(30);
  compact_all(store, keep, minute(200));
  commit_all(store, long_journal(205));
  compact_all(store, keep, minute(205));
  EXPECT_LE(count(home_.path(), "blobs"), 4);
  EXPECT_EQ(count(home_.path(), "blobs WHERE lower(hex(hash)) NOT IN (SELECT hash FROM blob_uses)"), 0);
  EXPECT_EQ(count(home_.path(), "blob_uses WHERE seq NOT IN (SELECT seq FROM journal UNION SELECT seq FROM intents)"),
            0);
  expect_whole(store);
}

TEST_F(CompactionTest, WhoAsksForWhatIsGoneIsToldSo) {
  Store store = open_store(home_.path());
  commit_all(store, long_journal(100));
  compact_all(store, keep_records(20), minute(100));
  commit_all(store, long_journal(130));
  compact_all(store, keep_records(20), minute(130));
  Result<JournalReader> reader = JournalReader::open(home_.path());
  ASSERT_TRUE(reader.ok());
  const std::uint64_t floor = *reader->floor();
  EXPECT_EQ(floor, 100U);
  EXPECT_EQ(reader->after(floor - 1, 10).error().reason, kCompacted);
  EXPECT_EQ(reader->after(floor - 1, 10).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(reader->after(floor, 1000)->size(), 30U);
}

TEST_F(CompactionTest, HistoryIsTheNearestBaseAndTheRecordsAfterIt) {
  const std::vector<Record> records = long_journal(100);
  const std::vector<World> worlds = worlds_of(records);
  Store store = open_store(home_.path());
  for (const Record& record : records) {
    ASSERT_EQ(store.commit(record).outcome, CommitOutcome::kCommitted);
    compact_all(store, keep_records(40), record.at);
  }
  Result<History> history = History::open(home_.path());
  ASSERT_TRUE(history.ok());
  const std::uint64_t floor = *JournalReader::open(home_.path())->floor();
  ASSERT_GT(floor, 40U);
  for (const std::uint64_t seq : {floor, floor + 1, std::uint64_t{77}, std::uint64_t{76}, std::uint64_t{100}}) {
    const auto world = history->at(seq);
    ASSERT_TRUE(world.ok()) << seq << ": " << to_string(world.error());
    EXPECT_TRUE(same_tables(**world, worlds[seq])) << seq;
  }
  EXPECT_EQ((*history->at(minute(80)))->revision, 80U);
  EXPECT_EQ((*history->at(minute(80) + std::chrono::seconds(59)))->revision, 80U);
  EXPECT_EQ((*history->at(minute(5000)))->revision, 100U);
  EXPECT_EQ(history->at(floor - 1).error().reason, kCompacted);
  EXPECT_EQ(history->at(minute(3)).error().reason, kCompacted);
  EXPECT_EQ(history->at(std::uint64_t{101}).error().reason, "not_yet");
}

TEST_F(CompactionTest, ADamagedBaseOrArchiveIsNoticed) {
  const auto damage = [&](const std::string& sql) {
    const fs::path copy = home_.directory() / "damaged.db";
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(copy.string() + suffix);
    fs::copy_file(home_.path(), copy, fs::copy_options::overwrite_existing);
    Result<Database> database = Database::open(copy);
    ASSERT_TRUE(database->execute(sql).ok());
    EXPECT_EQ(open_store(copy).verify().error().reason, "store_corrupt") << sql;
  };
  {
    Store store = open_store(home_.path());
    commit_all(store, long_journal(100));
    compact_all(store, keep_records(20), minute(100));
    commit_all(store, long_journal(140));
    compact_all(store, keep_records(20), minute(140));
    expect_whole(store);
  }
  damage("UPDATE base_rows SET body = replace(body, '\"no_eligible_node\"', '\"elsewhere\"')");
  damage("DELETE FROM base_rows WHERE idx = 0");
  damage("UPDATE bases SET last_uid = last_uid + 1");
  damage("DELETE FROM intents WHERE seq = 30");
  damage("UPDATE intents SET actor = 'somebody else' WHERE seq = 30");
  damage("UPDATE journal SET prev_hash = x'00' WHERE seq = 120");
}

TEST_F(CompactionTest, AStoreOfTheReleaseBeforeLearnsWhichRecordsNameItsBlobs) {
  {
    Store store = open_store(home_.path());
    commit_all(store, long_journal(40));
  }
  const std::int64_t uses = count(home_.path(), "blob_uses");
  ASSERT_GT(uses, 0);
  {
    Result<Database> database = Database::open(home_.path());
    ASSERT_TRUE(database->execute(kBackToTheFirstVersion).ok());
  }
  Store store = open_store(home_.path());
  EXPECT_EQ(count(home_.path(), "blob_uses"), uses);
  expect_whole(store);
}

// However commits and steps follow each other, and however long they are.
RC_GTEST_PROP(CompactionProperty, TheFoldUponTheBaseIsTheTables, ()) {
  const StoreHome home;
  const std::vector<Record> records = long_journal(*rc::gen::inRange(2, 25));
  const Retention keep = keep_records(*rc::gen::inRange(1, 15));
  const Stride stride{*rc::gen::inRange<std::size_t>(1, 4000), *rc::gen::inRange<std::size_t>(1, 5),
                      *rc::gen::inRange<std::size_t>(1, 20)};
  Store store = open_store(home.path());
  for (const Record& record : records) {
    RC_ASSERT(store.commit(record).outcome == CommitOutcome::kCommitted);
    const int steps = *rc::gen::inRange(0, 4);
    for (int step = 0; step < steps; ++step) RC_ASSERT(store.compact(keep, record.at, stride).ok());
  }
  RC_ASSERT(store.verify().ok());
  compact_all(store, keep, records.back().at, stride);
  RC_ASSERT(store.verify().ok());
}

// Commits and compacts in a process that ends at one call of the disk; says which record was last acknowledged.
void live_until(const std::string& path, const std::vector<Record>& records, int acknowledged) {
  Result<Store> store = Store::open(path, kDyingVfs);
  if (!store) ::_exit(1);
  for (const Record& record : records) {
    if (record.seq <= store->head()) continue;
    if (store->commit(record).outcome != CommitOutcome::kCommitted) ::_exit(2);
    if (::write(acknowledged, &record.seq, sizeof(record.seq)) != sizeof(record.seq)) ::_exit(3);
    for (int step = 0; step < 2; ++step)
      if (!store->compact(keep_records(4), record.at, kShortStride)) ::_exit(4);
  }
  ::_exit(0);
}

class Kill : public ::testing::TestWithParam<bool> {};

TEST_P(Kill, AnywhereLeavesAWholeStore) {
  const StoreHome home;
  const std::vector<Record> records = long_journal(22);
  const std::string start = home.directory() / "start.db";
  {
    Store store = open_store(start);
    commit_all(store, long_journal(10));
  }
  std::uint64_t points = 0;
  for (std::uint64_t at = kPointStride;; at += kPointStride, ++points) {
    const std::string path = home.path();
    for (const char* suffix : {"-wal", "-shm", ".head"}) fs::remove(path + suffix);
    fs::copy_file(start, path, fs::copy_options::overwrite_existing);
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      die_at(at, GetParam());
      live_until(path, records, pipe[1]);
    }
    ::close(pipe[1]);
    std::uint64_t acknowledged = 10;
    for (std::uint64_t seq = 0; ::read(pipe[0], &seq, sizeof(seq)) == sizeof(seq);) acknowledged = seq;
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), kDied) << "at call " << at;

    Store store = open_store(path);
    ASSERT_GE(store.head(), acknowledged) << "at call " << at;
    const Result<void> whole = store.verify();
    ASSERT_TRUE(whole.ok()) << "at call " << at << ": " << to_string(whole.error());
    if (at % 16 != 0) continue;
    commit_all(store, records);
    compact_all(store, keep_records(4), records.back().at, kShortStride);
    expect_whole(store);
    ASSERT_EQ(count(path, "base_rows WHERE base NOT IN (SELECT seq FROM bases WHERE complete = 1)"), 0)
        << "at call " << at;
  }
  EXPECT_GT(points, 150 / kPointStride);
  std::cout << points << " places to die at\n";
}

INSTANTIATE_TEST_SUITE_P(Writes, Kill, ::testing::Bool(),
                         [](const auto& torn) { return torn.param ? "Torn" : "Whole"; });

}  // namespace
}  // namespace unik::controller
