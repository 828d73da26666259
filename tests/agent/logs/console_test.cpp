// What a console keeps and what a query finds in it, against a plain model, over restarts and kills of the agent.
#include "agent/logs/console.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "console_fixture.hpp"

namespace unik::agent::testing {
namespace {

TEST(Console, ReadsWhatWasWrittenWithoutCarriageReturnsAtLineEnds) {
  const TempDir dir;
  Guest guest(dir.path());
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(1));
  guest.write("one\r\ntwo\rstill two\r\r\n");
  guest.write(std::string_view("\0\xff\r\n", 4));
  guest.write("no end\r");
  EXPECT_EQ(read_console(console, {}, wall(2)), std::string("one\ntwo\rstill two\n\0\xff\nno end\r", 28));
}

TEST(Console, PutsTimesBeforeLinesAndMarksLateOnes) {
  const TempDir dir;
  Guest guest(dir.path());
  guest.write("before the agent\nhalf");
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(5));  // earlier than the file's own time
  guest.write(" a line\r\nsecond\n");
  ASSERT_TRUE(console->notice(wall(6)).ok());
  guest.write("\nlast");
  EXPECT_EQ(read_console(console, with_times(), wall(7)),
            "1970-01-01T00:00:05.000Z~ before the agent\n"
            "1970-01-01T00:00:05.000Z~ half a line\n"
            "1970-01-01T00:00:06.000Z second\n"
            "1970-01-01T00:00:07.000Z \n"
            "1970-01-01T00:00:07.000Z last");
}

TEST(Console, KnowsThisRunAndTheOneBefore) {
  const TempDir dir;
  Guest guest(dir.path());
  std::shared_ptr<Console> console = open_console(dir.path(), wall(1));
  ASSERT_TRUE(console->begin_run(0, wall(1)).ok());
  guest.write("first\n");
  EXPECT_EQ(ConsoleReader::open(console, previous_run(), wall(1)).error().reason, "no_such_run");
  ASSERT_TRUE(console->begin_run(1, wall(2)).ok());
  guest.write("second\n");
  ASSERT_TRUE(console->begin_run(1, wall(3)).ok());  // asked again
  EXPECT_EQ(read_console(console, {}, wall(3)), "second\n");
  EXPECT_EQ(read_console(console, previous_run(), wall(3)), "first\n");
  console = open_console(dir.path(), wall(4));
  ASSERT_TRUE(console->begin_run(2, wall(5)).ok());
  EXPECT_EQ(read_console(console, {}, wall(5)), "");
  EXPECT_EQ(read_console(console, previous_run(), wall(5)), "second\n");
  LogQuery followed = previous_run();
  followed.follow = true;
  EXPECT_EQ(read_console(console, followed, wall(5)), "second\n");
}

TEST(Console, TellsAReaderThatItsRunWasDropped) {
  const TempDir dir;
  Guest guest(dir.path());
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(1));
  guest.write("first\n");
  ASSERT_TRUE(console->begin_run(1, wall(1)).ok());
  Result<ConsoleReader> reader = ConsoleReader::open(console, previous_run(), wall(1));
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(console->begin_run(2, wall(1)).ok());
  EXPECT_EQ(read_console(*reader), "[unikctl: 6 bytes of the console are missing here: the reader was too slow]\n");
}

