// Images on this host: an OCI image layout (`oci-layout`, `index.json`, `blobs/sha256/HEX`) that other tools can read.
//
// A blob appears under its name only when it is whole, verified and on disk (temporary file, fsync, rename), so a
// reader never sees half of one and a kill at any moment leaves nothing that a later call would trust. Any number of
// processes may share a store: blobs are immutable, and the index is changed under a lock. A BlobStore is a small
// handle without open files; copies and calls from several threads are fine, a Writer or Reader belongs to one thread.
//
// Errors common to all: `unavailable/store_failed` (the disk refused), `exhausted/disk_full`, `internal/corrupt_blob`
// (bytes on disk do not match their name: the message says to remove or fetch the blob again).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"
#include "api/units.hpp"
#include "runtimes/lib/oci/digest.hpp"
#include "runtimes/lib/oci/image.hpp"

namespace unik::runtimes {

inline constexpr Bytes kMaxBlob = mebibytes(64 << 10);
inline constexpr std::size_t kMaxReferrers = 64;  // of one image

struct BlobInfo {
  Digest digest;
  std::int64_t size = 0;

  bool operator==(const BlobInfo&) const = default;
};

class BlobStore {
 public:
  // Creates the layout where it is missing. Errors: `invalid/not_a_store` for a layout of another version.
  static Result<BlobStore> open(std::filesystem::path dir);

  const std::filesystem::path& dir() const { return dir_; }
  std::filesystem::path blob_path(const Digest& digest) const;

  bool has(const Digest& digest) const;
  // Bytes; empty when the blob is not there.
  std::optional<std::int64_t> size_of(const Digest& digest) const;

  // The whole blob, verified. Errors: `not_found/no_such_blob`, `exhausted/blob_too_large` beyond `max`.
  Result<std::string> read(const Digest& digest, Bytes max = {kMaxDocumentBytes}) const;

  // A blob as a stream that verifies itself: the read that meets the end fails with `internal/corrupt_blob` when the
  // bytes did not match, so nothing made of them may be published before `read` has returned 0.
  class Reader {
   public:
    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

    std::int64_t size() const;
    // Fills at most `into`; 0 at the verified end.
    Result<std::size_t> read(std::span<char> into);

   private:
    friend class BlobStore;
    struct State;
    explicit Reader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  Result<Reader> open_blob(const Digest& digest) const;
  // Reads the whole blob again.
  Result<void> check(const Digest& digest) const;

  // A blob being written. Destroyed before `finish` succeeded, it leaves nothing.
  class Writer {
   public:
    Writer(Writer&&) noexcept;
    Writer& operator=(Writer&&) noexcept;
    ~Writer();

    // Errors: `exhausted/blob_too_large` beyond the `max` given to `writer`.
    Result<void> write(std::string_view bytes);
    // Makes the blob durable and visible. Errors: `invalid/digest_mismatch` when `expected` is given and differs.
    Result<BlobInfo> finish(const std::optional<Digest>& expected = std::nullopt);

   private:
    friend class BlobStore;
    struct State;
    explicit Writer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  Result<Writer> writer(Bytes max = kMaxBlob) const;

  // Removes the blob where its bytes do not match its name, so that it can be written again.
  Result<void> drop_damaged(const Digest& digest) const;
  // What `read` says of such a blob.
  Error damaged(const Digest& digest) const;

  // Writes nothing when the blob is there already, and whole.
  Result<BlobInfo> put(std::string_view bytes) const;

  // All blobs, by digest.
  Result<std::vector<BlobInfo>> list() const;
  // Removing what is not there succeeds.
  Result<void> remove(const Digest& digest) const;

  // The index: names and the manifests they stand for, sorted by name. A manifest may have several names; setting a
  // name again moves it: with `was`, only while it stands for that. Errors: `conflict/image_moved`.
  Result<std::vector<NamedImage>> images() const;
  Result<void> set_image(const NamedImage& image, const std::optional<Digest>& was = std::nullopt) const;
  Result<void> remove_image(std::string_view name) const;
  // Errors: `not_found/no_such_image`.
  Result<NamedImage> find_image(std::string_view name) const;

  // What is about an image instead of being one, such as its signatures: artifacts that name it as their subject, as
  // OCI 1.1 has them. A collector keeps them, their blobs too, as long as the image. Adding one again changes nothing.
  // Errors: `exhausted/too_many_referrers`.
  Result<std::vector<Descriptor>> referrers(const Digest& image) const;
  Result<void> add_referrer(const Digest& image, const Descriptor& artifact) const;

  // The two documents of an image, verified and parsed. Errors: also `not_found/no_such_image`, `invalid/bad_manifest`.
  Result<Manifest> manifest(const Digest& image) const;
  Result<ImageConfig> config(const Manifest& manifest) const;
  // What is missing of an image, manifest included: what a fetch has still to bring.
  Result<std::vector<Digest>> missing(const Digest& image) const;

  // While a Hold lives, no collector removes anything: take one before the first `has` whose answer is relied on, and
  // keep it until the image is in the index. It dies with the process.
  class Hold {
   public:
    Hold(Hold&&) noexcept;
    Hold& operator=(Hold&&) noexcept;
    ~Hold();

   private:
    friend class BlobStore;
    explicit Hold(int fd) : fd_(fd) {}
    int fd_ = -1;
  };
  Result<Hold> hold() const;

  struct Collected {
    std::size_t blobs = 0;
    std::int64_t bytes = 0;
    std::vector<Digest> unreadable;  // images whose manifest is none, or damaged: they kept themselves alone
  };
  // Removes blobs that no image of the index and none of `keep` (manifest digests) needs, and what killed writers left.
  // With `written_before` only blobs that were neither written nor renewed since. Errors: `unavailable/store_busy`
  // while somebody holds the store.
  Result<Collected> collect_garbage(std::span<const Digest> keep = {},
                                    std::optional<WallTime> written_before = std::nullopt) const;
  // Lets the blob count as written now: somebody relies on its being there. Nothing when it is not.
  void renew(const Digest& digest) const;

 private:
  explicit BlobStore(std::filesystem::path dir) : dir_(std::move(dir)) {}
  std::filesystem::path dir_;
};

}  // namespace unik::runtimes
