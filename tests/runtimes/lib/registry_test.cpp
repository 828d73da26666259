// The client against a real registry, other people's tools, cut wires, and a simulated registry for what the real one
// never does: lie, ask for tokens, and be busy.
#include <fstream>
#include <optional>
#include <thread>

#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/registry/challenge.hpp"
#include "runtimes/lib/registry/signature_transfer.hpp"
#include "runtimes/lib/registry/transfer.hpp"
#include "runtimes/lib/signature/base64.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"
#include "tests/runtimes/lib/registry_fixture.hpp"
#include "wire/http_server.hpp"

namespace unik::runtimes {
namespace {

constexpr const char* kUser = "ann:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";  // s3cret

// Bytes that nothing can compress or guess, the same in every run.
std::string noise(std::size_t size, std::uint32_t seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return bytes;
}

class RegistryTest : public LibTest {
 protected:
  void SetUp() override {
    LibTest::SetUp();
    ASSERT_TRUE(have("docker-registry")) << "apt-get install docker-registry";
  }

  static ImageName name_of(const std::string& text) {
    const auto name = parse_image_name(text);
    EXPECT_TRUE(name.ok()) << text;
    return *name;
  }

  // Pauses are counted, not waited for, beyond a moment for the other side to notice a cut.
  RegistryOptions quick(std::optional<Credentials> credentials = {}) {
    RegistryOptions options;
    options.credentials = std::move(credentials);
    options.pause = [this](Duration pause) {
      pauses_ += 1;
      paused_ += pause.count();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
    return options;
  }

  // An image of one file of `size` bytes, as tools of others can unpack it.
  NamedImage put_image(const BlobStore& blobs, const std::string& name, std::size_t size, std::uint32_t seed) {
    FileTree tree;
    FileNode file;
    file.content = noise(size, seed);
    file.size = static_cast<std::int64_t>(size);
    EXPECT_OK(put_node(tree, "data/noise", std::move(file)));
    const auto layer = put_layer(blobs, tree, "app");
    EXPECT_OK(layer);
    ImageConfig config;
    config.entrypoint = {"/data/noise"};
    config.diff_ids = {layer->diff_id};
    config.history = {"unikctl layer app"};
    const auto config_blob = blobs.put(print_image_config(config));
    Manifest manifest;
    manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
    manifest.layers = {layer->descriptor};
    const auto blob = blobs.put(print_manifest(manifest));
    NamedImage image{name, {std::string(kManifestMediaType), blob->digest, blob->size, {}}};
    EXPECT_OK(blobs.set_image(image));
    return image;
  }

  std::atomic<int> pauses_ = 0;
  std::atomic<std::int64_t> paused_ = 0;  // microseconds
};

TEST_F(RegistryTest, PushedIsPulledWithTheSameDigest) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", 300000, 1);
  const ImageName name = name_of(registry.host() + "/team/web:1.0");
  RegistryClient client(name, quick());
  TransferProgress last;
  const auto pushed = push_image(client, from, image.manifest.digest, name, {},
                                 [&](const TransferProgress& progress) { last = progress; });
  ASSERT_OK(pushed);
  EXPECT_EQ(*pushed, image.manifest.digest);
  EXPECT_EQ(last.blobs_done, 2);
  EXPECT_EQ(last.bytes_done, last.bytes);
  EXPECT_EQ(kTransferWorkers, 4);
  EXPECT_EQ(*client.manifest_digest("1.0"), image.manifest.digest);

