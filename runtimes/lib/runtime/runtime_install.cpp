#include "runtimes/lib/runtime/runtime_install.hpp"

#include <algorithm>
#include <system_error>

#include "codec/json_reader.hpp"
#include "codec/json_writer.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/image_import.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/runtime/baseline.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"
#include "runtimes/lib/runtime/runtime_package.hpp"
#include "runtimes/lib/runtime/runtime_platform.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecordDirectory = "package";
constexpr const char* kRecordFile = "install.json";
constexpr const char* kSignatureFile = "package.minisig";
constexpr std::string_view kHalf = "new-";  // begins the names of what is not whole yet
constexpr Bytes kMaxRecordFile = mebibytes(4);
constexpr std::size_t kMaxPackageEntries = 4096;
// Blobs are compressed already: an archive of them hardly shrinks, and one that grows like this is a trap.
constexpr std::int64_t kMaxGrowth = 8;
constexpr std::size_t kDropChunk = 64 << 10;

fs::path version_directory(const fs::path& roots, const RuntimeName& name) {
  return roots / name.name / name.version;
}

// No runtime's name begins with a point.
Result<Fd> lock_version(const fs::path& roots, const RuntimeName& name) {
  if (auto made = make_directories(roots / ".locks"); !made) return std::move(made).error();
  return lock_file(roots / ".locks" / (name.name + "@" + name.version), LockMode::kExclusive);
}

std::string print_record(const InstallRecord& record) {
  codec::JsonWriter out;
  out.begin_object().field("registry", record.registry).field("url", record.url);
  out.field("checksum", to_string(record.checksum)).field("size", record.size);
  out.field("image_digest", to_string(record.image_digest)).field("key_id", record.key_id);
  out.field("public_key", record.public_key).end_object();
  return out.take() + "\n";
}

std::optional<InstallRecord> parse_record(std::string_view text) {
  const auto document = codec::JsonDocument::parse(text);
  if (!document) return std::nullopt;
  const codec::JsonView root = document->root();
  const auto checksum = parse_digest(root["checksum"].text_or(""));
  const auto image = parse_digest(root["image_digest"].text_or(""));
  if (!checksum || !image) return std::nullopt;
  return InstallRecord{root["registry"].text_or(""),
                       root["url"].text_or(""),
                       *checksum,
                       root["size"].integer().value_or(0),
                       *image,
                       root["key_id"].text_or(""),
                       root["public_key"].text_or("")};
}

class Install {
 public:
  Install(const InstallPlaces& places, const FoundRelease& found)
      : places_(places),
        release_(found.release),
        configured_(found.registry->configured),
        registry_file_(found.registry->file_url),
        name_{places.space, found.name, to_string(found.release.version)},
        what_(found.name + "@" + name_.version + " of registry " + configured_.name) {}

  Result<InstalledRelease> run() {
    if (auto fits = check_platform(); !fits) return std::move(fits).error();
    if (auto there = check_signed(release_, configured_.public_key, what_); !there) return std::move(there).error();
    auto url = package_url(registry_file_, release_.download_url);
    if (!url) return std::move(url).error();
    auto lock = lock_version(places_.roots, name_);
    if (!lock) return std::move(lock).error();
    auto installed = find_present();
    if (!installed) return std::move(installed).error();
    if (!*installed) return bring(*url);
    drop_download();
    return **std::move(installed);
  }

 private:
  using Present = Result<std::optional<InstalledRelease>>;

  void say(const std::string& text) const {
    if (places_.say) places_.say(text);
  }

  Result<void> check_platform() const {
    if (runs_on(release_.platforms, host_platform())) return {};
    std::string there;
    for (const std::string& platform : release_.platforms) there += (there.empty() ? "" : ", ") + platform;
    return invalid("wrong_platform",
                   what_ + ": want one for " + to_string(host_platform()) + ", this one is for " + there);
  }

  Present find_present() const {
    const auto installed = installed_runtimes(places_.store);
    if (!installed) return installed.error();
    const InstalledRuntime* const there = find_installed(*installed, name_);
    if (there == nullptr) return std::optional<InstalledRelease>();
    const Digest& digest = there->image.manifest.digest;
    if (release_.image_digest && *release_.image_digest != digest) return other_content(*release_.image_digest, digest);
    if (!is_vouched_for(digest)) return std::optional<InstalledRelease>();
    return std::optional<InstalledRelease>({name_, digest, true});
  }

  // The registry's own word about the image is not signed: only an install that checked this very package with this
  // very key says that it is the release.
  bool is_vouched_for(const Digest& installed) const {
    if (!configured_.public_key) return true;
    const auto record = find_install_record(places_.roots, name_);
    return record && record->image_digest == installed && record->checksum == release_.checksum &&
           record->public_key == key_line(*configured_.public_key);
  }

