#include "agent/forward/backlog.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "forward_fixture.hpp"

namespace unik::agent::testing {
namespace {

// A process that listens as QEMU does, with a backlog of 1, and accepts nothing.
class NarrowListener {
 public:
  NarrowListener() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const Fd read(ends[0]);
    const Fd write(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(0x7f050607);  // 127.5.6.7, as an instance's own
      socklen_t size = sizeof address;
      if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 1) != 0) ::_exit(1);
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
      const std::uint16_t port = ntohs(address.sin_port);
      if (::write(write.get(), &port, sizeof port) != sizeof port) ::_exit(1);
      while (true) ::pause();
    }
    if (::read(read.get(), &port_, sizeof port_) != sizeof port_) std::abort();
  }
  ~NarrowListener() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  std::uint16_t port() const { return port_; }

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

TEST(Backlog, LetsThreeHundredConnectToAProcessThatListensForOne) {
  const NarrowListener listener;
  const Result<void> widened = widen_backlog(listener.pid(), "127.5.6.7", listener.port());
  if (!widened && widened.error().reason == "ptrace_denied") GTEST_SKIP() << widened.error().message;
  ASSERT_TRUE(widened.ok()) << widened.error().message;

  std::vector<Fd> connections;
  for (int i = 0; i < 300; ++i) {
    int error = 0;
    connections.push_back(start_connect(*parse_socket_address("127.5.6.7", listener.port()), error));
    ASSERT_EQ(error, 0);
  }
  // In a queue of one, the third would wait for its SYN to be sent again, and again.
  EXPECT_TRUE(eventually([&] {
    for (const Fd& connection : connections) {
      tcp_info info{};
      socklen_t size = sizeof info;
      ::getsockopt(connection.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
      if (info.tcpi_state != TCP_ESTABLISHED || info.tcpi_total_retrans != 0) return false;
    }
    return true;
  }));
}

TEST(Backlog, SaysWhatIsMissing) {
  const NarrowListener listener;
  const std::uint16_t other = listener.port() == 1 ? 2 : 1;
  EXPECT_EQ(widen_backlog(listener.pid(), "127.5.6.7", other).error().reason, "no_such_listener");
  EXPECT_EQ(widen_backlog(listener.pid(), "127.5.6.8", listener.port()).error().reason, "no_such_listener");
  EXPECT_EQ(widen_backlog(::getpid(), "127.5.6.7", listener.port()).error().reason, "no_such_listener");
  EXPECT_EQ(widen_backlog(listener.pid(), "localhost", listener.port()).error().reason, "bad_address");
}

}  // namespace
}  // namespace unik::agent::testing
