// The verbs of `image` against a real store: what they print, change and refuse.
#include <gtest/gtest.h>

#include <fstream>

#include "cli/output/images.hpp"
#include "cli/packing.hpp"
#include "codec/signatures_json.hpp"
#include "codec/views_json.hpp"
#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"
#include "tests/cli/samples.hpp"
#include "tests/cli/simulated_controller.hpp"

namespace unik::cli {
namespace {

using runtimes::BlobStore;
using runtimes::Descriptor;

class ImageVerbs : public testing::Test {
 protected:
  RunResult unikctl(const std::vector<std::string>& args) { return run_unikctl(controller, args); }
  BlobStore store() { return *BlobStore::open(controller.directory() / "home" / "images"); }

  // An image that has the shape of a packed one. Its content, and so its digest, follows from `text`.
  Descriptor put_image(const std::string& name, const std::string& text, const std::string& below = "the layer ",
                       std::vector<std::string> entrypoint = {"/app/web", "--quiet"}) {
    const BlobStore blobs = store();
    runtimes::ImageConfig config;
    config.entrypoint = std::move(entrypoint);
    config.env = {"A=1"};
    config.working_dir = "/app";
    config.exposed_ports = {"8080/tcp"};
    runtimes::Manifest manifest;
    for (const std::string layer : {"kernel", "base", "app"}) {
      const auto blob = blobs.put(layer == "app" ? text : below + layer);
      config.diff_ids.push_back(blob->digest);
      manifest.layers.push_back({std::string(runtimes::kLayerTarMediaType),
                                 blob->digest,
                                 blob->size,
                                 {{std::string(runtimes::kLayerAnnotation), layer}}});
    }
    const auto config_blob = blobs.put(print_image_config(config));
    manifest.config = {std::string(runtimes::kConfigMediaType), config_blob->digest, config_blob->size, {}};
    manifest.annotations[std::string(runtimes::kBaseAnnotation)] = to_string(manifest.layers[1].digest);
    const auto blob = blobs.put(print_manifest(manifest));
    const Descriptor descriptor{std::string(runtimes::kManifestMediaType), blob->digest, blob->size, {}};
    EXPECT_TRUE(blobs.set_image({name, descriptor}).ok());
    return descriptor;
  }

