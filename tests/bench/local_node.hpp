// A controller and an agent of one home, as a user has them, and one app on them that prints a word and waits.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "process.hpp"

namespace unik::bench {

inline constexpr std::string_view kGuestWord = "here-is-the-guest";

class LocalNode {
 public:
  // Controller and agent of `bin`, in `home`. The node is ready when this returns.
  static Result<LocalNode> start(const std::filesystem::path& bin, const std::filesystem::path& home);
  LocalNode(LocalNode&&) noexcept = default;
  // Ends both and every VM.
  ~LocalNode();

  const Daemon& controller() const { return controller_; }
  const Daemon& agent() const { return agent_; }
  wire::Endpoint endpoint() const { return socket_of(home_); }

  // `unikctl deploy SUBJECT --name NAME FLAGS... --wait -- WORDS...`; the instance's directory.
  Result<std::filesystem::path> deploy(const std::string& name, const std::vector<std::string>& subject_and_flags,
                                       const std::vector<std::string>& words) const;

  // A manifest of what was deployed as `name`, with so many replicas.
  Result<std::string> manifest(const std::string& name, std::size_t replicas) const;

  // Where the directories of instances come and go.
  std::filesystem::path instances() const { return home_ / "agent" / "instances"; }
  // The directory of an instance of `name`, if there is one.
  std::optional<std::filesystem::path> instance_of(const std::string& name) const;

 private:
  LocalNode(std::filesystem::path bin, std::filesystem::path home, Daemon controller, Daemon agent);
  Result<void> unikctl(std::vector<std::string> words) const;

  std::filesystem::path bin_;
  std::filesystem::path home_;
  Daemon controller_;
  Daemon agent_;
};

// The program of the VMs, linked statically, in `directory`.
Result<std::filesystem::path> compile_guest(const std::filesystem::path& directory);

}  // namespace unik::bench