  const auto pulled = pull_image(client, to, name, {});
  ASSERT_OK(pulled);
  EXPECT_EQ(pulled->image.manifest.digest, image.manifest.digest);
  EXPECT_EQ(pulled->image.name, to_string(name));
  EXPECT_TRUE(to.missing(image.manifest.digest)->empty());
  EXPECT_EQ(pulled->progress.reused, 0);
  // Nothing is sent twice, in either direction.
  const auto again = pull_image(client, to, name, {});
  ASSERT_OK(again);
  EXPECT_EQ(again->progress.bytes, 0);
  EXPECT_EQ(again->progress.reused, 2);
  ASSERT_OK(push_image(client, from, image.manifest.digest, name, {},
                       [&](const TransferProgress& progress) { last = progress; }));
  EXPECT_EQ(last.bytes, 0);
  EXPECT_EQ(pauses_, 0);
}

TEST_F(RegistryTest, ToolsOfOthersReadWhatWePushAndWriteWhatWePull) {
  ASSERT_TRUE(have("skopeo") && have("umoci")) << "apt-get install skopeo umoci";
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", 50000, 2);
  const ImageName ours = name_of(registry.host() + "/web:ours"), theirs = name_of(registry.host() + "/web:theirs");
  RegistryClient client(ours, quick());
  ASSERT_OK(push_image(client, from, image.manifest.digest, ours));

  int code = 1;
  const std::string seen = shell("skopeo inspect --tls-verify=false docker://" + to_string(ours), &code);
  EXPECT_EQ(code, 0) << seen;
  EXPECT_NE(seen.find(to_string(image.manifest.digest)), std::string::npos) << seen;
  const std::string layout = (dir_ / "layout").string();
  const std::string copied =
      shell("skopeo copy --src-tls-verify=false docker://" + to_string(ours) + " oci:" + layout + ":web", &code);
  ASSERT_EQ(code, 0) << copied;
  const std::string unpacked =
      shell("umoci unpack --rootless --image " + layout + ":web " + (dir_ / "out").string(), &code);
  ASSERT_EQ(code, 0) << unpacked;
  EXPECT_EQ(slurp(dir_ / "out" / "rootfs" / "data" / "noise"), noise(50000, 2));

  // And the other way: umoci makes an image, skopeo pushes it, we pull it.
  const std::string made = shell("umoci init --layout " + layout + "2 && umoci new --image " + layout + "2:x && " +
                                     "umoci config --image " + layout + "2:x --config.cmd /bin/x --config.user 7:8",
                                 &code);
  ASSERT_EQ(code, 0) << made;
  const std::string sent =
      shell("skopeo copy --dest-tls-verify=false oci:" + layout + "2:x docker://" + to_string(theirs), &code);
  ASSERT_EQ(code, 0) << sent;
  const auto pulled = pull_image(client, to, theirs, {});
  ASSERT_OK(pulled);
  const auto facts = image_facts(to, pulled->image);
  ASSERT_OK(facts);
  EXPECT_EQ(facts->config.cmd, std::vector<std::string>{"/bin/x"});
  EXPECT_EQ(facts->config.user, "7:8");
}

TEST_F(RegistryTest, LayersOfAnotherRepositoryAreMounted) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from");
  const NamedImage image = put_image(from, "web", 200000, 3);
  const ImageName one = name_of(registry.host() + "/one/web:1"), two = name_of(registry.host() + "/two/web:1");
  RegistryClient first(one, quick()), second(two, quick());
  ASSERT_OK(push_image(first, from, image.manifest.digest, one));
  TransferProgress last;
  ASSERT_OK(push_image(second, from, image.manifest.digest, two, {"none/such", "one/web"},
                       [&](const TransferProgress& progress) { last = progress; }));
  EXPECT_EQ(last.bytes, 0);
  EXPECT_EQ(last.reused, 2);
  EXPECT_EQ(*second.manifest_digest("1"), image.manifest.digest);
}

TEST_F(RegistryTest, WrongCredentialsAreRefusedAndNeverShown) {
  const DebianRegistry registry(dir_ / "registry", kUser);
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from");
  const NamedImage image = put_image(from, "web", 1000, 4);
  const ImageName name = name_of(registry.host() + "/web:1");
  for (const auto& credentials : {std::optional<Credentials>(), std::optional(Credentials{"ann", "wr0ng", ""})}) {
    RegistryClient client(name, quick(credentials));
    const auto pushed = push_image(client, from, image.manifest.digest, name);
    ASSERT_FALSE(pushed.ok());
    EXPECT_EQ(pushed.error().reason, "registry_unauthorized");
    EXPECT_EQ(pushed.error().code, ErrorCode::kUnauthorized);
    EXPECT_EQ(pushed.error().message.find("wr0ng"), std::string::npos) << pushed.error().message;
  }
  write_file(dir_ / "config.json",
             R"({"auths":{"https://)" + registry.host() + R"(/v1/":{"auth":")" + to_base64("ann:s3cret") + "\"}}}");
  const auto credentials = read_credentials({{"DOCKER_CONFIG", dir_.string()}}, registry.host());
  ASSERT_OK(credentials);
  ASSERT_TRUE(*credentials);
  RegistryClient client(name, quick(*credentials));
  EXPECT_OK(push_image(client, from, image.manifest.digest, name));
  EXPECT_EQ(pauses_, 0) << "a refusal is no reason to try again";
}

TEST_F(RegistryTest, ACutDownloadGoesOnWhereItStopped) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  constexpr std::size_t kSize = 12 << 20;
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", kSize, 5);
  const ImageName direct = name_of(registry.host() + "/web:1");
  RegistryClient client(direct, quick());
  ASSERT_OK(push_image(client, from, image.manifest.digest, direct));

  CuttingProxy proxy(registry.port(), {3 << 20, 3 << 20, 3 << 20});
  const ImageName cut = name_of(proxy.host() + "/web:1");
  RegistryClient through(cut, quick());
  const auto pulled = pull_image(through, to, cut, {});
  ASSERT_OK(pulled);
  EXPECT_EQ(proxy.cut(), 3u);
  EXPECT_TRUE(to.missing(image.manifest.digest)->empty());
  EXPECT_GE(pauses_, 3);
  // What the buffers on the way held is lost with each cut; beginning again each time would cost 9 MiB more.
  EXPECT_LT(proxy.moved(), static_cast<std::int64_t>(kSize + (6 << 20)));
}

// This registry forgets an upload that was cut within a chunk, so it is begun again, and ends whole.
TEST_F(RegistryTest, ACutUploadEndsWhole) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", 24 << 20, 6);  // two chunks
  CuttingProxy proxy(registry.port(), {20 << 20, 4 << 20});
  const ImageName cut = name_of(proxy.host() + "/web:1");
  RegistryClient through(cut, quick());
  TransferProgress last;
  ASSERT_OK(push_image(through, from, image.manifest.digest, cut, {},
                       [&](const TransferProgress& progress) { last = progress; }));
  EXPECT_EQ(proxy.cut(), 2u);
  EXPECT_EQ(last.bytes_done, last.bytes) << "what was lost is not counted as sent";
  const ImageName direct = name_of(registry.host() + "/web:1");
  RegistryClient client(direct, quick());
  ASSERT_OK(pull_image(client, to, direct, {}));
  EXPECT_TRUE(to.missing(image.manifest.digest)->empty());
}

