// runtime …: what apps stand on, from registries or made here of pinned packages. The verbs' work is in runtime/.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"

namespace unik::cli {
namespace {

using RunRuntimeVerb = Result<int> (*)(const Session&, const RuntimeOptions&);

class RuntimeTree {
 public:
  explicit RuntimeTree(CommandTree& tree)
      : tree_(tree),
        group_(tree.add_group(
            kImages, "runtime",
            "What apps stand on: runtime "
            "list|install|info|remove|outdated|verify|new|build|test|validate|lock|key|release|publish|yank")) {}

  void add_users() {
    VerbFlags list = add("list", "Show the runtimes that are installed, and those that can be built", list_runtimes);
    list.flag("--remote", options_->from_registries, "Show what the registries offer instead");
    list.output(options_->format);

    VerbFlags install = add("install", "Bring runtimes from the registries of config.yaml", install_runtimes);
    install.words("name", options_->names, "NAME[@VERSION]...", "The runtimes", Need::kRequired);
    install.text("--from", options_->from, "URL", "From this registry alone, whatever config.yaml says");
    install.text("--key", options_->key, "KEY", "With --from: the public key, or its file, that must have signed them");

    VerbFlags info = add("info", "Show one runtime: packages, versions, environment, image, origin", show_runtime);
    name(info, "RUNTIME");
    info.output(options_->format);

    VerbFlags remove = add("remove", "Remove one version of a runtime that no app is pinned to", remove_runtime);
    name(remove, "RUNTIME");
    remove.flag("--all", options_->all, "Every version of it");

    add("outdated", "Show what the registries have newer, or have yanked; code 1 if something", list_outdated_runtimes)
        .output(options_->format);

    VerbFlags verify =
        add("verify", "Read installed runtimes again and hold them to what was installed", verify_runtimes);
    verify.words("name", options_->names, "RUNTIME...", "Which (all)", Need::kOptional);
    verify.text("--key", options_->key, "KEY", "A public key, or its file, that is trusted whatever config.yaml says");
  }

  void add_makers() {
    VerbFlags fresh = add("new", "Write the source of a new runtime that builds and boots as it is", new_runtime);
    fresh.word("name", options_->name, "NEW_NAME", "Its name; the directory gets it, too", Need::kRequired);

    VerbFlags build = add("build", "Build runtimes from pinned packages into this host's images", build_runtimes);
    build.words("name", options_->names, "NAME...", "Which (all)", Need::kOptional);
    source(build);
    build.flag("--release", options_->release, "Refuse a pin that has vanished, instead of taking the newest");

    VerbFlags test = add("test", "Boot a runtime in a VM and ask it by HTTP", test_runtime);
    name(test, "NAME");
    source(test);
    test.duration("--timeout", options_->timeout, "How long to wait for its answer (5m)");

    VerbFlags validate = add("validate", "Check sources of runtimes; all faults at once", validate_runtimes);
    validate.words("directory", options_->names, "DIR...", "Which (those that came with unikctl)", Need::kOptional);

    VerbFlags lock = add("lock", "Show what differs between a lock and what the archives have now; code 1 if something",
                         lock_runtime);
    name(lock, "NAME");
    lock.flag("--update", options_->update, "Write these versions into versions.lock");
    source(lock);
  }

  void add_publishers() {
    const VerbFlags key =
        tree_.add_group_below(group_, "key", "Keys by which packages are signed: runtime key generate");
    VerbFlags generate = add_to(key, "generate", "Make a pair of keys, in minisign's format", generate_runtime_key);
    generate.word("file", options_->key, "FILE", "FILE.key and FILE.pub (runtime)", Need::kOptional);

    VerbFlags release = add(
        "release", "Release a runtime of this Git repository: build, boot, package, sign, tag, push", release_runtime);
    release.word("name", options_->name, "NAME", "The runtime; its manifest.yaml says the version", Need::kOptional);
    release.flag("--all", options_->all, "Every runtime of the repository, at one --version");
    release.text("--version", options_->version, "X.Y.Z", "With --all: it is written into every manifest.yaml");
    release.text("--to", options_->to, "DIR", "Where the packages go, as NAME/NAME-X.Y.Z.tar.gz");
    release.text("--url", options_->url, "URL",
                 "Where others find them: that directory, oci://HOST/NAMESPACE or a page …/releases (file://DIR)");
    release.text("--key", options_->key, "FILE", "The secret key to sign with (not signed)");
    release.text("--branch", options_->branch, "NAME", "The branch that is released (main)");
    release.text("--remote", options_->remote, "NAME", "Where it is pushed to (origin)");
    release.flag("--dry-run", options_->dry_run, "Look at everything, show the plan, and change nothing");
    release.flag("--no-test", options_->no_test, "Do not boot it in a VM first");
    release.flag("--yes", options_->yes, "Do not ask");

    VerbFlags publish =
        add("publish", "Package an installed runtime, sign it, and add it to a registry", publish_runtime);
    name(publish, "RUNTIME");
    publish.text("--to", options_->to, "DIR|OCI",
                 "The registry: a directory, or oci://HOST/NAMESPACE; made if missing");
    publish.text("--in", options_->in, "DIR",
                 "Instead: put the package that registry.json in DIR names where it says, as `release` has left it");
    publish.text("--key", options_->key, "FILE", "With --to: the secret key to sign with (not signed)");

    VerbFlags yank = add("yank", "Mark a published version as bad: only who names it still gets it", yank_runtime);
    name(yank, "NAME@VERSION");
    yank.text("--in", options_->in, "DIR|OCI", "The registry: a directory, or oci://HOST/NAMESPACE");
  }

 private:
  VerbFlags add_to(VerbFlags parent, const char* name, const char* summary, RunRuntimeVerb run) {
    return tree_.add_below(parent, name, summary,
                           [options = options_, run](const Session& session) { return run(session, *options); });
  }
  VerbFlags add(const char* name, const char* summary, RunRuntimeVerb run) {
    return add_to(group_, name, summary, run);
  }
  void name(VerbFlags& verb, const char* type) {
    verb.word("name", options_->name, type, "The runtime, NAME[@VERSION]", Need::kRequired);
  }
  void source(VerbFlags& verb) {
    verb.text("--source", options_->source, "DIR|GIT", "Take the source from there; GIT may end in #BRANCH");
  }

  CommandTree& tree_;
  VerbFlags group_;
  std::shared_ptr<RuntimeOptions> options_ = std::make_shared<RuntimeOptions>();
};

}  // namespace

void add_runtime(CommandTree& tree) {
  RuntimeTree verbs(tree);
  verbs.add_users();
  verbs.add_makers();
  verbs.add_publishers();
}

}  // namespace unik::cli
