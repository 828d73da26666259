#include "runtimes/lib/pack/lifecycle.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "api/runtime_name.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/build_log.hpp"
#include "runtimes/lib/pack/build_metadata.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"
#include "runtimes/lib/pack/own_directory.hpp"
#include "runtimes/lib/pack/run_program.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCacheKeyDigits = 16;

// ---- Detect and plan ----

// A build up to the point where the first command would run.
struct Prepared {
  PackContext context;
  const Pack* pack = nullptr;
  Evidence evidence;
  std::optional<RuntimeImage> runtime;
  std::optional<codec::LockedRuntime> pin;  // of that runtime, as a lock would have it
  std::string cache_key;
  BuildPlan plan;
};

std::string runtime_name(const Pack& pack, const AppBuildOptions& options) {
  if (!options.runtime.empty()) return options.runtime;
  return options.recipe.runtime.empty() ? std::string(pack.runtime) : options.recipe.runtime;
}

Error not_locked(const AppBuildOptions& options, const std::string& text) {
  return invalid("not_locked", (options.directory / "unik.lock").string() + ": " + text +
                                   "; `unikctl build --lock` pins what is built on now");
}

// `wanted` with the version that the lock pins of it.
Result<RuntimeName> locked_name(RuntimeName wanted, const AppBuildOptions& options) {
  if (!options.lock) return wanted;
  const std::string name = to_string(RuntimeName{wanted.space, wanted.name, ""});
  std::string others;
  for (const codec::LockedRuntime& runtime : options.lock->runtimes) {
    others += (others.empty() ? "" : ", ") + runtime.name;
    if (runtime.name != name) continue;
    if (!wanted.version.empty() && wanted.version != runtime.version)
      return not_locked(options, "want " + to_string(wanted) + ", found it pinned to " + runtime.version);
    wanted.version = runtime.version;
    return wanted;
  }
  return not_locked(options, "want the runtime " + name + ", found " + (others.empty() ? "none" : others));
}

Result<void> check_pin(const codec::LockedRuntime& found, const AppBuildOptions& options) {
  if (!options.lock) return {};
  const std::vector<codec::LockedRuntime>& pins = options.lock->runtimes;
  if (std::ranges::find(pins, found) != pins.end()) return {};
  const auto pin = std::ranges::find(pins, found.name, &codec::LockedRuntime::name);
  const std::string name = found.name + "@" + found.version;
  return not_locked(options, "want " + name + " with the layer " + (pin == pins.end() ? "that is pinned" : pin->layer) +
                                 ", found one with " + found.layer +
                                 " on this host: get the other by `unikctl runtime remove " + name +
                                 "` and `unikctl runtime install " + name + "`");
}

Result<void> add_runtime(Prepared& prepared, const std::string& text, const AppBuildOptions& options) {
  const auto asked = parse_runtime_name(text);
  if (!asked) return asked.error();
  const auto wanted = locked_name(*asked, options);
  if (!wanted) return wanted.error();
  auto runtime = options.find_runtime(to_string(*wanted));
  if (!runtime) return std::move(runtime).error();
  prepared.pin = {to_string(RuntimeName{wanted->space, wanted->name, ""}), runtime->version,
                  to_string(runtime->layer.descriptor.digest)};
  prepared.runtime = *std::move(runtime);
  return check_pin(*prepared.pin, options);
}

std::string hash_key(const Pack& pack, const Tools& tools) {
  std::string text(pack.name);
  for (const auto& [name, tool] : tools) text += '\0' + name + '=' + tool.version;
  return std::string(pack.name) + "-" + to_hex(sha256(text)).substr(0, kCacheKeyDigits);
}

// With the runtime that was asked for beside it.
codec::UnikYaml recipe_of(const AppBuildOptions& options) {
  codec::UnikYaml recipe = options.recipe;
  if (!options.runtime.empty()) recipe.runtime = options.runtime;
  return recipe;
}

// What a runtime provides is told, or nothing is.
Result<void> check_provides(const Prepared& prepared) {
  const std::string wanted(prepared.pack->runtime);
  const RuntimeImage& runtime = *prepared.runtime;
  if (wanted.empty() || runtime.provides.empty() || runtime.provides.contains(wanted)) return {};
  return in_source(prepared.context, prepared.evidence.file, "wrong_runtime",
                   "want a runtime that provides " + wanted + ", on which the pack " +
                       std::string(prepared.pack->name) + " builds, found " + runtime.name + "@" + runtime.version +
                       " with " + print_provides(runtime.provides) +
                       "; name another by --runtime or `runtime`, or choose another pack by `language` in unik.yaml");
}

