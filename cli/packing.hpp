// From a directory, a program, a root file system or somebody's kernel to an image, and from here to the control plane.
//
// Images are kept in the store `$UNIKCTL_HOME/images`, so that packing the same again is quick.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/api.hpp"
#include "cli/output/format.hpp"
#include "cli/session.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/packed_image.hpp"

namespace unik::cli {

struct PackRequest {
  std::filesystem::path path;                   // unless `rootfs`
  std::optional<std::filesystem::path> rootfs;  // `args` is then the command
  std::optional<std::filesystem::path> initrd;  // for a kernel
  std::vector<std::string> includes;            // PATH[:DEST]
  std::vector<std::string> args;                // of a root file system or kernel: part of the image
  std::string name;                             // empty: of the directory or file
  std::string runtime;                          // NAME[@VERSION], over the recipe's and the pack's
  bool debug = false;                           // a debug build; UNIKCTL_DEBUG=1 for a build command of unik.yaml
  bool rebuild = false;
  bool lock = false;  // builds on what there is now, and pins it in unik.lock
};

struct Packed {
  runtimes::PackedImage image;
  std::optional<codec::UnikYaml> recipe;  // of a directory
  bool reused = false;                    // nothing had to be built
  bool args_in_image = false;             // `args` are part of it: the App shall not repeat them
};

Result<runtimes::BlobStore> open_store(const Session& session);

// What tells that the disk of that store is full says how to free some of it; the disks of others are theirs to free.
Error with_prune_hint(const Environment& environment, Error error);

// Of `DIRECTORY/unik.yaml`; an empty one where there is none: a source needs none. Errors: those of parse_unik_yaml.
Result<codec::UnikYaml> read_recipe(const std::filesystem::path& directory);

// What `build --explain` prints: which packs match and why one was chosen, its tools, its lock, its commands; JSON or
// lines. Builds nothing.
Result<std::string> explain_pack(const Session& session, const PackRequest& request, OutputFormat format);

// Builds and packs, saying on stderr what it does.
Result<Packed> pack(const Session& session, const runtimes::BlobStore& store, const PackRequest& request);

// Sends one blob that the control plane lacks; `what` is it for people.
Result<void> upload_blob(const Session& session, const Api& api, const runtimes::BlobStore& store,
                         const runtimes::Digest& digest, const std::string& what);

// Sends the signatures of an image that the control plane lacks, which has the image.
Result<void> upload_signatures(const Session& session, const Api& api, const runtimes::BlobStore& store,
                               const runtimes::Digest& image);

// The same of several, from the store of this host, before the control plane acts: nodes ask for them at once. What
// could not be sent is warned of, and what the control plane has no image for goes there with the image.
void send_signatures(const Session& session, const Api& api, const std::vector<runtimes::Digest>& images);

// Sends what the control plane does not have, the manifest last, so that whoever sees it can rely on the rest; and the
// signatures.
Result<void> upload(const Session& session, const Api& api, const runtimes::BlobStore& store,
                    const runtimes::PackedImage& image);

// A name for an app or image from a path: `My_App.bin` gives `my-app-bin`. Errors: `invalid`/`no_name`, asking for
// --name.
Result<std::string> name_from(const std::filesystem::path& path);

}  // namespace unik::cli
