#include "runtimes/lib/runtime/package_download.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/oci_registry.hpp"
#include "runtimes/lib/runtime/registry_access.hpp"
#include "wire/http_client.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFileUrlPrefix = "file://";
constexpr int kPackageRedirects = 5;
constexpr std::int64_t kGoodTry = 1 << 20;  // bytes; who brings less at each try is not asked for ever
constexpr int kSmallTries = 32;             // in a row
constexpr Duration kFirstDownloadPause = std::chrono::milliseconds(5);
constexpr Duration kLongestDownloadPause = std::chrono::seconds(5);

Error wrong_checksum(const std::string& what, const Digest& wanted, const Digest& found) {
  return invalid("wrong_checksum", what + ": want " + to_string(wanted) + ", as its registry says, found " +
                                       to_string(found) + "; nothing of it was used");
}

class Download {
 public:
  Download(const std::string& url, const RuntimeRelease& release, const fs::path& file,
           const std::map<std::string, std::string>& environment, const OnDownload& progress,
           const DownloadPause& pause)
      : url_(url),
        size_(release.size),
        checksum_(release.checksum),
        file_(file),
        environment_(environment),
        progress_(progress),
        pause_(pause) {}

  Result<void> run() {
    auto fd = open_file(file_, O_RDWR | O_CREAT);
    if (!fd) return std::move(fd).error();
    fd_ = *std::move(fd);
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return system_error("store_failed", "looking at", file_);
    done_ = status.st_size;
    if (done_ > size_ || url_.starts_with(kFileUrlPrefix)) begin_anew();
    if (url_.starts_with(kFileUrlPrefix)) return copy();
    if (is_oci_url(url_)) return from_namespace();
    int small_tries = 0;
    while (done_ < size_) {
      const std::int64_t before = done_;
      auto came = one_transfer();
      if (came) continue;
      if (!can_go_on(came.error()) || done_ <= before) return came;
      small_tries = done_ - before >= kGoodTry ? 0 : small_tries + 1;
      if (small_tries > kSmallTries) return came;
      pause_(std::min<Duration>(kFirstDownloadPause * (1 << std::min(small_tries, 16)), kLongestDownloadPause));
    }
    return kept_;
  }

 private:
  // Answers that another try would only hear again.
  static bool can_go_on(const Error& error) { return traits(error.code).retryable; }