// With the file that made it this pack's, and so asks for the tool.
Error in_pack(const Prepared& prepared, Error error) {
  error.message = prepared.context.source.place(prepared.evidence.file) + ": the pack " +
                  std::string(prepared.pack->name) + ": " + error.message;
  return error;
}

Result<Prepared> prepare(const SourceTree& source, const PackMatch& match, const AppBuildOptions& options,
                         BuildExplanation* explanation) {
  const Pack& pack = *match.pack;
  Prepared prepared{
      PackContext{source, options.recipe, options.mode, {}, {}, {}}, &pack, match.evidence, {}, {}, "", {}};
  PackContext& context = prepared.context;
  if (pack.check != nullptr)
    if (auto checked = pack.check(context); !checked) return checked.error();
  if (const std::string name = runtime_name(pack, options); !name.empty()) {
    if (auto added = add_runtime(prepared, name, options); !added) return std::move(added).error();
    context.provides = prepared.runtime->provides;
    if (explanation != nullptr) explanation->runtime = prepared.runtime->name + "@" + prepared.runtime->version;
    if (auto fits = check_provides(prepared); !fits) return fits.error();
  }
  auto tools = find_tools(pack.tools(context), options.environment);
  if (!tools) return in_pack(prepared, tools.error());
  context.tools = *std::move(tools);
  if (explanation != nullptr) explanation->tools = context.tools;
  prepared.cache_key = hash_key(pack, context.tools);
  std::error_code error;
  const fs::path directory = fs::absolute(options.directory, error);
  context.places = {work_directory(directory), app_directory(directory),
                    cache_directory(directory) / prepared.cache_key};
  auto plan = pack.plan(context);
  if (!plan) return std::move(plan).error();
  prepared.plan = *std::move(plan);
  if (explanation != nullptr) explanation->plan = prepared.plan;
  return prepared;
}

// ---- The record ----

// The program by its name and the build's directories by words: what is recorded means the same in every checkout.
std::string printable_command(const BuildStep& step, const Places& places) {
  std::string line;
  for (const auto& [name, value] : step.environment) line += name + "=" + value + " ";
  for (const std::string& word : step.args) line += word + " ";
  line.pop_back();
  for (const auto& [path, word] : {std::pair(places.work, "WORK"), {places.app, "APP"}, {places.cache, "CACHE"}})
    for (std::size_t at; (at = line.find(path.string())) != std::string::npos;)
      line.replace(at, path.string().size(), word);
  return line;
}

// One hash of everything that the image depends on. The same hash, the same image.
Result<std::string> inputs_of(const Prepared& prepared, const AppBuildOptions& options, const std::string& name) {
  const PackContext& context = prepared.context;
  auto source = digest_of(context.source.files());
  if (!source) return std::move(source).error();
  auto kernel = kernel_tree(options.base);
  if (!kernel) return std::move(kernel).error();
  auto base = base_tree(options.base);
  if (!base) return std::move(base).error();
  FileTree includes;
  std::string text = std::to_string(kMetadataLayout) + '\0' + name + '\0' + std::string(to_string(options.mode));
  for (const Include& include : options.includes) {
    text += '\0' + include.dest;
    std::error_code error;
    if (fs::is_directory(include.source, error)) {
      if (auto added = add_host_directory(includes, include.dest, include.source); !added)
        return std::move(added).error();
    } else {
      auto node = host_file_node(include.source);
      if (!node) return std::move(node).error();
      if (auto put = put_node(includes, include.dest, *std::move(node)); !put) return std::move(put).error();
    }
  }
  text += '\0' + to_hex(*source);
  for (const FileTree* tree : {&*kernel, &*base, &includes}) {
    auto digest = digest_of(*tree);
    if (!digest) return std::move(digest).error();
    text += '\0' + to_hex(*digest);
  }
  text += '\0' + std::string(prepared.pack->name) + '\0' + prepared.cache_key;
  if (prepared.runtime) {
    text += '\0' + to_string(prepared.runtime->layer.descriptor.digest) + '\0' + prepared.runtime->name + '@' +
            prepared.runtime->version + '\0' + print_provides(prepared.runtime->provides);
    for (const auto& [name, value] : prepared.runtime->environment) text += '\0' + name + '=' + value;
  }
  for (const std::string& word : options.recipe.run_command) text += '\0' + word;
  for (const Port& port : options.recipe.deploy.boot.ports) text += '\0' + std::to_string(port.port);
  for (const BuildStep& step : prepared.plan.steps) text += '\0' + printable_command(step, context.places);
  for (const auto& [path, content] : prepared.plan.files) text += '\0' + path + '=' + content;
  for (const auto& [key, value] : options.environment) text += '\0' + key + '=' + value;
  return to_string(sha256(text));
}

