#include "raw_vm.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <fstream>

#include "agent/qemu/command_line.hpp"
#include "agent/qemu/launch.hpp"
#include "agent/qemu/vm_spec.hpp"

namespace unik::bench {
namespace {

using agent::Fd;
namespace fs = std::filesystem;

Fd in_memory(std::string_view bytes) {
  Fd fd(::memfd_create("bench-config", MFD_CLOEXEC));
  if (::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return Fd();
  return fd;
}

Fd listen_on(const fs::path& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  const auto* const where = reinterpret_cast<const sockaddr*>(&address);
  return ::bind(fd.get(), where, sizeof address) == 0 && ::listen(fd.get(), 1) == 0 ? std::move(fd) : Fd();
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

Result<RawVm> RawVm::like(const fs::path& instance, const fs::path& scratch) {
  const pid_t pid = static_cast<pid_t>(std::atoi(text_of(instance / "pid").c_str()));
  std::vector<std::string> argv = agent::process_arguments(pid);
  if (pid == 0 || argv.empty()) return unavailable("no_vm", "want a running VM in " + instance.string());
  for (std::string& argument : argv) replace_all(argument, instance.string(), scratch.string());
  const fs::path config = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(agent::kConfigFd);
  return RawVm(scratch, std::move(argv), text_of(config));
}

Result<void> RawVm::boot(std::string_view word) {
  end();
  fs::remove_all(directory_);
  fs::create_directories(directory_);
  std::ofstream(directory_ / agent::kConsoleFile);
  Watch watch;
  if (Result<void> added = watch.add(directory_); !added) return added;
  if (Result<void> started = start(); !started) return started;
  return watch.until(
      [&] {
        const std::string said = text_of(directory_ / agent::kConsoleFile);
        return !said.empty() && said.find(word) != std::string::npos;
      },
      "the raw VM's console");
}

Result<void> RawVm::start() {
  const Fd config = in_memory(config_);
  const Fd lock = in_memory("");
  const Fd log(::memfd_create("bench-log", MFD_CLOEXEC));
  sockets_.clear();
  sockets_.push_back(listen_on(directory_ / agent::kQmpSocket));
  sockets_.push_back(listen_on(directory_ / agent::kControlSocket));
  if (!config || !lock || !log || !sockets_[0] || !sockets_[1])
    return unavailable("no_files", "cannot make the files of a VM in " + directory_.string());
  agent::ProcessSpec spec;
  spec.argv = argv_;
  spec.descriptors = {{log.get(), 1},
                      {log.get(), 2},
                      {lock.get(), agent::kLockFd},
                      {config.get(), agent::kConfigFd},
                      {sockets_[0].get(), agent::kQmpFd},
                      {sockets_[1].get(), agent::kControlFd}};
  Result<agent::Process> process = agent::start_process(spec);
  if (!process) return process.error();
  process_ = std::move(*process);
  return {};
}

void RawVm::end() {
  if (!process_.pidfd) return;
  agent::kill_process(process_.pidfd);
  pollfd ended{process_.pidfd.get(), POLLIN, 0};
  ::poll(&ended, 1, static_cast<int>(kVmPatience * 1e3));
  (void)agent::reap(process_.pidfd);
  process_.pidfd.reset();
}

}  // namespace unik::bench
