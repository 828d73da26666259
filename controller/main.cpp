// unik-controller: opens the store, listens, and turns the loop until it is asked to stop.

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "controller/builds/builder.hpp"
#include "controller/http/api.hpp"
#include "controller/http/artifact_keeper.hpp"
#include "controller/store/restored.hpp"
#include "wire/clock.hpp"
#include "wire/daemon_arguments.hpp"
#include "wire/last_resort.hpp"
#include "wire/log.hpp"
#include "wire/private_directory.hpp"
#include "wire/sole_lock.hpp"
#include "wire/user_home.hpp"

namespace {

using namespace unik;
using namespace unik::controller;

constexpr Duration kStopGrace = std::chrono::seconds(2);

struct Options {
  std::string home;
  std::string listen_unix;
  std::vector<std::string> listen;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string log_file;
  std::int64_t heartbeat_ms = 10'000;
  std::uint32_t max_operations = kMaxOperationsAtWork;
  Retention keep;
  Duration keep_artifacts = kKeepArtifacts;
  bool allow_builds = false;
  std::string builder;
  Duration build_limit = kBuildLimit;
};

void add_duration(CLI::App& app, const std::string& name, Duration& value, const std::string& help) {
  const auto read = [&value, name](const std::string& text) {
    const Result<Duration> parsed = parse_duration(text);
    if (!parsed || *parsed <= Duration::zero())
      throw CLI::ValidationError(name, "want a duration such as 168h, got `" + text + "`");
    value = *parsed;
  };
  app.add_option_function<std::string>(name, read, help)->type_name("DURATION")->default_str(format_duration(value));
}

std::string default_home() {
  if (const char* const home = std::getenv("UNIKCTL_HOME"); home != nullptr && *home != '\0') return home;
  if (const char* const data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0')
    return std::string(data) + "/unikctl";
  return wire::user_home() + "/.local/share/unikctl";
}

// The journal holds what apps were told in their env. A home that an earlier version made is open to everybody.
void keep_private(const std::string& home) {
  if (!wire::is_open_to_others(home)) return;
  std::error_code ignored;
  bool ours = std::filesystem::is_empty(home, ignored);
  for (const char* const part : {"/controller.db", "/run/start.lock", "/images/oci-layout"})
    ours = ours || std::filesystem::exists(home + part, ignored);
  const bool closed = ours && wire::close_to_others(home);
  wire::log(wire::LogLevel::kWarning, "controller",
            closed ? "other users could look into the home: closed it to them"
                   : "other users may look into the home, and it is not this controller's own: choose another --home",
            {{"home", home}});
}

// Held as long as the process lives: two controllers on one store would each undo the other.
Result<void> lock_home(const std::string& home) {
  const std::string path = home + "/controller.lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return unavailable("no_home", "cannot write to " + home + ": give --home a directory of yours");
  if (!wire::take_sole_lock(file))
    return conflict("already_running",
                    "another controller uses " + home + ": stop it, or give this one its own --home");
  return {};
}

Result<std::vector<wire::ListenAddress>> addresses(const Options& options) {
  std::vector<wire::ListenAddress> addresses;
  addresses.push_back({wire::unix_endpoint(options.listen_unix), true});
  for (const std::string& text : options.listen) {
    const bool has_scheme = text.find("://") != std::string::npos;
    Result<wire::Endpoint> endpoint = wire::parse_endpoint(has_scheme ? text : "http://" + text);
    if (!endpoint) return endpoint.error();
    if (!wire::is_loopback(*endpoint))
      return invalid("not_loopback", "want a loopback address to listen on, got " + text +
                                         ": this API has no credentials yet, so it is not offered to a network");
    addresses.push_back({*endpoint, true});
  }
  return addresses;
}

// A new store gets its first record here: the cluster's id and the tenant `default`.
Result<World> found(Store& store) {
  Result<World> world = store.load();
  if (!world || world->revision > 0) return world;
  Record first = first_record(wire::new_trace_id(), wire::read_clock().wall);
  first.trace_id = wire::new_trace_id();
  const CommitResult committed = store.commit(first);
  if (committed.outcome != CommitOutcome::kCommitted) return committed.error;
  return store.load();
}

std::string builder_of(const Options& options) {
  if (!options.builder.empty()) return options.builder;
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "unikctl";
}

// Why this controller builds nothing; none: it may, and can.
std::optional<Error> reason_not_to_build(const Options& options) {
  if (!options.allow_builds)
    return Error{ErrorCode::kForbidden,
                 "builds_not_allowed",
                 "this controller builds no sources, since that runs their code on its host: start it with "
                 "--allow-builds, or build on your side (without --remote-build)",
                 {},
                 {}};
  const std::string builder = builder_of(options);
  if (::access(builder.c_str(), X_OK) != 0)
    return unavailable("no_builder", "want unikctl at " + builder +
                                         " to build with, found none: install it beside unik-controller, or name it "
                                         "with --builder");
  return std::nullopt;
}

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> variables;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text(*one);
    if (const std::size_t equals = text.find('='); equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

void end_logs_of_builds(const Record& record, BuildLogs& logs) {
  for (const Change& change : record.changes)
    if (const auto* const put = std::get_if<PutOperation>(&change);
        put != nullptr && put->operation->kind == OperationKind::kBuild && is_final(*put->operation))
      logs.ended(put->operation->operation_id);
}

Result<void> serve(const Options& options, const sigset_t& signals) {
  wire::make_private_directory(options.home);  // `lock_home` says what is wrong with one that cannot be made
  keep_private(options.home);
  if (Result<void> locked = lock_home(options.home); !locked) return locked;
  const std::string path = options.home + "/controller.db";
  Result<Store> store = open_or_restored(path, [](const Error& loss, const std::string& kept) {
    wire::log(wire::LogLevel::kError, "store", loss.message + "; starting as restored, `unikctl recover` goes on",
              {{"kept_in", kept}});
  });
  if (!store) return store.error();
  Result<World> world = found(*store);
  if (!world) return world.error();
  Result<JournalReader> reader = JournalReader::open(path);
  if (!reader) return reader.error();
  Result<History> past = History::open(path);
  if (!past) return past.error();
  Result<runtimes::BlobStore> artifacts = runtimes::BlobStore::open(options.home + "/artifacts");
  if (!artifacts) return artifacts.error();
  Result<std::vector<wire::ListenAddress>> listen = addresses(options);
  if (!listen) return listen.error();

  const std::uint64_t head = world->revision;
  const std::string cluster_id = world->cluster.cluster_id;
  LoopOptions loop;
  loop.heartbeat_every = std::chrono::milliseconds(options.heartbeat_ms);
  loop.max_operations = options.max_operations;
  Metrics metrics;
  EventFeed events(std::move(*reader), head);
  HistoryDesk history(std::move(*past));
  Runner runner(path, std::move(*store), std::move(*world), loop, options.keep);
  LogRelay logs([&runner](Event event) { runner.post(std::move(event)); });
  BuildLogs build_logs(options.home + "/builds");
  ApiContext context{
      runner, logs, events, history, metrics, *artifacts, UNIK_VERSION, build_logs, reason_not_to_build(options)};
  std::optional<Builder> builder;
  if (!context.no_builds)
    builder.emplace(BuilderOptions{builder_of(options), options.home, own_environment(), options.build_limit},
                    *artifacts, build_logs, [&runner](Event event) { runner.post(std::move(event)); });
  const Router router(api_routes(context));

  RunnerSinks sinks;
  sinks.published = [&](const PublishWorld& effect) {
    const std::string trace_id = effect.record == nullptr ? std::string() : effect.record->trace_id;
    for (const Reason& reason : effect.reasons)
      wire::log(wire::LogLevel::kInfo, "loop", reason.text, {{"object", reason.object}},
                reason.trace_id.empty() ? trace_id : reason.trace_id);
    if (effect.record == nullptr) return;
    metrics.committed(*effect.record);
    end_logs_of_builds(*effect.record, build_logs);
    events.advance(effect.record->seq);
    wire::log(wire::LogLevel::kDebug, "journal", "committed",
              {{"seq", effect.record->seq}, {"changes", effect.record->changes.size()}}, effect.record->trace_id);
  };
  sinks.expect_log = [&logs](const ExpectLog& effect) { logs.expect(effect); };
  sinks.give_up_log = [&logs](const GiveUpLog& effect) { logs.give_up(effect); };
  sinks.end_logs = [&logs](const EndLogs& effect) { logs.end(effect); };
  sinks.begin_build = [&](const BeginBuild& effect) {
    if (builder) return builder->begin(effect);
    runner.post(BuildEnded{effect.key, {"", context.no_builds}});
  };
  sinks.end_build = [&](const EndBuild& effect) {
    if (builder) builder->end(effect);
  };
  sinks.turned = [&metrics](Duration time, std::size_t count) { metrics.turned(time, count); };
  runner.start(std::move(sinks));

  wire::ServerOptions server_options;
  server_options.listen = std::move(*listen);
  server_options.threads = 2;
  server_options.body_policy = [&router](std::string_view method, std::string_view target) {
    return router.body_policy(method, target);
  };
  Result<wire::HttpServer> server = wire::HttpServer::start(
      std::move(server_options), [&router](wire::HttpRequest request, wire::Responder responder) {
        router.handle(std::move(request), std::move(responder));
      });
  if (!server) return server.error();
  for (const wire::Endpoint& endpoint : server->endpoints())
    wire::log(wire::LogLevel::kInfo, "http", "listening", {{"address", to_string(endpoint)}});
  metrics.begin(*runner.world());
  const ArtifactKeeper keeper(
      context.artifacts, [&runner] { return runner.world(); }, options.keep_artifacts);
  wire::log(wire::LogLevel::kInfo, "controller", "ready", {{"cluster_id", cluster_id}, {"revision", head}});

  int signal = 0;
  sigwait(&signals, &signal);
  wire::log(wire::LogLevel::kInfo, "controller", "stopping", {{"signal", signal}});
  history.end();  // such a question may take longer than the grace
  server->stop(kStopGrace);
  runner.stop();
  return {};
}

// The text of a large record or answer goes back to the system as soon as it is freed. By itself the allocator raises
// this bound with the first one, and keeps the next ones.
void return_large_buffers() {
  constexpr int kLargeBuffer = 1 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kLargeBuffer);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kLargeBuffer);  // of which it keeps twice as much at a heap's end
}

int start(int argc, char** argv) {
  ::umask(077);
  return_large_buffers();
  Options options;
  options.home = default_home();
  CLI::App app("unik-controller: keeps what is declared running");
  app.add_option("--home", options.home, "directory of the store and the artifacts")->capture_default_str();
  app.add_option("--listen-unix", options.listen_unix, "unix socket to listen on (default HOME/controller.sock)");
  app.add_option("--listen", options.listen, "loopback HOST:PORT to listen on; may be given several times");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")->capture_default_str();
  app.add_option("--log-format", options.log_format, "text or json")->capture_default_str();
  app.add_option("--log-file", options.log_file,
                 "instead of stderr; at 16 MiB NAME.log becomes NAME.1.log, up to NAME.3.log");
  app.add_option("--heartbeat-ms", options.heartbeat_ms, "how often nodes report, in milliseconds")
      ->check(CLI::Range(100, 15'000))  // a strict singleton's lease lasts for four of them
      ->capture_default_str();
  app.add_option("--max-operations", options.max_operations,
                 "operations at work at once; the others wait for their turn")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  add_duration(app, "--keep-intents", options.keep.intents, "how long records of what somebody asked for are kept");
  add_duration(app, "--keep-artifacts", options.keep_artifacts,
               "how long blobs of images stay that no app needs, nor a rollback");
  app.add_flag("--allow-builds", options.allow_builds,
               "build sources that are sent over the unix socket: runs their code on this host, as this user");
  app.add_option("--builder", options.builder, "the unikctl to build with (default: the one beside this program)");
  add_duration(app, "--build-time-limit", options.build_limit, "after which a build is ended");
  add_duration(app, "--keep-transitions", options.keep.transitions, "how long all other records are kept");
  app.add_option("--keep-records", options.keep.records,
                 "records kept at the most, beside those that somebody asked for")
      ->check(CLI::Range(std::uint64_t{kBasesPerRetention}, std::uint64_t{1} << 40))
      ->capture_default_str();
  app.set_version_flag("--version", UNIK_VERSION);
  if (const std::optional<int> ended = wire::parse_arguments(app, argc, argv)) return *ended;
  if (options.listen_unix.empty()) options.listen_unix = options.home + "/controller.sock";

  // Before the first thread, so that all of them inherit it: signals are taken by sigwait alone.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  const Result<wire::LogLevel> level = wire::parse_log_level(options.log_level);
  const Result<wire::LogFormat> format = wire::parse_log_format(options.log_format);
  Result<void> done = level && format ? Result<void>() : Result<void>(level ? format.error() : level.error());
  if (done) done = wire::setup_log({*level, *format, options.log_file, wire::LogOptions().file_bytes, true});
  if (done) done = serve(options, signals);
  if (done) return 0;
  std::cerr << "error: " << to_string(done.error()) << "\n";
  return traits(done.error().code).exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  return unik::wire::with_last_resort([&] { return start(argc, argv); });
}