  Error other_content(const Digest& wanted, const Digest& installed) const {
    return conflict("other_content", what_ + ": want image " + to_string(wanted) + ", installed is " +
                                         to_string(installed) + "; `unikctl runtime remove " + name_.name + "@" +
                                         name_.version + "` makes room for it");
  }
  // Of an install that was not vouched for, and may be what apps stand on.
  Result<void> check_same(const Digest& wanted) const {
    const auto installed = installed_runtimes(places_.store);
    if (!installed) return installed.error();
    const InstalledRuntime* const there = find_installed(*installed, name_);
    if (there == nullptr || there->image.manifest.digest == wanted) return {};
    return other_content(wanted, there->image.manifest.digest);
  }

  fs::path download_place() const { return places_.downloads / to_hex(release_.checksum); }

  // The same package may be under way for another home of this user.
  Result<Fd> lock_download(bool wait) const {
    const fs::path locks = places_.downloads / ".locks";
    if (auto made = make_directories(locks); !made) return std::move(made).error();
    return lock_file(locks / download_place().filename(), LockMode::kExclusive, wait);
  }

  // Of an install that was killed when all but this was done; or what another home is at, which is left to it.
  void drop_download() const {
    std::error_code error;
    if (!fs::exists(download_place(), error)) return;
    if (const auto lock = lock_download(false)) fs::remove(download_place(), error);
  }

  Result<InstalledRelease> bring(const std::string& url) {
    const fs::path file = download_place();
    auto lock = lock_download(true);
    if (!lock) return std::move(lock).error();
    if (auto got = download(url, file); !got) {
      drop_refused(file, got.error());
      return std::move(got).error();
    }
    auto installed = unpack(url, file);
    std::error_code ignored;
    if (installed) fs::remove(file, ignored);
    if (!installed) drop_refused(file, installed.error());
    return installed;
  }

  // What was cut is gone on with; what is refused would be refused again.
  static void drop_refused(const fs::path& file, const Error& error) {
    std::error_code ignored;
    const bool refused = error.code == ErrorCode::kInvalid || error.code == ErrorCode::kConflict;
    if (refused || fs::file_size(file, ignored) == 0) fs::remove(file, ignored);
  }

  // A file that was gone on with may hold what an earlier server gave: then it is fetched once more, whole.
  Result<void> download(const std::string& url, const fs::path& file) {
    std::error_code error;
    const auto before = fs::file_size(file, error);
    const bool continued = !error && before > 0;
    if (continued) say(what_ + ": going on with a download");
    if (auto got = download_package(url, release_, file, places_.environment, places_.progress); !got) return got;
    auto verified = verify_package(file, release_, configured_.public_key, what_);
    if (verified) return verified;
    fs::remove(file, error);
    if (!continued || verified.error().reason != "wrong_checksum") return verified;
    say(what_ + ": what an earlier download had left does not belong to it; fetching it anew");
    if (auto got = download_package(url, release_, file, places_.environment, places_.progress); !got) return got;
    verified = verify_package(file, release_, configured_.public_key, what_);
    if (!verified) fs::remove(file, error);
    return verified;
  }

  Result<InstalledRelease> unpack(const std::string& url, const fs::path& file) {
    auto hold = places_.store.hold();
    if (!hold) return std::move(hold).error();
    const LayerLimits limits{kMaxPackageEntries, Bytes{release_.size * kMaxGrowth} + mebibytes(1)};
    auto taken =
        take_image(places_.store, {ImportKind::kOciArchive, file, {}}, host_platform(), package_documents(), limits);
    if (!taken) return bad_package(taken.error().message);
    if (auto right = check_image(taken->manifest.digest); !right) return std::move(right).error();
    if (auto fits = check_files(taken->manifest.digest); !fits) return std::move(fits).error();
    if (auto same = check_same(taken->manifest.digest); !same) return std::move(same).error();
    if (auto kept = keep_record(url, *taken); !kept) return std::move(kept).error();
    const NamedImage named{name_.space + "/" + name_.name + ":" + name_.version, taken->manifest};
    if (auto done = places_.store.set_image(named); !done) return std::move(done).error();
    return InstalledRelease{name_, taken->manifest.digest, false};
  }

  Error bad_package(const std::string& why) const {
    return invalid("bad_package",
                   what_ + ": its package is the one that the registry names, and cannot be installed: " + why);
  }

  // The image says itself what it is; a signed package of one runtime does not pass for another.
  Result<void> check_image(const Digest& digest) const {
    if (release_.image_digest && *release_.image_digest != digest)
      return bad_package("want image " + to_string(*release_.image_digest) + ", found " + to_string(digest));
    auto manifest = places_.store.manifest(digest);
    if (!manifest) return bad_package(manifest.error().message);
    const std::string wanted = name_.name + "@" + name_.version;
    const std::string found = annotation(manifest->annotations, kRuntimeAnnotation);
    if (found != wanted)
      return bad_package("want an image of `" + wanted + "`, found one of " +
                         (found.empty() ? "no runtime" : "`" + found + "`"));
    if (find_layer(*manifest, "app") != nullptr) return bad_package("want a runtime, found an app");
    return {};
  }

