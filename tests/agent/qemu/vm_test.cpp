// Real VMs: every promise of the hypervisor that only QEMU can keep.
//
// The kernel is UNIK_TEST_KERNEL, or else that of UNIKCTL_BASE_RUNTIME, which test.sh builds; the root is
// UNIK_TEST_ROOT, or else made by guest_root.sh. Without a kernel the tests fail rather than pass unseen.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "agent/qemu/command_line.hpp"
#include "agent/qemu/hypervisor.hpp"
#include "agent/qemu/instance_dir.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;  // a boot takes well under a second; a loaded host is slower

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string test_kernel() {
  if (const std::string kernel = environment("UNIK_TEST_KERNEL"); !kernel.empty()) return kernel;
  const std::string base = environment("UNIKCTL_BASE_RUNTIME");
  return base.empty() ? "" : base + "/boot/vmlinux-up";
}

// Made once for all tests of this process.
const std::string& test_root() {
  static const std::string root = [] {
    if (std::string given = environment("UNIK_TEST_ROOT"); !given.empty()) return given;
    const std::string made = testing::TempDir() + "unik-vm-test-root-" + std::to_string(getpid()) + ".erofs";
    const std::string command = std::string(UNIK_SOURCE_DIR) + "/tests/agent/qemu/guest_root.sh " + made;
    return std::system(command.c_str()) == 0 ? made : std::string();
  }();
  return root;
}

// Events come from the hypervisor's thread.
class Heard {
 public:
  void put(Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_all();
  }

  // The next event of that kind; others before it are dropped.
  template <typename T>
  std::optional<T> next(std::chrono::milliseconds patience = kPatience) {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
      while (!events_.empty()) {
        Event event = std::move(events_.front());
        events_.pop_front();
        if (auto* found = std::get_if<T>(&event)) return std::move(*found);
      }
      if (changed_.wait_until(lock, until) == std::cv_status::timeout) return std::nullopt;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
};

class VmTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(test_kernel())) << "name the UP kernel in UNIK_TEST_KERNEL";
    ASSERT_TRUE(std::filesystem::exists(test_root())) << "guest_root.sh failed; name a root in UNIK_TEST_ROOT";
    // Long on purpose: a unix socket's path may have 107 bytes.
    std::string name = testing::TempDir() + "unik-vm-test-with-a-state-directory-whose-name-alone-is-quite-long-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    state_ = name;
  }

  static void TearDownTestSuite() {
    if (environment("UNIK_TEST_ROOT").empty()) std::filesystem::remove(test_root());
  }

  void TearDown() override {
    hypervisor_.reset();
    for (const InstanceId& id : list_instance_dirs(state_ + "/instances")) {
      const Result<InstanceDir> dir = InstanceDir::open(state_ + "/instances", id);
      if (dir.ok() && dir->is_locked()) kill(dir->read_pid(), SIGKILL);
    }
    std::filesystem::remove_all(state_);
  }

  std::vector<AdoptedVm> start_agent() {
    HypervisorOptions options;
    options.state_dir = state_;
    options.host_boot = "test-boot";
    options.host.cpus = 2;
    options.host.tsc_khz = 0;
    HypervisorPorts ports;
    ports.deliver = [this](Event event) { inbox_.put(std::move(event)); };
    ports.boot_files = [this](const std::string&) -> Result<runtimes::BootFiles> { return files_; };
    auto made = Hypervisor::create(options, ports);
    EXPECT_TRUE(made.ok());
    hypervisor_ = std::move(*made);
    return hypervisor_->adopt();
  }

  static runtimes::BootFiles boot_files() {
    runtimes::BootFiles files;
    files.kernel_up = test_kernel();
    files.root = test_root();
    files.config.entrypoint = {"/app/guest"};
    return files;
  }

  LaunchVm launch_of(std::vector<std::string> args, std::uint32_t slot = 0, std::uint32_t run = 0) {
    LaunchVm launch;
    launch.id = {Symbol("default"), Symbol("web"), slot, 7, 1};
    launch.boot.image = "web@sha256:0";
    launch.boot.args = std::move(args);
    launch.boot.resources = {MilliCpu{1000}, mebibytes(64)};
    launch.address = "127.83.4." + std::to_string(10 + slot);
    launch.run = run;
    return launch;
  }

  std::string console(const InstanceId& id) const {
    std::ifstream file(state_ + "/instances/" + instance_dir_name(id) + "/console.log");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  // The app has said so: it is past the point where a signal finds it unprepared.
  bool console_says(const InstanceId& id, const std::string& text) const {
    for (int i = 0; i < 3000; ++i, usleep(10'000))
      if (console(id).find(text) != std::string::npos) return true;
    return false;
  }

  pid_t pid_of(const InstanceId& id) const {
    const Result<InstanceDir> dir = InstanceDir::open(state_ + "/instances", id);
    return dir.ok() ? dir->read_pid() : 0;
  }

  std::string state_;
  runtimes::BootFiles files_ = boot_files();
  Heard inbox_;
  std::unique_ptr<Hypervisor> hypervisor_;
};

// What a connection to the guest says, and empty when there is none.
std::string ask(const std::string& address, std::uint16_t port) {
  const Fd fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  std::string text(64, '\0');
  const ssize_t n = recv(fd.get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

TEST_F(VmTest, AnAppEndsWithItsOwnExitCode) {
  start_agent();
  hypervisor_->launch(launch_of({"exit", "201"}));
  const auto started = inbox_.next<VmStarted>();
  ASSERT_TRUE(started);
  EXPECT_EQ(started->accelerator, "tcg");
  EXPECT_GT(started->start, Duration::zero());
  const auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kExited, 201}));
  EXPECT_FALSE(ended->error);
  std::printf("start %.1f ms\n", static_cast<double>(started->start.count()) / 1000);
}

TEST_F(VmTest, TheFirstByteOnTheConsoleIsTimed) {
  start_agent();
  hypervisor_->launch(launch_of({"sleep"}));
  auto started = inbox_.next<VmStarted>();
  ASSERT_TRUE(started);
  if (started->first_byte == Duration::zero()) started = inbox_.next<VmStarted>();
  ASSERT_TRUE(started);
  EXPECT_GT(started->first_byte, Duration::zero());
  EXPECT_EQ(console(started->id).substr(0, 9), "app sleep");
  std::printf("first byte %.1f ms\n", static_cast<double>(started->first_byte.count()) / 1000);
  kill(pid_of(started->id), SIGKILL);
  ASSERT_TRUE(inbox_.next<VmEnded>());
  const Result<RunFile> run = InstanceDir::open(state_ + "/instances", started->id)->read_run();
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->first_byte, started->first_byte) << "its end is no first byte";
}

