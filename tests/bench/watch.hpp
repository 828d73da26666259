// Waits for what a VM and an agent write into files, woken by the kernel at each write: a wait that polled would take
// the processor from what it waits for.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "agent/forward/fd.hpp"
#include "api/result.hpp"

namespace unik::bench {

inline constexpr double kVmPatience = 120;  // seconds; a VM under TCG on a busy machine takes a few

class Watch {
 public:
  Watch();

  // The directory's entries: made, removed and written to. It must be there.
  Result<void> add(const std::filesystem::path& directory);

  // Until `done` holds, which is asked after each change. Errors: `timeout`/`not_seen`, naming `what`.
  Result<void> until(const std::function<bool()>& done, std::string_view what) const;

 private:
  agent::Fd inotify_;
};

// Everything in the file; empty where there is none.
std::string text_of(const std::filesystem::path& file);

}  // namespace unik::bench
