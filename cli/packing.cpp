#include "cli/packing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <ostream>
#include <system_error>

#include "api/ids.hpp"
#include "cli/output/build_explanation.hpp"
#include "cli/output/images.hpp"
#include "cli/output/views.hpp"
#include "cli/runtimes.hpp"
#include "cli/script_source.hpp"
#include "codec/unik_lock.hpp"
#include "runtimes/lib/elf/recognise.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/kernel_pack.hpp"
#include "runtimes/lib/pack/lifecycle.hpp"
#include "runtimes/lib/pack/rootfs_pack.hpp"
#include "runtimes/lib/pack/source_build.hpp"
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"
#include "wire/private_directory.hpp"

namespace unik::cli {
namespace {

constexpr std::size_t kMaxUploadChunk = std::size_t{1} << 20;
constexpr const char* kLockFile = "unik.lock";
constexpr Bytes kMaxLock = mebibytes(1);
constexpr Bytes kMaxRecipe = mebibytes(1);

Result<runtimes::BaseRuntime> base_runtime(const Session& session) {
  return runtimes::find_base_runtime(runtimes::base_runtime_places(home_of(session.environment())));
}

std::filesystem::path absolute(const Session& session, const std::filesystem::path& path) {
  return path.is_relative() ? (session.environment().working_dir / path).lexically_normal() : path;
}

Result<std::vector<runtimes::Include>> parse_includes(const Session& session, const std::vector<std::string>& texts) {
  std::vector<runtimes::Include> includes;
  for (const std::string& text : texts) {
    auto include = runtimes::parse_include(text);
    if (!include) return include.error();
    include->source = absolute(session, include->source);
    includes.push_back(std::move(include).value());
  }
  return includes;
}

// None where there is no such file. Anything else than a file is refused: a pipe would never end.
Result<std::optional<std::string>> read_if_there(const std::filesystem::path& path, Bytes max) {
  std::error_code problem;
  const std::filesystem::file_status status = std::filesystem::status(path, problem);
  if (!std::filesystem::exists(status)) return std::optional<std::string>();
  if (!std::filesystem::is_regular_file(status))
    return invalid("bad_project",
                   path.string() + ": want a file, found " +
                       (std::filesystem::is_directory(status) ? "a directory" : "a device, pipe or socket") +
                       "; remove it, or give it another name");
  auto text = runtimes::read_file(path, max);
  if (!text) return std::move(text).error();
  return std::optional<std::string>(*std::move(text));
}

Result<std::optional<codec::UnikLock>> read_lock(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kLockFile;
  const auto text = read_if_there(path, kMaxLock);
  if (!text) return text.error();
  if (!*text) return std::optional<codec::UnikLock>();
  auto lock = codec::parse_unik_lock({path.string(), **text});
  if (!lock) return std::move(lock).error();
  return std::optional<codec::UnikLock>(*std::move(lock));
}

Result<void> write_lock(const Session& session, const std::filesystem::path& directory,
                        const std::optional<codec::LockedRuntime>& runtime) {
  if (!runtime) {
    session.say("no runtime to pin: " + directory.string() + " brings all that it runs on");
    return {};
  }
  codec::UnikLock lock;
  lock.runtimes = {*runtime};
  const std::filesystem::path path = directory / kLockFile;
  if (auto written = runtimes::replace_file(path, codec::print_unik_lock(lock)); !written) return written;
  session.say("locked " + runtime->name + "@" + runtime->version + " in " + path.string());
  return {};
}

void report(const Session& session, const runtimes::PackedImage& image) {
  for (const std::string& warning : image.warnings) session.warn(warning);
  for (const runtimes::PackedLayer& layer : image.layers)
    session.say(
        fmt::format("layer {}: {}{}", layer.name, format_size(layer.descriptor.size), layer.reused ? " (cached)" : ""));
}

// Where a controller runs this.
std::string operation_of(const Session& session) {
  const auto& variables = session.environment().variables;
  const auto named = variables.find(runtimes::kBuildOperation);
  return named == variables.end() ? "" : named->second;
}

Result<Packed> run_own_build(const Session& session, const runtimes::BlobStore& store, const PackRequest& request,
                             const std::filesystem::path& directory, codec::UnikYaml recipe) {
  auto base = base_runtime(session);
  if (!base) return base.error();
  auto includes = parse_includes(session, request.includes);
  if (!includes) return includes.error();

  runtimes::SourceBuildOptions options;
  options.directory = directory;
  options.recipe = recipe;
  options.name = request.name;
  options.includes = std::move(includes).value();
  options.base = std::move(base).value();
  options.rebuild = request.rebuild;
  options.operation = operation_of(session);
  options.environment = runtimes::build_environment(options.directory, session.environment().variables);
  options.mode = request.debug ? runtimes::BuildMode::kDebug : runtimes::BuildMode::kRelease;
  if (request.debug) options.environment["UNIKCTL_DEBUG"] = "1";
  options.output = [&session](std::string_view text) { *session.terminal().err << text << std::flush; };
  session.say("build " + directory.string() + (recipe.build_command.empty() ? "" : ": " + recipe.build_command));
  auto built = runtimes::build_source(store, options);
  if (!built) return built.error();
  session.say(built->reused ? "cached: nothing changed since the last build"
                            : "built in " + format_boot(built->build_took));
  report(session, built->image);
  return Packed{std::move(built->image), std::move(recipe), built->reused, false};
}

Result<runtimes::AppBuildOptions> app_build_options(const Session& session, const PackRequest& request,
                                                    const std::filesystem::path& directory,
                                                    const codec::UnikYaml& recipe) {
  runtimes::AppBuildOptions options;
  options.directory = directory;
  options.recipe = recipe;
  options.name = request.name;
  options.mode = request.debug ? runtimes::BuildMode::kDebug : runtimes::BuildMode::kRelease;
  options.environment = runtimes::build_environment(options.directory, session.environment().variables);
  options.rebuild = request.rebuild;
  options.operation = operation_of(session);
  options.runtime = request.runtime;
  if (!request.lock) {
    auto lock = read_lock(directory);
    if (!lock) return lock.error();
    options.lock = *std::move(lock);
  }
  auto includes = parse_includes(session, request.includes);
  if (!includes) return includes.error();
  options.includes = std::move(includes).value();
  return options;
}

Result<Packed> run_pack(const Session& session, const runtimes::BlobStore& store, const PackRequest& request,
                        const std::filesystem::path& directory, codec::UnikYaml recipe) {
  auto options = app_build_options(session, request, directory, recipe);
  if (!options) return options.error();
  auto base = base_runtime(session);
  if (!base) return base.error();
  options->base = std::move(base).value();
  options->find_runtime = [&](const std::string& name) { return find_runtime(session, store, name); };
  options->step = [&session](const std::string& text) { session.say(text); };
  options->output = [&session](std::string_view text) { *session.terminal().err << text << std::flush; };
  auto built = runtimes::build_app(store, runtimes::all_packs(), *options);
  if (!built) return built.error();
  if (!built->deterministic)
    session.warn("a development build: the same source may give another digest; leave out --debug for a release");
  session.say(built->reused ? "cached: nothing changed since the last build"
                            : "built in " + format_boot(built->build_took));
  report(session, built->image);
  if (request.lock)
    if (auto written = write_lock(session, directory, built->runtime); !written) return written.error();
  return Packed{std::move(built->image), std::move(recipe), built->reused, false};
}

Error brings_everything(const std::filesystem::path& path) {
  return invalid("no_runtime_needed",
                 "--runtime: want a project that a pack builds, or a script or jar (.py, .js, .jar), and " +
                     path.string() + " brings all that it runs on; leave the flag out");
}

Result<Packed> pack_script(const Session& session, const runtimes::BlobStore& store, const PackRequest& request,
                           const std::filesystem::path& path) {
  auto source = lay_out_script(home_of(session.environment()), path);
  if (!source) return source.error();
  return run_pack(session, store, request, source->directory, std::move(source->recipe));
}

Result<Packed> pack_source(const Session& session, const runtimes::BlobStore& store, const PackRequest& request,
                           const std::filesystem::path& directory) {
  auto recipe = read_recipe(directory);
  if (!recipe) return recipe.error();
  if (runtimes::has_own_build(*recipe) && !request.runtime.empty()) return brings_everything(directory / "unik.yaml");
  if (runtimes::has_own_build(*recipe) && request.lock)
    if (auto written = write_lock(session, directory, {}); !written) return written.error();
  return runtimes::has_own_build(*recipe) ? run_own_build(session, store, request, directory, *std::move(recipe))
                                          : run_pack(session, store, request, directory, *std::move(recipe));
}

Result<Packed> pack_program(const Session& session, const runtimes::BlobStore& store, const PackRequest& request,
                            const std::filesystem::path& path) {
  auto base = base_runtime(session);
  if (!base) return base.error();
  auto includes = parse_includes(session, request.includes);
  if (!includes) return includes.error();
  runtimes::BinaryPackOptions options;
  options.binary = path;
  options.name = request.name;
  options.includes = std::move(includes).value();
  options.base = std::move(base).value();
  session.say("packing " + path.string());
  auto image = runtimes::pack_binary(store, options);
  if (!image) return image.error();
  report(session, *image);
  return Packed{std::move(image).value(), std::nullopt, false, false};
}

Result<Packed> pack_somebodys_kernel(const Session& session, const runtimes::BlobStore& store,
                                     const PackRequest& request, const std::filesystem::path& path) {
  runtimes::KernelPackOptions options;
  options.kernel = path;
  options.name = request.name;
  options.args = request.args;
  if (request.initrd) options.initrd = absolute(session, *request.initrd);
  session.say("packing the kernel " + path.string());
  auto image = runtimes::pack_kernel(store, options);
  if (!image) return image.error();
  report(session, *image);
  return Packed{std::move(image).value(), std::nullopt, false, true};
}

Result<Packed> pack_root(const Session& session, const runtimes::BlobStore& store, const PackRequest& request) {
  auto base = base_runtime(session);
  if (!base) return base.error();
  runtimes::RootfsPackOptions options;
  options.rootfs = absolute(session, *request.rootfs);
  options.name = request.name;
  options.config.args = request.args;
  options.base = std::move(base).value();
  session.say("packing the root file system " + options.rootfs.string());
  auto image = runtimes::pack_rootfs(store, options);
  if (!image) return image.error();
  report(session, *image);
  return Packed{std::move(image).value(), std::nullopt, false, true};
}

// Reads a blob piece by piece while libcurl sends it; a corrupt one aborts the upload, and `problem` says why.
wire::UploadSource source_of(std::shared_ptr<runtimes::BlobStore::Reader> reader, std::shared_ptr<Error> problem) {
  return [reader = std::move(reader), problem = std::move(problem)](std::size_t max_bytes) {
    wire::UploadChunk chunk;
    chunk.data.resize(std::min(max_bytes, kMaxUploadChunk));
    const auto count = reader->read(chunk.data);
    if (!count) {
      *problem = count.error();
      chunk.kind = wire::UploadChunk::Kind::kAbort;
      return chunk;
    }
    chunk.data.resize(*count);
    chunk.kind = *count == 0 ? wire::UploadChunk::Kind::kEnd : wire::UploadChunk::Kind::kData;
    return chunk;
  };
}

std::filesystem::path images_of(const Environment& environment) {
  return home_of(environment) / "images";
}

}  // namespace

Result<runtimes::BlobStore> open_store(const Session& session) {
  const std::filesystem::path home = home_of(session.environment());
  if (const std::error_code problem = wire::make_private_directory(home))
    return unavailable("no_home", "cannot create " + home.string() + ": " + problem.message() +
                                      "; set UNIKCTL_HOME to a directory that you may write");
  return runtimes::BlobStore::open(images_of(session.environment()));
}

Error with_prune_hint(const Environment& environment, Error error) {
  if (error.reason != "disk_full" || error.message.find(images_of(environment).string()) == std::string::npos)
    return error;
  error.message += "; `unikctl image prune` frees the images that nothing needs";
  return error;
}

Result<codec::UnikYaml> read_recipe(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "unik.yaml";
  const auto text = read_if_there(path, kMaxRecipe);
  if (!text) return text.error();
  if (!*text) return codec::UnikYaml{};
  return codec::parse_unik_yaml({path.string(), **text});
}

Result<std::string> explain_pack(const Session& session, const PackRequest& request, OutputFormat format) {
  const std::filesystem::path directory = absolute(session, request.path);
  auto recipe = read_recipe(directory);
  if (!recipe) return recipe.error();
  if (runtimes::has_own_build(*recipe)) return render_own_build(*recipe, format);
  auto options = app_build_options(session, request, directory, *recipe);
  if (!options) return options.error();
  const auto store = open_store(session);
  if (!store) return store.error();
  options->find_runtime = [&](const std::string& name) { return look_up_runtime(session, *store, name); };
  auto explanation = runtimes::explain_build(runtimes::all_packs(), *options);
  if (!explanation) return explanation.error();
  return render_build(*explanation, format);
}

Result<Packed> pack(const Session& session, const runtimes::BlobStore& store, const PackRequest& request) {
  const auto hold = store.hold();
  if (!hold) return hold.error();
  if (request.rootfs) return pack_root(session, store, request);
  const std::filesystem::path path = absolute(session, request.path);
  std::error_code ignored;
  if (request.lock && !std::filesystem::is_directory(path, ignored))
    return invalid("nothing_to_lock",
                   "--lock: want a project's directory, which unik.lock goes into, got " + path.string());
  if (script_language(path) && std::filesystem::is_regular_file(path, ignored))
    return pack_script(session, store, request, path);
  const auto packer = runtimes::choose_packer(path);
  if (!packer) return packer.error();
  if (!request.runtime.empty() && *packer != runtimes::DeployAs::kSource) return brings_everything(path);
  if (request.initrd && *packer != runtimes::DeployAs::kKernel)
    return invalid("usage", "--initrd goes with a kernel, and " + path.string() + " is none");
  switch (*packer) {
    case runtimes::DeployAs::kSource:
      return pack_source(session, store, request, path);
    case runtimes::DeployAs::kProgram:
      return pack_program(session, store, request, path);
    case runtimes::DeployAs::kKernel:
      return pack_somebodys_kernel(session, store, request, path);
  }
  return internal("unknown_packer", "a packer outside the enumeration");
}

Result<void> upload_blob(const Session& session, const Api& api, const runtimes::BlobStore& store,
                         const runtimes::Digest& digest, const std::string& what) {
  const auto there = api.has_artifact(to_string(digest));
  if (!there) return there.error();
  if (*there) return {};
  auto reader = store.open_blob(digest);
  if (!reader) return reader.error();
  const auto shared = std::make_shared<runtimes::BlobStore::Reader>(std::move(reader).value());
  const auto problem = std::make_shared<Error>();
  session.say("uploading " + what + " (" + format_size(shared->size()) + ")");
  const auto sent =
      api.put_artifact(to_string(digest), static_cast<std::uint64_t>(shared->size()), source_of(shared, problem));
  if (!problem->reason.empty()) return *problem;
  // All bytes of a damaged one are sent before it shows: then the fault is here, and fetching it again mends nothing.
  if (!sent && sent.error().code == ErrorCode::kInvalid)
    if (auto whole = store.check(digest); !whole && whole.error().reason == "corrupt_blob") return whole;
  return sent;
}

Result<void> upload_signatures(const Session& session, const Api& api, const runtimes::BlobStore& store,
                               const runtimes::Digest& image) {
  const auto ours = image_signatures(store, image);
  if (!ours) return ours.error();
  if (ours->empty()) return {};
  const auto theirs = api.signatures(to_string(image));
  if (!theirs) return theirs.error();
  for (const runtimes::ImageSignature& one : *ours) {
    const std::string text = print_signature(one.signature);
    if (std::find(theirs->begin(), theirs->end(), text) != theirs->end()) continue;
    session.say("uploading the signature by key " + to_string(one.signature.id));
    if (auto sent = api.put_signature(to_string(image), text); !sent) return sent;
  }
  return {};
}

void send_signatures(const Session& session, const Api& api, const std::vector<runtimes::Digest>& images) {
  const auto store = open_store(session);
  if (!store) return session.warn("no signatures were sent: " + store.error().message);
  for (const runtimes::Digest& image : images) {
    const auto sent = upload_signatures(session, api, *store, image);
    if (!sent && sent.error().code != ErrorCode::kNotFound)
      session.warn("the signatures of " + to_string(image) + " were not sent: " + sent.error().message);
  }
}

Result<void> upload(const Session& session, const Api& api, const runtimes::BlobStore& store,
                    const runtimes::PackedImage& image) {
  for (const runtimes::PackedLayer& layer : image.layers)
    if (auto sent = upload_blob(session, api, store, layer.descriptor.digest, "layer " + layer.name); !sent)
      return sent;
  if (auto sent = upload_blob(session, api, store, image.manifest.config.digest, "image config"); !sent) return sent;
  if (auto sent = upload_blob(session, api, store, image.reference.digest, "image manifest"); !sent) return sent;
  return upload_signatures(session, api, store, image.reference.digest);
}

Result<std::string> name_from(const std::filesystem::path& path) {
  std::string base = path.filename().string();
  if (base.empty() || base == ".") base = path.parent_path().filename().string();
  std::string name;
  for (const char c : base) {
    const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool allowed = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (allowed)
      name += lower;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  name.resize(std::min(name.size(), kMaxAppName));
  while (!name.empty() && name.back() == '-') name.pop_back();
  if (!is_dns_label(name))
    return invalid("no_name", "cannot make an app's name of `" + path.string() + "`; give one with --name");
  return name;
}

}  // namespace unik::cli