  SimulatedController controller;
};

TEST_F(ImageVerbs, ListShowsWhatImagesWeighAndHowTheyRun) {
  EXPECT_EQ(unikctl({"image", "list"}).out, "");
  EXPECT_EQ(unikctl({"image", "list", "-o", "json"}).out, "{\n  \"items\": []\n}\n");
  put_image("web", "app one");
  put_image("reg.example/api:1.2", std::string(5000, 'x'));
  EXPECT_EQ(unikctl({"image", "list"}).out,
            "NAME                  DIGEST         SIZE      LAYERS   RUNS AS\n"
            "reg.example/api:1.2   be8bbbc86768   6.3 KiB   3        unikernel\n"
            "web                   a66b793738b6   1.4 KiB   3        unikernel\n");
  EXPECT_EQ(unikctl({"image", "list", "-o", "name"}).out, "reg.example/api:1.2\nweb\n");
}

TEST_F(ImageVerbs, InspectShowsOneImageWhole) {
  const Descriptor web = put_image("web", "app one");
  EXPECT_EQ(unikctl({"image", "inspect", "web"}).out, R"(name          web
digest        sha256:a66b793738b6ae84ff4569946f5ca17624b7d2e90b2cedfdfba02055c9c348fb
runs as       unikernel
platform      linux/amd64
size          1.4 KiB
entry point   /app/web --quiet
directory     /app
ports         8080/tcp
env           A=1
annotation    dev.unikctl.base.digest=sha256:701cf04c962e0f157927038a669fbdb3b32c4acadb432d9de1bc4e63216768d5

LAYER    DIGEST                                                                    SIZE
kernel   sha256:424089450db173fb5d306baf6d6516cf3371da54f7e6f2af94efde2dbfb89c22   16 B
base     sha256:701cf04c962e0f157927038a669fbdb3b32c4acadb432d9de1bc4e63216768d5   14 B
app      sha256:960a1d4da8e891de81d13cca7b4b3cdccd5de68ac15322279590e690e5760c4b   7 B
)");
  EXPECT_EQ(unikctl({"image", "inspect", "web", "-o", "json"}).out, R"({
  "name": "web",
  "digest": "sha256:a66b793738b6ae84ff4569946f5ca17624b7d2e90b2cedfdfba02055c9c348fb",
  "runs_as": "unikernel",
  "complete": true,
  "size_bytes": 1430,
  "os": "linux",
  "architecture": "amd64",
  "config": {
    "digest": "sha256:3a3eefa457568ff33e8a2aaef63e112c3f69510bba56e5b4825a8335c06510b2",
    "entrypoint": [
      "/app/web",
      "--quiet"
    ],
    "cmd": [],
    "env": [
      "A=1"
    ],
    "working_dir": "/app",
    "user": "",
    "exposed_ports": [
      "8080/tcp"
    ]
  },
  "annotations": {
    "dev.unikctl.base.digest": "sha256:701cf04c962e0f157927038a669fbdb3b32c4acadb432d9de1bc4e63216768d5"
  },
  "layers": [
    {
      "name": "kernel",
      "digest": "sha256:424089450db173fb5d306baf6d6516cf3371da54f7e6f2af94efde2dbfb89c22",
      "size_bytes": 16,
      "media_type": "application/vnd.oci.image.layer.v1.tar",
      "diff_id": "sha256:424089450db173fb5d306baf6d6516cf3371da54f7e6f2af94efde2dbfb89c22"
    },
    {
      "name": "base",
      "digest": "sha256:701cf04c962e0f157927038a669fbdb3b32c4acadb432d9de1bc4e63216768d5",
      "size_bytes": 14,
      "media_type": "application/vnd.oci.image.layer.v1.tar",
      "diff_id": "sha256:701cf04c962e0f157927038a669fbdb3b32c4acadb432d9de1bc4e63216768d5"
    },
    {
      "name": "app",
      "digest": "sha256:960a1d4da8e891de81d13cca7b4b3cdccd5de68ac15322279590e690e5760c4b",
      "size_bytes": 7,
      "media_type": "application/vnd.oci.image.layer.v1.tar",
      "diff_id": "sha256:960a1d4da8e891de81d13cca7b4b3cdccd5de68ac15322279590e690e5760c4b"
    }
  ],
  "signed_by": []
}
)");
  EXPECT_EQ(unikctl({"image", "inspect", to_string(web.digest), "-o", "json"}).out,
            unikctl({"image", "inspect", "web", "-o", "json"}).out);
}

TEST_F(ImageVerbs, DigestIsThatOfTheManifest) {
  const Descriptor web = put_image("web", "app one");
  EXPECT_EQ(unikctl({"image", "digest", "web"}).out, to_string(web.digest) + "\n");
  const RunResult none = unikctl({"image", "digest", "api"});
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(none.err, "error: not_found: image `api` is not in the store; `unikctl image list` shows what is\n");
  EXPECT_EQ(unikctl({"image", "digest", "API"}).code, 2);
}

TEST_F(ImageVerbs, RemovedImagesGoWithTheNextPruneAndSharedLayersStay) {
  const Descriptor web = put_image("web", "app one");
  const Descriptor api = put_image("api", "app two");
  EXPECT_EQ(unikctl({"image", "copy", "web", "web:old"}).out, "web:old\n");
  EXPECT_EQ(unikctl({"image", "rm", "web", "api"}).out, "image/web removed\nimage/api removed\n");
  EXPECT_EQ(unikctl({"image", "rm", "web"}).code, 3);
  const RunResult pruned = unikctl({"image", "prune", "-o", "json"});
  EXPECT_EQ(pruned.code, 0) << pruned.err;
  EXPECT_NE(pruned.out.find("\"removed_blobs\": 3"), std::string::npos)
      << pruned.out;  // manifest, config and app layer
  EXPECT_FALSE(store().has(api.digest));
  EXPECT_TRUE(store().missing(web.digest)->empty());
  EXPECT_EQ(unikctl({"image", "prune"}).out, "removed 0 blobs, 0 B\n");
}

TEST_F(ImageVerbs, PruneWaitsForNobodyAndSaysSo) {
  const auto hold = store().hold();
  ASSERT_TRUE(hold.ok());
  const RunResult run = unikctl({"image", "prune"});
  EXPECT_EQ(run.code, 7);
  EXPECT_NE(run.err.find("unavailable"), std::string::npos) << run.err;
}

TEST_F(ImageVerbs, ADamagedImageHidesNoOther) {
  const Descriptor web = put_image("web", "app one");
  put_image("api", "app two");
  std::ofstream(store().blob_path(web.digest)) << "junk";
  const RunResult run = unikctl({"image", "list"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("api"), std::string::npos);
  EXPECT_NE(run.out.find("incomplete"), std::string::npos) << run.out;
  EXPECT_NE(run.err.find(to_string(web.digest)), std::string::npos) << run.err;
}

TEST_F(ImageVerbs, RebaseTakesWhatAnotherImageStandsOn) {
  const Descriptor web = put_image("web", "app one");
  const Descriptor api = put_image("api", "app two", "a newer layer ");
  const RunResult run = unikctl({"image", "rebase", "web", "--to", "api"});
  EXPECT_EQ(run.code, 0) << run.err;
  const auto manifest = store().manifest(store().find_image("web")->manifest.digest);
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(run.out, "web@" + to_string(store().find_image("web")->manifest.digest) + "\n");
  EXPECT_EQ(manifest->layers[1], store().manifest(api.digest)->layers[1]);
  EXPECT_EQ(manifest->layers[2], store().manifest(web.digest)->layers[2]);
  const RunResult again = unikctl({"image", "rebase", "web", "--to", "api"});
  EXPECT_EQ(again.out, run.out);
  EXPECT_NE(again.err.find("image/web stands on api already"), std::string::npos) << again.err;
}

TEST_F(ImageVerbs, RebaseOfAllMovesThoseThatStandOnThatBase) {
  const Descriptor web = put_image("web", "app one");
  const Descriptor api = put_image("api", "app two");
  const Descriptor other = put_image("other", "app three", "another layer ");
  put_image("newer", "app four", "a newer layer ");
  const std::string from = to_string(store().manifest(web.digest)->layers[1].digest);
  const std::string to = to_string(store().manifest(store().find_image("newer")->manifest.digest)->layers[1].digest);
  const RunResult run = unikctl({"image", "rebase", "--all", "--from", from, "--to", to});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(store().find_image("web")->manifest.digest, web.digest);
  EXPECT_NE(store().find_image("api")->manifest.digest, api.digest);
  EXPECT_EQ(store().find_image("other")->manifest.digest, other.digest);
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"image", "rebase"}, {"image", "rebase", "--all"}, {"image", "rebase", "web", "--all"}})
    EXPECT_EQ(unikctl(wrong).code, 2);
  EXPECT_EQ(unikctl({"image", "rebase", "web", "--to", "nothing"}).code, 3);
  EXPECT_EQ(unikctl({"image", "rebase", "web", "--to", "sha256:" + std::string(64, '0')}).code, 3);
}

