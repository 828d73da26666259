// runtime publish --in: the package of a release that registry.json names, put where it says that others find it. What
// a tag's build makes must be what was released, byte for byte; a second try finds the same there and is content.
#include "api/runtime_name.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/commands/runtime/shelf.hpp"
#include "cli/output/images.hpp"
#include "cli/packing.hpp"
#include "runtimes/lib/oci/digest.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/package_download.hpp"
#include "runtimes/lib/runtime/placed_files.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"
#include "runtimes/lib/runtime/release_page.hpp"
#include "runtimes/lib/runtime/release_upload.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxNamedRegistry{static_cast<std::int64_t>(runtimes::kMaxRegistryBytes)};
constexpr std::string_view kFileScheme = "file://";

struct NamedRelease {
  runtimes::RuntimeRelease release;
  std::string url;  // of its package
};

// What registry.json says of `wanted`, whose version is given.
Result<NamedRelease> find_named(const Session& session, const RuntimeOptions& options, const RuntimeName& wanted) {
  const fs::path file = (session.environment().working_dir / options.in / runtimes::kRegistryFile).lexically_normal();
  const auto text = runtimes::read_file(file, kMaxNamedRegistry);
  if (!text) return text.error();
  const auto registry = runtimes::parse_runtime_registry(*text, file.string());
  if (!registry) return registry.error();
  auto release = find_release(*registry, wanted);
  if (!release) return std::move(release).error();
  auto url = runtimes::package_url(std::string(kFileScheme) + file.string(), release->download_url);
  if (!url) return std::move(url).error();
  return NamedRelease{*std::move(release), *std::move(url)};
}

// One place of a file in a directory: there already, or put and kept.
Result<bool> place_file(runtimes::PlacedFiles& placed, const fs::path& from, const fs::path& to) {
  const auto there = runtimes::sha256_file(to), ours = runtimes::sha256_file(from);
  if (!ours) return ours.error();
  if (there && *there == *ours) return false;
  const auto put = placed.put(from, to);
  return put ? Result<bool>(true) : Result<bool>(put.error());
}

Result<bool> place_files(const std::vector<fs::path>& files, const fs::path& package) {
  runtimes::PlacedFiles placed;
  bool added = false;
  for (const fs::path& file : files) {
    const bool is_package = file == files.front();
    const auto put = place_file(placed, file, is_package ? package : signature_place(package));
    if (!put) return put.error();
    added = added || *put;
  }
  placed.keep();
  return added;
}

// False: it was there already, the very same.
Result<bool> put_at(const Session& session, const std::string& url, const runtimes::RuntimePackage& package,
                    const std::vector<fs::path>& files, const fs::path& scratch) {
  if (runtimes::is_oci_url(url)) return push_package(session, url, package);
  if (url.starts_with(kFileScheme)) {
    const fs::path target(url.substr(kFileScheme.size()));
    if (auto made = runtimes::make_directories(target.parent_path()); !made) return made.error();
    const auto lock = runtimes::lock_directory(target.parent_path());
    if (!lock) return lock.error();
    return place_files(files, target);
  }
  const auto asset = runtimes::parse_release_asset(url);
  if (!asset)
    return invalid("bad_download_url", "download_url " + url +
                                           ": want a file of this host, oci://… or a file of a page …/releases, since "
                                           "nothing is put elsewhere; copy the package there yourself");
  if (asset->file != package.file.filename())
    return invalid("bad_download_url",
                   "download_url " + url + ": want a file " + package.file.filename().string() + " there");
  const auto upload = runtimes::ReleaseUpload::open(session.environment().variables, scratch / "there");
  if (!upload) return upload.error();
  return upload->put(asset->repository, asset->tag, files);
}

}  // namespace

Result<int> publish_named(const Session& session, const RuntimeOptions& options) {
  if (!options.key.empty()) return invalid("usage", "--key goes with --to: what --in names was signed already, or not");
  if (options.in.find("://") != std::string::npos)
    return invalid("usage", "--in: want a directory with a registry.json, got `" + options.in + "`");
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto runtime = publishable(session, *store, options.name);
  if (!runtime) return runtime.error();
  const RuntimeName name{"", runtime->name.name, runtime->name.version};
  const auto named = find_named(session, options, name);
  if (!named) return named.error();
  const std::string what = to_string(name);
  const runtimes::ScratchDirectory scratch(runtime_scratch(session));
  const auto packed = package_runtime(*store, *runtime, publishable_documents(session, *runtime), scratch.path(), {});
  if (!packed) return packed.error();
  const Result<void> right = verify_package(packed->package.file, named->release, std::nullopt, what);
  if (!right)
    return conflict("other_content",
                    right.error().message + "; build it from the source that was released, with the same base runtime");
  std::vector<fs::path> files{packed->package.file};
  if (!named->release.signature.empty()) {
    files.push_back(signature_place(packed->package.file));
    if (auto kept = runtimes::replace_file(files.back(), named->release.signature); !kept) return kept.error();
  }
  const auto put = put_at(session, named->url, packed->package, files, scratch.path());
  if (!put) return put.error();
  session.out(what + " " + to_string(packed->package.checksum) + "\n");
  session.say(named->url + ": " + format_size(packed->package.size) + (*put ? "" : ", was there already"));
  return 0;
}

}  // namespace unik::cli