TEST(Console, WaitsForTheLineFeedAfterACarriageReturnAndForNothingElse) {
  const TempDir dir;
  Guest guest(dir.path());
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(1));
  Result<ConsoleReader> reader = ConsoleReader::open(console, following(), wall(1));
  ASSERT_TRUE(reader.ok());
  std::string all;
  const auto say = [&](const std::string& bytes) {
    guest.write(bytes);
    EXPECT_TRUE(console->notice(wall(2)).ok());
    return read_console(*reader);
  };
  EXPECT_EQ(say("50%\r"), "50%");
  EXPECT_EQ(say("100%\r"), "\r100%");
  EXPECT_EQ(say("\r"), "");
  EXPECT_EQ(say("\n"), "\n");
  // More than is read at once, in one piece, at any place of the boundary.
  EXPECT_EQ(say(std::string(300'000, '\r')), std::string(262'143, '\r'));
  EXPECT_EQ(say("x"), std::string(300'000 - 262'143, '\r') + 'x');
  EXPECT_EQ(say(std::string(262'143, 'y') + "\r\nz"), std::string(262'143, 'y') + "\nz");
}

// One line as the model knows it: its bytes with the end, and the time at which its first byte was noticed.
struct Line {
  std::string text;
  WallTime at{};
  std::uint32_t run = 0;
};

std::string expected(const std::vector<Line>& lines, const LogQuery& query, std::uint32_t run) {
  std::vector<Line> of_run;
  for (const Line& line : lines)
    if (line.run == run) of_run.push_back(line);
  auto begin = of_run.begin();
  if (query.since) begin = std::find_if(begin, of_run.end(), [&](const Line& line) { return line.at >= *query.since; });
  if (query.tail && static_cast<std::uint64_t>(of_run.end() - begin) > *query.tail)
    begin = of_run.end() - static_cast<std::ptrdiff_t>(*query.tail);
  std::string text;
  for (auto line = begin; line != of_run.end(); ++line)
    text += (query.timestamps ? format_wall_time(line->at) + ' ' : "") + line->text;
  return text;
}

TEST(Console, AnswersEveryQueryAsAPlainListOfLinesWould) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto up_to = [&](std::uint64_t most) { return random() % (most + 1); };
    const TempDir dir;
    Guest guest(dir.path());
    // Few times in a file, so that they are rotated, but never so few that lines are given up.
    const ConsoleLimits limits{.run_bytes = mebibytes(64), .times_per_file = 120};
    std::shared_ptr<Console> console = open_console(dir.path(), wall(1000), limits);
    std::vector<Line> lines;
    std::int64_t now = 1000;
    std::uint32_t run = 0;
    bool line_open = false;
    std::size_t noticed = 0;  // lines whose time is fixed
    const auto notice = [&] {
      for (; noticed < lines.size(); ++noticed) lines[noticed].at = wall(now);
      ASSERT_TRUE(console->notice(wall(now)).ok());
    };
    for (int step = 0; step < 150; ++step) {
      now += static_cast<std::int64_t>(up_to(3));
      const std::uint64_t dice = up_to(99);
      if (dice < 60) {
        std::string text(up_to(dice < 3 ? 40'000 : 30), static_cast<char>('a' + up_to(25)));
        const bool whole = up_to(3) > 0;
        if (text.empty() && !whole) continue;
        guest.write(text + (whole ? (up_to(1) == 0 ? "\r\n" : "\n") : ""));
        if (whole) text += '\n';
        if (line_open)
          lines.back().text += text;
        else
          lines.push_back({text, {}, run});
        line_open = !whole;
      } else if (dice < 90) {
        notice();
      } else if (dice < 95) {
        notice();
        console = open_console(dir.path(), wall(now), limits);
      } else {
        notice();
        ASSERT_TRUE(console->begin_run(++run, wall(now)).ok());
        line_open = false;
      }
    }
    notice();
    for (int query_number = 0; query_number < 40; ++query_number) {
      LogQuery query;
      query.timestamps = up_to(1) == 0;
      if (up_to(1) == 0) query.tail = up_to(12);
      if (up_to(1) == 0)
        query.since = wall(990 + static_cast<std::int64_t>(up_to(static_cast<std::uint64_t>(now) - 980)));
      if (run > 0 && up_to(2) == 0) query.select = LogSelect::kPrevious;
      const std::uint32_t of = query.select == LogSelect::kPrevious ? run - 1 : run;
      const std::size_t piece = up_to(1) == 0 ? 1 + up_to(50) : 1 << 20;
      ASSERT_EQ(read_console(console, query, wall(now), piece), expected(lines, query, of))
          << "tail " << (query.tail ? static_cast<std::int64_t>(*query.tail) : -1) << " since "
          << (query.since ? format_wall_time(*query.since) : "-") << " of run " << of;
    }
  }
}

TEST(Console, KeepsABoundOfEachOfTwoRuns) {
  const TempDir dir;
  const ConsoleLimits limits{.run_bytes = kibibytes(256), .free_step = kibibytes(64)};
  Guest guest(dir.path());
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(1), limits);
  std::string last;
  for (std::uint32_t run = 0; run < 5; ++run) {
    ASSERT_TRUE(console->begin_run(run, wall(2)).ok());
    std::string all;
    for (int i = 0; i < 400; ++i) {
      const std::string text = std::to_string(run) + ' ' + std::to_string(i) + ' ' + std::string(5000, '.') + '\n';
      guest.write(text);
      all += text;
      ASSERT_TRUE(console->notice(wall(3)).ok());
      EXPECT_LE(disk_bytes(dir.path()), 2 * (256 + 64 + 16) * 1024u);
    }
    const std::string kept = read_console(console, {}, wall(4));
    EXPECT_GE(kept.size(), 250u * 1024);
    EXPECT_LE(kept.size(), (256u + 64) * 1024);
    EXPECT_TRUE(all.ends_with(kept));
    EXPECT_TRUE(kept.starts_with(std::to_string(run) + ' ')) << kept.substr(0, 20);
    if (run > 0) {
      EXPECT_EQ(read_console(console, previous_run(), wall(4)), last);
    }
    last = kept;
  }
}

TEST(Console, BoundsItsTimesAndDropsWhatHasNone) {
  const TempDir dir;
  Guest guest(dir.path());
  const ConsoleLimits limits{.times_per_file = 100};
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(0), limits);
  for (int i = 1; i <= 1000; ++i) {
    guest.write("line " + std::to_string(i) + '\n');
    ASSERT_TRUE(console->notice(wall(i)).ok());
  }
  const std::string kept = read_console(console, with_times(), wall(1000));
  const auto lines = std::count(kept.begin(), kept.end(), '\n');
  EXPECT_GE(lines, 99);
  EXPECT_LE(lines, 200);
  const std::int64_t first = 1001 - lines;
  EXPECT_TRUE(kept.starts_with(format_wall_time(wall(first)) + " line " + std::to_string(first) + '\n'))
      << kept.substr(0, 60);
  EXPECT_LE(std::filesystem::file_size(dir.path() + "/console.times"), 1600u);
}