TEST_F(ImageVerbs, AppsThatSaySoFollowARebase) {
  const Descriptor web = put_image("web", "app one");
  put_image("newer", "app two", "a newer layer ");
  codec::Page<AppView> apps;
  apps.items = {sample_app(), sample_app(), sample_app()};
  apps.items[0].app.spec.boot.image = "web@" + to_string(web.digest);
  apps.items[0].app.spec.rebase = Rebase::kAuto;
  apps.items[1].app.spec.boot.image = "web@" + to_string(web.digest);
  apps.items[2].app.spec.rebase = Rebase::kAuto;
  controller.answer("GET /v1/apps", 200, codec::to_json(apps));
  controller.answer("POST /v1/apply", 200, codec::to_json(ApplyReply{}));
  controller.answer("GET /readyz", 200, "{}");
  controller.answer("POST /v1/artifacts", 200, "{}");
  const RunResult run = unikctl({"image", "rebase", "web", "--to", "newer"});
  EXPECT_EQ(run.code, 0) << run.err;
  ASSERT_EQ(controller.seen("POST /v1/apply").size(), 1U) << run.err;
  const std::string body = controller.seen("POST /v1/apply").front().body;
  EXPECT_NE(body.find("web@" + to_string(store().find_image("web")->manifest.digest)), std::string::npos) << body;
  EXPECT_NE(body.find("\"generation\":2"), std::string::npos) << "a change in between must not be lost: " << body;
  EXPECT_NE(run.err.find("app/web rolls over to it"), std::string::npos) << run.err;
}