  void begin_anew() {
    done_ = 0;
    if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0)
      kept_ = system_error("store_failed", "emptying", file_);
  }

  Error wrong_size(const std::string& found) const {
    return invalid("wrong_size",
                   url_ + ": want " + std::to_string(size_) + " bytes, as its registry says, found " + found);
  }

  bool take(std::string_view bytes) {
    if (!kept_) return false;
    if (done_ + static_cast<std::int64_t>(bytes.size()) > size_) {
      kept_ = wrong_size("more");
      return false;
    }
    kept_ = write_all(fd_.get(), bytes, file_);
    if (!kept_) return false;
    done_ += static_cast<std::int64_t>(bytes.size());
    if (progress_) progress_({done_, size_});
    return true;
  }

  Result<void> copy() {
    const fs::path from(url_.substr(kFileUrlPrefix.size()));
    auto done = read_chunks(from, [&](std::string_view bytes) {
      take(bytes);
      return kept_;
    });
    if (!kept_) return kept_;
    if (!done) return not_found("no_such_package", done.error().message);
    return done_ == size_ ? Result<void>() : wrong_size(std::to_string(done_));
  }

  // The registry says what it has before a byte of it is fetched; its client goes on by itself where it is cut.
  Result<void> from_namespace() {
    const auto name = oci_package(url_);
    if (!name) return name.error();
    const auto client = open_repository(*name, environment_);
    if (!client) return client.error();
    const auto there = find_artifact(**client, name->tag, kPackageArtifact);
    if (!there && there.error().code == ErrorCode::kNotFound)
      return not_found("no_such_package", there.error().message);
    if (!there) return there.error();
    if (there->file.size != size_) return wrong_size(std::to_string(there->file.size));
    if (there->file.digest != checksum_) return wrong_checksum(url_, checksum_, there->file.digest);
    if (::lseek(fd_.get(), done_, SEEK_SET) != done_) return system_error("store_failed", "going on in", file_);
    RegistryClient::BlobSink sink;
    sink.take = [this](std::string_view bytes) {
      take(bytes);
      return kept_;
    };
    sink.restart = [this] {
      begin_anew();
      return kept_;
    };
    return (*client)->fetch_blob(there->file.digest, size_, sink, done_);
  }

  // Asks for what is missing, or for all of it.
  Result<void> one_transfer() {
    if (no_ranges_ && done_ > 0) begin_anew();
    const std::int64_t from = done_;
    const auto answer = ask(from);
    if (from > 0 && cannot_go_on(answer)) {
      no_ranges_ = true;
      kept_ = {};
      return one_transfer();
    }
    if (!kept_) return kept_;
    if (!answer) return answer.error();
    if (answer->status == 401 || answer->status == 403) return refused_access(url_, answer->status);
    if (answer->status == 404) return not_found("no_such_package", url_ + ": no such file there");
    if (!answer->ok()) return server_failed(url_, answer->status);
    // A body that ended in order and is short was never longer.
    return done_ == size_ ? Result<void>() : wrong_size(std::to_string(done_));
  }

  // The server gave the whole file, or has none from there on: what is here must be fetched again.
  bool cannot_go_on(const Result<wire::ClientResponse>& answer) const {
    const bool too_much = !kept_ && kept_.error().reason == "wrong_size";
    return too_much || (answer && (answer->status == 200 || answer->status == 416));
  }

  Result<wire::ClientResponse> ask(std::int64_t from) {
    const auto parsed = wire::parse_url(url_);
    if (!parsed) return parsed.error();
    if (::lseek(fd_.get(), from, SEEK_SET) != from) return system_error("store_failed", "going on in", file_);
    wire::ClientRequest request;
    request.endpoint = parsed->endpoint;
    request.target = parsed->target;
    request.total_timeout = {};
    request.stall_timeout = kPackageStall;
    request.max_redirects = kPackageRedirects;
    request.netrc = netrc_of(environment_);
    if (from > 0) request.headers.add("Range", "bytes=" + std::to_string(from) + "-");
    request.sink = [this](std::string_view bytes) { return take(bytes); };
    return wire::fetch(request);
  }

  const std::string& url_;
  const std::int64_t size_;
  const Digest& checksum_;
  const fs::path& file_;
  const std::map<std::string, std::string>& environment_;
  const OnDownload& progress_;
  const DownloadPause& pause_;
  Fd fd_;
  std::int64_t done_ = 0;
  bool no_ranges_ = false;
  Result<void> kept_;  // what went wrong on this side
};

}  // namespace

void sleep_between_tries(Duration pause) {
  std::this_thread::sleep_for(pause);
}

Result<void> download_package(const std::string& url, const RuntimeRelease& release, const fs::path& file,
                              const std::map<std::string, std::string>& environment, const OnDownload& progress,
                              const DownloadPause& pause) {
  if (auto made = make_directories(file.parent_path()); !made) return made;
  return Download(url, release, file, environment, progress, pause).run();
}

Result<void> check_signed(const RuntimeRelease& release, const std::optional<PublicKey>& key, const std::string& what) {
  if (!key) return {};
  if (release.signature.empty())
    return invalid("unsigned", what + ": want a signature by key " + to_string(key->id) +
                                   ", as `public_key` of its registry asks, found none");
  const auto signature = parse_signature(release.signature);
  if (!signature) return invalid("bad_signature", what + ": " + signature.error().message);
  if (signature->id == key->id) return {};
  // Told in the words that a check of the whole would use.
  return verify(*signature, {}, *key, what);
}

Result<void> verify_package(const fs::path& file, const RuntimeRelease& release, const std::optional<PublicKey>& key,
                            const std::string& what) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) return unavailable("store_failed", file.string() + ": " + error.message());
  if (size != static_cast<std::uintmax_t>(release.size))
    return invalid("wrong_size",
                   what + ": want " + std::to_string(release.size) + " bytes, found " + std::to_string(size));
  const auto sum = sha256_file(file);
  if (!sum) return sum.error();
  if (*sum != release.checksum) return wrong_checksum(what, release.checksum, *sum);
  if (auto there = check_signed(release, key, what); !there || !key) return there;
  const auto hash = prehash_file(file);
  if (!hash) return hash.error();
  return verify(*parse_signature(release.signature), *hash, *key, what);
}

}  // namespace unik::runtimes
