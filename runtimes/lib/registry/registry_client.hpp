// One repository of one registry, by the OCI distribution protocol: what `image push|pull|copy` and the nodes speak.
//
// Any number of threads may call; connections and tokens are kept and shared. TLS, except with a registry on loopback
// that speaks none, or where `plain_http` says so. Documents are verified against their digest; blobs are streamed, and
// whoever takes them verifies. What may pass (a cut connection, 429, 5xx) is tried again with growing pauses; a cut
// transfer goes on where it stopped, in both directions.
//
// Errors: `not_found/no_such_image`, `not_found/no_such_blob`, `unauthorized/registry_unauthorized`,
// `forbidden/registry_forbidden`, `invalid/digest_mismatch`, `invalid/registry_refused`, `exhausted/registry_busy`,
// `unavailable/registry_failed`, `unavailable/insecure_realm`, and those of wire::fetch. None holds a credential.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "api/time.hpp"
#include "api/units.hpp"
#include "runtimes/lib/oci/digest.hpp"
#include "runtimes/lib/oci/image.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/registry/credentials.hpp"

namespace unik::runtimes {

inline constexpr Bytes kUploadChunk = mebibytes(16);    // one request of an upload; the least that a cut costs
inline constexpr int kRegistryAttempts = 6;             // where nothing else is said
inline constexpr std::size_t kMaxRegistryClients = 16;  // connections kept for later
inline constexpr std::size_t kMaxErrorText = 512;       // bytes of what a registry says of an error

struct RegistryOptions {
  std::optional<Credentials> credentials;
  bool plain_http = false;           // for a registry beyond loopback
  int attempts = kRegistryAttempts;  // of one request, of one blob without progress, and of one blob from its start
  Duration first_pause = std::chrono::milliseconds(250);  // doubled each time, up to 8 s
  Duration stall = std::chrono::seconds(60);              // a transfer without a byte for so long is cut
  // Waits; a test counts instead. Any thread.
  std::function<void(Duration)> pause;
};

// A manifest or index as the registry has it.
struct RemoteDocument {
  std::string text;
  std::string media_type;
  Digest digest;  // of `text`
};

class RegistryClient {
 public:
  // Contacts nobody. `name` must have a registry.
  RegistryClient(const ImageName& name, RegistryOptions options);
  ~RegistryClient();
  RegistryClient(const RegistryClient&) = delete;
  RegistryClient& operator=(const RegistryClient&) = delete;

  const std::string& registry() const;
  const std::string& repository() const;

  // Asks who is there and what it wants to know of us. The other calls do it where nobody did.
  Result<void> ping();

  // `reference`: a tag or a digest.
  Result<RemoteDocument> manifest(std::string_view reference);
  // Its digest alone, by HEAD.
  Result<Digest> manifest_digest(std::string_view reference);
  // Says whether the registry keeps by itself what the manifest is about (`OCI-Subject`); one without a subject is
  // about nothing.
  Result<bool> put_manifest(std::string_view reference, std::string_view text, std::string_view media_type);
  // The index of what is about `subject`, as the registry itself keeps it; none where it keeps none.
  Result<std::optional<std::string>> referrers(const Digest& subject);

  Result<bool> has_blob(const Digest& digest);

  // Streams a blob of `size` bytes from the byte `from` on. `take` gets the bytes in order, each once; `restart` is
  // called when what was given so far is void, and what lies before `from` with it. Ends when the blob was given to its
  // end; nothing is verified here. `take` failing ends the transfer with its error.
  struct BlobSink {
    std::function<Result<void>(std::string_view)> take;
    std::function<Result<void>()> restart;
  };
  Result<void> fetch_blob(const Digest& digest, std::int64_t size, const BlobSink& sink, std::int64_t from = 0);

  // Has the registry take a blob over from another of its repositories; false where it does not, or we may not.
  Result<bool> mount_blob(const Digest& digest, std::string_view from_repository);

  // Uploads in chunks. `read` fills a buffer from an offset, wholly except at the end; it is asked again for what a cut
  // lost.
  using BlobSource = std::function<Result<std::size_t>(std::int64_t offset, std::span<char> into)>;
  using OnSent = std::function<void(std::int64_t bytes)>;  // that the registry has
  Result<void> push_blob(const Digest& digest, std::int64_t size, const BlobSource& read, const OnSent& sent);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace unik::runtimes
