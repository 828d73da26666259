// The verbs of `runtime` that speak to registries: a runtime published into a directory, and installed from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/runtime_settings.hpp"
#include "codec/views_json.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"
#include "runtimes/lib/runtime/installed_runtimes.hpp"
#include "tests/cli/samples.hpp"
#include "tests/cli/simulated_controller.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;
using runtimes::BlobStore;
using runtimes::Descriptor;
using testing::HasSubstr;

constexpr const char* kKey = "RWSe4KNyEEuGpw1Wupvcnh6FDEmUPaSM4e2fkS3Xr+ON8yTe8F5rxsKq";

class RuntimeRegistryVerbs : public testing::Test {
 protected:
  RunResult unikctl(const std::vector<std::string>& args) { return run_unikctl(controller, args); }
  BlobStore store() { return *BlobStore::open(controller.directory() / "home/images"); }
  fs::path shelf() const { return controller.directory() / "shelf"; }

  // An image that says that it stands on, or is, the runtime `what`.
  Descriptor put_image(const std::string& name, const std::string& what, const std::vector<std::string>& layers) {
    const BlobStore blobs = store();
    runtimes::ImageConfig config;
    runtimes::Manifest manifest;
    for (const std::string& layer : layers) {
      runtimes::FileTree tree;
      runtimes::FileNode node;
      node.content = "the layer " + layer + " of " + name;
      node.size = static_cast<std::int64_t>(std::get<std::string>(node.content).size());
      EXPECT_TRUE(put_node(tree, "usr/share/" + layer, node).ok());
      const auto blob = put_layer(blobs, tree, layer);
      config.diff_ids.push_back(blob->diff_id);
      manifest.layers.push_back(blob->descriptor);
    }
    const auto config_blob = blobs.put(print_image_config(config));
    manifest.config = {std::string(runtimes::kConfigMediaType), config_blob->digest, config_blob->size, {}};
    manifest.annotations[std::string(runtimes::kRuntimeAnnotation)] = what;
    const auto blob = blobs.put(print_manifest(manifest));
    const Descriptor descriptor{std::string(runtimes::kManifestMediaType), blob->digest, blob->size, {}};
    EXPECT_TRUE(blobs.set_image({name, descriptor}).ok());
    return descriptor;
  }
  void put_runtime(const std::string& version) {
    put_image("runtimes/lang:" + version, "lang@" + version, {"base", "runtime"});
  }
  void configure(const std::string& registry) {
    const fs::path path = controller.directory() / ".config/unikctl/config.yaml";
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "runtimes:\n  registries:\n    - " << registry << "\n";
  }
  void no_apps() { controller.answer("GET /v1/apps", 200, R"({"items":[],"revision":1})"); }

  SimulatedController controller;
};

