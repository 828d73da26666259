#include "cli/runtime_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "api/resource.hpp"
#include "cli/app_plan.hpp"
#include "cli/operations.hpp"
#include "cli/output/views.hpp"
#include "cli/packing.hpp"
#include "cli/rollout_watch.hpp"
#include "cli/runtimes.hpp"
#include "codec/json.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/pack/signal_relay.hpp"
#include "runtimes/lib/pack/toolchain.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"
#include "runtimes/lib/runtime/runtime_stage.hpp"
#include "wire/clock.hpp"
#include "wire/http_client.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCheckFailureLines = 40;
constexpr Duration kDestroyLimit = std::chrono::minutes(2);
constexpr std::size_t kMaxOutput = 64 << 10;
constexpr Duration kAskLimit = std::chrono::minutes(1);  // a first answer under emulation has much to compile

// The app's name: dots have no place in it.
std::string app_name(const std::string& runtime) {
  std::string name = "runtime-test-" + runtime;
  std::replace(name.begin(), name.end(), '.', '-');
  return name;
}

// A language that is compiled has its test program compiled here, as an app of it would be.
Result<void> prepare(const Session& session, const codec::RuntimeCheck& check, const fs::path& app) {
  for (const std::vector<std::string>& words : check.prepare) {
    runtimes::ToolNeed need;
    need.name = words.front();
    need.programs = {words.front()};
    need.version_args = {"--version"};
    need.mend = "the package that holds `" + words.front() + "`";
    const auto tool = runtimes::find_tool(need, session.environment().variables);
    if (!tool) return tool.error();
    runtimes::ProgramRun run;
    run.args = words;
    run.args.front() = tool->program.string();
    run.environment = session.environment().variables;
    run.directory = app;
    std::string output;
    run.output = [&](std::string_view text) { output += text.substr(0, kMaxOutput - output.size()); };
    const auto code = runtimes::run_program(run);
    if (!code) return code.error();
    if (*code != 0)
      return invalid("build_failed", "check.prepare: `" + words.front() + "`: want exit code 0, got " +
                                         std::to_string(*code) + ": " + output);
  }
  return {};
}

// What becomes /app: the source's directory, and packages of npm that only the test needs.
Result<void> lay_app(const Session& session, const runtimes::RuntimeSource& source, const fs::path& scratch,
                     const fs::path& app) {
  runtimes::FileTree files;
  const codec::RuntimeCheck& check = source.recipe.check;
  if (!check.directory.empty())
    if (auto added = add_host_directory(files, "", source.directory / check.directory); !added) return added;
  if (auto made = runtimes::make_directories(app); !made) return made;
  auto sink = runtimes::spool_sink(scratch);
  if (!sink) return sink.error();
  codec::RuntimeLock lock;
  for (const codec::LockedNpm& pin : source.lock.npm)
    if (std::any_of(check.packages.begin(), check.packages.end(),
                    [&](const codec::NpmRequest& request) { return request.name == pin.name; }))
      lock.npm.push_back(pin);
  auto places = package_places(session);
  if (!places) return places.error();
  places->scratch = scratch / "packages";
  const auto packages = runtimes::fetch_packages(*places, lock, runtimes::BuildMode::kRelease,
                                                 [&](const std::string& text) { session.say(text); });
  if (!packages) return packages.error();
  for (const runtimes::FetchedNpm& fetched : packages->npm) {
    const auto package = runtimes::read_npm(fetched.file, *sink);
    if (!package) return package.error();
    if (auto merged = runtimes::merge_package(files, *package, fetched.package.name + "/"); !merged) return merged;
  }
  if (auto written = write_tree(files, app); !written) return written;
  return prepare(session, check, app);
}

Result<runtimes::PackedImage> pack_check(const Session& session, const runtimes::BlobStore& store,
                                         const runtimes::RuntimeSource& source, const fs::path& scratch) {
  // Built anew, so that it is this source that is tested; unchanged layers cost one hash.
  auto built = build_runtime(session, store, source, runtimes::BuildMode::kDebug);
  if (!built) return built.error();
  const auto space = runtime_space(session);
  if (!space) return space.error();
  auto runtime = look_up_runtime(session, store, *space + "/" + source.manifest.name + "@" + source.manifest.version);
  if (!runtime) return runtime.error();
  auto base = runtimes::find_base_runtime(runtimes::base_runtime_places(home_of(session.environment())));
  if (!base) return base.error();
  runtimes::DirectoryPackOptions options;
  options.directory = scratch / "app";
  if (auto laid = lay_app(session, source, scratch, options.directory); !laid) return laid.error();
  options.name = app_name(source.manifest.name);
  options.config.args = source.recipe.check.command;
  options.config.env = runtime->environment;
  for (const auto& [name, value] : source.recipe.check.environment) options.config.env[name] = value;
  options.config.ports = {source.recipe.check.port};
  options.base = std::move(base).value();
  options.runtime = std::move(runtime).value();
  return pack_directory(store, options);
}

