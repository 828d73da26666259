// The agent's port to images: carries out FetchImage, yields ImageReady and ImageFailed.
//
// An image's blobs come from the controller by digest and are verified as they stream into the store; then its boot
// files are prepared (runtimes/lib/boot). What is there already is not fetched again. Where keys are given, one of them
// must have signed the image: by a signature that the store has, or else by one that the controller has by now. Two
// workers, never both at the same image; the same request again while it is under way is answered by the same event.
//
// The store is a cache: when it holds more than its bound, or would with what a manifest states is still to come, or
// its disk is full, images that no goal needs go, those first that have not been needed for longest. What goals need
// stays, beyond the bound too. What runs keeps its open files.
//
// Errors of an image that nobody trusted has signed are those of runtimes::check_signatures, `invalid`; of one that is
// larger than the bound by itself, `invalid/image_too_large`.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ports.hpp"
#include "api/result.hpp"
#include "runtimes/lib/boot/boot_root.hpp"
#include "runtimes/lib/oci/blob_store.hpp"

namespace unik::agent {

inline constexpr int kImageWorkers = 2;
inline constexpr int kMaxFetchRounds =
    3;  // manifest, then what it names; once more if somebody removed a blob meanwhile

inline constexpr Bytes kImageCacheBound = mebibytes(10 << 10);

// Streams one blob into `sink`, which returns false to give up. Blocks.
using BlobSink = std::function<bool(std::string_view chunk)>;
using FetchBlob = std::function<Result<void>(const runtimes::Digest&, const BlobSink& sink)>;

// The texts of the signatures that the controller has of an image. Blocks.
using FetchSignatures = std::function<Result<std::vector<std::string>>(const runtimes::Digest& image)>;

struct ImageStoreOptions {
  std::string directory;             // `store/` and `boot/` below it are ours
  FetchBlob fetch;                   // called by the workers
  FetchSignatures fetch_signatures;  // so is this
  Bytes bound = kImageCacheBound;
};

class ImageStore {
 public:
  // `deliver` is called from the workers.
  static Result<std::unique_ptr<ImageStore>> create(ImageStoreOptions options, std::function<void(Event)> deliver);
  ~ImageStore();  // gives up what is under way
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;

  // Which of `unsigned_ones`, that may boot without a signature, are whole and ready to boot, `NAME@sha256:HEX`. Makes
  // their boot files where those are missing, so it may take a while after a cache was removed. No other image is
  // opened. Once, before any fetch.
  std::vector<std::string> ready_images(const std::set<std::string>& unsigned_ones);

  // Returns at once.
  void fetch(FetchImage effect);

  // What to boot of an image that is ready. Any thread. Errors: `not_found`/`image_not_ready`.
  Result<runtimes::BootFiles> boot_files(const std::string& image) const;

 private:
  class State;
  explicit ImageStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