TEST_F(ImageVerbs, ARebaseIsSignedWhereAKeyIsGivenAndTellsOfASignatureThatIsLost) {
  put_image("web", "app one");
  put_image("newer", "app two", "a newer layer ");
  put_image("newest", "app three", "the newest layer ");
  ASSERT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 0);
  const RunResult unsigned_one = unikctl({"image", "rebase", "web", "--to", "newest"});
  EXPECT_EQ(unsigned_one.err.find("was signed"), std::string::npos) << unsigned_one.err;
  const RunResult made = unikctl({"image", "rebase", "web", "--to", "newer", "--key", "team.key"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(unikctl({"image", "verify", "web", "--key", "team.pub"}).code, 0);
  const RunResult lost = unikctl({"image", "rebase", "web", "--to", "newest"});
  EXPECT_EQ(lost.code, 0);
  EXPECT_NE(lost.err.find("image/web was signed and what came of it is not"), std::string::npos) << lost.err;
  EXPECT_EQ(unikctl({"image", "verify", "web", "--key", "team.pub"}).code, 2);
  EXPECT_EQ(unikctl({"image", "rebase", "web", "--to", "newer", "--key", "nowhere.key"}).code, 3);
}

TEST_F(ImageVerbs, WhatWasSignedIsVerified) {
  const Descriptor web = put_image("web", "app one");
  put_image("api", "app two");
  ASSERT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 0);
  const std::string key = unikctl({"runtime", "key", "generate", "other"}).out;
  EXPECT_EQ(unikctl({"image", "sign", "web"}).code, 2) << "a key is never guessed";
  const RunResult made = unikctl({"image", "sign", "web", "--key", "team.key"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out.find("web@" + to_string(web.digest) + ": signed by key "), 0U) << made.out;
  EXPECT_EQ(unikctl({"image", "verify", "web", "--key", "team.pub"}).out, made.out);
  EXPECT_EQ(unikctl({"image", "verify", to_string(web.digest), "--key", "other.pub", "--key", "team.pub"}).out,
            made.out);
  EXPECT_NE(unikctl({"image", "inspect", "web"}).out.find("signed by     key "), std::string::npos);

  const RunResult strange = unikctl({"image", "verify", "web", "--key", key.substr(0, key.find('\n'))});
  EXPECT_EQ(strange.code, 2);
  EXPECT_NE(strange.err.find("want a signature by a trusted key"), std::string::npos) << strange.err;
  EXPECT_EQ(unikctl({"image", "verify", "api", "--key", "team.pub"}).code, 2);
  EXPECT_EQ(unikctl({"image", "verify", "none", "--key", "team.pub"}).code, 3);
  const RunResult keyless = unikctl({"image", "verify", "web"});
  EXPECT_EQ(keyless.code, 2);
  EXPECT_NE(keyless.err.find("images: {trusted_keys:"), std::string::npos) << keyless.err;
  EXPECT_EQ(unikctl({"image", "verify", "web", "--key", "nothing.pub"}).code, 2);

  // A signature vouches for digests; the bytes must still have them.
  std::ofstream(store().blob_path(store().manifest(web.digest)->layers[2].digest)) << "app 0ne";
  const RunResult altered = unikctl({"image", "verify", "web", "--key", "team.pub"});
  EXPECT_EQ(altered.code, 8);
  EXPECT_NE(altered.err.find("do not match"), std::string::npos) << altered.err;
}

TEST_F(ImageVerbs, AQuestionSendsNothingAndPromisesWhatIsHere) {
  const Descriptor web = put_image("web", "app one");
  ASSERT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 0);
  ASSERT_EQ(unikctl({"image", "sign", "web", "--key", "team.key"}).code, 0);
  controller.answer("GET /readyz", 200, "{}");
  const std::vector<std::pair<std::vector<std::string>, std::string>> questions = {
      {{"apply", "--dry-run", "-f", "-"}, "POST /v1/apply"},
      {{"diff", "-f", "-"}, "POST /v1/apply"},
      {{"whatif", "--add", "-"}, "POST /v1/whatif"}};
  for (const std::string& image : {"web@" + to_string(web.digest), std::string("web")})
    for (const auto& [verb, route] : questions)
      for (const char* const refusal : {"image_unknown", "image_incomplete", "unsigned_image"}) {
        controller.forget(route);
        const std::size_t before = controller.seen(route).size();
        controller.answer(route, 400, codec::to_json(invalid(refusal, "upload it first")));
        controller.answer(route, 200, codec::to_json(ApplyReply{}));
        const std::string app =
            "{apiVersion: unikctl.dev/v1, kind: App, metadata: {name: web}, spec: {image: \"" + image + "\"}}";
        const RunResult run = run_unikctl(controller, verb, app);
        EXPECT_EQ(run.code, 0) << run.err;
        const auto asked = controller.seen(route);
        ASSERT_EQ(asked.size(), before + 2) << run.err;
        EXPECT_EQ(asked[before].target.find("promised_images"), std::string::npos);
        EXPECT_NE(asked.back().target.find("promised_images=1"), std::string::npos);
        EXPECT_NE(asked.back().body.find("web@" + to_string(web.digest)), std::string::npos);
        EXPECT_NE(run.err.find("an apply would send"), std::string::npos) << run.err;
      }
  EXPECT_TRUE(controller.seen("POST /v1/artifacts").empty());
  EXPECT_TRUE(controller.seen("POST /v1/artifacts/" + to_string(web.digest) + "/signatures").empty());
}

