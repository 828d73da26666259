#include "controller/store/store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "controller/core/admit.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/loop.hpp"
#include "controller/store/row_json.hpp"
#include "tests/controller/store/store_home.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : directory_(fs::path(::testing::TempDir()) / ("store-" + std::to_string(::getpid()) + "-" + name())) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~StoreTest() override { fs::remove_all(directory_); }

  static std::string name() { return ::testing::UnitTest::GetInstance()->current_test_info()->name(); }
  std::string path() const { return directory_ / "controller.db"; }

  Store open() {
    Result<Store> store = Store::open(path());
    EXPECT_TRUE(store.ok()) << to_string(store.error());
    return std::move(store).value();
  }

  static void commit(Store& store, const Record& record) {
    const CommitResult result = store.commit(record);
    ASSERT_EQ(result.outcome, CommitOutcome::kCommitted) << to_string(result.error);
  }

  // What the loop would commit for these requests and reports, one record for each step.
  static std::vector<Record> history() {
    std::vector<Record> records = {first_record("cluster", WallTime(std::chrono::seconds(1)))};
    World world;
    apply(world, records.front());
    const auto step = [&](const std::function<void(Draft&)>& ask) {
      World next = world;
      next.started = Time(std::chrono::hours(1));  // no node has been silent yet
      ++next.revision;
      Draft draft(next, Now{Time(std::chrono::hours(1)), WallTime(std::chrono::seconds(records.size() + 1))});
      ask(draft);
      reconcile(draft, std::exchange(draft.touched(), Dirty{}));
      Record record;
      record.seq = next.revision;
      record.epoch = {0, 1};
      record.at = draft.now().wall;
      record.actor = "test";
      record.trace_id = "trace";
      record.changes = draft.plan().changes;
      const auto observed = world.observed;
      apply(world, record);
      records.push_back(std::move(record));
    };
    step([](Draft& draft) {
      RegisterRequest request;
      request.node = "n1";
      request.agent_start = 7;
      request.labels = {{"zone", "a"}};
      request.info.capacity = {MilliCpu{4000}, mebibytes(4096)};
      EXPECT_TRUE(admit_register(draft, request).ok());
    });
    step([](Draft& draft) {
      NodeRow row = *draft.world().nodes.find(Symbol("n1"));
      row.health = NodeHealth::kReady;
      draft.change(PutNode{row});
    });
    step([](Draft& draft) {
      ApplyRequest request;
      request.follow = true;
      request.trace_id = "trace";
      App app;
      app.metadata.name = "web";
      app.metadata.tenant = "default";
      app.spec.boot.image = "web@sha256:" + std::string(64, 'a');
      app.spec.boot.env = {{"BIG", std::string(10'000, 'x')}};
      app.spec.replicas = 3;
      request.resources.push_back(app);
      ASSERT_TRUE(admit_apply(draft, request).ok());
    });
    step([](Draft& draft) {
      InstanceStatus status;
      status.phase = Phase::kRunning;
      status.restarts = 2;
      status.last_exit = Exit{ExitKind::kSignaled, 9};
      status.address = "127.64.0.1";
      status.boot.start = std::chrono::milliseconds(200);
      const InstanceId id = draft.world().instances.begin()->first;
      draft.change(ObserveInstance{id, status});
      draft.change(PutStray{{Symbol("n1"), {Symbol("default"), Symbol("old"), 0, 1, 1}}, {draft.world().revision}});
      draft.change(PutAnswer{"key", AnswerRow{42, {}, draft.now().wall}});
    });
    step([](Draft& draft) { ASSERT_TRUE(admit_delete(draft, {Kind::kApp, "default", {"web"}, "trace"}).ok()); });
    return records;
  }

  fs::path directory_;
};

TEST_F(StoreTest, ANewStoreIsEmpty) {
  Store store = open();
  EXPECT_EQ(store.head(), 0U);
  EXPECT_TRUE(store.load()->cluster.cluster_id.empty());
}

TEST_F(StoreTest, GivesBackWhatWasCommittedAfterReopening) {
  World folded;
  {
    Store store = open();
    for (const Record& record : history()) {
      commit(store, record);
      apply(folded, record);
    }
  }
  Store store = open();
  const Result<World> world = store.load();
  ASSERT_TRUE(world.ok());
  EXPECT_EQ(world->revision, folded.revision);
  EXPECT_TRUE(same_tables(*world, folded));
  EXPECT_EQ(world->instances.size(), 3U);
  EXPECT_TRUE(store.verify().ok());
}

TEST_F(StoreTest, AnAppKeepsTheAttemptsOfBothOfItsRollouts) {
  App app;
  app.metadata.name = "web";
  app.spec.boot.image = "web@sha256:" + std::string(64, 'a');
  AppRow row;
  row.app = std::move(app);
  row.rollout = 7;
  row.state.live = 3;
  row.retired = {{0, 2}, {5, 1}};
  row.retired_live = {{1, 4}};
  const Result<Change> read = change_from(change_json(PutApp{row}));
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(std::get<PutApp>(*read).row.retired, row.retired);
  EXPECT_EQ(std::get<PutApp>(*read).row.retired_live, row.retired_live);
}

TEST_F(StoreTest, ReadersGetTheRecordsAsTheyWere) {
  const std::vector<Record> records = history();
  Store store = open();
  for (const Record& record : records) commit(store, record);
  Result<JournalReader> reader = JournalReader::open(path());
  ASSERT_TRUE(reader.ok());
  const Result<std::vector<Record>> after = reader->after(2, 100);
  ASSERT_TRUE(after.ok()) << to_string(after.error());
  EXPECT_EQ(*after, std::vector<Record>(records.begin() + 2, records.end()));
  EXPECT_EQ(reader->after(0, 2)->size(), 2U);
}

TEST_F(StoreTest, ADamagedRowIsNotBelieved) {
  {
    Store store = open();
    for (const Record& record : history()) commit(store, record);
  }
  Result<Database> database = Database::open(path());
  ASSERT_TRUE(database->execute("UPDATE instances SET restarts = restarts + 1").ok());
  const Result<Store> store = Store::open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().reason, "store_corrupt");
}

TEST_F(StoreTest, AChangedRecordBreaksTheChain) {
  {
    Store store = open();
    for (const Record& record : history()) commit(store, record);
  }
  Result<Database> database = Database::open(path());
  ASSERT_TRUE(database->execute("UPDATE journal SET actor = 'somebody else' WHERE seq = 2").ok());
  Store store = open();
  const Result<void> verified = store.verify();
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().reason, "store_corrupt");
}