  // As a build that stands on it will lay its layers out, but for their contents; and what is no runtime when it is
  // built is none when it is installed.
  Result<void> check_files(const Digest& digest) const {
    const auto manifest = places_.store.manifest(digest);
    if (!manifest) return bad_package(manifest.error().message);
    FileTree files;
    LayerTotals totals;
    for (const Descriptor& layer : manifest->layers)
      if (auto applied = apply_layer(files, places_.store, layer, drop_content, totals); !applied)
        return bad_package("layer " + annotation(layer.annotations, kLayerAnnotation) + ": " + applied.error().message);
    const std::vector<std::string> faults = baseline_faults(files);
    if (faults.empty()) return {};
    return bad_package("want no shell, no package manager and no program that changes its user in it, found " +
                       faults.front() +
                       (faults.size() == 1 ? "" : " and " + std::to_string(faults.size() - 1) + " more"));
  }

  static Result<Content> drop_content(std::int64_t, const ContentReader& read) {
    std::vector<char> buffer(kDropChunk);
    while (true) {
      const auto got = read(buffer);
      if (!got) return got.error();
      if (*got == 0) return Content{};
    }
  }

  // Beside its place first, then moved: a reader sees all of it or nothing.
  Result<void> keep_record(const std::string& url, const TakenImage& taken) const {
    InstallRecord record{configured_.name, url, release_.checksum, release_.size, taken.manifest.digest, {}, {}};
    if (configured_.public_key) {
      record.key_id = to_string(configured_.public_key->id);
      record.public_key = key_line(*configured_.public_key);
    }
    const fs::path top = version_directory(places_.roots, name_);
    remove_halves(top);
    const fs::path fresh = fresh_name(top, kHalf);
    if (auto made = make_directories(fresh); !made) return made;
    std::map<std::string, std::string> files{{kRecordFile, print_record(record)}};
    if (!release_.signature.empty()) files[kSignatureFile] = release_.signature;
    for (const auto& [name, text] : taken.documents) files[fs::path(name).filename()] = text;
    for (const auto& [name, text] : files)
      if (auto written = replace_file(fresh / name, text); !written) return written;
    std::error_code error;
    fs::remove_all(top / kRecordDirectory, error);  // of an install that was killed before it was named
    fs::rename(fresh, top / kRecordDirectory, error);
    if (error) return unavailable("store_failed", "moving " + fresh.string() + ": " + error.message());
    return sync_directory(top);
  }

  // Of installs that were killed; the lock says that none is under way.
  static void remove_halves(const fs::path& top) {
    std::error_code error;
    for (fs::directory_iterator entry(top, error), end; !error && entry != end; entry.increment(error)) {
      std::error_code ignored;
      if (entry->path().filename().string().starts_with(kHalf)) fs::remove_all(entry->path(), ignored);
    }
  }

  const InstallPlaces& places_;
  const RuntimeRelease& release_;
  const ConfiguredRegistry& configured_;
  const std::string& registry_file_;
  RuntimeName name_;
  std::string what_;
};

}  // namespace

Result<InstalledRelease> install_release(const InstallPlaces& places, const FoundRelease& found) {
  return Install(places, found).run();
}

std::optional<InstallRecord> find_install_record(const fs::path& roots, const RuntimeName& name) {
  const auto text = read_file(version_directory(roots, name) / kRecordDirectory / kRecordFile, kMaxRecordFile);
  return text ? parse_record(*text) : std::nullopt;
}

std::map<std::string, std::string> installed_documents(const fs::path& roots, const RuntimeName& name) {
  std::map<std::string, std::string> documents;
  for (const std::string& document : package_documents()) {
    const fs::path file = version_directory(roots, name) / kRecordDirectory / fs::path(document).filename();
    if (auto text = read_file(file, kMaxRecordFile)) documents.emplace(document, *std::move(text));
  }
  return documents;
}

Result<void> remove_installed(const InstallPlaces& places, const InstalledRuntime& runtime) {
  auto lock = lock_version(places.roots, runtime.name);
  if (!lock) return std::move(lock).error();
  if (auto removed = places.store.remove_image(runtime.image.name); !removed) return removed;
  if (runtime.name.space != places.space) return {};  // what lies there is of ours
  std::error_code error;
  fs::remove_all(version_directory(places.roots, runtime.name), error);
  if (error)
    return unavailable("store_failed",
                       "removing " + version_directory(places.roots, runtime.name).string() + ": " + error.message());
  fs::remove(places.roots / runtime.name.name, error);  // the last version takes it along
  return {};
}

std::vector<std::string> installed_faults(const InstallPlaces& places, const InstalledRuntime& runtime) {
  std::vector<std::string> faults;
  std::vector<Digest> blobs{runtime.image.manifest.digest, runtime.manifest.config.digest};
  for (const Descriptor& layer : runtime.manifest.layers) blobs.push_back(layer.digest);
  for (const Digest& blob : blobs)
    if (auto read = places.store.check(blob); !read) faults.push_back(read.error().message);
  if (runtime.name.space != places.space) return faults;
  const auto record = find_install_record(places.roots, runtime.name);
  if (record && record->image_digest != runtime.image.manifest.digest)
    faults.push_back("installed was image " + to_string(record->image_digest) + " of registry " + record->registry +
                     ", there is " + to_string(runtime.image.manifest.digest));
  return faults;
}

}  // namespace unik::runtimes
