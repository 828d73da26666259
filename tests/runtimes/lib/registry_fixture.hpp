// A real registry (Debian's docker-registry) on loopback for the tests of runtimes/lib/registry, and a wire to it that
// can be cut.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace unik::runtimes {

// Runs until it is destroyed; keeps its blobs below `directory`. With `htpasswd` text, only those users may do
// anything.
class DebianRegistry {
 public:
  explicit DebianRegistry(const std::filesystem::path& directory, const std::string& htpasswd = "");
  ~DebianRegistry();
  DebianRegistry(const DebianRegistry&) = delete;
  DebianRegistry& operator=(const DebianRegistry&) = delete;

  bool up() const { return up_; }
  std::uint16_t port() const { return port_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  bool up_ = false;
};

// Passes bytes between its own port and another one of loopback. Each entry of `cuts` resets the connection that has
// moved so many bytes since the cut before it, in either direction; then nothing is cut any more.
class CuttingProxy {
 public:
  CuttingProxy(std::uint16_t to, std::vector<std::int64_t> cuts);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::size_t cut() const;     // how often
  std::int64_t moved() const;  // bytes in all, both directions
  std::size_t connections() const;

 private:
  void accept_all();
  void pass(int client);
  bool spend(std::int64_t bytes);  // true: cut now

  const std::uint16_t to_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<bool> ending_ = false;

  mutable std::mutex mutex_;
  std::vector<std::int64_t> cuts_;
  std::size_t next_ = 0;
  std::int64_t since_ = 0;
  std::int64_t moved_ = 0;
  std::vector<std::thread> passers_;
  std::thread acceptor_;
};

}  // namespace unik::runtimes
