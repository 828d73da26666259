// Bytes of the database and of its log that are not what was written: what opens is what was acknowledged, to the last
// record, and what does not open is left as it was found.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>

#include "api/stable_hash.hpp"
#include "controller/store/sqlite.hpp"
#include "tests/controller/store/faulty_vfs.hpp"
#include "tests/controller/store/looped_store.hpp"
#include "tests/point_stride.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

constexpr int kRequests = 300;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kFrame = kPage + 24;
constexpr std::size_t kLogHeader = 32;
constexpr std::uint64_t kTries = 80 / kPointStride;  // of each kind of damage

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// The files of a controller that was killed: most records are in the database, the last of them in the log alone.
class Damage : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = fs::path(::testing::TempDir()) / ("damage-" + std::to_string(::getpid()));
    fs::remove_all(home_);
    fs::create_directories(home_ / "kept");
    vfs_.emplace();
    LoopedStore store(home_ / "controller.db", FaultyVfs::name());
    store.start();
    for (int n = 0; n < 3; ++n) store.register_node("node-" + std::to_string(n));
    for (int n = 0; n < kRequests; ++n) {
      const std::string key = "key-" + std::to_string(n);
      const std::string app = "app-" + std::to_string(n % 40);
      if (n % 7 == 5) {
        store.ask(key, applying(key, app_with("brief", std::to_string(n), 0)));
      } else if (n % 7 == 6) {
        store.ask(key, deleting(key, "brief"));
      } else {
        store.ask(key, applying(key, app_with(app, std::to_string(n), 1 + static_cast<std::uint32_t>(n % 40 % 3))));
      }
    }
    ASSERT_TRUE(store.broken().empty()) << store.broken().front();
    acknowledged_ = store.world();
    for (const char* const name : {"controller.db", "controller.db-wal", "controller.db.head"})
      fs::copy_file(home_ / name, home_ / "kept" / name);
    database_ = read(home_ / "kept" / "controller.db");
    log_ = read(home_ / "kept" / "controller.db-wal");
    store.close();
    ASSERT_GT(database_.size(), 50 * kPage);
    ASSERT_GT(log_.size(), 50 * kFrame);
  }
  static void TearDownTestSuite() {
    fs::remove_all(home_);
    acknowledged_ = {};
    vfs_.reset();
  }

  struct Tally {
    std::map<std::string, int> refused;
    int opened = 0;
  };

  // Opens these files and holds what came of it to the promise.
  static void judge(const std::string& database, const std::string& log, Tally& tally) {
    const fs::path at = home_ / "at";
    fs::remove_all(at);
    fs::create_directories(at);
    write(at / "controller.db", database);
    write(at / "controller.db-wal", log);
    fs::copy_file(home_ / "kept" / "controller.db.head", at / "controller.db.head");
    {
      Result<Store> store = Store::open(at / "controller.db", FaultyVfs::name());
      if (store) {
        ++tally.opened;
        EXPECT_TRUE(same_tables(*store->load(), acknowledged_)) << "opened with another state";
        return;
      }
      ++tally.refused[store.error().reason];
      EXPECT_TRUE(store.error().reason == "store_corrupt" || store.error().reason == "store_lost_records" ||
                  store.error().reason == "unknown_record_format")
          << to_string(store.error());
    }
    EXPECT_TRUE(read(at / "controller.db") == database) << "a refused database was changed";
    EXPECT_TRUE(read(at / "controller.db-wal") == log) << "the log of a refused database was changed";
  }

  static void say(const char* what, const Tally& tally) {
    std::cout << what << ": " << tally.opened << " opened as acknowledged";
    for (const auto& [reason, count] : tally.refused) std::cout << ", " << count << " " << reason;
    std::cout << "\n";
  }

  // A place below `size` that is the same in each run.
  static std::size_t place(std::uint64_t seed, std::size_t size) {
    return static_cast<std::size_t>(stable_hash(std::to_string(seed)) % size);
  }

  static inline fs::path home_;
  static inline std::optional<FaultyVfs> vfs_;  // no fault is injected: it spares us thousands of syncs
  static inline World acknowledged_;
  static inline std::string database_;
  static inline std::string log_;
};