TEST_F(RegistryTest, ARegistryThatIsGoneFailsCleanAndTheNextTryGoesOn) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", 4 << 20, 7);
  const ImageName direct = name_of(registry.host() + "/web:1");
  RegistryClient client(direct, quick());
  ASSERT_OK(push_image(client, from, image.manifest.digest, direct));
  {
    // After half of the layer, every connection ends with its first byte.
    std::vector<std::int64_t> cuts(1000, 1);
    cuts.front() = 2 << 20;
    CuttingProxy proxy(registry.port(), cuts);
    const ImageName cut = name_of(proxy.host() + "/web:1");
    RegistryClient through(cut, quick());
    const auto pulled = pull_image(through, to, cut, {});
    ASSERT_FALSE(pulled.ok());
    EXPECT_TRUE(traits(pulled.error().code).retryable) << to_string(pulled.error());
  }
  EXPECT_TRUE(to.images()->empty());
  EXPECT_TRUE(fs::is_empty(to.dir() / "tmp"));
  EXPECT_OK(pull_image(client, to, direct, {}));
}

TEST_F(RegistryTest, ABlobThatWasAlteredIsRefused) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", 100000, 8);
  const ImageName name = name_of(registry.host() + "/web:1");
  RegistryClient client(name, quick());
  ASSERT_OK(push_image(client, from, image.manifest.digest, name));
  const Digest layer = from.manifest(image.manifest.digest)->layers.front().digest;
  const fs::path data = registry.directory() / "data/docker/registry/v2/blobs/sha256" / to_hex(layer).substr(0, 2) /
                        to_hex(layer) / "data";
  {
    std::fstream file(data, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file.is_open()) << data;
    file.seekp(5000);
    file.write("evil", 4);
  }
  const auto pulled = pull_image(client, to, name, {});
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.error().reason, "digest_mismatch");
  EXPECT_FALSE(to.has(layer));
  EXPECT_TRUE(to.images()->empty());
}

