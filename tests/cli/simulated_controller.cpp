#include "tests/cli/simulated_controller.hpp"

#include <stdlib.h>

#include <sstream>

#include "api/check.hpp"
#include "cli/program.hpp"
#include "codec/json.hpp"

namespace unik::cli {

SimulatedController::SimulatedController() {
  std::string name = (std::filesystem::temp_directory_path() / "unik-cli-XXXXXX").string();
  UNIK_CHECK(mkdtemp(name.data()) != nullptr, "a temporary directory");
  directory_ = name;
  const std::string socket = (directory_ / "c.sock").string();
  url_ = "unix://" + socket;
  wire::ServerOptions options;
  options.listen = {{wire::unix_endpoint(socket), true}};
  options.body_policy = [](std::string_view, std::string_view) { return wire::BodyPolicy{false, 64 << 20}; };
  auto server = wire::HttpServer::start(
      options, [this](wire::HttpRequest request, wire::Responder responder) { handle(request, responder); });
  UNIK_CHECK(server.ok(), "the simulated controller listens");
  server_.emplace(std::move(server).value());
}

SimulatedController::~SimulatedController() {
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void SimulatedController::answer(const std::string& route, Answer answer) {
  const std::lock_guard lock(mutex_);
  answers_[route].push_back(std::move(answer));
}

void SimulatedController::forget(const std::string& route) {
  const std::lock_guard lock(mutex_);
  answers_.erase(route);
}

void SimulatedController::handle(const wire::HttpRequest& request, const wire::Responder& responder) {
  const std::string route = request.method + " " + request.path;
  Answer answer{404, codec::to_json(not_found("no_such_route", "the test scripts no answer to " + route)), false};
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back(
        {route, {request.method, request.target, request.body, std::string(request.headers.get("Authorization"))}});
    auto& scripted = answers_[route];
    if (!scripted.empty()) answer = scripted.front();
    if (scripted.size() > 1) scripted.pop_front();
  }
  if (answer.cut) {
    const wire::Stream stream = responder.start_stream(answer.status, {{"Content-Type", "text/plain"}});
    stream.write(answer.body);
    // Dropping the unfinished stream cuts the connection, and with it what the kernel has not taken yet.
    const std::lock_guard lock(mutex_);
    cutters_.emplace_back([stream] {
      while (stream.buffered() > 0) std::this_thread::yield();
    });
    return;
  }
  wire::HttpResponse response;
  response.status = answer.status;
  response.body = answer.body;
  responder.send(response);
}

std::vector<SeenRequest> SimulatedController::seen() const {
  const std::lock_guard lock(mutex_);
  std::vector<SeenRequest> all;
  for (const auto& [route, request] : seen_) all.push_back(request);
  return all;
}

std::vector<SeenRequest> SimulatedController::seen(const std::string& route) const {
  const std::lock_guard lock(mutex_);
  std::vector<SeenRequest> of_route;
  for (const auto& [name, request] : seen_)
    if (name == route) of_route.push_back(request);
  return of_route;
}

namespace {

// `out` in what it returns stays empty: that is the caller's.
RunResult run_with(const SimulatedController& controller, const std::vector<std::string>& args,
                   const std::string& input, std::ostream& out) {
  std::ostringstream err;
  std::istringstream in(input);
  Terminal terminal;
  terminal.out = &out;
  terminal.err = &err;
  terminal.in = &in;
  const Environment environment{{{"HOME", controller.directory().string()},
                                 {"UNIKCTL_HOME", (controller.directory() / "home").string()},
                                 {"UNIKCTL_CONTROL_PLANE_URL", controller.url()}},
                                controller.directory(),
                                controller.directory() / "bin"};
  RunResult result;
  result.code = run(args, environment, terminal);
  result.err = err.str();
  return result;
}

}  // namespace

RunResult run_unikctl(const SimulatedController& controller, const std::vector<std::string>& args,
                      const std::string& input) {
  std::ostringstream out;
  RunResult result = run_with(controller, args, input, out);
  result.out = out.str();
  return result;
}

RunResult run_unikctl_on_full_disk(const SimulatedController& controller, const std::vector<std::string>& args) {
  std::ostream out(nullptr);  // without a buffer every write fails
  return run_with(controller, args, "", out);
}

}  // namespace unik::cli
