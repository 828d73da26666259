#include "process.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "api/check.hpp"
#include "codec/json_reader.hpp"
#include "paired.hpp"
#include "runtimes/lib/oci/digest.hpp"
#include "runtimes/lib/oci/image.hpp"
#include "wire/http_client.hpp"

extern char** environ;

namespace unik::bench {
namespace {

constexpr double kReadyWithin = 60;  // seconds
constexpr useconds_t kReadyPoll = 500;
constexpr std::size_t kShownLog = 2000;

Result<pid_t> spawn(const std::vector<std::string>& argv, const Variables& variables,
                    const std::filesystem::path& log) {
  std::vector<std::string> environment;
  const auto name_of = [](std::string_view variable) { return variable.substr(0, variable.find('=')); };
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::none_of(variables.begin(), variables.end(),
                     [&](const std::string& own) { return name_of(own) == name_of(*entry); }))
      environment.emplace_back(*entry);
  environment.insert(environment.end(), variables.begin(), variables.end());
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
  };
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = 0;
  const int failed =
      ::posix_spawnp(&pid, argv.front().c_str(), &files, nullptr, pointers(argv).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return unavailable("no_program", "cannot run " + argv.front() + ": build it first");
  return pid;
}

std::string end_of(const std::filesystem::path& log) {
  std::ifstream in(log);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return text.size() <= kShownLog ? text : text.substr(text.size() - kShownLog);
}

Result<std::string> body_of(const wire::ClientRequest& request) {
  Result<wire::ClientResponse> response = wire::fetch(request);
  if (!response) return response.error();
  if (!response->ok()) return wire::error_of(*response);
  return std::move(response->body);
}

}  // namespace

ScratchDir::ScratchDir() {
  std::string name = std::filesystem::temp_directory_path() / "unik-bench-XXXXXX";
  UNIK_CHECK(::mkdtemp(name.data()) != nullptr, "no directory for temporary files");
  path_ = name;
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<void> run_command(const std::vector<std::string>& argv, const Variables& variables,
                         const std::filesystem::path& log) {
  const Result<pid_t> pid = spawn(argv, variables, log);
  if (!pid) return pid.error();
  int status = 0;
  ::waitpid(*pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return internal("command_failed", argv.front() + " ended with status " + std::to_string(status) + ": " + end_of(log));
}

Result<Daemon> Daemon::start(const std::vector<std::string>& argv, const Variables& variables,
                             const std::filesystem::path& log) {
  const Result<pid_t> pid = spawn(argv, variables, log);
  if (!pid) return pid.error();
  return Daemon(*pid);
}

Daemon::Daemon(Daemon&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
Daemon& Daemon::operator=(Daemon&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, 0);
  }
  return *this;
}
Daemon::~Daemon() {
  kill();
}

void Daemon::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
}

std::uint64_t Daemon::status_bytes(std::string_view field) const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(field)) continue;
    std::uint64_t kibibytes = 0;
    std::istringstream(line.substr(line.find(':') + 1)) >> kibibytes;
    return kibibytes << 10;
  }
  return 0;
}

Result<Daemon> start_controller(const std::filesystem::path& bin, const std::filesystem::path& home,
                                const std::vector<std::string>& flags) {
  std::vector<std::string> argv = {bin / "unik-controller", "--home", home, "--log-level", "warning"};
  argv.insert(argv.end(), flags.begin(), flags.end());
  return Daemon::start(argv, {}, home.string() + ".log");
}

wire::Endpoint socket_of(const std::filesystem::path& home) {
  return wire::unix_endpoint(home / "controller.sock");
}

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  UNIK_CHECK(fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                 ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0,
             "no free port");
  ::close(fd);
  return ntohs(address.sin_port);
}

// Of no layers: the controller wants an image that is whole, and nobody boots this one.
Result<std::string> upload_image(const wire::Endpoint& endpoint) {
  runtimes::ImageConfig program;
  program.entrypoint = {"/app"};
  const std::string config = runtimes::print_image_config(program);
  runtimes::Manifest manifest;
  manifest.config = {
      std::string(runtimes::kConfigMediaType), runtimes::sha256(config), static_cast<std::int64_t>(config.size()), {}};
  const std::string image = runtimes::print_manifest(manifest);
  for (const std::string& blob : {config, image}) {
    const auto uploaded = post(endpoint, "/v1/artifacts?digest=" + to_string(runtimes::sha256(blob)), blob);
    if (!uploaded) return uploaded.error();
  }
  return to_hex(runtimes::sha256(image));
}

Result<void> wait_answer(const wire::Endpoint& endpoint, const std::string& target) {
  const double deadline = wall_seconds() + kReadyWithin;
  while (true) {
    const Result<std::string> answer = get(endpoint, target);
    if (answer) return {};
    if (wall_seconds() > deadline) return answer.error();
    ::usleep(kReadyPoll);
  }
}

Result<void> wait_ready(const wire::Endpoint& endpoint) {
  return wait_answer(endpoint, "/readyz");
}

Result<std::string> get(const wire::Endpoint& endpoint, const std::string& target) {
  wire::ClientRequest request;
  request.endpoint = endpoint;
  request.target = target;
  return body_of(request);
}

Result<std::string> post(const wire::Endpoint& endpoint, const std::string& target, std::string body) {
  wire::ClientRequest request;
  request.method = "POST";
  request.endpoint = endpoint;
  request.target = target;
  request.body = std::move(body);
  return body_of(request);
}

Result<std::uint64_t> revision_of(const wire::Endpoint& endpoint) {
  const Result<std::string> body = get(endpoint, "/readyz");
  if (!body) return body.error();
  const Result<codec::JsonDocument> document = codec::JsonDocument::parse(*body);
  if (!document) return document.error();
  return document->root()["revision"].unsigned_integer().value_or(0);
}

}  // namespace unik::bench
