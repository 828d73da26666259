// Consoles of apps and instances, streamed to stdout over any number of reconnects.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "cli/api.hpp"
#include "cli/log_lines.hpp"
#include "cli/session.hpp"

namespace unik::cli {

// Follows until the app or instance is gone, says so on stderr, and ends well. A connection that breaks is opened again
// for as long as the control plane comes back within kReconnectPatience. `selection.prefix` and `timestamps` are set by
// it: what the user sees is up to `format`. Without `selection.follow` it reads once.
Result<void> stream_console(const Session& session, const Api& api, LogSelection selection, LogFormat format);

// A console that is shown while something else is waited for: a job's.
class BackgroundConsole {
 public:
  BackgroundConsole(const Session& session, const Api& api, std::string name, LogFormat format);
  ~BackgroundConsole();
  BackgroundConsole(const BackgroundConsole&) = delete;
  BackgroundConsole& operator=(const BackgroundConsole&) = delete;

  // Opens the stream, or opens it again where it broke. Does not wait.
  void ensure_open();

  // Ends the stream and brings what it has not shown yet: every line is on stdout when this returns.
  Result<void> finish();

 private:
  void close();

  const Session& session_;
  const Api& api_;
  std::string name_;
  std::mutex mutex_;  // guards all below
  std::condition_variable closed_;
  LogLines lines_;
  bool open_ = false;
  bool ever_open_ = false;
  wire::Transfer transfer_;
  wire::HttpClient client_;  // last: its end waits for callbacks that use the others
};

}  // namespace unik::cli