TEST_F(RuntimeRegistryVerbs, PublishAndInstallAgain) {
  put_runtime("1.0.0");
  put_runtime("1.10.0");
  const auto key = unikctl({"runtime", "key", "generate", "team"});
  ASSERT_EQ(key.code, 0) << key.err;
  const std::string line = key.out.substr(0, key.out.size() - 1);
  EXPECT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 4) << "a key is never overwritten";
  for (const char* version : {"lang@1.0.0", "lang"}) {
    const auto published = unikctl({"runtime", "publish", version, "--to", "shelf", "--key", "team.key"});
    ASSERT_EQ(published.code, 0) << published.err;
  }
  const auto again = unikctl({"runtime", "publish", "lang", "--to", "shelf"});
  EXPECT_EQ(again.code, 4);
  EXPECT_THAT(again.err, HasSubstr("lang@1.10.0: is published already"));
  EXPECT_TRUE(fs::exists(shelf() / "lang/lang-1.10.0.tar.gz.minisig"));

  no_apps();
  ASSERT_EQ(unikctl({"runtime", "remove", "lang", "--all"}).code, 0);
  EXPECT_EQ(unikctl({"runtime", "list", "-o", "name"}).out, "");
  const auto nowhere = unikctl({"runtime", "install", "lang"});
  EXPECT_EQ(nowhere.code, 3);
  EXPECT_THAT(nowhere.err, HasSubstr("`runtimes.registries` of config.yaml names them"));

  configure("{name: team, url: \"" + shelf().string() + "\", public_key: " + line + "}");
  EXPECT_EQ(unikctl({"runtime", "list", "--remote"}).out.substr(0, 4), "NAME");
  EXPECT_EQ(unikctl({"runtime", "list", "--remote", "-o", "name"}).out, "lang@1.10.0\nlang@1.0.0\n");
  EXPECT_THAT(unikctl({"runtime", "info", "lang@1.0.0"}).out, HasSubstr("state       in a registry\n"));
  const auto installed = unikctl({"runtime", "install", "lang"});
  ASSERT_EQ(installed.code, 0) << installed.err;
  EXPECT_THAT(installed.out, HasSubstr("runtimes/lang:1.10.0@sha256:"));
  EXPECT_THAT(installed.err, HasSubstr("from registry team, signed by key"));
  EXPECT_THAT(unikctl({"runtime", "install", "lang@1.10.0"}).err, HasSubstr("was installed already"));
  EXPECT_THAT(unikctl({"runtime", "info", "lang"}).out, HasSubstr("registry       team\n"));
  EXPECT_THAT(unikctl({"runtime", "verify"}).out,
              HasSubstr("runtimes/lang@1.10.0: whole (registry team, signed by key"));
  EXPECT_EQ(unikctl({"runtime", "outdated"}).code, 0);

  EXPECT_EQ(unikctl({"runtime", "yank", "lang@1.10.0", "--in", "shelf"}).code, 0);
  const auto outdated = unikctl({"runtime", "outdated"});
  EXPECT_EQ(outdated.code, 1);
  EXPECT_THAT(outdated.out, HasSubstr("1.10.0 (yanked)"));
  EXPECT_THAT(unikctl({"runtime", "list", "--remote"}).out, HasSubstr("installed, yanked"));
  EXPECT_THAT(unikctl({"runtime", "info", "lang@1.10.0"}).out, HasSubstr("installed, yanked: its publisher says"));
  EXPECT_THAT(unikctl({"runtime", "info", "lang@1.0.0"}).out, HasSubstr("claims to be signed by"));
  EXPECT_THAT(unikctl({"runtime", "install", "lang"}).out, HasSubstr("runtimes/lang:1.0.0@"));

  EXPECT_THAT(unikctl({"runtime", "info", "lang@1.10.0", "-o", "json"}).out, HasSubstr("\"yanked\": true"));
  configure("{name: team, enabled: false, url: \"" + shelf().string() + "\", public_key: " + line + "}");
  EXPECT_THAT(unikctl({"runtime", "info", "lang@1.10.0", "-o", "json"}).out, HasSubstr("\"yanked\": null"));
}

TEST_F(RuntimeRegistryVerbs, DoNotSayThatNothingIsNewerUnasked) {
  put_runtime("1.0.0");
  configure("{name: gone, url: \"" + (controller.directory() / "nowhere").string() + "\"}");
  const auto outdated = unikctl({"runtime", "outdated"});
  EXPECT_EQ(outdated.code, 7);
  EXPECT_THAT(outdated.err, HasSubstr("none came of gone"));
  configure("{name: gone, enabled: false, url: \"" + (controller.directory() / "nowhere").string() + "\"}");
  EXPECT_EQ(unikctl({"runtime", "outdated"}).code, 0);
}

TEST_F(RuntimeRegistryVerbs, SayThatNoRegistryCouldBeAsked) {
  configure("{name: down, url: \"http://127.0.0.1:1\"}");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"runtime", "install", "lang"}, {"runtime", "list", "--remote"}}) {
    const auto failed = unikctl(words);
    EXPECT_EQ(failed.code, 7);
    EXPECT_THAT(failed.err, HasSubstr("registry down: "));
    EXPECT_THAT(failed.err, HasSubstr("want an answer of one of the registries that are enabled"));
  }
}