TEST_F(ImageVerbs, AnImageThatRunsNothingNeedsArguments) {
  put_image("bare", "app one", "the layer ", {});
  controller.answer("GET /readyz", 200, "{}");
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"deploy", "bare", "--dry-run"}, {"deploy", "bare"}, {"apply", "-f", "-"}}) {
    const RunResult run = run_unikctl(
        controller, verb, "{apiVersion: unikctl.dev/v1, kind: App, metadata: {name: bare}, spec: {image: bare}}");
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_NE(run.err.find("want one with an entry point or a command, found neither"), std::string::npos) << run.err;
  }
  EXPECT_TRUE(controller.seen("POST /v1/apply").empty());
  EXPECT_EQ(unikctl({"deploy", "bare", "--dry-run", "--", "/bin/sh"}).code, 0);
}

TEST_F(ImageVerbs, AnImageThatIsThereInPartIsSentWhole) {
  const Descriptor web = put_image("web", "app one");
  controller.answer("GET /readyz", 200, "{}");
  controller.answer("POST /v1/apply", 400, codec::to_json(invalid("image_incomplete", "upload it first")));
  controller.answer("POST /v1/apply", 200, codec::to_json(ApplyReply{}));
  controller.answer("POST /v1/artifacts", 200, "{}");
  controller.answer("HEAD /v1/artifacts/" + to_string(web.digest), 200, "");
  const RunResult run =
      run_unikctl(controller, {"apply", "-f", "-"},
                  "{apiVersion: unikctl.dev/v1, kind: App, metadata: {name: web}, spec: {image: web@" +
                      to_string(web.digest) + "}}");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(controller.seen("POST /v1/apply").size(), 2U);
  EXPECT_EQ(controller.seen("POST /v1/artifacts").size(), store().manifest(web.digest)->layers.size() + 1) << "config";
}

// Of three, one is only there, and two are there in part: named one after the other.
TEST_F(ImageVerbs, OfSeveralImagesEachThatIsThereInPartIsSent) {
  const Descriptor one = put_image("one", "app one"), two = put_image("two", "app two");
  const std::string elsewhere = to_string(runtimes::sha256("elsewhere"));
  const auto half = [](const std::string& object) {
    Error error = invalid("image_incomplete", "upload it first");
    error.details.push_back({object, 0, 0, "spec.image", "not all of it on this controller"});
    return codec::to_json(error);
  };
  controller.answer("GET /readyz", 200, "{}");
  controller.answer("POST /v1/apply", 400, half("app/one"));
  controller.answer("POST /v1/apply", 400, half("app/two"));
  controller.answer("POST /v1/apply", 200, codec::to_json(ApplyReply{}));
  controller.answer("POST /v1/artifacts", 200, "{}");
  std::string apps;
  for (const auto& [name, digest] : std::vector<std::pair<std::string, std::string>>{
           {"far", elsewhere}, {"one", to_string(one.digest)}, {"two", to_string(two.digest)}}) {
    controller.answer("HEAD /v1/artifacts/" + digest, 200, "");
    apps += "---\n{apiVersion: unikctl.dev/v1, kind: App, metadata: {name: " + name + "}, spec: {image: " + name + "@" +
            digest + "}}\n";
  }
  const RunResult run = run_unikctl(controller, {"apply", "-f", "-"}, apps);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(controller.seen("POST /v1/apply").size(), 3U);

  // Sent once, and still refused: then it is told.
  controller.forget("POST /v1/apply");
  controller.answer("POST /v1/apply", 400, half("app/one"));
  EXPECT_EQ(run_unikctl(controller, {"apply", "-f", "-"}, apps).code, 2);
  EXPECT_EQ(controller.seen("POST /v1/apply").size(), 3U + 2U);
}