BuildMetadata metadata_of(const Prepared& prepared, const AppBuildOptions& options, const std::string& inputs,
                          const PackedImage& image) {
  const PackContext& context = prepared.context;
  BuildMetadata metadata;
  metadata.pack = prepared.pack->name;
  metadata.language = prepared.pack->language;
  metadata.detected_by = prepared.evidence.file;
  metadata.mode = options.mode;
  metadata.tools = context.tools;
  for (const BuildStep& step : prepared.plan.steps)
    metadata.commands.push_back(printable_command(step, context.places));
  if (const std::string& lock = prepared.plan.lock; !lock.empty())
    metadata.lock = LockDigest{lock, sha256(context.source.text_or_empty(lock))};
  metadata.runtime = prepared.runtime;
  metadata.image = image;
  metadata.deterministic = prepared.plan.deterministic;
  metadata.inputs = inputs;
  return metadata;
}

// The image that the last build made of the same inputs, if it is still whole in the store.
std::optional<PackedImage> last_image(const BlobStore& store, const fs::path& directory, const std::string& inputs) {
  const auto last = read_last_build(directory);
  if (!last || last->inputs != inputs) return std::nullopt;
  const auto reference = parse_reference(last->image);
  if (!reference) return std::nullopt;
  const auto missing = store.missing(reference->digest);
  const auto manifest = store.manifest(reference->digest);
  if (!missing || !missing->empty() || !manifest) return std::nullopt;
  auto config = store.config(*manifest);
  const auto size = store.size_of(reference->digest);
  if (!config || !size) return std::nullopt;
  if (!store.set_image({reference->name, {std::string(kManifestMediaType), reference->digest, *size, {}}}))
    return std::nullopt;
  PackedImage image;
  image.reference = *reference;
  image.manifest = *manifest;
  image.config = *std::move(config);
  for (const Descriptor& layer : manifest->layers)
    image.layers.push_back({annotation(layer.annotations, kLayerAnnotation), layer, true, {}});
  return image;
}

// ---- Build ----

// The cache of this pack and these tools; those of earlier tools are removed, so that it cannot grow with each upgrade.
// True when there was one.
Result<bool> restore_cache(const Prepared& prepared) {
  const fs::path& cache = prepared.context.places.cache;
  std::error_code error;
  const bool there = fs::is_directory(cache, error);
  if (auto made = make_directories(cache); !made) return std::move(made).error();
  const std::string prefix = std::string(prepared.pack->name) + "-";
  for (fs::directory_iterator entry(cache.parent_path(), error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (name.starts_with(prefix) && name != cache.filename().string() && name.size() == prefix.size() + kCacheKeyDigits)
      fs::remove_all(entry->path(), ignored);
  }
  return there;
}

Result<void> run_step(const BuildStep& step, const Prepared& prepared, const AppBuildOptions& options, BuildLog& log) {
  ProgramRun run;
  run.args = step.args;
  run.environment = options.environment;
  for (const auto& [name, value] : step.environment) run.environment[name] = value;
  run.directory = prepared.context.places.work;
  run.time_limit = options.time_limit;
  run.output = [&](std::string_view text) { log.add(text); };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (!log.kept()) return log.kept();
  if (*code == 0) return {};
  return in_source(prepared.context, prepared.evidence.file, "build_failed",
                   "`" + printable_command(step, prepared.context.places) + "`: want exit code 0, got " +
                       std::to_string(*code) + "; " + log.describe());
}

void say(const AppBuildOptions& options, const std::string& text) {
  if (options.step) options.step(text);
}

Result<PackedImage> run_and_pack(const BlobStore& store, const Prepared& prepared, const AppBuildOptions& options,
                                 const std::string& name) {
  const PackContext& context = prepared.context;
  auto cached = restore_cache(prepared);
  if (!cached) return std::move(cached).error();
  say(options, std::string("restore cache: ") + (*cached ? "found " : "none yet, ") + prepared.cache_key);
  // They go when the build is over, however it ends.
  const ScratchDirectory work(context.places.work);
  const ScratchDirectory app(context.places.app);
  for (const fs::path& directory : {work.path(), app.path()})
    if (auto made = make_directories(directory); !made) return std::move(made).error();
  if (auto copied = write_tree(context.source.files(), context.places.work); !copied) return std::move(copied).error();
  for (const auto& [path, text] : prepared.plan.files)
    if (auto written = replace_file(context.places.work / path, text); !written) return std::move(written).error();
  auto log = BuildLog::open(build_log_path(options.directory), options.output, options.operation);
  if (!log) return std::move(log).error();
  for (const BuildStep& step : prepared.plan.steps) {
    say(options, step.title + ": " + printable_command(step, context.places));
    if (auto ran = run_step(step, prepared, options, *log); !ran) return std::move(ran).error();
  }
  auto launch = prepared.pack->finish(context);
  if (!launch) return std::move(launch).error();
  std::string command;
  for (const std::string& word : launch->command) command += " " + word;
  say(options, "export:" + command);
  DirectoryPackOptions pack;
  pack.directory = launch->app;
  pack.name = name;
  pack.includes = options.includes;
  pack.config.args = launch->command;
  if (prepared.runtime) pack.config.env = prepared.runtime->environment;
  for (const auto& [key, value] : launch->environment) pack.config.env[key] = value;
  for (const Port& port : options.recipe.deploy.boot.ports) pack.config.ports.push_back(port.port);
  pack.base = options.base;
  pack.runtime = prepared.runtime;
  return pack_directory(store, pack);
}

}  // namespace