TEST_F(RuntimeRegistryVerbs, YankNothingWhereNoRegistryIs) {
  EXPECT_EQ(unikctl({"runtime", "yank", "lang@1.0.0", "--in", "nowhere"}).code, 3);
  EXPECT_FALSE(fs::exists(controller.directory() / "nowhere"));
}

TEST_F(RuntimeRegistryVerbs, PublishOverNothingThatIsThere) {
  put_runtime("1.0.0");
  ASSERT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 0);
  for (const char* file : {"lang-1.0.0.tar.gz", "lang-1.0.0.tar.gz.minisig"}) {
    fs::create_directories(shelf() / "lang");
    std::ofstream(shelf() / "lang" / file) << "of another registry";
    const auto published = unikctl({"runtime", "publish", "lang", "--to", "shelf", "--key", "team.key"});
    EXPECT_EQ(published.code, 4);
    EXPECT_THAT(published.err, HasSubstr(std::string(file) + ": is there already"));
    std::string text;
    std::getline(std::ifstream(shelf() / "lang" / file), text);
    EXPECT_EQ(text, "of another registry");
    fs::remove(shelf() / "lang" / file);
  }
  EXPECT_FALSE(fs::exists(shelf() / "registry.json"));
  EXPECT_TRUE(fs::is_empty(shelf() / "lang"));
}

// As a build of the tag does: the package that registry.json names, and no other, at the place that it names.
TEST_F(RuntimeRegistryVerbs, PublishWhatIsNamedAlready) {
  put_runtime("1.0.0");
  ASSERT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 0);
  ASSERT_EQ(unikctl({"runtime", "publish", "lang", "--to", "shelf", "--key", "team.key"}).code, 0);
  const fs::path package = shelf() / "lang/lang-1.0.0.tar.gz";
  fs::rename(package, shelf() / "kept");
  const auto published = unikctl({"runtime", "publish", "lang", "--in", "shelf"});
  ASSERT_EQ(published.code, 0) << published.err;
  EXPECT_EQ(*runtimes::sha256_file(package), *runtimes::sha256_file(shelf() / "kept"));
  EXPECT_THAT(unikctl({"runtime", "publish", "lang@1.0.0", "--in", "shelf"}).err, HasSubstr("was there already"));
  std::ofstream(package) << "of another registry";
  EXPECT_EQ(unikctl({"runtime", "publish", "lang", "--in", "shelf"}).code, 4);

  put_runtime("2.0.0");
  const auto unnamed = unikctl({"runtime", "publish", "lang@2.0.0", "--in", "shelf"});
  EXPECT_EQ(unnamed.code, 3);
  EXPECT_THAT(unnamed.err, HasSubstr("there is 1.0.0"));
  put_image("runtimes/lang:1.0.0", "lang@1.0.0", {"base", "runtime", "more"});
  const auto other = unikctl({"runtime", "publish", "lang@1.0.0", "--in", "shelf"});
  EXPECT_EQ(other.code, 4);
  EXPECT_THAT(other.err, HasSubstr("build it from the source that was released"));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                {"--to", "shelf", "--in", "shelf"},
                                                {"--in", "shelf", "--key", "team.key"},
                                                {"--to", "https://github.com/team/runtimes/releases"},
                                                {"--to", "oci://team"},
                                                {"--in", "oci://h/team"}}) {
    std::vector<std::string> words{"runtime", "publish", "lang"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(unikctl(words).code, 2);
  }
  EXPECT_FALSE(fs::exists(controller.directory() / "https:"));
}

