// Consoles as they are watched: what a follower hears, how soon it ends, and how fast bytes get through.
#include "agent/logs/consoles.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <semaphore>

#include "console_fixture.hpp"
#include "tests/point_stride.hpp"

namespace unik::agent::testing {
namespace {

const InstanceId kWeb{Symbol("t"), Symbol("web"), 0, 4, 1};
const InstanceId kOther{Symbol("t"), Symbol("web"), 1, 4, 1};

std::unique_ptr<Consoles> watch() {
  Result<std::unique_ptr<Consoles>> consoles = Consoles::create();
  EXPECT_TRUE(consoles.ok());
  return std::move(*consoles);
}

// Reads to the end of a follower, waiting where it says so.
class Follower {
 public:
  explicit Follower(Result<ConsoleReader> reader) : reader_(std::move(*reader)) {
    subscription_ = reader_.console()->subscribe([this] { changed_.release(); });
  }
  ~Follower() { reader_.console()->unsubscribe(subscription_); }

  // The next bytes; empty at the end.
  std::string_view next() {
    while (true) {
      const Result<LogChunk> chunk = reader_.read(256 << 10);
      if (!chunk || chunk->kind == LogChunk::Kind::kEnd) return {};
      if (chunk->kind == LogChunk::Kind::kData) return chunk->data;
      if (!changed_.try_acquire_for(kPatience)) {
        ADD_FAILURE() << "nothing changed";
        return {};
      }
    }
  }
  std::string read(std::size_t size) {
    std::string all;
    while (all.size() < size) {
      const std::string_view more = next();
      if (more.empty()) break;
      all += more;
    }
    return all;
  }

 private:
  ConsoleReader reader_;
  std::counting_semaphore<> changed_{0};
  std::uint64_t subscription_ = 0;
};

TEST(Consoles, WakeAFollowerAndEndItWhenTheInstanceIsForgotten) {
  const TempDir dir;
  const std::unique_ptr<Consoles> consoles = watch();
  ASSERT_TRUE(consoles->attach(kWeb, dir.path()).ok());
  ASSERT_TRUE(consoles->attach(kWeb, dir.path()).ok());
  Guest guest(dir.path());
  guest.write("early\n");
  Follower follower(consoles->read(kWeb, following()));
  EXPECT_EQ(follower.read(6), "early\n");
  guest.write("later\n");
  EXPECT_EQ(follower.read(6), "later\n");
  ASSERT_TRUE(consoles->begin_run(kWeb, 1).ok());
  guest.write("next run\n");
  EXPECT_EQ(follower.read(9), "next run\n");
  guest.write("last words");
  consoles->forget(kWeb);
  EXPECT_EQ(follower.read(10), "last words");
  EXPECT_EQ(follower.next(), "");
  EXPECT_EQ(consoles->read(kWeb, {}).error().reason, "no_such_instance");
  EXPECT_EQ(consoles->begin_run(kWeb, 2).error().reason, "no_such_instance");
}

TEST(Consoles, TellInstancesApartAndSeeWhatWasWrittenJustNow) {
  const TempDir one;
  const TempDir two;
  const std::unique_ptr<Consoles> consoles = watch();
  ASSERT_TRUE(consoles->attach(kWeb, one.path()).ok());
  ASSERT_TRUE(consoles->attach(kOther, two.path()).ok());
  Guest guest_one(one.path());
  Guest guest_two(two.path());
  for (int i = 0; i < 50; ++i) {
    guest_one.write("1\n");
    guest_two.write("22\n");
    for (const auto& [id, size] : {std::pair{kWeb, 2u}, {kOther, 3u}}) {
      Result<ConsoleReader> reader = consoles->read(id, {});
      ASSERT_TRUE(reader.ok());
      EXPECT_EQ(read_console(*reader).size(), size * static_cast<unsigned>(i + 1));
    }
  }
}

TEST(Consoles, GiveEachLineOfASlowConsoleItsTime) {
  const TempDir dir;
  std::atomic<std::int64_t> now = 100;
  Result<std::unique_ptr<Consoles>> consoles =
      Consoles::create({.wall_clock = [&] { return wall(now); }, .limits = {}});
  ASSERT_TRUE(consoles.ok());
  ASSERT_TRUE((*consoles)->attach(kWeb, dir.path()).ok());
  Guest guest(dir.path());
  std::string expected;
  LogQuery timed = following();
  timed.timestamps = true;
  Follower follower((*consoles)->read(kWeb, timed));
  for (int i = 0; i < 5; ++i) {
    ++now;
    for (const char byte : {'a', 'b', '\n'}) guest.write({&byte, 1});  // as a serial port does
    const std::string line = format_wall_time(wall(now)) + " ab\n";
    EXPECT_EQ(follower.read(line.size()), line);
  }
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double cat_through_a_pipe(const std::string& file) {
  const auto begin = std::chrono::steady_clock::now();
  if (std::system(("cat " + file + " | cat > /dev/null").c_str()) != 0) ADD_FAILURE();
  return seconds_since(begin);
}

// The rate of `logs -f` up to the network, beside the floor that performance.md names.
TEST(Consoles, FollowsAConsoleAtHalfTheRateOfCatThroughAPipe) {
  const TempDir dir;
  const std::string source = dir.path() + "/source";
  constexpr std::size_t kSize = 200'000'000;
  std::string bytes = random_bytes(kSize, 3);
  for (char& byte : bytes)
    if (byte == '\r') byte = 'r';
  for (std::size_t at = 80; at < kSize; at += 81) bytes[at] = '\n';
  std::ofstream(source, std::ios::binary) << bytes;

  double best = 0;
  for (int attempt = 0; attempt < 5 && best < 0.5; ++attempt) {
    const double floor = cat_through_a_pipe(source);
    const std::string node = dir.path() + "/" + std::to_string(attempt);
    std::filesystem::create_directory(node);
    const std::unique_ptr<Consoles> consoles = watch();
    ASSERT_TRUE(consoles->attach(kWeb, node).ok());
    Follower follower(consoles->read(kWeb, following()));
    const auto begin = std::chrono::steady_clock::now();
    std::thread guest([&] { Guest(node).write(bytes); });
    std::size_t got = 0;
    bool same = true;
    while (got < kSize) {
      const std::string_view more = follower.next();
      ASSERT_FALSE(more.empty());
      same = same && std::string_view(bytes).substr(got, more.size()) == more;
      got += more.size();
    }
    const double live = seconds_since(begin);
    guest.join();
    EXPECT_TRUE(same);
    EXPECT_EQ(got, kSize);

    std::printf("cat | cat %.0f MB/s; written and followed at once %.0f MB/s (%.2f)\n", kSize / floor / 1e6,
                kSize / live / 1e6, floor / live);
    best = std::max(best, floor / live);
  }
  // The sanitizers slow us down and not `cat`.
  if (kPointStride == 1) EXPECT_GE(best, 0.5);
}

}  // namespace
}  // namespace unik::agent::testing
