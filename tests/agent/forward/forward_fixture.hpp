// What the forwarder's tests share: a real forwarder process, small servers on loopback and clients that wait on
// conditions with a deadline.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/forward/channel.hpp"
#include "agent/forward/forward.hpp"
#include "agent/forward/socket.hpp"
#include "agent/forward/table.hpp"

namespace unik::agent::testing {

using namespace std::chrono_literals;

inline constexpr auto kPatience = 20s;

// Polls until it holds; false after kPatience.
bool eventually(const std::function<bool()>& condition);

// A directory that is removed at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// This test's own binary, which is a forwarder when its first argument is `forward`.
std::string own_program();

// A forwarder process, spawned with own_program(). The destructor kills it.
class ForwardProcess {
 public:
  explicit ForwardProcess(const std::string& directory, std::vector<std::string> more = {});
  ~ForwardProcess();
  ForwardProcess(const ForwardProcess&) = delete;
  ForwardProcess& operator=(const ForwardProcess&) = delete;

  pid_t pid() const { return pid_; }
  void kill9();
  // Whether it has ended by itself with code 0 within the patience.
  bool ended();

 private:
  pid_t pid_ = -1;
  bool gone_ = false;
};

// The process that answers on the directory's socket; -1 for none.
pid_t forwarder_pid(const std::string& directory);

// One agent's connection.
class TableClient {
 public:
  explicit TableClient(const std::string& directory);  // waits until the forwarder answers
  TableState send(const ForwardTable& table);
  TableState await_state();

 private:
  std::unique_ptr<Channel> channel_;
};

// Accepts on 127.0.0.1 and runs `serve` for each connection in a thread of its own.
class TestServer {
 public:
  using Serve = std::function<void(int fd)>;
  explicit TestServer(Serve serve, std::uint16_t port = 0);
  ~TestServer();
  ForwardBackend backend() const { return {"127.0.0.1", port_}; }
  std::uint16_t port() const { return port_; }
  int accepted() const { return accepted_; }
  void stop();  // closes the listener; connections go on

 private:
  Serve serve_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::thread> connections_;
  std::vector<int> open_;
};

// Sends back what it gets until the client's end.
void echo(int fd);
// Reads to the client's end and says nothing.
void echo_nothing(int fd);
// Answers each connection with `name` and closes it.
TestServer::Serve say(std::string name);

std::uint16_t free_port();
// A blocking connection with a receive timeout of kPatience; invalid when it is refused.
Fd connect_to(std::uint16_t port);
bool send_all(int fd, std::string_view bytes);
// Until the other side's end; a reset gives `nullopt`.
std::optional<std::string> read_to_end(int fd);
std::string read_exactly(int fd, std::size_t size);
// What a server behind the port says; empty when the connection failed.
std::string ask(std::uint16_t port);
std::string random_bytes(std::size_t size, unsigned seed);

}  // namespace unik::agent::testing
