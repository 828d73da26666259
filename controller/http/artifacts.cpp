#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "codec/json_writer.hpp"
#include "codec/signatures_json.hpp"
#include "codec/utf8.hpp"
#include "controller/http/api.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::controller {
namespace {

using runtimes::BlobInfo;
using runtimes::BlobStore;
using runtimes::Digest;

constexpr std::size_t kChunk = 256 << 10;

std::string blob_json(const Digest& digest, std::int64_t size) {
  codec::JsonWriter out;
  out.begin_object().field("digest", to_string(digest)).field("size", size);
  return out.end_object().take();
}

// One upload: bytes go to the store as they come, and become a blob when their hash is the one that was named.
class Upload : public std::enable_shared_from_this<Upload> {
 public:
  Upload(BlobStore::Writer writer, Digest expected, wire::BodyStream body, wire::Responder responder)
      : writer_(std::move(writer)), expected_(expected), body_(std::move(body)), responder_(std::move(responder)) {}

  void start() {
    const auto self = shared_from_this();
    body_.start([self](std::string_view chunk) { self->take(chunk); },
                [self](Result<void> end) { self->finish(std::move(end)); });
  }

 private:
  void take(std::string_view chunk) {
    if (failed_) return;
    if (const Result<void> written = writer_.write(chunk); !written) {
      failed_ = true;
      responder_.send(written.error());
    }
  }

  void finish(Result<void> end) {
    if (failed_ || !end) return;  // the server has answered what broke the body off
    const Result<BlobInfo> blob = writer_.finish(expected_);
    if (!blob) return responder_.send(blob.error());
    responder_.send(json_response(200, blob_json(blob->digest, blob->size)));
  }

  BlobStore::Writer writer_;
  const Digest expected_;
  const wire::BodyStream body_;
  const wire::Responder responder_;
  bool failed_ = false;
};

// One download, read on as the client takes it.
class Download : public std::enable_shared_from_this<Download> {
 public:
  Download(BlobStore::Reader reader, wire::Stream stream) : reader_(std::move(reader)), stream_(std::move(stream)) {}

  void go_on() {
    const std::lock_guard lock(mutex_);
    while (!ended_ && stream_.buffered() <= wire::kStreamLowWater) {
      std::string chunk(kChunk, '\0');
      const Result<std::size_t> read = reader_.read({chunk.data(), chunk.size()});
      if (!read) {
        ended_ = true;  // dropped unfinished: the client sees a cut connection, not a whole blob
        return;
      }
      chunk.resize(*read);
      ended_ = *read == 0 || !stream_.write(std::move(chunk));
      if (*read == 0) stream_.finish();
    }
  }

 private:
  std::mutex mutex_;
  BlobStore::Reader reader_;
  const wire::Stream stream_;
  bool ended_ = false;
};

void put_artifact(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder) {
  const Result<Digest> digest = runtimes::parse_digest(query_text(request, "digest"));
  if (!digest) return responder.send(digest.error());
  context.artifacts.renew(*digest);
  if (const std::optional<std::int64_t> size = context.artifacts.size_of(*digest))
    return responder.send(json_response(200, blob_json(*digest, *size)));
  Result<BlobStore::Writer> writer = context.artifacts.writer();
  if (!writer) return responder.send(writer.error());
  std::make_shared<Upload>(std::move(*writer), *digest, *request.stream, responder)->start();
}

void get_artifact(ApiContext& context, const PathValues& path, const wire::Responder& responder) {
  const Result<Digest> digest = runtimes::parse_digest(path.at("digest"));
  if (!digest) return responder.send(digest.error());
  Result<BlobStore::Reader> reader = context.artifacts.open_blob(*digest);
  if (!reader) return responder.send(reader.error());
  const wire::Stream stream = responder.start_stream(200, {{"Content-Type", "application/octet-stream"}});
  const auto download = std::make_shared<Download>(std::move(*reader), stream);
  stream.on_drain([download] { download->go_on(); });
  download->go_on();
}

void has_artifact(ApiContext& context, const PathValues& path, const wire::Responder& responder) {
  const Result<Digest> digest = runtimes::parse_digest(path.at("digest"));
  if (!digest) return responder.send(digest.error());
  context.artifacts.renew(*digest);  // who asks will not upload it
  if (!context.artifacts.has(*digest))
    return responder.send(not_found("no_such_blob", "there is no blob " + path.at("digest")));
  responder.send(wire::HttpResponse{200, {}, "", ""});
}

void get_signatures(ApiContext& context, const PathValues& path, const wire::Responder& responder) {
  const Result<Digest> image = runtimes::parse_digest(path.at("digest"));
  if (!image) return responder.send(image.error());
  const auto signatures = image_signatures(context.artifacts, *image);
  if (!signatures) return responder.send(signatures.error());
  std::vector<std::string> texts;
  for (const runtimes::ImageSignature& one : *signatures) texts.push_back(print_signature(one.signature));
  responder.send(json_response(200, codec::signatures_json(texts)));
}

// Whether it is right is for those to say who know the keys: policies, and whoever boots the image.
void put_signature(ApiContext& context, const PathValues& path, const wire::HttpRequest& request,
                   const wire::Responder& responder) {
  const Result<Digest> image = runtimes::parse_digest(path.at("digest"));
  if (!image) return responder.send(image.error());
  if (!codec::is_utf8(request.body))
    return responder.send(invalid("bad_signature", "want a signature of UTF-8 text, whose comments can be passed on"));
  const auto signature = runtimes::parse_signature(request.body);
  if (!signature) return responder.send(signature.error());
  const auto artifact = add_image_signature(context.artifacts, *image, *signature);
  if (!artifact) return responder.send(artifact.error());
  responder.send(json_response(200, blob_json(artifact->digest, artifact->size)));
}

}  // namespace

void add_artifact_routes(ApiContext& context, std::vector<Route>& routes) {
  routes.push_back({"POST",
                    "/v1/artifacts",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      put_artifact(context, request, responder);
                    },
                    wire::BodyPolicy{true, static_cast<std::uint64_t>(runtimes::kMaxBlob.value)},
                    {{"digest", QueryRule::kText}},
                    false,
                    true});
  routes.push_back({"GET",
                    "/v1/artifacts/{digest}",
                    [&context](const PathValues& path, wire::HttpRequest, const wire::Responder& responder) {
                      get_artifact(context, path, responder);
                    },
                    {},
                    {}});
  routes.push_back({"HEAD",
                    "/v1/artifacts/{digest}",
                    [&context](const PathValues& path, wire::HttpRequest, const wire::Responder& responder) {
                      has_artifact(context, path, responder);
                    },
                    {},
                    {}});
  routes.push_back({"GET",
                    "/v1/artifacts/{digest}/signatures",
                    [&context](const PathValues& path, wire::HttpRequest, const wire::Responder& responder) {
                      get_signatures(context, path, responder);
                    },
                    {},
                    {}});
  routes.push_back({"POST",
                    "/v1/artifacts/{digest}/signatures",
                    [&context](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
                      put_signature(context, path, request, responder);
                    },
                    wire::BodyPolicy{false, static_cast<std::uint64_t>(runtimes::kMaxSignatureText.value)},
                    {},
                    false,
                    true});
}

}  // namespace unik::controller