TEST_F(VmTest, EachKindOfEndIsTold) {
  start_agent();
  hypervisor_->launch(launch_of({"abort"}, 1));
  auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kSignaled, SIGABRT}));

  hypervisor_->launch(launch_of({"hog"}, 2));
  ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kOutOfMemory, 0}));

  hypervisor_->launch(launch_of({"sleep"}, 3));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  kill(pid_of(launch_of({}, 3).id), SIGKILL);
  ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kCrashed, 0}));

  files_.config.entrypoint = {"/app/none"};
  hypervisor_->launch(launch_of({}, 4));
  ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kExited, 127}));
  ASSERT_TRUE(ended->error);
  EXPECT_EQ(ended->error->reason, "not_executable");

  files_ = boot_files();
  files_.root = "/dev/null";
  hypervisor_->launch(launch_of({}, 5));
  ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->error || ended->exit == (Exit{ExitKind::kPanicked, 0}));
}

TEST_F(VmTest, AQemuThatDoesNotStartSaysWhy) {
  start_agent();
  files_.kernel_up = state_ + "/missing";
  hypervisor_->launch(launch_of({}));
  const auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_FALSE(ended->exit);
  ASSERT_TRUE(ended->error);
  EXPECT_EQ(ended->error->reason, "vmm_failed");
  EXPECT_NE(ended->error->message.find("missing"), std::string::npos) << ended->error->message;
}

TEST_F(VmTest, AStopReachesTheAppAndHarderStepsTheVm) {
  start_agent();
  hypervisor_->launch(launch_of({"sleep"}, 1));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  ASSERT_TRUE(console_says(launch_of({}, 1).id, "app sleep"));
  const auto asked = std::chrono::steady_clock::now();
  hypervisor_->stop({launch_of({}, 1).id, StopStep::kAsk});
  auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kExited, 0}));
  std::printf("stop %.1f ms\n",
              std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - asked).count());

  hypervisor_->launch(launch_of({"deaf"}, 2));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  ASSERT_TRUE(console_says(launch_of({}, 2).id, "deaf now"));
  hypervisor_->stop({launch_of({}, 2).id, StopStep::kAsk});
  EXPECT_FALSE(inbox_.next<VmEnded>(300ms));
  hypervisor_->stop({launch_of({}, 2).id, StopStep::kQuit});
  ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kSignaled, SIGKILL}));

  hypervisor_->launch(launch_of({"deaf"}, 3));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  hypervisor_->stop({launch_of({}, 3).id, StopStep::kKill});
  ASSERT_TRUE(inbox_.next<VmEnded>());

  hypervisor_->stop({launch_of({}, 9).id, StopStep::kAsk});
  ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended && ended->error);
  EXPECT_EQ(ended->error->reason, "no_such_vm");
}

