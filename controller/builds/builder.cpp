#include "controller/builds/builder.hpp"

#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/image_import.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/pack/source_build.hpp"
#include "runtimes/lib/pack/source_bundle.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxResult = 4096;  // bytes of stdout: the image's reference
constexpr const char* kPassedOn[] = {"UNIKCTL_BASE_RUNTIME", "UNIKCTL_RUNTIME_SOURCES"};

fs::path builds_of(const fs::path& home) {
  return home / "builds";
}

// What builds that were killed have left: all but the logs.
void sweep(const fs::path& builds) {
  std::error_code problem, ignored;
  std::vector<fs::path> left;
  for (fs::directory_iterator it(builds, problem), end; !problem && it != end; it.increment(problem))
    if (it->is_directory(ignored)) left.push_back(it->path());
  for (const fs::path& directory : left) fs::remove_all(directory, ignored);
}

// The code of what `unikctl` said last: `error: CODE: MESSAGE`.
ErrorCode code_said(std::string_view said) {
  constexpr std::string_view kMark = "error: ";
  const std::size_t at = said.rfind(kMark);
  if (at == std::string_view::npos) return ErrorCode::kInternal;
  const std::string_view rest = said.substr(at + kMark.size());
  return parse_error_code(rest.substr(0, rest.find(':'))).value_or(ErrorCode::kInternal);
}

Error build_failed(const Operation& operation, int code, std::string said) {
  while (said.ends_with('\n')) said.pop_back();
  Error error;
  error.code = code > 128 ? ErrorCode::kInternal : code_said(said);
  error.reason = "build_failed";
  error.message = code > 128 ? "the build was ended by signal " + std::to_string(code - 128) : "the build failed";
  error.message += "; `unikctl logs operation/" + operation.operation_id +
                   "` shows all that it said; mend the source and deploy it again\n" + said;
  return error;
}

}  // namespace

Builder::Builder(BuilderOptions options, runtimes::BlobStore artifacts, BuildLogs& logs,
                 std::function<void(Event)> post)
    : options_(std::move(options)),
      artifacts_(std::move(artifacts)),
      logs_(logs),
      post_(std::move(post)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Builder::~Builder() {
  {
    const std::lock_guard lock(mutex_);
    thread_.request_stop();
    cancel_.request_stop();
  }
  thread_.join();
}

void Builder::begin(const BeginBuild& begin) {
  const std::lock_guard lock(mutex_);
  next_ = begin;
  wake_.notify_one();
}

void Builder::end(const EndBuild& end) {
  const std::lock_guard lock(mutex_);
  if (next_ && next_->key == end.key) next_.reset();
  if (current_ == end.key) cancel_.request_stop();
}

void Builder::run(const std::stop_token& stop) {
  sweep(builds_of(options_.home));
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return next_.has_value(); }) && !stop.stop_requested()) {
    const BeginBuild begun = *std::exchange(next_, std::nullopt);
    current_ = begun.key;
    cancel_ = std::stop_source();
    const std::stop_token cancelled = cancel_.get_token();
    lock.unlock();
    BuildOutcome outcome = build(*begun.operation, cancelled);
    lock.lock();
    current_.reset();
    if (!cancelled.stop_requested()) post_(BuildEnded{begun.key, std::move(outcome)});
  }
}

BuildOutcome Builder::build(const Operation& operation, const std::stop_token& stop) {
  const runtimes::ScratchDirectory directory(builds_of(options_.home) /
                                             (operation.operation_id + "." + std::to_string(operation.attempts)));
  if (Result<void> begun = logs_.begin(operation.operation_id, operation.attempts); !begun)
    return {"", std::move(begun).error()};
  Result<std::string> image = make(operation, directory.path(), stop);
  if (!image) return {"", std::move(image).error()};
  return {*std::move(image), std::nullopt};
}

Result<std::string> Builder::make(const Operation& operation, const fs::path& directory, const std::stop_token& stop) {
  const auto bundle = runtimes::parse_digest(operation.build->app.spec.source);
  if (!bundle) return bundle.error();
  for (const char* const part : {"source", "scratch"})
    if (auto made = runtimes::make_directories(directory / part); !made) return std::move(made).error();
  logs_.add("unpacking the source " + to_string(*bundle) + "\n");
  if (auto unpacked = runtimes::unpack_source_bundle(artifacts_, *bundle, directory / "source", directory / "scratch");
      !unpacked)
    return std::move(unpacked).error();
  auto built = run_build(operation, directory / "source", stop);
  if (!built) return built;
  return take_over(operation, *built);
}

// Returns what it prints: the reference of the image.
Result<std::string> Builder::run_build(const Operation& operation, const fs::path& directory,
                                       const std::stop_token& stop) {
  const BuildOrder& order = *operation.build;
  std::string printed;
  runtimes::ProgramRun run;
  run.args = {options_.program.string(), "build", directory.string(), "--name", operation.operation_id, "-o", "name"};
  if (!order.runtime.empty()) run.args.insert(run.args.end(), {"--runtime", order.runtime});
  if (order.app.spec.boot.debug) run.args.emplace_back("--debug");
  run.environment = runtimes::build_environment(directory, options_.environment);
  run.environment["UNIKCTL_HOME"] = options_.home.string();
  run.environment[runtimes::kBuildOperation] = operation.operation_id;
  for (const char* const name : kPassedOn)
    if (const auto found = options_.environment.find(name); found != options_.environment.end())
      run.environment.insert(*found);
  run.directory = directory;
  run.time_limit = options_.time_limit;
  run.output = [&](std::string_view text) {
    printed += text.substr(0, kMaxResult - std::min(kMaxResult, printed.size()));
  };
  run.errors = [this](std::string_view text) { logs_.add(text); };
  run.despite_signals = true;  // this process takes its own, and asks by `stop`
  run.stop = stop;
  run.cleans_up = true;
  run.in_background = true;
  auto code = runtimes::run_program(run);
  if (!code) return std::move(code).error();
  if (*code != 0) return build_failed(operation, *code, logs_.tail());
  while (printed.ends_with('\n')) printed.pop_back();
  return printed;
}

// From the home's images to the artifacts, where nodes fetch it. Its name there is of no use any more; its layers make
// the next build quicker until `image prune`.
Result<std::string> Builder::take_over(const Operation& operation, const std::string& built) {
  const auto reference = runtimes::parse_reference(built);
  if (!reference) return reference.error();
  const auto images = runtimes::BlobStore::open(options_.home / "images");
  if (!images) return images.error();
  const auto hold = artifacts_.hold();
  if (!hold) return hold.error();
  const auto taken =
      take_image(artifacts_, {runtimes::ImportKind::kOciLayout, images->dir(), operation.operation_id}, {});
  if (auto removed = images->remove_image(operation.operation_id); !removed) return std::move(removed).error();
  if (!taken) return taken.error();
  return to_string(runtimes::Reference{operation.target.app.str(), taken->manifest.digest});
}

}  // namespace unik::controller