Result<AppBuild> build_app(const BlobStore& store, std::span<const Pack> packs, const AppBuildOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const fs::path& directory = options.directory;
  // Before a runtime is fetched or built for a source that is refused.
  if (auto checked = check_own_directory(directory); !checked) return checked.error();
  auto source = SourceTree::read(directory);
  if (!source) return std::move(source).error();
  auto choice = choose_pack(packs, *source, recipe_of(options));
  if (!choice) return std::move(choice).error();
  const PackMatch& match = choice->chosen();
  say(options, "detect: " + std::string(match.pack->name) + " by " + match.evidence.file + " (" + choice->rule + ")");
  auto prepared = prepare(*source, match, options, nullptr);
  if (!prepared) return std::move(prepared).error();

  // A second caller waits, and then finds the first one's record.
  const auto lock = enter_own_directory(directory);
  if (!lock) return lock.error();
  std::error_code error;
  const std::string name =
      image_name(!options.name.empty() ? options.name : fs::canonical(directory, error).filename().string());
  auto inputs = inputs_of(*prepared, options, name);
  if (!inputs) return std::move(inputs).error();

  AppBuild build;
  build.pack = prepared->pack->name;
  build.deterministic = prepared->plan.deterministic;
  build.runtime = prepared->pin;
  if (!options.rebuild)
    if (auto image = last_image(store, directory, *inputs)) {
      build.reused = true;
      build.image = *std::move(image);
      build.image.warnings = prepared->plan.warnings;
      return build;
    }
  std::string plan = "plan:";
  for (const auto& [tool_name, tool] : prepared->context.tools) plan += " " + tool.version + ";";
  plan += prepared->plan.lock.empty() ? " no lock needed" : " locked by " + prepared->plan.lock;
  if (prepared->runtime) plan += "; on " + to_string(prepared->runtime->reference);
  say(options, plan);
  auto image = run_and_pack(store, *prepared, options, name);
  if (!image) return std::move(image).error();
  image->warnings.insert(image->warnings.begin(), prepared->plan.warnings.begin(), prepared->plan.warnings.end());
  // A file that was changed meanwhile is in the hash as it was, and in the image as it became.
  if (const auto now = inputs_of(*prepared, options, name); now && *now == *inputs) {
    if (auto written = write_metadata(directory, metadata_of(*prepared, options, *inputs, *image)); !written)
      return std::move(written).error();
  } else {
    image->warnings.push_back(directory.string() + ": what it is built of changed during the build: build it again");
  }
  build.image = *std::move(image);
  build.build_took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
  return build;
}

Result<BuildExplanation> explain_build(std::span<const Pack> packs, const AppBuildOptions& options) {
  auto source = SourceTree::read(options.directory);
  if (!source) return std::move(source).error();
  auto choice = choose_pack(packs, *source, recipe_of(options));
  if (!choice) return std::move(choice).error();
  BuildExplanation explanation;
  explanation.choice = *std::move(choice);
  auto prepared = prepare(*source, explanation.choice.chosen(), options, &explanation);
  if (!prepared) explanation.obstacle = prepared.error();
  return explanation;
}

}  // namespace unik::runtimes