TEST_F(ImageVerbs, ADamagedLayerIsToldAsSuchWhenItIsSent) {
  const Descriptor web = put_image("web", "app one");
  std::ofstream(store().blob_path(store().manifest(web.digest)->layers[2].digest)) << "app 0ne";
  controller.answer("GET /readyz", 200, "{}");
  controller.answer("POST /v1/artifacts", 200, "{}");
  controller.answer("POST /v1/artifacts", 200, "{}");
  controller.answer("POST /v1/artifacts", 400,
                    codec::to_json(invalid("digest_mismatch", "blob: want other bytes; fetch it again")));
  const RunResult run = unikctl({"deploy", "web"});
  EXPECT_EQ(run.code, 8) << run.err;
  EXPECT_NE(run.err.find("do not match"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("`unikctl build --rebuild`"), std::string::npos) << run.err;
}

TEST_F(ImageVerbs, ASignatureGoesToTheControlPlaneWithTheNextApply) {
  const Descriptor web = put_image("web", "app one");
  const std::string route = "/v1/artifacts/" + to_string(web.digest) + "/signatures";
  controller.answer("POST /v1/apply", 200, codec::to_json(ApplyReply{}));
  controller.answer("GET /readyz", 200, "{}");
  const std::string app = "{apiVersion: unikctl.dev/v1, kind: App, metadata: {name: web}, spec: {image: web@" +
                          to_string(web.digest) + "}}";
  ASSERT_EQ(run_unikctl(controller, {"apply", "-f", "-"}, app).code, 0);
  EXPECT_TRUE(controller.seen("GET " + route).empty()) << "an image that nobody signed costs no request";

  ASSERT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 0);
  ASSERT_EQ(unikctl({"image", "sign", "web", "--key", "team.key"}).code, 0);
  const auto signatures = image_signatures(store(), web.digest);
  ASSERT_EQ(signatures->size(), 1U);
  const std::string text = print_signature(signatures->front().signature);
  controller.answer("GET " + route, 200, codec::signatures_json({}));
  controller.answer("POST " + route, 200, "{}");
  ASSERT_EQ(run_unikctl(controller, {"apply", "-f", "-"}, app).code, 0);
  ASSERT_EQ(controller.seen("POST " + route).size(), 1U);
  EXPECT_EQ(controller.seen("POST " + route).front().body, text);
  controller.forget("GET " + route);
  controller.answer("GET " + route, 200, codec::signatures_json({text}));
  ASSERT_EQ(run_unikctl(controller, {"apply", "-f", "-"}, app).code, 0);
  EXPECT_EQ(controller.seen("POST " + route).size(), 1U) << "what is there is not sent again";
}

TEST_F(ImageVerbs, ANameThatMovesToWhatIsDeployedIsTold) {
  const Descriptor first = put_image("web", "app one");
  const std::string archive = (controller.directory() / "web").string();
  std::filesystem::copy(controller.directory() / "home" / "images", archive, std::filesystem::copy_options::recursive);
  EXPECT_EQ(unikctl({"deploy", "oci:" + archive + ":web", "--dry-run"}).err.find("of this host was"),
            std::string::npos);
  put_image("web", "app two");
  const auto deployed = unikctl({"deploy", "oci:" + archive + ":web", "--dry-run"});
  EXPECT_NE(deployed.err.find("warning: the image web of this host was sha256:"), std::string::npos) << deployed.err;
  EXPECT_EQ(store().find_image("web")->manifest.digest, first.digest);
}

TEST_F(ImageVerbs, NamesForCompletionAreThoseOfTheStore) {
  put_image("web", "app one");
  put_image("api", "app two");
  EXPECT_EQ(unikctl({"__names", "image"}).out, "api\nweb\n");
}

TEST(FullDisk, IsFreedByPruneWhereTheImagesAreThisProgramsOwn) {
  const Environment environment{{{"UNIKCTL_HOME", "/home/u"}}, "/work", {}};
  const auto told = [&](const char* reason, const std::string& path) {
    return with_prune_hint(environment, exhausted(reason, "writing " + path + ": No space left")).message;
  };
  EXPECT_EQ(told("disk_full", "/home/u/images/tmp/1"),
            "writing /home/u/images/tmp/1: No space left; `unikctl image prune` frees the images that nothing needs");
  EXPECT_EQ(told("disk_full", "/home/u/agent/images/tmp/1"), "writing /home/u/agent/images/tmp/1: No space left");
  EXPECT_EQ(told("quota_cpu_exceeded", "/home/u/images/tmp/1"), "writing /home/u/images/tmp/1: No space left");
}

}  // namespace
}  // namespace unik::cli