Result<App> app_of(const runtimes::RuntimeSource& source, const runtimes::PackedImage& image,
                   const std::string& tenant) {
  const codec::RuntimeCheck& check = source.recipe.check;
  AppFlags flags;
  flags.name = app_name(source.manifest.name);
  flags.memory = check.memory;
  flags.publish = {std::to_string(check.port)};
  flags.restart = "never";  // one that ends has failed: it shall say so instead of being started again
  AppInputs inputs;
  inputs.tenant = tenant;
  inputs.image = to_string(image.reference);
  return plan_app(flags, inputs);
}

// An answer as it should be; or nothing, and why.
std::optional<std::string> ask(const std::string& url, const codec::RuntimeCheck& check, std::string& problem) {
  const auto place = wire::parse_url(url + check.path);
  if (!place) {
    problem = place.error().message;
    return std::nullopt;
  }
  wire::ClientRequest request;
  request.endpoint = place->endpoint;
  request.target = place->target;
  request.total_timeout = kAskLimit;
  const auto answer = wire::fetch(request);
  if (!answer) {
    problem = answer.error().message;
    return std::nullopt;
  }
  if (check.answer.empty()) return "HTTP status " + std::to_string(answer->status) + "\n";
  if (answer->ok() && answer->body.find(check.answer) != std::string::npos) return answer->body;
  problem = "want status 200 and `" + check.answer + "`, got status " + std::to_string(answer->status) + " and `" +
            answer->body.substr(0, 500) + "`";
  return std::nullopt;
}

void show_console(const Session& session, const Api& api, const std::string& name) {
  LogSelection selection;
  selection.name = name;
  selection.tail = kCheckFailureLines;
  std::string text;
  const auto read = api.logs(selection, [&](std::string_view chunk) {
    text += chunk;
    return true;
  });
  if (read && !text.empty()) session.say("console of " + name + ":\n" + text);
}

// How long ago the node started the VM, by the clocks of both.
void say_how_soon(const Session& session, const Api& api, const AppView& app) {
  const auto instances = api.instances_of(app.app.metadata.name);
  if (!instances || instances->items.empty()) return;
  const Duration since =
      std::chrono::duration_cast<Duration>(wire::read_clock().wall - instances->items.front().status.started_at);
  session.say(fmt::format("first answer {:.2f}s after the VM's start", std::chrono::duration<double>(since).count()));
}

// Booted, asked until it answers or the time is up.
Result<std::string> boot_and_ask(const Session& session, const Api& api, const App& app,
                                 const codec::RuntimeCheck& check, Duration timeout) {
  const auto reply = api.deploy(codec::to_json(Resource(app)));
  if (!reply) return reply.error();
  if (reply->operations.empty()) return internal("bad_answer", "want an operation in the answer to a deploy, got none");
  session.say("boot: " + app.metadata.name);
  std::string problem = "it was not reached";
  for (Backoff backoff(timeout); backoff.pause();) {
    if (auto free = runtimes::SignalRelay::check_none(); !free) return free.error();
    const auto view = api.app(app.metadata.name);
    if (!view) return view.error();
    for (const LaunchUrl& url : view->urls) {
      if (url.url.empty()) continue;
      if (auto answer = ask(url.url, check, problem)) {
        say_how_soon(session, api, *view);
        return *std::move(answer);
      }
    }
    const auto instances = api.instances_of(app.metadata.name);
    if (!instances) return instances.error();
    for (const InstanceView& instance : current_instances(*view, instances->items))
      if (is_final(instance.status)) {
        show_console(session, api, app.metadata.name);
        return unavailable("runtime_failed",
                           app.metadata.name + ": it has ended: " + instance.status.message + "; " + problem);
      }
  }
  show_console(session, api, app.metadata.name);
  return timed_out("no_answer",
                   app.metadata.name + ": no answer as wanted within " + format_duration(timeout) + ": " + problem);
}

}  // namespace

Result<int> check_runtime(const Session& session, const runtimes::RuntimeSource& source, const fs::path& scratch,
                          Duration timeout) {
  if (source.recipe.check.command.empty())
    return invalid("no_check", source.directory.string() + "/unik.yaml: want `check`, which says what is booted and " +
                                   "asked, found none");
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto hold = store->hold();
  if (!hold) return hold.error();
  auto image = pack_check(session, *store, source, scratch);
  if (!image) return image.error();
  const auto api = session.connect();
  if (!api) return api.error();
  if (auto sent = upload(session, *api, *store, *image); !sent) return sent.error();
  const auto app = app_of(source, *image, api->target().tenant);
  if (!app) return app.error();
  const auto answer = boot_and_ask(session, *api, *app, source.recipe.check, timeout);
  if (const auto gone = api->destroy({app->metadata.name}); gone) {
    if (auto waited = await_operations(session, *api, gone->operations, Backoff(kDestroyLimit)); !waited) return waited;
  }
  if (!answer) return answer.error();
  session.out(source.manifest.name + "@" + source.manifest.version + " answers: " + *answer);
  return 0;
}

}  // namespace unik::cli