TEST_F(RegistryTest, ABlobThatIsDamagedHereIsSaidToBeHere) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from");
  const NamedImage image = put_image(from, "web", 100000, 9);
  const Digest layer = from.manifest(image.manifest.digest)->layers.front().digest;
  const auto size = static_cast<std::size_t>(*from.size_of(layer));
  const ImageName name = name_of(registry.host() + "/web:1");
  RegistryClient client(name, quick());
  for (const std::string& damage : {noise(size, 10), noise(size - 1, 10)}) {
    write_file(from.blob_path(layer), damage);
    const auto pushed = push_image(client, from, image.manifest.digest, name);
    ASSERT_FALSE(pushed.ok());
    EXPECT_EQ(pushed.error().reason, "corrupt_blob");
    EXPECT_NE(pushed.error().message.find(from.blob_path(layer).string()), std::string::npos);
  }
  EXPECT_FALSE(*client.has_blob(layer));
  EXPECT_EQ(client.manifest_digest("1").error().code, ErrorCode::kNotFound);
}

TEST_F(RegistryTest, WhatIsNotThereIsNamed) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore to = store("to");
  const ImageName name = name_of(registry.host() + "/none:1");
  RegistryClient client(name, quick());
  const auto pulled = pull_image(client, to, name, {});
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.error().code, ErrorCode::kNotFound);
  EXPECT_NE(pulled.error().message.find("none:1"), std::string::npos) << pulled.error().message;
}

std::vector<KeyId> signers(const BlobStore& blobs, const Digest& image) {
  std::vector<KeyId> ids;
  const auto signatures = image_signatures(blobs, image);
  EXPECT_OK(signatures);
  for (const ImageSignature& one : *signatures) ids.push_back(one.signature.id);
  return ids;
}

void sign_with(const BlobStore& blobs, const Digest& image, const SecretKey& key) {
  EXPECT_OK(add_image_signature(blobs, image, sign_image(key, *blobs.read(image))));
}

// Debian's registry keeps nothing about images by itself: the tag of the referrers does.
TEST_F(RegistryTest, SignaturesGoWithTheImage) {
  const DebianRegistry registry(dir_ / "registry");
  ASSERT_TRUE(registry.up());
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", 1000, 11);
  const Digest digest = image.manifest.digest;
  const SecretKey first = generate_key(), second = generate_key();
  sign_with(from, digest, first);
  const ImageName name = name_of(registry.host() + "/web:1"), copy = name_of(registry.host() + "/copy:1");
  RegistryClient client(name, quick()), copies(copy, quick());
  ASSERT_OK(push_image(client, from, digest, name));
  const auto pulled = pull_image(client, to, name, {});
  ASSERT_OK(pulled);
  EXPECT_EQ(pulled->signatures, 1u);
  EXPECT_EQ(signers(to, digest), std::vector<KeyId>{first.public_key.id});

  // Another host adds its own; neither is lost, and what others keep in the index stays.
  sign_with(to, digest, second);
  auto listed = parse_index(client.manifest("sha256-" + to_hex(digest))->text);
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), 1u);
  const auto other = from.put(print_manifest(*from.manifest(digest)));
  listed->push_back({{}, {std::string(kManifestMediaType), other->digest, other->size, {{"a", "b"}}, "their/sbom"}});
  ASSERT_OK(client.put_manifest("sha256-" + to_hex(digest), print_index(*listed), kIndexMediaType));
  ASSERT_OK(push_image(client, to, digest, name));
  const auto after = parse_index(client.manifest("sha256-" + to_hex(digest))->text);
  ASSERT_OK(after);
  ASSERT_EQ(after->size(), 3u);
  EXPECT_EQ((*after)[1].manifest, listed->back().manifest);
  EXPECT_EQ(remote_signatures(client, digest)->size(), 2u);

  ASSERT_OK(push_image(copies, to, digest, copy));
  EXPECT_EQ(remote_signatures(copies, digest)->size(), 2u);
  EXPECT_TRUE(remote_signatures(client, sha256("unsigned"))->empty());
}

// ---- A simulated registry ----