TEST_F(Damage, NoneOpens) {
  Tally tally;
  judge(database_, log_, tally);
  EXPECT_EQ(tally.opened, 1);
}

TEST_F(Damage, AFlippedByteOfTheLog) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::string log = log_;
    log[place(seed, log.size())] ^= static_cast<char>(1 + seed % 255);
    judge(database_, log, tally);
  }
  EXPECT_GT(tally.refused["store_lost_records"], 0);
  say("a flipped byte of the log", tally);
}

TEST_F(Damage, ALogThatIsTorn) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::size_t left =
        seed % 3 == 0 ? kLogHeader + kFrame * place(seed, log_.size() / kFrame) : place(seed, log_.size());
    judge(database_, log_.substr(0, left), tally);
  }
  EXPECT_GT(tally.refused["store_lost_records"], 0);
  say("a torn log", tally);
}

TEST_F(Damage, AFlippedByteOfTheDatabase) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= std::max<std::uint64_t>(2 * kTries, 80); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::string database = database_;
    // Pages' heads and cells' places steer more than their share of bytes.
    const std::size_t in_page = place(seed * 31, seed % 2 == 0 ? 16 : kPage);
    database[place(seed, database.size() / kPage) * kPage + in_page] ^= static_cast<char>(1 + seed % 255);
    judge(database, log_, tally);
  }
  EXPECT_GT(tally.refused["store_corrupt"], 0);
  EXPECT_GT(tally.opened, 0);  // pages that nothing uses, or that the log replaces
  say("a flipped byte of the database", tally);
}

TEST_F(Damage, SectorsOfZeros) {
  Tally tally;
  constexpr std::size_t kSector = 512;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::string database = database_;
    std::string log = log_;
    std::string& bytes = seed % 2 == 0 ? database : log;
    const std::size_t at = place(seed, bytes.size() / kSector) * kSector;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), kSector, '\0');
    judge(database, log, tally);
  }
  EXPECT_GT(tally.refused["store_corrupt"] + tally.refused["store_lost_records"], 0);
  say("a sector of zeros", tally);
}

TEST_F(Damage, ADatabaseThatIsTorn) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= kTries / 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    judge(database_.substr(0, place(seed, database_.size())), log_, tally);
  }
  judge("", log_, tally);
  judge("", "", tally);
  judge(database_, "", tally);
  // What was cut off may stand in the log as well: such a store opens, with exactly what was acknowledged.
  EXPECT_GT(tally.refused["store_corrupt"], tally.opened);
  EXPECT_GT(tally.refused["store_lost_records"], 0);
  say("a torn database", tally);
}

// One row less in a page is no fault to SQLite, nor to the checksums of the rows that are left.
TEST_F(Damage, ARowThatIsLeftOut) {
  for (const char* const table : {"apps", "templates", "instances", "operations", "answers", "tenants", "nodes"}) {
    SCOPED_TRACE(table);
    const fs::path at = home_ / "at";
    fs::remove_all(at);
    fs::create_directories(at);
    for (const auto& entry : fs::directory_iterator(home_ / "kept"))
      fs::copy_file(entry.path(), at / entry.path().filename());
    {
      Result<Database> direct = Database::open(at / "controller.db");
      const std::string rows = "SELECT checksum FROM " + std::string(table) + " LIMIT 1";
      ASSERT_TRUE(direct->execute("DELETE FROM " + std::string(table) + " WHERE checksum = (" + rows + ")").ok());
    }
    const Result<Store> store = Store::open(at / "controller.db", FaultyVfs::name());
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().reason, "store_corrupt");
  }
}

}  // namespace
}  // namespace unik::controller