TEST_F(RuntimeRegistryVerbs, InstallFromARegistryThatIsNamedOnTheSpot) {
  put_runtime("1.0.0");
  ASSERT_EQ(unikctl({"runtime", "key", "generate", "team"}).code, 0);
  ASSERT_EQ(unikctl({"runtime", "key", "generate", "other"}).code, 0);
  ASSERT_EQ(unikctl({"runtime", "publish", "lang", "--to", "shelf", "--key", "team.key"}).code, 0);
  no_apps();
  ASSERT_EQ(unikctl({"runtime", "remove", "lang@1.0.0"}).code, 0);
  EXPECT_EQ(unikctl({"runtime", "install", "lang", "--from", "nowhere"}).code, 3);
  EXPECT_EQ(unikctl({"runtime", "install", "lang", "--from", "shelf", "--key", "other.pub"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "install", "lang", "--key", "team.pub"}).code, 2);
  const auto installed = unikctl({"runtime", "install", "lang", "--from", "shelf", "--key", "team.pub"});
  ASSERT_EQ(installed.code, 0) << installed.err;
  EXPECT_THAT(installed.err, HasSubstr("signed by key"));
  // No registry of config.yaml vouches for its key.
  const auto unknown = unikctl({"runtime", "verify"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("from registry shelf, which is not configured"));
  EXPECT_EQ(unikctl({"runtime", "verify", "--key", "other.pub"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "verify", "--key", "team.pub"}).code, 0);
}

TEST_F(RuntimeRegistryVerbs, RemoveOneVersionThatNoAppStandsOn) {
  put_runtime("1.0.0");
  put_runtime("2.0.0");
  const Descriptor app = put_image("web", "lang@1.0.0", {"base", "runtime", "app"});
  AppView view = sample_app();
  view.app.spec.boot.image = "web@" + to_string(app.digest);
  controller.answer("GET /v1/apps", 200, R"({"items":[)" + codec::to_json(view) + R"(],"revision":1})");
  const auto pinned = unikctl({"runtime", "remove", "lang@1.0.0"});
  EXPECT_EQ(pinned.code, 4);
  EXPECT_THAT(pinned.err, HasSubstr("runtime lang@1.0.0: want one that no app is pinned to, it is what web stands on"));
  EXPECT_EQ(unikctl({"runtime", "remove", "lang", "--all"}).code, 4) << "all or nothing";
  EXPECT_EQ(unikctl({"runtime", "list", "-o", "name"}).out, "lang@2.0.0\nlang@1.0.0\n");
  EXPECT_EQ(unikctl({"runtime", "remove", "lang@2.0.0"}).out, "runtime/lang@2.0.0 removed\n");
  EXPECT_EQ(unikctl({"runtime", "list", "-o", "name"}).out, "lang@1.0.0\n");
  const auto unclear = unikctl({"runtime", "remove", "lang"});
  EXPECT_EQ(unclear.code, 2);
  EXPECT_THAT(unclear.err, HasSubstr("--all for every version"));
  EXPECT_EQ(unikctl({"runtime", "remove", "lang@1.0.0", "--all"}).code, 2);
  EXPECT_THAT(unikctl({"runtime", "remove", "lang@3.0.0"}).err, HasSubstr("installed is runtimes/lang@1.0.0"));
}

TEST_F(RuntimeRegistryVerbs, PublishNoTextsOfAnotherImage) {
  put_runtime("1.0.0");
  const fs::path kept = controller.directory() / "home/runtimes/lang/1.0.0/package";
  fs::create_directories(kept);
  std::ofstream(kept / "manifest.yaml") << "name: lang\n";
  const auto record_of = [&](const std::string& image) {
    std::ofstream(kept / "install.json") << R"({"registry":"team","url":"file:///x","size":1,"checksum":")"
                                         << to_string(runtimes::sha256("package")) << R"(","image_digest":")" << image
                                         << R"("})";
  };
  const std::string warning = "goes without manifest and lock";
  record_of(to_string(runtimes::sha256("another image")));
  EXPECT_THAT(unikctl({"runtime", "publish", "lang", "--to", "shelf"}).err, HasSubstr(warning));
  record_of(to_string(runtimes::installed_runtimes(store())->front().image.manifest.digest));
  const auto own = unikctl({"runtime", "publish", "lang", "--to", "other"});
  EXPECT_EQ(own.code, 0) << own.err;
  EXPECT_THAT(own.err, testing::Not(HasSubstr(warning)));
}