class SimulatedRegistry {
 public:
  using Handler = std::function<wire::HttpResponse(const wire::HttpRequest&)>;
  explicit SimulatedRegistry(Handler handler) : handler_(std::move(handler)) {
    wire::ServerOptions options;
    options.listen = {{*wire::parse_endpoint("http://127.0.0.1:0"), true}};
    options.body_policy = [](std::string_view, std::string_view) { return wire::BodyPolicy{false, 64 << 20}; };
    auto server = wire::HttpServer::start(
        options, [this](wire::HttpRequest request, wire::Responder responder) { responder.send(handler_(request)); });
    EXPECT_TRUE(server.ok());
    server_.emplace(*std::move(server));
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(server_->endpoints().front().port); }

 private:
  const Handler handler_;
  std::optional<wire::HttpServer> server_;
};

wire::HttpResponse reply(int status, std::string body = "", wire::Headers headers = {}) {
  return {status, std::move(headers), std::move(body), "application/json"};
}

using SimulatedRegistryTest = RegistryTest;

TEST_F(SimulatedRegistryTest, TokensAreAskedForByScopeKeptAndRenewed) {
  std::atomic<int> tokens = 0;
  std::string seen_scope, seen_authorization, host;
  const std::string manifest = R"({"schemaVersion":2})";
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    if (request.path == "/token") {
      seen_scope = request.query.at("scope");
      seen_authorization = request.headers.get("Authorization");
      return reply(200, R"({"token":"t)" + std::to_string(++tokens) + R"(","expires_in":300})");
    }
    // The first token is withdrawn after its first use, as when a server forgets.
    const std::string authorization(request.headers.get("Authorization"));
    if (authorization != "Bearer t" + std::to_string(tokens.load()) || (request.path.ends_with("/2") && tokens == 1))
      return reply(401, "",
                   {{"WWW-Authenticate", "Bearer realm=\"http://" + host + "/token\",service=\"reg\",scope=\"x\""}});
    return reply(200, manifest);
  });
  host = registry.host();
  RegistryClient client(name_of(host + "/team/web"), quick(Credentials{"ann", "s3cret", ""}));
  ASSERT_OK(client.manifest("1"));
  EXPECT_EQ(seen_scope, "repository:team/web:pull");
  EXPECT_EQ(seen_authorization, basic_authorization("ann", "s3cret"));
  ASSERT_OK(client.manifest("1"));
  EXPECT_EQ(tokens, 1) << "a token serves until it ends";
  ASSERT_OK(client.manifest("2"));
  EXPECT_EQ(tokens, 2) << "one that is refused is asked for once more";
}

TEST_F(SimulatedRegistryTest, ABusyRegistryIsGivenTheTimeItAsksFor) {
  std::atomic<int> asked = 0;
  const std::string manifest = R"({"schemaVersion":2})";
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    if (!request.path.ends_with("/1")) return reply(200);
    ++asked;
    if (asked == 1) return reply(429, "", {{"Retry-After", "7"}});
    if (asked == 2) return reply(503);
    return reply(200, manifest);
  });
  RegistryClient client(name_of(registry.host() + "/web"), quick());
  ASSERT_OK(client.manifest("1"));
  EXPECT_EQ(asked, 3);
  EXPECT_GE(paused_, 7'000'000);
}

TEST_F(SimulatedRegistryTest, ATagThatAnotherWritesIsWrittenAgain) {
  const std::string half_written =
      R"({"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]})";
  std::atomic<int> asked = 0;
  std::atomic<int> times = 2;
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    if (request.path == "/v2/") return reply(200);
    return ++asked <= times ? reply(400, half_written) : reply(201);
  });
  RegistryClient client(name_of(registry.host() + "/web"), quick());
  ASSERT_OK(client.put_manifest("registry.json", "{}", kIndexMediaType));
  EXPECT_EQ(asked, 3);

  asked = 0;
  times = 100;
  EXPECT_FALSE(client.put_manifest("registry.json", "{}", kIndexMediaType).ok());
  EXPECT_EQ(asked, kRegistryAttempts);
  asked = 0;
  EXPECT_FALSE(client.put_manifest(to_string(sha256("{}")), "{}", kIndexMediaType).ok());
  EXPECT_EQ(asked, 1) << "a digest that is wrong stays so";
}