TEST_F(VmTest, ThePortsAnswerAtTheInstancesOwnAddress) {
  start_agent();
  LaunchVm launch = launch_of({"serve", "80"});
  launch.boot.ports = {{"http", 80}};
  files_.config.user = "root";
  hypervisor_->launch(launch);
  ASSERT_TRUE(inbox_.next<VmStarted>());
  std::string answer;
  for (int i = 0; i < 200 && answer.empty(); ++i) {
    answer = ask(launch.address, host_port_of(80));
    if (answer.empty()) usleep(10'000);
  }
  EXPECT_EQ(answer, "hello\n");
}

TEST_F(VmTest, TheAppGetsItsEnvironmentAndNoDiskDoes) {
  start_agent();
  LaunchVm launch = launch_of({"env", "TOKEN"});
  launch.boot.env["TOKEN"] = "s3cr3t-value";
  hypervisor_->launch(launch);
  ASSERT_TRUE(inbox_.next<VmEnded>());
  EXPECT_NE(console(launch.id).find("s3cr3t-value"), std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(state_ + "/instances/" + instance_dir_name(launch.id))) {
    if (!entry.is_regular_file() || entry.path().filename() == "console.log") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str().find("s3cr3t-value"), std::string::npos) << entry.path();
  }
}

TEST_F(VmTest, ARunningVmIsAdoptedAndItsEndIsTold) {
  start_agent();
  hypervisor_->launch(launch_of({"sleep"}));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  const pid_t pid = pid_of(launch_of({}).id);
  hypervisor_.reset();

  const std::vector<AdoptedVm> adopted = start_agent();
  ASSERT_EQ(adopted.size(), 1U);
  EXPECT_TRUE(adopted[0].running);
  EXPECT_EQ(adopted[0].id, launch_of({}).id);
  EXPECT_EQ(adopted[0].address, "127.83.4.10");
  EXPECT_EQ(adopted[0].accelerator, "tcg");
  EXPECT_NE(adopted[0].started_at, WallTime{});
  EXPECT_EQ(pid_of(launch_of({}).id), pid);
  // Asked again for what runs: it is told, and there is no second VM.
  hypervisor_->launch(launch_of({"sleep"}));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  EXPECT_EQ(pid_of(launch_of({}).id), pid);

  ASSERT_TRUE(console_says(launch_of({}).id, "app sleep"));
  hypervisor_->stop({launch_of({}).id, StopStep::kAsk});
  const auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kExited, 0}));
}

TEST_F(VmTest, AnEndThatNobodyWatchedIsFound) {
  start_agent();
  hypervisor_->launch(launch_of({"sleep"}, 1));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  hypervisor_->launch(launch_of({"sleep"}, 2));
  ASSERT_TRUE(inbox_.next<VmStarted>());
  ASSERT_TRUE(console_says(launch_of({}, 1).id, "app sleep"));
  hypervisor_->stop({launch_of({}, 1).id, StopStep::kAsk});
  ASSERT_TRUE(inbox_.next<VmEnded>());
  const pid_t second = pid_of(launch_of({}, 2).id);
  hypervisor_.reset();
  kill(second, SIGKILL);
  waitpid(second, nullptr, 0);

  const std::vector<AdoptedVm> adopted = start_agent();
  ASSERT_EQ(adopted.size(), 2U);
  EXPECT_FALSE(adopted[0].running);
  EXPECT_EQ(adopted[0].exit, (Exit{ExitKind::kExited, 0}));
  EXPECT_FALSE(adopted[1].running);
  EXPECT_EQ(adopted[1].exit, (Exit{ExitKind::kCrashed, 0}));

  hypervisor_->forget({launch_of({}, 1).id});
  hypervisor_->launch(launch_of({"exit", "3"}, 2, 1));
  const auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->run, 1U);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kExited, 3}));
  EXPECT_EQ(list_instance_dirs(state_ + "/instances").size(), 1U);
}

TEST_F(VmTest, NoSecondVmWhileSomebodyHoldsTheLock) {
  start_agent();
  const InstanceId id = launch_of({}).id;
  const Result<InstanceDir> dir = InstanceDir::open(state_ + "/instances", id);
  const Result<Fd> lock = dir->lock();
  ASSERT_TRUE(lock.ok());
  hypervisor_->launch(launch_of({"sleep"}));
  const auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended && ended->error);
  EXPECT_EQ(ended->error->reason, "vm_already_runs");
}

// The agent dies without a word in the middle of its work; its VM must not notice.
TEST_F(VmTest, AVmSurvivesTheKillOfItsAgent) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // so that the orphan can be waited for here
  const pid_t agent = fork();
  if (agent == 0) {
    start_agent();
    hypervisor_->launch(launch_of({"sleep"}));
    pause();
    _exit(0);
  }
  const InstanceId id = launch_of({}).id;
  for (int i = 0; i < 6000 && console(id).empty(); ++i) usleep(10'000);
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  const std::vector<AdoptedVm> adopted = start_agent();
  ASSERT_EQ(adopted.size(), 1U);
  EXPECT_TRUE(adopted[0].running);
  hypervisor_->stop({id, StopStep::kAsk});
  const auto ended = inbox_.next<VmEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit, (Exit{ExitKind::kExited, 0}));
}

}  // namespace
}  // namespace unik::agent
