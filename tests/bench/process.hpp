// Programs of the product as a benchmark runs them: a directory of their own, daemons that end with the benchmark, and
// commands that are waited for.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "wire/endpoint.hpp"

namespace unik::bench {

// Removed with everything below it at the end.
class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// NAME=VALUE, over what this process has.
using Variables = std::vector<std::string>;

// Runs to its end with its output in `log`; an Error unless it exits with 0.
Result<void> run_command(const std::vector<std::string>& argv, const Variables& variables,
                         const std::filesystem::path& log);

// A child that is killed with SIGKILL at the end, or earlier by `kill`.
class Daemon {
 public:
  static Result<Daemon> start(const std::vector<std::string>& argv, const Variables& variables,
                              const std::filesystem::path& log);
  Daemon(Daemon&& other) noexcept;
  Daemon& operator=(Daemon&& other) noexcept;
  ~Daemon();

  pid_t pid() const { return pid_; }
  void kill();

  // Resident memory in bytes, pages shared with others included: now, and the most that it was.
  std::uint64_t resident_bytes() const { return status_bytes("VmRSS:"); }
  std::uint64_t peak_resident_bytes() const { return status_bytes("VmHWM:"); }

 private:
  explicit Daemon(pid_t pid) : pid_(pid) {}
  std::uint64_t status_bytes(std::string_view field) const;

  pid_t pid_ = 0;
};

// A controller in `home` with its socket there, started and not waited for.
Result<Daemon> start_controller(const std::filesystem::path& bin, const std::filesystem::path& home,
                                const std::vector<std::string>& flags = {});
wire::Endpoint socket_of(const std::filesystem::path& home);

// A TCP port of the loopback that nobody listened on a moment ago.
std::uint16_t free_port();

// Puts a blob there that no machine could boot; enough for apps that are never started. Its hex digest.
Result<std::string> upload_image(const wire::Endpoint& endpoint);

// Asks until the answer is a 2xx, for a minute.
Result<void> wait_answer(const wire::Endpoint& endpoint, const std::string& target);
// That the controller has read its journal.
Result<void> wait_ready(const wire::Endpoint& endpoint);

// The body of a 2xx answer.
Result<std::string> get(const wire::Endpoint& endpoint, const std::string& target);
Result<std::string> post(const wire::Endpoint& endpoint, const std::string& target, std::string body);

// The journal's last record.
Result<std::uint64_t> revision_of(const wire::Endpoint& endpoint);

}  // namespace unik::bench