TEST_F(SimulatedRegistryTest, OneThatStaysBusyIsAskedSixTimes) {
  std::atomic<int> asked = 0;
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    if (!request.path.ends_with("/1")) return reply(200);
    ++asked;
    return reply(503);
  });
  RegistryClient client(name_of(registry.host() + "/web"), quick());
  EXPECT_FALSE(client.manifest("1").ok());
  EXPECT_EQ(asked, 6);
  EXPECT_EQ(kRegistryAttempts, 6);
}

// It knows no ranges and has fewer bytes than are asked for: each answer is progress, and none is the end.
TEST_F(SimulatedRegistryTest, ABlobThatNeverEndsIsGivenUp) {
  std::atomic<int> asked = 0;
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    if (request.path == "/v2/") return reply(200);
    ++asked;
    return reply(200, "abc");
  });
  RegistryClient client(name_of(registry.host() + "/web"), quick());
  int restarts = 0;
  const auto fetched = client.fetch_blob(sha256("abc"), 5,
                                         {[](std::string_view) -> Result<void> { return {}; },
                                          [&]() -> Result<void> {
                                            ++restarts;
                                            return {};
                                          }});
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().reason, "registry_failed");
  EXPECT_EQ(restarts, kRegistryAttempts - 1);
  EXPECT_EQ(asked, 2 * kRegistryAttempts);
}

TEST_F(SimulatedRegistryTest, ATokenServerThatRefusesTheOtherRepositoryCostsAnUpload) {
  std::string host, uploaded;
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    const auto answer = [&](int status, wire::Headers headers = {}) { return reply(status, "", std::move(headers)); };
    if (request.path == "/token")
      return request.target.find("private") == std::string::npos ? reply(200, R"({"token":"t"})") : reply(403);
    if (request.headers.get("Authorization") != "Bearer t")
      return answer(401, {{"WWW-Authenticate", "Bearer realm=\"http://" + host + "/token\",service=\"reg\""}});
    if (request.method == "POST") return answer(202, {{"Location", "/v2/web/blobs/uploads/1"}});
    if (request.method == "PATCH") uploaded += request.body;
    if (request.method == "PATCH") return answer(202, {{"Location", "/v2/web/blobs/uploads/1"}});
    return answer(201);
  });
  host = registry.host();
  RegistryClient client(name_of(host + "/web"), quick());
  const auto mounted = client.mount_blob(sha256("abc"), "private");
  ASSERT_OK(mounted);
  EXPECT_FALSE(*mounted);
  const auto read = [](std::int64_t offset, std::span<char> into) -> Result<std::size_t> {
    return std::string_view("abc").copy(into.data(), into.size(), static_cast<std::size_t>(offset));
  };
  EXPECT_OK(client.push_blob(sha256("abc"), 3, read, {}));
  EXPECT_EQ(uploaded, "abc");
}

TEST_F(SimulatedRegistryTest, ADocumentThatIsNotWhatItsDigestSaysIsRefused) {
  const std::string manifest = R"({"schemaVersion":2})";
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    if (request.path.ends_with("/tag"))
      return reply(200, manifest, {{"Docker-Content-Digest", to_string(sha256("other"))}});
    return reply(200, manifest);
  });
  RegistryClient client(name_of(registry.host() + "/web"), quick());
  EXPECT_EQ(client.manifest(to_string(sha256("what I want"))).error().reason, "digest_mismatch");
  EXPECT_EQ(client.manifest("tag").error().reason, "digest_mismatch");
  EXPECT_OK(client.manifest(to_string(sha256(manifest))));
}

TEST_F(SimulatedRegistryTest, CredentialsGoToNoTokenServerWithoutTls) {
  std::atomic<int> requests = 0;
  SimulatedRegistry registry([&](const wire::HttpRequest&) {
    ++requests;
    return reply(401, "", {{"WWW-Authenticate", "Bearer realm=\"http://192.0.2.1/token\",service=\"reg\""}});
  });
  RegistryClient client(name_of(registry.host() + "/web"), quick(Credentials{"ann", "s3cret", ""}));
  EXPECT_EQ(client.manifest("1").error().reason, "insecure_realm");
}

