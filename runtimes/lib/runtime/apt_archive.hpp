// Debian's archive as this machine's apt is configured to see it: its sources, keys, proxies and preferences. Nothing
// is installed and nothing of the system is changed: lists that are fresher than the system's are kept in a directory
// of our own, which needs no rights.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"

namespace unik::runtimes {

class AptArchive {
 public:
  // `state` holds our own lists; it may be shared by several processes.
  AptArchive(std::filesystem::path state, std::map<std::string, std::string> environment);

  // Every version of these packages that the lists know, the preferred one of each name first. A name that nobody knows
  // is not in the answer. Errors: `not_found/no_apt`, `unavailable/apt_failed`.
  Result<std::vector<codec::LockedDebian>> known(const std::vector<std::string>& names) const;

  // Asks the archives for their lists, and uses those from now on. Errors: as above.
  Result<void> refresh();
  bool refreshed() const { return refreshed_; }

  // Into `directory`, under names of apt's choice; what cannot be had is left out. Errors: `not_found/no_apt`.
  Result<void> download(const std::vector<codec::LockedDebian>& packages, const std::filesystem::path& directory) const;

 private:
  struct Output {
    int code = 0;
    std::string text;
  };
  Result<Output> run(const std::string& program, const std::vector<std::string>& args,
                     const std::filesystem::path& directory) const;

  std::filesystem::path state_;
  std::map<std::string, std::string> environment_;
  bool refreshed_ = false;
};

// The records of `apt-cache show`: those that name a file of an archive.
std::vector<codec::LockedDebian> parse_apt_records(std::string_view text);

}  // namespace unik::runtimes
