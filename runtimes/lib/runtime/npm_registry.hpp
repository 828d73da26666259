// Packages of npm as this machine's npm is configured to find them: its registry, proxies and credentials. Nothing is
// installed and no script of a package is run.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"

namespace unik::runtimes {

class NpmRegistry {
 public:
  explicit NpmRegistry(std::map<std::string, std::string> environment) : environment_(std::move(environment)) {}

  // The newest version of a line, by numbers. Errors: `not_found/no_npm`, `not_found/no_such_package`,
  // `unavailable/npm_failed`.
  Result<std::string> newest(const codec::NpmRequest& request, const std::filesystem::path& directory) const;

  // Into `directory`, which is empty. The file's path. Errors: as above.
  Result<std::filesystem::path> download(const std::string& name, const std::string& version,
                                         const std::filesystem::path& directory) const;

 private:
  Result<std::string> run(const std::vector<std::string>& args, const std::filesystem::path& directory) const;

  std::map<std::string, std::string> environment_;
};

// Where every registry keeps it below its root: `@scope/name/-/name-1.0.0.tgz`.
std::string npm_path(const std::string& name, const std::string& version);

// The highest of versions, as a JSON text or list of texts; empty when there is none. What has a `-` is no release.
std::string newest_version(std::string_view json);

}  // namespace unik::runtimes