// One that keeps what arrived of a chunk, as the protocol wants it: nothing is sent twice.
TEST_F(SimulatedRegistryTest, AnUploadGoesOnWhereItStopped) {
  const std::string blob = noise((20 << 20) + 5, 9);
  std::string have;
  std::size_t sent = 0;
  std::size_t largest = 0;
  int chunks = 0;
  std::string ended;
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    const wire::Headers place{{"Location", "/v2/web/blobs/uploads/u1"},
                              {"Range", "0-" + std::to_string(have.empty() ? 0 : have.size() - 1)}};
    if (request.method == "POST") return reply(202, "", place);
    if (request.method == "PATCH") {
      largest = std::max(largest, request.body.size());
      sent += request.body.size();
      if (!request.headers.get("Content-Range").starts_with(std::to_string(have.size()) + "-")) return reply(416);
      // The second one breaks off after a third of it.
      const bool breaks = ++chunks == 2;
      have += request.body.substr(0, breaks ? request.body.size() / 3 : std::string::npos);
      if (breaks) return reply(503);
      return reply(202, "",
                   {{"Location", "/v2/web/blobs/uploads/u1"}, {"Range", "0-" + std::to_string(have.size() - 1)}});
    }
    if (request.method == "GET" && request.path.ends_with("/u1")) return reply(204, "", place);
    if (request.method == "PUT") {
      ended = request.query.at("digest");
      return reply(201);
    }
    return reply(200);
  });
  RegistryClient client(name_of(registry.host() + "/web"), quick());
  const auto read = [&](std::int64_t offset, std::span<char> into) -> Result<std::size_t> {
    return blob.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
  };
  std::int64_t told = 0;
  ASSERT_OK(client.push_blob(sha256(blob), static_cast<std::int64_t>(blob.size()), read,
                             [&](std::int64_t bytes) { told = bytes; }));
  EXPECT_EQ(sha256(have), sha256(blob));
  EXPECT_EQ(ended, to_string(sha256(blob)));
  EXPECT_EQ(told, static_cast<std::int64_t>(blob.size()));
  const std::size_t second = blob.size() - static_cast<std::size_t>(kUploadChunk.value);
  EXPECT_EQ(largest, std::size_t{16} << 20);
  EXPECT_EQ(sent, blob.size() + second - second / 3) << "only what was lost is sent again";
}

TEST_F(SimulatedRegistryTest, AnIndexIsResolvedByPlatform) {
  const auto entry = [](const std::string& os, const std::string& architecture, const std::string& text) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":)" + std::to_string(text.size()) +
           R"(,"digest":")" + to_string(sha256(text)) + R"(","platform":{"os":")" + os + R"(","architecture":")" +
           architecture + "\"}}";
  };
  const std::string index = R"({"schemaVersion":2,"manifests":[)" + entry("linux", "arm64", "a") + "," +
                            entry("unknown", "unknown", "b") + "," + entry("linux", "amd64", "c") + "]}";
  EXPECT_TRUE(is_image_index(index));
  EXPECT_FALSE(is_image_index(print_manifest({})));
  EXPECT_EQ(choose_image(index, {"linux", "amd64"})->digest, sha256("c"));
  EXPECT_EQ(choose_image(index, {"linux", "arm64"})->digest, sha256("a"));
  const auto none = choose_image(index, {"linux", "s390x"});
  EXPECT_EQ(none.error().reason, "no_such_platform");
  EXPECT_NE(none.error().message.find("linux/arm64, linux/amd64"), std::string::npos) << none.error().message;
}

