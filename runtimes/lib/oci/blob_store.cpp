#include "runtimes/lib/oci/blob_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kLayoutText = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::string_view kVersionOne = R"("1.)";
constexpr std::size_t kCheckChunk = 256 << 10;
constexpr Bytes kMaxIndex{kMaxDocumentBytes};

std::filesystem::path blobs_of(const std::filesystem::path& dir) {
  return dir / "blobs" / "sha256";
}
std::filesystem::path temporary_of(const std::filesystem::path& dir) {
  return dir / "tmp";
}
std::filesystem::path known_layers_of(const std::filesystem::path& dir) {
  return dir / "layers";
}
std::filesystem::path referrers_of(const std::filesystem::path& dir) {
  return dir / "referrers";
}

Error corrupt(const Digest& digest, const std::filesystem::path& path) {
  return internal("corrupt_blob",
                  path.string() + ": the bytes do not match " + to_string(digest) +
                      "; remove the file and fetch or build the image again, or `unikctl build --rebuild`");
}

Error no_such_blob(const Digest& digest) {
  return not_found("no_such_blob",
                   "blob " + to_string(digest) + " is not in the store; fetch or build the image again");
}

bool is_there(const std::filesystem::path& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// The names of a directory, sorted. Those that begin with a dot are temporary: they alone, or none of them.
enum class NameKind { kLasting, kTemporary };
Result<std::vector<std::string>> names_in(const std::filesystem::path& directory, NameKind which = NameKind::kLasting) {
  std::vector<std::string> names;
  DIR* handle = ::opendir(directory.c_str());
  if (handle == nullptr) {
    if (errno == ENOENT) return names;
    return system_error("store_failed", "listing", directory);
  }
  while (const dirent* entry = ::readdir(handle)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name.starts_with('.') == (which == NameKind::kTemporary))
      names.emplace_back(name);
  }
  ::closedir(handle);
  std::sort(names.begin(), names.end());
  return names;
}

// What an image consists of, as far as it is there: a collector keeps these, a fetch brings the rest.
struct Parts {
  std::set<Digest> present;
  std::set<Digest> missing;
};
Result<Parts> parts_of(const BlobStore& store, const Digest& image) {
  Parts parts;
  if (!store.has(image)) {
    parts.missing.insert(image);
    return parts;
  }
  parts.present.insert(image);
  auto manifest = store.manifest(image);
  if (!manifest) return std::move(manifest).error();
  std::vector<Digest> rest{manifest->config.digest};
  for (const Descriptor& layer : manifest->layers) rest.push_back(layer.digest);
  for (const Digest& digest : rest) (store.has(digest) ? parts.present : parts.missing).insert(digest);
  return parts;
}

}  // namespace

