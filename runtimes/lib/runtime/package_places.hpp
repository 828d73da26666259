// Where packages of a runtime come from on this machine: a cache, the machine's own package tools, and mirrors that are
// configured as a second source. Read by the rim, passed down as a value.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace unik::runtimes {

struct PackagePlaces {
  std::filesystem::path cache;                     // `$XDG_CACHE_HOME/unikctl/packages`
  std::filesystem::path scratch;                   // for what is under way; made and emptied by the callee
  std::map<std::string, std::string> environment;  // of apt-get and npm: the caller's, for proxies and configuration
  std::vector<std::string> mirrors;                // URLs (http, https, file) below which archive-relative paths lie
};

// Tells what is being done, a sentence at a time; may be empty.
using SayStep = std::function<void(const std::string&)>;

}  // namespace unik::runtimes