// One of OCI 1.1: it lists by itself what names an image as its subject, and no tag is written.
TEST_F(SimulatedRegistryTest, ARegistryThatKeepsReferrersIsAskedForThem) {
  const BlobStore from = store("from"), to = store("to");
  const NamedImage image = put_image(from, "web", 1000, 12);
  const Digest digest = image.manifest.digest;
  const SecretKey key = generate_key();
  sign_with(from, digest, key);
  const ImageSignature signature = image_signatures(from, digest)->front();
  std::map<std::string, std::string> documents;
  std::vector<NamedImage> referrers;
  SimulatedRegistry registry([&](const wire::HttpRequest& request) {
    const std::string last = request.path.substr(request.path.rfind('/') + 1);
    if (request.path.find("/referrers/") != std::string::npos) return reply(200, print_index(referrers));
    if (request.path.find("/blobs/") != std::string::npos) {
      const auto blob = from.read(*parse_digest(last));
      return request.method == "HEAD" ? reply(200) : reply(200, *blob);
    }
    if (request.method == "PUT") {
      documents[last] = request.body;
      const auto manifest = parse_manifest(request.body);
      if (!manifest->subject) return reply(201);
      referrers.push_back({{}, signature.artifact});
      return reply(201, "", {{"OCI-Subject", to_string(manifest->subject->digest)}});
    }
    const auto found = documents.find(last);
    return found == documents.end() ? reply(request.path == "/v2/" ? 200 : 404) : reply(200, found->second);
  });
  const ImageName name = name_of(registry.host() + "/web:1");
  RegistryClient client(name, quick());
  ASSERT_OK(push_image(client, from, digest, name));
  EXPECT_EQ(referrers.size(), 1u);
  EXPECT_FALSE(documents.contains("sha256-" + to_hex(digest)));
  ASSERT_OK(push_image(client, from, digest, name));
  EXPECT_EQ(referrers.size(), 1u) << "what is listed is not sent again";
  ASSERT_OK(pull_image(client, to, name, {}));
  EXPECT_EQ(signers(to, digest), std::vector<KeyId>{key.public_key.id});

  // Something that says to be a signature of this image and is none hides nothing.
  documents[to_string(sha256("junk"))] = "junk";
  referrers.insert(referrers.begin(),
                   {{}, {std::string(kManifestMediaType), sha256("junk"), 4, {}, signature.artifact.artifact_type}});
  EXPECT_EQ(remote_signatures(client, digest)->size(), 1u);
}

// ---- Values ----

TEST(Challenges, AreReadAsTheyAreWritten) {
  const auto one =
      parse_challenges(R"(Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push")");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].scheme, "bearer");
  EXPECT_EQ(one[0].details.at("scope"), "repository:a/b:pull,push");
  const auto two = parse_challenges(R"(Basic realm="a \"b\"", Bearer realm=x , service=y)");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].details.at("realm"), "a \"b\"");
  EXPECT_EQ(two[1].details.at("service"), "y");
  for (const char* odd : {"", ",", "=", "Bearer realm=\"open", "\"\"", "a=b", "Bearer ====", "Bearer realm=\"x\\"})
    EXPECT_LE(parse_challenges(odd).size(), 1u) << odd;
}

TEST(Base64, IsExact) {
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("ab"), std::string("ann:s3cret"), std::string("\0\xff\x80", 3)})
    EXPECT_EQ(*from_base64(to_base64(text)), text);
  EXPECT_EQ(to_base64("ann:s3cret"), "YW5uOnMzY3JldA==");
  for (const char* bad : {"a", "YW5", "YW5u=", "YW5u\n", "====", "YW=5", "YWI*"}) EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(CredentialsTest, ComeFromDockersFile) {
  const auto one =
      find_credentials(R"({"auths":{"reg.example:5000":{"auth":"YW5uOnMzY3JldA=="}}})", "reg.example:5000");
  ASSERT_OK(one);
  EXPECT_EQ(**one, (Credentials{"ann", "s3cret", ""}));
  EXPECT_FALSE(*find_credentials(R"({"auths":{"reg.example":{"auth":"YW5uOnMzY3JldA=="}}})", "reg.example:5000"));
  EXPECT_FALSE(*find_credentials(R"({"auths":{"reg.example":{}}})", "reg.example"));
  EXPECT_EQ((*find_credentials(R"({"auths":{"r.example":{"identitytoken":"t"}}})", "r.example"))->identity_token, "t");
  EXPECT_EQ(find_credentials(R"({"auths":{"r.example":{"auth":"####"}}})", "r.example").error().reason,
            "bad_credentials");
  EXPECT_EQ(find_credentials(R"({"credHelpers":{"r.example":"secretservice"}})", "r.example").error().reason,
            "bad_credentials");
  EXPECT_EQ(find_credentials("not json", "r.example").error().reason, "bad_credentials");
}

}  // namespace
}  // namespace unik::runtimes
