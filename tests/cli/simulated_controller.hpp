// A simulated controller: the real HTTP server with answers that a test scripts. It holds no World and decides nothing;
// it is for what the CLI sends and what it makes of an answer.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/environment.hpp"
#include "wire/http_server.hpp"

namespace unik::cli {

struct SeenRequest {
  std::string method;
  std::string target;
  std::string body;
  std::string authorization;
};

// `cut`: the answer breaks off after its body, as when the server dies.
struct Answer {
  int status = 200;
  std::string body;
  bool cut = false;
};

class SimulatedController {
 public:
  SimulatedController();
  ~SimulatedController();

  // To `METHOD PATH`, in turn; the last one stays.
  void answer(const std::string& route, Answer answer);
  void answer(const std::string& route, int status, std::string body) {
    answer(route, Answer{status, std::move(body)});
  }
  // Takes the answers to a route back.
  void forget(const std::string& route);

  std::vector<SeenRequest> seen() const;
  // Of `METHOD PATH`, newest last.
  std::vector<SeenRequest> seen(const std::string& route) const;

  const std::string& url() const { return url_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  void handle(const wire::HttpRequest& request, const wire::Responder& responder);

  mutable std::mutex mutex_;
  std::map<std::string, std::deque<Answer>> answers_;
  std::vector<std::pair<std::string, SeenRequest>> seen_;
  std::filesystem::path directory_;
  std::string url_;
  std::vector<std::jthread> cutters_;  // each waits until what was written before a cut has gone
  std::optional<wire::HttpServer> server_;
};

// What one run of unikctl wrote, and its exit code.
struct RunResult {
  int code = 0;
  std::string out;
  std::string err;
};

// In this process, against `controller`, in its directory, with `input` as stdin.
RunResult run_unikctl(const SimulatedController& controller, const std::vector<std::string>& args,
                      const std::string& input = "");

// The same with a stdout that takes nothing, as of a full disk.
RunResult run_unikctl_on_full_disk(const SimulatedController& controller, const std::vector<std::string>& args);

}  // namespace unik::cli