TEST(Console, TellsAReaderThatIsTooSlowWhatItHasLost) {
  const TempDir dir;
  Guest guest(dir.path());
  const ConsoleLimits limits{.run_bytes = kibibytes(64), .free_step = kibibytes(16), .reader_lag = kibibytes(512)};
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(1), limits);
  Result<ConsoleReader> reader = ConsoleReader::open(console, following(), wall(1));
  ASSERT_TRUE(reader.ok());
  const std::string line(99, 'x');
  for (int i = 0; i < 4000; ++i) guest.write(line + '\n');
  ASSERT_TRUE(console->notice(wall(2)).ok());
  EXPECT_LE(console->runs().back().kept, 0u) << "it reads within its lag";
  EXPECT_EQ(read_console(*reader).size(), 400'000u);
  for (int i = 0; i < 20'000; ++i) guest.write(line + '\n');
  ASSERT_TRUE(console->notice(wall(3)).ok());
  const std::string rest = read_console(*reader);
  const std::uint64_t lost = console->runs().back().kept - 400'000;
  EXPECT_TRUE(rest.starts_with("[unikctl: " + std::to_string(lost) + " bytes of the console are missing here"))
      << rest.substr(0, 99);
  EXPECT_EQ(rest.size() - rest.find('\n') - 1 + lost, 2'000'000u);
}

TEST(Console, StartsAnewWhenSomebodyEmptiesTheFile) {
  const TempDir dir;
  Guest guest(dir.path());
  guest.write(std::string(100'000, 'x') + '\n');
  open_console(dir.path(), wall(1)).reset();
  ASSERT_EQ(::truncate(console_path(dir.path()).c_str(), 0), 0);
  guest.write("new\n");
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(2));
  EXPECT_EQ(read_console(console, {}, wall(3)), "new\n");
}

TEST(Console, MendsFilesThatACrashLeftTorn) {
  const TempDir dir;
  Guest guest(dir.path());
  {
    const std::shared_ptr<Console> console = open_console(dir.path(), wall(1));
    guest.write("one\n");
    ASSERT_TRUE(console->notice(wall(2)).ok());
    guest.write("two\n");
    ASSERT_TRUE(console->notice(wall(3)).ok());
  }
  const std::string times = dir.path() + "/console.times";
  std::filesystem::resize_file(times, std::filesystem::file_size(times) - 7);  // in the middle of the last record
  const std::string torn = read_console(open_console(dir.path(), wall(9)), with_times(), wall(9));
  EXPECT_EQ(torn, "1970-01-01T00:00:02.000Z one\n1970-01-01T00:00:09.000Z~ two\n");
  std::filesystem::rename(times, times + ".old");  // between the two renames of a rotation
  EXPECT_EQ(read_console(open_console(dir.path(), wall(10)), with_times(), wall(10)), torn);
  std::filesystem::resize_file(times, 3);
  EXPECT_EQ(read_console(open_console(dir.path(), wall(10)), {}, wall(10)), "one\ntwo\n");
}

// The agent is killed again and again, at any of its writes, while the guest goes on.
TEST(Console, LosesAndDoublesNothingWhenTheAgentIsKilled) {
  const TempDir dir;
  const ConsoleLimits limits{.run_bytes = kibibytes(128), .free_step = kibibytes(4), .times_per_file = 16};
  Guest guest(dir.path());
  std::mt19937 random(11);
  std::uint64_t written = 0;
  std::string all;
  for (int life = 0; life < 150; ++life) {
    const pid_t agent = ::fork();
    if (agent == 0) {
      Result<std::shared_ptr<Console>> console = Console::open(dir.path(), wall(100 + life), limits);
      if (!console) ::_exit(1);
      while (true) (void)(*console)->notice(wall(100 + life)).ok();
    }
    for (std::uint64_t lines = random() % 60; lines > 0; --lines) {
      const std::string line = "line " + std::to_string(written++) + std::string(random() % 300, '.') + '\n';
      guest.write(line);
      all += line;
    }
    ::kill(agent, SIGKILL);
    int status = 0;
    ::waitpid(agent, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  const std::shared_ptr<Console> console = open_console(dir.path(), wall(1000), limits);
  const std::string kept = read_console(console, {}, wall(1000));
  EXPECT_TRUE(all.ends_with(kept));
  EXPECT_TRUE(kept.starts_with("line ")) << kept.substr(0, 30);
  EXPECT_LE(disk_bytes(dir.path()), 200u * 1024);
  // Every line has a time, and none is before its predecessor's.
  const std::string timed = read_console(console, with_times(), wall(1000));
  std::string last;
  for (std::size_t at = 0; at < timed.size(); at = timed.find('\n', at) + 1) {
    const std::string time = timed.substr(at, 24);
    ASSERT_TRUE(parse_wall_time(time).ok()) << time;
    EXPECT_LE(last, time);
    last = time;
  }
}

}  // namespace
}  // namespace unik::agent::testing