TEST_F(RuntimeRegistryVerbs, WarnOfAppsWhoseRuntimeCannotBeTold) {
  put_runtime("1.0.0");
  AppView view = sample_app();
  view.app.spec.boot.image = "web@" + to_string(runtimes::sha256("elsewhere"));
  controller.answer("GET /v1/apps", 200, R"({"items":[)" + codec::to_json(view) + R"(],"revision":1})");
  const auto removed = unikctl({"runtime", "remove", "lang@1.0.0"});
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_THAT(removed.err, HasSubstr("the images of web are not in this host's store"));
}

TEST_F(RuntimeRegistryVerbs, RefuseWhatMakesNoSense) {
  EXPECT_EQ(unikctl({"runtime", "install"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "install", "reg.example/team/lang"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "install", "lang@1.0"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "yank", "lang", "--in", "shelf"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "yank", "lang@1.0.0"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "yank", "lang@1.0.0", "--in", "shelf"}).code, 3);
  put_runtime("1.0.0");
  EXPECT_EQ(unikctl({"runtime", "publish", "lang"}).code, 2);
  EXPECT_EQ(unikctl({"runtime", "publish", "lang", "--to", "shelf", "--key", "nowhere"}).code, 3);
  EXPECT_FALSE(fs::exists(shelf() / "registry.json"));
}

TEST(RuntimeRegistrySettings, AreRead) {
  const auto settings =
      parse_runtime_settings(std::string("runtimes:\n  registries:\n"
                                         "    - {name: team, url: \"https://github.com/team/runtimes\", "
                                         "public_key: ") +
                                 kKey + "}\n    - {name: disk, url: \"file:///srv\", enabled: false}\n",
                             "config.yaml");
  ASSERT_TRUE(settings.ok()) << to_string(settings.error());
  ASSERT_EQ(settings->registries.size(), 2U);
  EXPECT_EQ(settings->registries[0], (runtimes::ConfiguredRegistry{"team", "https://github.com/team/runtimes", true,
                                                                   *runtimes::parse_public_key(kKey)}));
  EXPECT_FALSE(settings->registries[1].enabled);
}

// What cannot be read is not the same as none: a key that is asked for would be forgotten.
TEST(RuntimeRegistrySettings, OfBadYamlAreNotEmpty) {
  const auto settings = parse_runtime_settings("runtimes:\n  registries: [\n    {name: a", "config.yaml");
  ASSERT_FALSE(settings.ok());
  EXPECT_EQ(settings.error().reason, "bad_config");
  EXPECT_THAT(to_string(settings.error()), HasSubstr("config.yaml:"));
  EXPECT_TRUE(parse_runtime_settings("", "config.yaml").ok());
}

TEST(RuntimeRegistrySettings, TellEveryFault) {
  const auto settings = parse_runtime_settings(
      "runtimes:\n  registries:\n    - {name: a, url: \"http://far.example\"}\n    - {name: a, url: \"file:///x\"}\n"
      "    - {url: \"file:///x\", public_key: \"RWx\", enabled: perhaps, colour: red}\n    - just text\n",
      "config.yaml");
  ASSERT_FALSE(settings.ok());
  const std::string text = to_string(settings.error());
  for (const char* part :
       {"config.yaml:3:22: runtimes.registries[0].url: registry `http://far.example`: want https:",
        "runtimes.registries[1].name: `a` stands here twice", "registries[2].public_key: want a public key of minisign",
        "registries[2].enabled: want true or false", "registries[2].colour: unknown field",
        "registries[2].name: every registry has one", "registries[3]: want {name, url"})
    EXPECT_THAT(text, HasSubstr(part));
}

}  // namespace
}  // namespace unik::cli