Result<BlobStore> BlobStore::open(std::filesystem::path dir) {
  for (const auto& part : {blobs_of(dir), temporary_of(dir), known_layers_of(dir), referrers_of(dir)})
    if (auto made = make_directories(part); !made) return std::move(made).error();
  const std::filesystem::path layout = dir / "oci-layout";
  auto text = read_file(layout, kMaxIndex);
  if (!text && text.error().code != ErrorCode::kNotFound) return std::move(text).error();
  if (text && (text->find("imageLayoutVersion") == std::string::npos || text->find(kVersionOne) == std::string::npos))
    return invalid("not_a_store", layout.string() + ": want an OCI image layout of version 1, found something else; " +
                                      "name an empty directory");
  if (text && is_there(dir / "index.json")) return BlobStore(std::move(dir));
  auto lock = lock_file(dir / "index.lock", LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  for (const auto& [path, bytes] :
       {std::pair(layout, std::string(kLayoutText)), std::pair(dir / "index.json", print_index({}))})
    if (!is_there(path))
      if (auto made = replace_file(path, bytes); !made) return std::move(made).error();
  return BlobStore(std::move(dir));
}

std::filesystem::path BlobStore::blob_path(const Digest& digest) const {
  return blobs_of(dir_) / to_hex(digest);
}

bool BlobStore::has(const Digest& digest) const {
  return size_of(digest).has_value();
}

std::optional<std::int64_t> BlobStore::size_of(const Digest& digest) const {
  struct stat status {};
  if (::stat(blob_path(digest).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return status.st_size;
}

Result<std::string> BlobStore::read(const Digest& digest, Bytes max) const {
  auto text = read_file(blob_path(digest), max);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return no_such_blob(digest);
    if (text.error().reason == "file_too_large") return exhausted("blob_too_large", text.error().message);
    return text;
  }
  if (sha256(*text) != digest) return corrupt(digest, blob_path(digest));
  return text;
}

// ---- Reader
// ----------------------------------------------------------------------------------------------------------

struct BlobStore::Reader::State {
  Fd fd;
  Digest digest;
  std::filesystem::path path;
  std::int64_t size = 0;
  Sha256 hash;
  bool ended = false;
};

BlobStore::Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobStore::Reader::Reader(Reader&&) noexcept = default;
BlobStore::Reader& BlobStore::Reader::operator=(Reader&&) noexcept = default;
BlobStore::Reader::~Reader() = default;

std::int64_t BlobStore::Reader::size() const {
  return state_->size;
}

Result<std::size_t> BlobStore::Reader::read(std::span<char> into) {
  if (state_->ended || into.empty()) return std::size_t{0};
  ssize_t got = 0;
  do got = ::read(state_->fd.get(), into.data(), into.size());
  while (got < 0 && errno == EINTR);
  if (got < 0) return system_error("store_failed", "reading", state_->path);
  if (got > 0) {
    state_->hash.update({into.data(), static_cast<std::size_t>(got)});
    return static_cast<std::size_t>(got);
  }
  state_->ended = true;
  if (state_->hash.finish() != state_->digest) return corrupt(state_->digest, state_->path);
  return std::size_t{0};
}

Result<BlobStore::Reader> BlobStore::open_blob(const Digest& digest) const {
  auto state = std::make_unique<Reader::State>();
  state->digest = digest;
  state->path = blob_path(digest);
  auto fd = open_file(state->path, O_RDONLY);
  if (!fd) {
    if (fd.error().code == ErrorCode::kNotFound) return no_such_blob(digest);
    return std::move(fd).error();
  }
  state->fd = *std::move(fd);
  struct stat status {};
  if (::fstat(state->fd.get(), &status) != 0) return system_error("store_failed", "reading", state->path);
  state->size = status.st_size;
  return Reader(std::move(state));
}

// ---- Writer
// ----------------------------------------------------------------------------------------------------------

struct BlobStore::Writer::State {
  BlobStore store;
  Hold hold;  // so that no collector takes the temporary file for one of a dead writer
  Fd fd;
  std::filesystem::path path;
  Bytes max;
  std::int64_t size = 0;
  Sha256 hash;
  bool finished = false;

  ~State() {
    if (!finished && !path.empty()) ::unlink(path.c_str());
  }
};

BlobStore::Writer::Writer(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobStore::Writer::Writer(Writer&&) noexcept = default;
BlobStore::Writer& BlobStore::Writer::operator=(Writer&&) noexcept = default;
BlobStore::Writer::~Writer() = default;

Result<void> BlobStore::check(const Digest& digest) const {
  auto reader = open_blob(digest);
  if (!reader) return std::move(reader).error();
  std::vector<char> buffer(kCheckChunk);
  while (true) {
    const auto got = reader->read(buffer);
    if (!got) return got.error();
    if (*got == 0) return {};
  }
}

Result<BlobStore::Writer> BlobStore::writer(Bytes max) const {
  auto held = hold();
  if (!held) return std::move(held).error();
  const std::filesystem::path path = fresh_name(temporary_of(dir_), "blob-");
  auto fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!fd) return std::move(fd).error();
  return Writer(std::unique_ptr<Writer::State>(
      new Writer::State{*this, *std::move(held), *std::move(fd), path, max, 0, Sha256(), false}));
}

Result<void> BlobStore::Writer::write(std::string_view bytes) {
  UNIK_CHECK(!state_->finished, "a write to a finished blob");
  if (static_cast<std::int64_t>(bytes.size()) > state_->max.value - state_->size)
    return exhausted("blob_too_large", "blob: want at most " + format_bytes(state_->max) + ", got more");
  state_->hash.update(bytes);
  state_->size += static_cast<std::int64_t>(bytes.size());
  return write_all(state_->fd.get(), bytes, state_->path);
}

Result<BlobInfo> BlobStore::Writer::finish(const std::optional<Digest>& expected) {
  UNIK_CHECK(!state_->finished, "a blob finished twice");
  const BlobInfo info{state_->hash.finish(), state_->size};
  if (expected && *expected != info.digest)
    return invalid("digest_mismatch", "blob: want " + to_string(*expected) + ", got bytes of " +
                                          to_string(info.digest) + "; fetch it again");
  const std::filesystem::path place = state_->store.blob_path(info.digest);
  // One of the same size was verified when it was written; a shorter one is what a failing disk left.
  if (state_->store.size_of(info.digest) == info.size) return info;
  if (auto synced = sync_file(state_->fd.get(), state_->path); !synced) return std::move(synced).error();
  if (::rename(state_->path.c_str(), place.c_str()) != 0) return system_error("store_failed", "renaming to", place);
  state_->finished = true;
  if (auto synced = sync_directory(place.parent_path()); !synced) return std::move(synced).error();
  return info;
}

Error BlobStore::damaged(const Digest& digest) const {
  return corrupt(digest, blob_path(digest));
}

Result<void> BlobStore::drop_damaged(const Digest& digest) const {
  auto whole = check(digest);
  if (whole || whole.error().reason == "no_such_blob") return {};
  return whole.error().reason == "corrupt_blob" ? remove(digest) : whole;
}

Result<BlobInfo> BlobStore::put(std::string_view bytes) const {
  const Digest digest = sha256(bytes);
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (auto dropped = drop_damaged(digest); !dropped) return std::move(dropped).error();
  if (size_of(digest) == size) return BlobInfo{digest, size};
  auto out = writer();
  if (!out) return std::move(out).error();
  if (auto written = out->write(bytes); !written) return std::move(written).error();
  return out->finish(digest);
}

// ---- The store as a whole
// --------------------------------------------------------------------------------------------

Result<std::vector<BlobInfo>> BlobStore::list() const {
  auto names = names_in(blobs_of(dir_));
  if (!names) return std::move(names).error();
  std::vector<BlobInfo> blobs;
  for (const std::string& name : *names) {
    const auto digest = parse_digest("sha256:" + name);
    const auto size = digest ? size_of(*digest) : std::nullopt;
    if (size) blobs.push_back({*digest, *size});
  }
  return blobs;
}

Result<void> BlobStore::remove(const Digest& digest) const {
  if (::unlink(blob_path(digest).c_str()) != 0 && errno != ENOENT)
    return system_error("store_failed", "removing", blob_path(digest));
  return {};
}

Result<std::vector<NamedImage>> BlobStore::images() const {
  auto text = read_file(dir_ / "index.json", kMaxIndex);
  if (!text) return std::move(text).error();
  auto images = parse_index(*text);
  if (!images) return invalid("bad_index", (dir_ / "index.json").string() + ": " + images.error().message);
  std::stable_sort(images->begin(), images->end(),
                   [](const NamedImage& a, const NamedImage& b) { return a.name < b.name; });
  return images;
}

Result<void> BlobStore::set_image(const NamedImage& image, const std::optional<Digest>& was) const {
  auto lock = lock_file(dir_ / "index.lock", LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  auto all = images();
  if (!all) return std::move(all).error();
  const auto same = [&](const NamedImage& other) { return other.name == image.name; };
  const auto it = std::find_if(all->begin(), all->end(), same);
  if (was && (it == all->end() || it->manifest.digest != *was))
    return conflict("image_moved", "image " + image.name + ": want it to be " + to_string(*was) + ", found " +
                                       (it == all->end() ? "it gone" : to_string(it->manifest.digest)) +
                                       "; somebody else changed it meanwhile, try again");
  if (it != all->end() && *it == image) return {};
  std::erase_if(*all, same);
  all->insert(std::upper_bound(all->begin(), all->end(), image,
                               [](const NamedImage& a, const NamedImage& b) { return a.name < b.name; }),
              image);
  return replace_file(dir_ / "index.json", print_index(*all));
}

Result<void> BlobStore::remove_image(std::string_view name) const {
  auto lock = lock_file(dir_ / "index.lock", LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  auto all = images();
  if (!all) return std::move(all).error();
  if (std::erase_if(*all, [&](const NamedImage& image) { return image.name == name; }) == 0) return {};
  return replace_file(dir_ / "index.json", print_index(*all));
}

Result<NamedImage> BlobStore::find_image(std::string_view name) const {
  auto all = images();
  if (!all) return std::move(all).error();
  for (NamedImage& image : *all)
    if (image.name == name) return std::move(image);
  return not_found("no_such_image",
                   "image `" + std::string(name) + "` is not in the store; `unikctl image list` shows what is");
}

Result<std::vector<Descriptor>> BlobStore::referrers(const Digest& image) const {
  std::vector<Descriptor> artifacts;
  const std::filesystem::path path = referrers_of(dir_) / to_hex(image);
  auto text = read_file(path, kMaxIndex);
  if (!text && text.error().code == ErrorCode::kNotFound) return artifacts;
  if (!text) return std::move(text).error();
  auto index = parse_index(*text);
  if (!index) return invalid("bad_index", path.string() + ": " + index.error().message);
  for (NamedImage& entry : *index) artifacts.push_back(std::move(entry.manifest));
  return artifacts;
}

// One file an image, so that neither the index nor a look-up grows with what others have signed.
Result<void> BlobStore::add_referrer(const Digest& image, const Descriptor& artifact) const {
  auto lock = lock_file(dir_ / "index.lock", LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  auto all = referrers(image);
  if (!all) return std::move(all).error();
  std::vector<NamedImage> entries;
  for (Descriptor& other : *all) {
    if (other.digest == artifact.digest) return {};
    entries.push_back({{}, std::move(other)});
  }
  if (entries.size() >= kMaxReferrers)
    return exhausted("too_many_referrers", "image " + to_string(image) + ": want at most " +
                                               std::to_string(kMaxReferrers) + " signatures, found as many already");
  entries.push_back({{}, artifact});
  return replace_file(referrers_of(dir_) / to_hex(image), print_index(entries));
}

Result<Manifest> BlobStore::manifest(const Digest& image) const {
  auto text = read(image);
  if (!text) {
    if (text.error().reason == "no_such_blob")
      return not_found("no_such_image", "image " + to_string(image) + " is not in the store; fetch or build it again");
    return std::move(text).error();
  }
  auto manifest = parse_manifest(*text);
  if (!manifest) return invalid("bad_manifest", to_string(image) + ": " + manifest.error().message);
  return manifest;
}

Result<ImageConfig> BlobStore::config(const Manifest& manifest) const {
  auto text = read(manifest.config.digest);
  if (!text) return std::move(text).error();
  return parse_image_config(*text);
}

Result<std::vector<Digest>> BlobStore::missing(const Digest& image) const {
  auto parts = parts_of(*this, image);
  if (!parts) return std::move(parts).error();
  return std::vector<Digest>(parts->missing.begin(), parts->missing.end());
}

// ---- Collecting
// ------------------------------------------------------------------------------------------------------

BlobStore::Hold::Hold(Hold&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
BlobStore::Hold& BlobStore::Hold::operator=(Hold&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
BlobStore::Hold::~Hold() {
  if (fd_ >= 0) ::close(fd_);
}

Result<BlobStore::Hold> BlobStore::hold() const {
  auto lock = lock_file(dir_ / "lock", LockMode::kShared);
  if (!lock) return std::move(lock).error();
  return Hold(lock->release());
}

namespace {

bool is_written_before(const std::filesystem::path& path, WallTime moment) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && WallTime(std::chrono::seconds(status.st_mtim.tv_sec)) < moment;
}

// What is about the images that stay; what is about others is no longer said.
Result<std::vector<Digest>> artifacts_about(const BlobStore& store, const std::function<bool(const Digest&)>& stays) {
  std::vector<Digest> artifacts;
  auto names = names_in(referrers_of(store.dir()));
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    const auto image = parse_digest("sha256:" + name);
    if (!image || !stays(*image)) {
      std::error_code ignored;
      std::filesystem::remove(referrers_of(store.dir()) / name, ignored);
      continue;
    }
    auto about = store.referrers(*image);
    if (!about) return std::move(about).error();
    for (const Descriptor& artifact : *about) artifacts.push_back(artifact.digest);
  }
  return artifacts;
}

// What a killed replace_file left. All that write here hold the index's lock or a Hold, and the caller has both.
Result<void> remove_temporary(const std::filesystem::path& store) {
  for (const auto& directory : {store, temporary_of(store), known_layers_of(store), referrers_of(store)}) {
    auto names = names_in(directory, NameKind::kTemporary);
    if (!names) return std::move(names).error();
    for (const std::string& name : *names) {
      // Beside an index may lie what belongs to others.
      if (directory == store && !name.starts_with(".index.json.") && !name.starts_with(".oci-layout.")) continue;
      std::error_code ignored;
      std::filesystem::remove(directory / name, ignored);
    }
  }
  return {};
}

bool is_no_manifest(const Error& error) {
  return error.reason == "bad_manifest" || error.reason == "blob_too_large" || error.reason == "corrupt_blob";
}

}  // namespace

void BlobStore::renew(const Digest& digest) const {
  ::utimensat(AT_FDCWD, blob_path(digest).c_str(), nullptr, 0);
}

Result<BlobStore::Collected> BlobStore::collect_garbage(std::span<const Digest> keep,
                                                        std::optional<WallTime> written_before) const {
  auto lock = lock_file(dir_ / "lock", LockMode::kExclusive, false);
  if (!lock) return std::move(lock).error();
  auto all = images();
  if (!all) return std::move(all).error();
  std::vector<Digest> roots(keep.begin(), keep.end());
  for (const NamedImage& image : *all) roots.push_back(image.manifest.digest);
  auto artifacts =
      artifacts_about(*this, [&, images = std::set<Digest>(roots.begin(), roots.end())](const Digest& image) {
        return images.contains(image) ||
               (written_before && has(image) && !is_written_before(blob_path(image), *written_before));
      });
  if (!artifacts) return std::move(artifacts).error();
  roots.insert(roots.end(), artifacts->begin(), artifacts->end());
  Collected collected;
  std::set<Digest> wanted;
  for (const Digest& root : std::set<Digest>(roots.begin(), roots.end())) {
    auto parts = parts_of(*this, root);
    if (parts) {
      wanted.merge(parts->present);
    } else if (is_no_manifest(parts.error())) {
      // Nobody can tell what it needs, and it cannot run: it keeps itself and nothing from going.
      wanted.insert(root);
      collected.unreadable.push_back(root);
    } else {
      return std::move(parts).error();
    }
  }
  auto blobs = list();
  if (!blobs) return std::move(blobs).error();
  for (const BlobInfo& blob : *blobs) {
    if (wanted.contains(blob.digest)) continue;
    if (written_before && !is_written_before(blob_path(blob.digest), *written_before)) continue;
    if (auto removed = remove(blob.digest); !removed) return std::move(removed).error();
    ++collected.blobs;
    collected.bytes += blob.size;
  }
  for (const auto& directory : {temporary_of(dir_), known_layers_of(dir_)}) {
    auto names = names_in(directory);
    if (!names) return std::move(names).error();
    for (const std::string& name : *names) {
      const std::filesystem::path path = directory / name;
      // Which blob a known layer became; without the blob the note is worth nothing.
      const auto note = directory == known_layers_of(dir_) ? read_file(path, kibibytes(1)) : Result<std::string>("");
      const auto digest = parse_digest(note ? *note : "");
      std::error_code ignored;
      if (!digest || !has(*digest)) std::filesystem::remove_all(path, ignored);
    }
  }
  auto index_lock = lock_file(dir_ / "index.lock", LockMode::kExclusive);
  if (!index_lock) return std::move(index_lock).error();
  if (auto removed = remove_temporary(dir_); !removed) return std::move(removed).error();
  return collected;
}

}  // namespace unik::runtimes
