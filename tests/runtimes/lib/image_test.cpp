#include "runtimes/lib/oci/image.hpp"

#include <gtest/gtest.h>

#include "runtimes/lib/oci/reference.hpp"

namespace unik::runtimes {
namespace {

Descriptor layer(std::string_view text) {
  return {std::string(kLayerGzipMediaType), sha256(text), 3, {{std::string(kLayerAnnotation), std::string(text)}}};
}

TEST(Image, DocumentsSurviveTheirText) {
  Manifest manifest;
  manifest.config = {std::string(kConfigMediaType), sha256("config"), 10, {}};
  manifest.layers = {layer("kernel"), layer("app")};
  manifest.annotations = {{"dev.unikctl.boot", "pvh"}};
  EXPECT_EQ(*parse_manifest(print_manifest(manifest)), manifest);
  EXPECT_EQ(find_layer(manifest, "app"), &manifest.layers[1]);
  EXPECT_EQ(find_layer(manifest, "base"), nullptr);

  ImageConfig config;
  config.entrypoint = {"/app/hello", "a \"quoted\" word"};
  config.env = {"A=1", "B=ü"};
  config.working_dir = "/app";
  config.user = "1000:1000";
  config.exposed_ports = {"8080/tcp"};
  config.diff_ids = {sha256("1"), sha256("2")};
  config.history = {"layer one", "layer two"};
  EXPECT_EQ(*parse_image_config(print_image_config(config)), config);

  const std::vector<NamedImage> index = {{"web", {std::string(kManifestMediaType), sha256("m"), 5, {}}},
                                         {"", {std::string(kManifestMediaType), sha256("n"), 6, {}}}};
  EXPECT_EQ(*parse_index(print_index(index)), index);
}

TEST(Image, TextIsCanonical) {
  ImageConfig config;
  config.entrypoint = {"/a"};
  EXPECT_EQ(print_image_config(config),
            R"({"architecture":"amd64","config":{"Entrypoint":["/a"]},"created":"2024-01-01T00:00:00Z","history":[],)"
            R"("os":"linux","rootfs":{"diff_ids":[],"type":"layers"}})");
}

TEST(Image, UnderstandsDockersNamesAndNulls) {
  const std::string text =
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":")" +
      to_string(sha256("c")) + R"(","size":1,"urls":[]},"layers":[]})";
  EXPECT_EQ(parse_manifest(text)->config.media_type, kConfigMediaType);
  const auto config = parse_image_config(R"({"config":{"Entrypoint":null,"Cmd":["x"]},"rootfs":{"diff_ids":[]}})");
  ASSERT_TRUE(config.ok());
  EXPECT_TRUE(config->entrypoint.empty());
}

TEST(Image, RefusesWhatIsBroken) {
  const std::string digest = to_string(sha256("c"));
  for (const std::string& bad :
       {std::string(""), std::string("[]"), std::string("{}"), std::string(R"({"schemaVersion":1})"),
        std::string(R"({"schemaVersion":2,"config":7,"layers":[]})"),
        R"({"schemaVersion":2,"config":{"digest":")" + digest + R"(","size":-1},"layers":[]})",
        R"({"schemaVersion":2,"config":{"digest":")" + digest + R"(","size":1},"layers":{}})",
        R"({"schemaVersion":2,"config":{"digest":")" + digest + R"(","size":1},"layers":[1]})",
        std::string(R"({"schemaVersion":2,"manifests":[]})"), std::string(5'000'000, ' ') + "{}",
        std::string(100'000, '[') + std::string(100'000, ']'), R"({"a":)" + std::string(100'000, '[')})
    EXPECT_EQ(parse_manifest(bad).error().reason, "bad_manifest") << bad.substr(0, 100);
  EXPECT_EQ(parse_image_config(R"({"rootfs":{"diff_ids":["x"]}})").error().reason, "bad_image_config");
  EXPECT_EQ(parse_image_config(R"({"config":{"Env":[1]},"rootfs":{"diff_ids":[]}})").error().reason,
            "bad_image_config");
  EXPECT_EQ(parse_index(R"({"manifests":[{"digest":"sha256:1"}]})").error().reason, "bad_index");
}

TEST(Reference, ParsesAndPrints) {
  const std::string digest = to_string(sha256("x"));
  for (const std::string name : {"web", "team/web", "host.example:5000/team/web", "a-b.c_d"}) {
    const auto reference = parse_reference(name + "@" + digest);
    ASSERT_TRUE(reference.ok()) << name;
    EXPECT_EQ(to_string(*reference), name + "@" + digest);
  }
  for (const std::string& bad :
       {std::string("web"), "web:1.0@" + digest, "@" + digest, "Web@" + digest, "a//b@" + digest, "-a@" + digest,
        std::string("web@sha256:12"), "../x@" + digest, "a@b@" + digest})
    EXPECT_EQ(parse_reference(bad).error().reason, "bad_reference") << bad;
}

TEST(ImageNameTest, ReadsWhatPeopleType) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const Digest a = *parse_digest(digest);
  const std::pair<std::string, ImageName> cases[] = {
      {"web", {"", "web", "", {}}},
      {"team/web:1.2", {"", "team/web", "1.2", {}}},
      {"localhost/web", {"localhost", "web", "", {}}},
      {"localhost:5000/team/web:V_1-x", {"localhost:5000", "team/web", "V_1-x", {}}},
      {"reg.example/web@" + digest, {"reg.example", "web", "", a}},
      {"127.0.0.1:5000/web:1@" + digest, {"127.0.0.1:5000", "web", "1", a}},
  };
  for (const auto& [text, name] : cases) {
    const auto parsed = parse_image_name(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, name) << text;
    EXPECT_EQ(to_string(*parsed), text);
  }
  for (const std::string& bad : {std::string(), std::string("Web"), std::string("web:"), std::string("web:.a"),
                                 std::string("a//b"), std::string("../web"), "web:" + std::string(129, 't'),
                                 std::string("web@sha256:12"), std::string("web@"), std::string("h:99999999/web")})
    EXPECT_EQ(parse_image_name(bad).error().reason, "bad_image_name") << bad;
}

}  // namespace
}  // namespace unik::runtimes
