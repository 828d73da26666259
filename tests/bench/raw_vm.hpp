// A VM without us: QEMU started with the argv and the guest's configuration that the product gave to a VM of its own,
// in another directory. What is above it is what the product costs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/forward/fd.hpp"
#include "agent/qemu/process.hpp"
#include "api/result.hpp"
#include "watch.hpp"

namespace unik::bench {

class RawVm {
 public:
  // Of the product's VM in `instance`, which must be running. `scratch` is where the copy's files go.
  static Result<RawVm> like(const std::filesystem::path& instance, const std::filesystem::path& scratch);
  RawVm(RawVm&&) = default;
  ~RawVm() { end(); }

  // Clears the directory, starts QEMU, and waits for `word` on the console; for any byte where it is empty.
  Result<void> boot(std::string_view word);

  // Kills QEMU and waits for its end. Where none runs, nothing.
  void end();

 private:
  RawVm(std::filesystem::path directory, std::vector<std::string> argv, std::string config)
      : directory_(std::move(directory)), argv_(std::move(argv)), config_(std::move(config)) {}
  Result<void> start();

  std::filesystem::path directory_;
  std::vector<std::string> argv_;
  std::string config_;
  agent::Process process_;
  std::vector<agent::Fd> sockets_;
};

}  // namespace unik::bench