TEST_F(StoreTest, LostRecordsAreNoticed) {
  {
    Store store = open();
    for (const Record& record : history()) commit(store, record);
  }
  Result<Database> database = Database::open(path());
  ASSERT_TRUE(database->execute("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)").ok());
  const Result<Store> store = Store::open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().reason, "store_lost_records");
}

TEST_F(StoreTest, ARefusedCommitLeavesNothingAndTheNextOneWorks) {
  const std::vector<Record> records = history();
  Store store = open();
  commit(store, records[0]);
  // Another writer holds the file: the commit cannot begin.
  Result<Database> other = Database::open(path());
  ASSERT_TRUE(other->execute("BEGIN IMMEDIATE").ok());
  const CommitResult refused = store.commit(records[1]);
  EXPECT_EQ(refused.outcome, CommitOutcome::kRejected);
  EXPECT_EQ(refused.error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(store.head(), 1U);
  ASSERT_TRUE(other->execute("ROLLBACK").ok());
  commit(store, records[1]);
  EXPECT_TRUE(store.verify().ok());
}

// As the first release left it: nothing in there says how many rows there are.
TEST_F(StoreTest, AStoreOfTheFirstVersionIsTakenOver) {
  const std::vector<Record> records = history();
  {
    Store store = open();
    for (std::size_t i = 0; i + 1 < records.size(); ++i) commit(store, records[i]);
  }
  {
    Result<Database> database = Database::open(path());
    ASSERT_TRUE(database->execute(kBackToTheFirstVersion).ok());
  }
  World folded;
  for (const Record& record : records) apply(folded, record);
  {
    Store store = open();
    EXPECT_EQ(store.head(), records.size() - 1);
    commit(store, records.back());
  }
  Store store = open();
  EXPECT_TRUE(same_tables(*store.load(), folded));
  EXPECT_TRUE(store.verify().ok());
}

TEST_F(StoreTest, TablesThatOthersHoldAreInMemoryOnce) {
  World held;
  Store store = open();
  for (const Record& record : history()) {
    apply(held, record);
    commit(store, record);
    store.share(held);
  }
  const World world = *store.load();
  EXPECT_TRUE(same_tables(world, held));
  EXPECT_TRUE(store.verify().ok());
  ASSERT_FALSE(held.instances.empty());
  for (const auto& [id, row] : held.instances) EXPECT_EQ(world.instances.find(id), &row);
}

TEST_F(StoreTest, AStatementThatHasRunHoldsNothing) {
  Result<Database> database = Database::open(path());
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(database->execute("CREATE TABLE texts (text TEXT)").ok());
  Result<Statement> insert = database->prepare("INSERT INTO texts VALUES (?)");
  ASSERT_TRUE(insert.ok());
  std::string text(100, 'a');
  ASSERT_TRUE(insert->bind_borrowed(1, text).run().ok());
  text.assign(100, 'b');
  ASSERT_TRUE(insert->run().ok());
  Result<Statement> texts = database->prepare("SELECT text FROM texts ORDER BY rowid");
  ASSERT_TRUE(*texts->step());
  EXPECT_EQ(texts->text(0), std::string(100, 'a'));
  ASSERT_TRUE(*texts->step());
  EXPECT_EQ(texts->text(0), "");
}

TEST_F(StoreTest, ASealThatIsGoneIsMissed) {
  {
    Store store = open();
    for (const Record& record : history()) commit(store, record);
  }
  Result<Database> database = Database::open(path());
  ASSERT_TRUE(database->execute("DELETE FROM counters WHERE name = 'seal'").ok());
  const Result<Store> store = Store::open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().reason, "store_corrupt");
}

TEST_F(StoreTest, ANewerFormatStopsAnOlderProgram) {
  {
    Store store = open();
    commit(store, history()[0]);
  }
  Result<Database> database = Database::open(path());
  ASSERT_TRUE(database->execute("PRAGMA user_version = 99").ok());
  const Result<Store> store = Store::open(path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().reason, "unknown_record_format");
}

}  // namespace
}  // namespace unik::controller
