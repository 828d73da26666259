// No space, no memory or an I/O error at each call that SQLite makes, one after the other, while the loop commits what
// users ask for: a request fails whole or is done, reads go on, and the store is in use again without a restart.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <utility>

#include "tests/controller/store/failing_memory.hpp"
#include "tests/controller/store/faulty_vfs.hpp"
#include "tests/controller/store/looped_store.hpp"
#include "tests/point_stride.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

constexpr int kRefusalsUntilMended = 3;
constexpr std::uint64_t kLastingEach = 5;  // of the calls after which a fault lasts too

class DiskFaults : public ::testing::Test {
 protected:
  DiskFaults() : directory_(fs::path(::testing::TempDir()) / ("faults-" + std::to_string(::getpid()))) { empty(); }
  ~DiskFaults() override { fs::remove_all(directory_); }

  void empty() {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  std::string path() const { return directory_ / "controller.db"; }

  // What users ask for.
  static void play(LoopedStore& store) {
    store.register_node("n1");
    store.ask("key-1", applying("key-1", app_with("web", "1", 3)));
    store.ask("key-2", applying("key-2", app_with("big", std::string(5'000, 'x'), 1)));
    store.restart();
    store.ask("key-3", applying("key-3", app_with("web", "2", 2)));
    store.ask("key-4", deleting("key-4", "big"));
  }

  // Other connections read what has been acknowledged, whatever became of the writer's.
  void expect_reads(const LoopedStore& store, std::uint64_t acknowledged) {
    Result<JournalReader> reader = JournalReader::open(path());
    ASSERT_TRUE(reader.ok()) << to_string(reader.error());
    const Result<std::vector<Record>> records = reader->after(0, 1000);
    ASSERT_TRUE(records.ok()) << to_string(records.error());
    EXPECT_GE(records->size(), acknowledged);
    EXPECT_FALSE(store.world().tenants.empty());
  }

  // By an untroubled program, after the one that met the fault is gone.
  void expect_everything(const LoopedStore& store) {
    EXPECT_TRUE(store.broken().empty()) << store.broken().front();
    Result<Store> opened = Store::open(path());
    ASSERT_TRUE(opened.ok()) << to_string(opened.error());
    const Result<void> verified = opened->verify();
    EXPECT_TRUE(verified.ok()) << to_string(verified.error());
    const Result<World> world = opened->load();
    EXPECT_TRUE(same_tables(*world, store.world()));
    for (const char* const key : {"key-1", "key-2", "key-3", "key-4"}) EXPECT_TRUE(world->answers.contains(key)) << key;
    const AppRow* const web = world->apps.find({Symbol("default"), Symbol("web")});
    ASSERT_NE(web, nullptr);
    EXPECT_EQ(web->app->spec.replicas, 2U);
    EXPECT_EQ(web->app->metadata.generation, 2U);
  }

  // One run in which the fault strikes; it lasts until a few requests were refused, or for one call.
  struct Met {
    bool struck = false;
    std::uint64_t refusals = 0;
    std::uint64_t reopenings = 0;
  };
  Met meet(FaultyVfs& vfs, DiskCall call, std::uint64_t nth, int code, bool lasting) {
    empty();
    LoopedStore store(path(), FaultyVfs::name());
    int troubles = 0;
    bool begun = false;
    store.on_trouble = [&] {
      if (begun && store.is_up()) expect_reads(store, store.world().revision);
      if (++troubles == kRefusalsUntilMended) vfs.heal();
    };
    vfs.fail(call, nth, code, lasting);
    store.start();
    begun = true;
    play(store);
    vfs.heal();
    store.close();
    expect_everything(store);
    return {vfs.struck(), store.refusals(), store.reopenings()};
  }

  fs::path directory_;
};

struct Fault {
  DiskCall call;
  int code;
};

class DiskFaultsAt : public DiskFaults, public ::testing::WithParamInterface<Fault> {};

TEST_P(DiskFaultsAt, EachCall) {
  FaultyVfs vfs;
  const auto [call, code] = GetParam();
  std::uint64_t calls = 0;
  {
    LoopedStore calm(path(), FaultyVfs::name());
    vfs.count_anew();
    calm.start();
    play(calm);
    calls = vfs.count(call);
    EXPECT_EQ(calm.refusals(), 0U);
    calm.close();
    expect_everything(calm);
  }
  ASSERT_GT(calls, 0U) << "the script makes no such call";
  std::uint64_t refusals = 0;
  std::uint64_t reopenings = 0;
  for (std::uint64_t nth = 1; nth <= calls; nth += kPointStride) {
    for (const bool lasting : {false, true}) {
      if (lasting && (nth - 1) % (kLastingEach * kPointStride) != 0) continue;
      SCOPED_TRACE(std::string(to_string(call)) + " " + std::to_string(nth) + (lasting ? " and on" : ""));
      const Met met = meet(vfs, call, nth, code, lasting);
      EXPECT_TRUE(met.struck);
      refusals += met.refusals;
      reopenings += met.reopenings;
      if (HasFatalFailure()) return;
    }
  }
  std::cout << calls << " calls: " << refusals << " refusals, " << reopenings << " reopenings\n";
}

INSTANTIATE_TEST_SUITE_P(
    , DiskFaultsAt,
    ::testing::Values(Fault{DiskCall::kOpen, SQLITE_CANTOPEN}, Fault{DiskCall::kRead, SQLITE_IOERR_READ},
                      Fault{DiskCall::kWrite, SQLITE_FULL}, Fault{DiskCall::kWrite, SQLITE_IOERR_WRITE},
                      Fault{DiskCall::kPartialWrite, SQLITE_FULL}, Fault{DiskCall::kTruncate, SQLITE_IOERR_TRUNCATE},
                      Fault{DiskCall::kSync, SQLITE_IOERR_FSYNC}, Fault{DiskCall::kFileSize, SQLITE_IOERR_FSTAT},
                      Fault{DiskCall::kShmMap, SQLITE_IOERR_SHMMAP}, Fault{DiskCall::kShmLock, SQLITE_IOERR_SHMLOCK},
                      Fault{DiskCall::kLock, SQLITE_IOERR_LOCK}, Fault{DiskCall::kDelete, SQLITE_IOERR_DELETE}),
    [](const auto& fault) {
      std::string name = std::string(to_string(fault.param.call)) + (fault.param.code == SQLITE_FULL ? "_full" : "");
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

// SQLite asks for memory thousands of times in the script; each twentieth time is tried, beginning elsewhere each time.
TEST_F(DiskFaults, NoMemory) {
  constexpr std::uint64_t kStride = 20 * kPointStride;
  FailingMemory memory;
  FaultyVfs vfs;
  std::uint64_t requests = 0;
  {
    LoopedStore calm(path(), FaultyVfs::name());
    memory.count_anew();
    calm.start();
    play(calm);
    requests = memory.count();
    calm.close();
    expect_everything(calm);
  }
  ASSERT_GT(requests, 2000U);
  std::uint64_t struck = 0;
  std::uint64_t refusals = 0;
  for (std::uint64_t nth = 1; nth <= requests; nth += kStride) {
    SCOPED_TRACE("request for memory " + std::to_string(nth));
    empty();
    LoopedStore store(path(), FaultyVfs::name());
    memory.fail(nth);
    store.start();
    play(store);
    struck += memory.struck() ? 1 : 0;
    memory.heal();
    refusals += store.refusals();
    store.close();
    expect_everything(store);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(struck, 100 / kPointStride);
  EXPECT_GT(refusals, 10 / kPointStride);
  std::cout << struck << " times without memory: " << refusals << " refusals\n";
}

}  // namespace
}  // namespace unik::controller
