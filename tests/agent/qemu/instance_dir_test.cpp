#include "agent/qemu/instance_dir.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/qemu/process.hpp"

namespace unik::agent {
namespace {

const InstanceId kId{Symbol("team-a"), Symbol("web"), 3, 42, 1};

class InstanceDirTest : public testing::Test {
 protected:
  void SetUp() override {
    // Longer than a unix socket's path may be.
    std::string name = testing::TempDir() + std::string(120, 'd') + "XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    top_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(top_); }

  InstanceDir open() { return std::move(*InstanceDir::open(top_, kId)); }

  std::string top_;
};

TEST(InstanceDirName, ReadsBack) {
  EXPECT_EQ(instance_dir_name(kId), "team-a.web.3.42.1");
  EXPECT_EQ(parse_instance_dir_name("team-a.web.3.42.1"), kId);
  for (const char* name :
       {"", ".", "..", "web.3.42.1", "a.b.c.d.e", "a.b.1.2.3.4", "a/b/1/2/3", "A.b.1.2.3", "a.b.01.2.3"})
    EXPECT_FALSE(parse_instance_dir_name(name)) << name;
}

TEST_F(InstanceDirTest, ARunReadsBackAndARunThatIsNoneIsRefused) {
  const InstanceDir dir = open();
  EXPECT_EQ(dir.read_run().error().reason, "no_run_file");
  RunFile run;
  run.id = kId;
  run.run = 7;
  run.host_boot = "boot \"quoted\"";
  run.address = "127.1.2.3";
  run.accelerator = Accelerator::kKvm;
  run.own_kernel = false;
  run.forwards = {{64592, 80}, {8080, 8080}};
  run.resources = {MilliCpu{250}, mebibytes(64)};
  run.console_begin = 12345;
  run.start_ticks = 99;
  run.strict = true;
  run.machine_up = true;
  run.started_at = WallTime(Duration(1'700'000'000'123'456));
  run.start = Duration(203'000);
  run.first_byte = Duration(210'000);
  ASSERT_TRUE(dir.write_run(run).ok());
  EXPECT_EQ(*dir.read_run(), run);

  const std::string whole = to_json(run);
  for (const std::string& text : {whole.substr(0, whole.size() / 2), std::string("{}"), std::string("null"),
                                  std::string("{\"id\":\"a/b/1/2/3\",\"run\":-1}")}) {
    std::ofstream(dir.file("run.json"), std::ios::trunc) << text;
    EXPECT_EQ(dir.read_run().error().reason, "bad_run_file") << text;
  }
}

TEST_F(InstanceDirTest, TheLockIsHeldByWhoeverInheritedIt) {
  const InstanceDir dir = open();
  EXPECT_FALSE(dir.is_locked());
  Result<Fd> lock = dir.lock();
  ASSERT_TRUE(lock.ok());
  ProcessSpec spec;
  spec.argv = {"sleep", "100"};
  spec.descriptors = {{lock->get(), 3}};
  spec.pid_file = dir.file("pid");
  const Result<Process> process = start_process(spec);
  ASSERT_TRUE(process.ok());
  lock->reset();
  EXPECT_TRUE(dir.is_locked());
  EXPECT_EQ(dir.lock().error().reason, "vm_already_runs");
  EXPECT_EQ(dir.read_pid(), process->pid);
  kill_process(process->pidfd);
  EXPECT_EQ(reap(process->pidfd), (Ended{true, 9}));
  EXPECT_FALSE(dir.is_locked());
}

TEST_F(InstanceDirTest, SocketsWorkUnderAnyPath) {
  const InstanceDir dir = open();
  ASSERT_GT(dir.file("qmp.sock").size(), 107U);
  EXPECT_FALSE(dir.connect("qmp.sock").ok());
  for (int i = 0; i < 2; ++i) {  // a stale one is replaced
    const Result<Fd> listener = dir.listen("qmp.sock");
    ASSERT_TRUE(listener.ok());
    const Result<Fd> connection = dir.connect("qmp.sock");
    ASSERT_TRUE(connection.ok());
    EXPECT_GE(Fd(accept(listener->get(), nullptr, nullptr)).get(), 0);
  }
}

TEST_F(InstanceDirTest, ATailBeginsNoEarlierThanItsRun) {
  const InstanceDir dir = open();
  std::ofstream(dir.file("console.log")) << "old run|new run";
  EXPECT_EQ(dir.tail("console.log", 100, 8), "new run");
  EXPECT_EQ(dir.tail("console.log", 3, 8), "run");
  EXPECT_EQ(dir.tail("console.log", 3, 15), "");
  EXPECT_EQ(dir.tail("none", 3), "");
}

TEST_F(InstanceDirTest, OthersFilesAreLeftAlone) {
  (void)open();
  std::filesystem::create_directory(top_ + "/lost+found");
  EXPECT_EQ(list_instance_dirs(top_), std::vector<InstanceId>{kId});
  open().remove();
  EXPECT_TRUE(list_instance_dirs(top_).empty());
  EXPECT_TRUE(list_instance_dirs(top_ + "/none").empty());
}

TEST(Process, AProgramThatIsNotThereIsNamed) {
  ProcessSpec spec;
  spec.argv = {"/none/such"};
  EXPECT_EQ(start_process(spec).error().reason, "no_such_program");
  spec.argv = {"no-such-program-anywhere"};
  EXPECT_EQ(start_process(spec).error().reason, "no_such_program");
}

TEST(Process, AFileThatIsNoProgramSaysSo) {
  const std::string path = testing::TempDir() + "unik-not-a-program";
  std::ofstream(path) << "nothing";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  ProcessSpec spec;
  spec.argv = {path};
  const Result<Process> process = start_process(spec);
  ASSERT_FALSE(process.ok());
  EXPECT_EQ(process.error().reason, "spawn_failed");
  EXPECT_NE(process.error().message.find("Exec format error"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(Process, AChildHasItsDescriptorsAndNoOthers) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // not close-on-exec on purpose
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const Fd leaked(dup(ends[1]));
  ProcessSpec spec;
  spec.argv = {"sh", "-c", "ls /proc/self/fd | tr '\\n' ' ' >&4"};
  spec.descriptors = {{theirs.get(), 4}};
  const Result<Process> process = start_process(spec);
  ASSERT_TRUE(process.ok());
  EXPECT_EQ(reap(process->pidfd), (Ended{false, 0}));
  std::string text(256, '\0');
  text.resize(static_cast<std::size_t>(read(ours.get(), text.data(), text.size())));
  EXPECT_EQ(text, "0 1 2 3 4 ");  // 3 is ls's own
}

TEST(Process, IsRecognisedByNameAndStart) {
  ProcessSpec spec;
  spec.argv = {"sleep", "100"};
  const Result<Process> process = start_process(spec);
  ASSERT_TRUE(process.ok());
  while (process_arguments(process->pid).empty()) continue;  // the child has not become `sleep` yet
  EXPECT_EQ(process_arguments(process->pid), (std::vector<std::string>{"sleep", "100"}));
  EXPECT_NE(process_start_ticks(process->pid), 0U);
  EXPECT_EQ(getsid(process->pid), process->pid);
  kill_process(process->pidfd);
  ASSERT_TRUE(reap(process->pidfd));
  EXPECT_TRUE(process_arguments(process->pid).empty());
  EXPECT_FALSE(open_pidfd(process->pid));
}

}  // namespace
}  // namespace unik::agent
