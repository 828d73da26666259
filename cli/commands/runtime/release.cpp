// runtime release: one runtime, or all of them, from the sources of a Git repository. Everything is looked at first,
// then built, booted and packaged aside; the tag and the packages' place are changed last, and put back where that
// fails; the user's own tree only follows what was pushed.
#include <algorithm>
#include <ostream>
#include <system_error>

#include "api/runtime_name.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/output/images.hpp"
#include "cli/packing.hpp"
#include "cli/runtime_check.hpp"
#include "cli/runtime_registries.hpp"
#include "cli/runtimes.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/signal_relay.hpp"
#include "runtimes/lib/packs/text_lines.hpp"
#include "runtimes/lib/runtime/git_repository.hpp"
#include "runtimes/lib/runtime/installed_runtimes.hpp"
#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/placed_files.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"
#include "runtimes/lib/runtime/release_change.hpp"
#include "runtimes/lib/runtime/release_page.hpp"
#include "runtimes/lib/runtime/release_tag.hpp"
#include "runtimes/lib/runtime/release_texts.hpp"
#include "runtimes/lib/runtime/runtime_lock.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"
#include "runtimes/lib/runtime/runtime_package.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kChangesFile = "CHANGELOG.md";
constexpr std::string_view kBulkTags = "v[0-9]*.[0-9]*.[0-9]*";                     // as a pattern of git
constexpr const char* kFetchedRegistry = "https://registry.example/registry.json";  // any that is fetched
constexpr Bytes kMaxReleaseText{static_cast<std::int64_t>(runtimes::kMaxRegistryBytes)};

// What a release makes of one source.
struct PlannedRelease {
  std::string name;
  RuntimeVersion version;
  fs::path source;  // relative to the repository's top
  std::string old_version;
  std::string manifest;
  std::string changes;  // the whole of its CHANGELOG.md
  std::string section;  // of it, what this release adds
};

struct ReleasePlan {
  runtimes::ReleaseTag tag;
  std::vector<PlannedRelease> runtimes;
  std::string head;      // the commit that it begins at
  std::string registry;  // the text of registry.json; empty: there is none yet
};

Result<std::string> text_or_nothing(const fs::path& file) {
  auto text = runtimes::read_file(file, kMaxReleaseText);
  if (text || text.error().code != ErrorCode::kNotFound) return text;
  return std::string();
}

// ---- Looking: nothing is changed ----

class ReleasePlanner {
 public:
  ReleasePlanner(const RuntimeOptions& options, const runtimes::GitRepository& git, const fs::path& place)
      : options_(options), git_(git), place_(place) {}

  Result<ReleasePlan> run() {
    for (const auto step : {&ReleasePlanner::check_tree, &ReleasePlanner::check_branch, &ReleasePlanner::read_registry,
                            &ReleasePlanner::choose, &ReleasePlanner::check_tag, &ReleasePlanner::check_places,
                            &ReleasePlanner::write_texts})
      if (auto done = (this->*step)(); !done) return done.error();
    return std::move(plan_);
  }

 private:
  Result<void> check_tree() {
    const auto changes = git_.changes();
    if (!changes) return changes.error();
    if (changes->empty()) return {};
    std::string listed;
    for (const std::string& path : *changes) listed += (listed.empty() ? "" : ", ") + path;
    return conflict("dirty_tree", git_.top().string() + ": want a clean tree, found changes of " + listed +
                                      "; commit or put them aside first");
  }

  Result<void> check_branch() {
    const auto branch = git_.branch();
    if (!branch) return branch.error();
    if (*branch != options_.branch)
      return conflict("wrong_branch", "want branch " + options_.branch + ", found " +
                                          (branch->empty() ? "none checked out" : *branch) +
                                          "; --branch names another");
    if (auto fetched = git_.run({"fetch", "--quiet", options_.remote, options_.branch}); !fetched)
      return fetched.error();
    const auto here = git_.commit_of("HEAD"), there = git_.commit_of("FETCH_HEAD");
    if (!here) return here.error();
    if (!there) return there.error();
    plan_.head = *here;
    if (*here == *there) return {};
    return conflict("not_up_to_date", "want " + options_.branch + " to be what " + options_.remote + " has, here is " +
                                          here->substr(0, 12) + ", there " + there->substr(0, 12) +
                                          "; pull or push first");
  }

  Result<void> read_registry() {
    auto text = text_or_nothing(git_.top() / runtimes::kRegistryFile);
    if (!text) return text.error();
    plan_.registry = *std::move(text);
    return {};
  }

  // Without the base: it is a layer of each of them, and nothing that is installed by itself.
  Result<std::vector<runtimes::RuntimeSource>> sources() const {
    std::vector<runtimes::RuntimeSource> found;
    for (const fs::path& place : {git_.top(), git_.top() / "runtimes"})
      for (const fs::path& directory : runtimes::runtime_sources(place)) {
        auto source = runtimes::read_runtime_source(directory);
        if (!source) return source.error();
        if (!source->recipe.base.empty()) found.push_back(*std::move(source));
      }
    return found;
  }

  Result<void> choose() {
    const auto all = sources();
    if (!all) return all.error();
    std::vector<std::string> names;
    for (const runtimes::RuntimeSource& source : *all) names.push_back(source.manifest.name);
    const auto tag = wanted_tag(*all, names);
    if (!tag) return tag.error();
    plan_.tag = *tag;
    for (const runtimes::RuntimeSource& source : *all)
      if (tag->runtime.empty() || tag->runtime == source.manifest.name)
        plan_.runtimes.push_back({source.manifest.name,
                                  tag->version,
                                  source.directory.lexically_relative(git_.top()),
                                  source.manifest.version,
                                  {},
                                  {},
                                  {}});
    return {};
  }

  // `--all --version X.Y.Z`; or NAME, whose manifest says the version, with which NAME@X.Y.Z has to agree.
  Result<runtimes::ReleaseTag> wanted_tag(const std::vector<runtimes::RuntimeSource>& all,
                                          const std::vector<std::string>& names) const {
    if (options_.all != options_.name.empty() || options_.all == options_.version.empty())
      return invalid("usage", "want NAME, or --all and --version X.Y.Z");
    if (options_.all) return bulk_tag(names);
    if (names.empty())
      return not_found("no_such_runtime", git_.top().string() +
                                              ": want sources of runtimes there or "
                                              "below runtimes/, found none");
    if (options_.name.starts_with('v') && parse_runtime_version(options_.name.substr(1)))
      return invalid("usage", "want NAME, got `" + options_.name +
                                  "`, the tag of all runtimes: write `--all --version " + options_.name.substr(1) +
                                  "`");
    const std::string name = options_.name.substr(0, options_.name.find('@'));
    for (const runtimes::RuntimeSource& source : all) {
      if (source.manifest.name != name) continue;
      const std::string own = name + "@" + source.manifest.version;
      const auto tag = runtimes::parse_release_tag(options_.name == name ? own : options_.name, names);
      if (!tag || to_string(tag->version) == source.manifest.version) return tag;
      return conflict("version_mismatch", "want manifest.yaml of " + name + " to say " + to_string(tag->version) +
                                              ", found " + source.manifest.version);
    }
    // What was meant as a tag is told what is wrong with it; a name, what names there are.
    const std::size_t mark = name.find_last_of("-:/=_");
    const bool is_tag = options_.name != name || parse_runtime_version(name.substr(mark + 1));
    return runtimes::parse_release_tag(is_tag ? options_.name : name + "@1.0.0", names);
  }

  Result<runtimes::ReleaseTag> bulk_tag(const std::vector<std::string>& names) const {
    if (options_.version.starts_with('v') && parse_runtime_version(options_.version.substr(1)))
      return invalid("usage", "want --version X.Y.Z, got `" + options_.version +
                                  "`; write it without the `v`, which the tag alone has");
    return runtimes::parse_release_tag("v" + options_.version, names);
  }

  fs::path package_of(const PlannedRelease& one) const {
    return place_ / one.name / runtimes::package_file_name(one.name, to_string(one.version));
  }

  bool is_registered(const PlannedRelease& one) const {
    runtimes::RuntimeRelease release;
    release.version = one.version;
    return !add_release(plan_.registry, one.name, release, "");
  }

  // A try that was killed between its tag and its push has released nothing.
  Error tag_is_there(const std::string& tag, bool at_remote) const {
    const bool any = std::any_of(plan_.runtimes.begin(), plan_.runtimes.end(),
                                 [&](const PlannedRelease& one) { return is_registered(one); });
    const std::string found = "want a tag that is free, " + tag + " is there ";
    if (at_remote || any)
      return conflict("tag_exists", found + (at_remote ? "at " + options_.remote : "already") +
                                        "; what was released is never overwritten: raise the version");
    std::string left;
    std::error_code ignored;
    for (const PlannedRelease& one : plan_.runtimes)
      for (const fs::path& file : {package_of(one), signature_place(package_of(one))})
        if (fs::exists(file, ignored)) left += " " + file.string();
    return conflict("tag_left", found + "already, but not at " + options_.remote +
                                    ", and registry.json names no such release: a try that was cut off has left it; "
                                    "take it away: `git tag -d " +
                                    tag + "`" + (left.empty() ? "" : " and `rm" + left + "`"));
  }

  Result<void> check_tag() {
    const std::string tag = to_string(plan_.tag);
    const auto here = git_.commit_of("refs/tags/" + tag);
    if (!here) return here.error();
    const auto there = git_.remote_tag(options_.remote, tag);
    if (!there) return there.error();
    if (!here->empty() || !there->empty()) return tag_is_there(tag, !there->empty());
    return {};
  }

  // Packages in the checkout would be changes of it.
  Result<void> check_outside(const fs::path& file) const {
    std::error_code ignored;
    const fs::path below =
        fs::weakly_canonical(file, ignored).lexically_relative(fs::weakly_canonical(git_.top(), ignored));
    if (below.empty() || below.begin()->string() == "..") return {};
    const auto ignores = git_.ignores(below);
    if (!ignores) return ignores.error();
    if (*ignores) return {};
    return invalid("usage", "--to: want a place outside of " + git_.top().string() +
                                ", or one that its .gitignore names, got " + place_.string() +
                                ": packages there would be changes of the tree");
  }

  Result<void> check_places() {
    for (const PlannedRelease& one : plan_.runtimes) {
      runtimes::RuntimeRelease release;
      release.version = one.version;
      if (auto fresh = add_release(plan_.registry, one.name, release, ""); !fresh) return fresh.error();
      for (const fs::path& needed : {package_of(one), signature_place(package_of(one))}) {
        if (auto free = runtimes::check_free(needed); !free) return free;
        if (auto outside = check_outside(needed); !outside) return outside;
      }
    }
    return {};
  }

  Result<void> write_texts() {
    const std::string date = format_wall_time(wire::read_clock().wall).substr(0, 10);
    for (PlannedRelease& one : plan_.runtimes) {
      const auto manifest = runtimes::read_file(git_.top() / one.source / runtimes::kManifestFile, kMaxReleaseText);
      if (!manifest) return manifest.error();
      auto renewed = runtimes::with_version(*manifest, one.version);
      if (!renewed) return renewed.error();
      one.manifest = *std::move(renewed);
      const auto subjects = subjects_of(one);
      if (!subjects) return subjects.error();
      const auto changes = text_or_nothing(git_.top() / one.source / kChangesFile);
      if (!changes) return changes.error();
      one.section = runtimes::changes_section(one.version, date, *subjects);
      one.changes = runtimes::with_changes(*changes, one.name, one.section);
    }
    return {};
  }

  // A runtime that was not there yet, or at another place, was not released with all of then.
  bool was_released(const PlannedRelease& one, const std::string& tag) const {
    if (tag.starts_with(one.name + "@")) return true;
    const auto text = git_.ask({"show", tag + ":" + (one.source / runtimes::kManifestFile).string()});
    const auto manifest =
        text ? codec::parse_runtime_manifest({tag, *text}) : Result<codec::RuntimeManifest>(text.error());
    return manifest && manifest->name == one.name && "v" + manifest->version == tag;
  }

  // The newest tag in HEAD by which it was released, alone or with all; empty: there is none.
  Result<std::string> last_release(const PlannedRelease& one) const {
    const auto tags =
        git_.ask({"tag", "--list", one.name + "@*", std::string(kBulkTags), "--sort=-creatordate", "--merged", "HEAD"});
    if (!tags) return tags.error();
    for (const std::string_view tag : runtimes::lines_of(*tags))
      if (was_released(one, std::string(tag))) return std::string(tag);
    return std::string();
  }

  // What was committed to its source since then, but for the releases themselves.
  Result<std::vector<std::string>> subjects_of(const PlannedRelease& one) const {
    const auto last = last_release(one);
    if (!last) return last.error();
    const auto log = git_.ask({"log", "--format=%s", "--max-count=100", last->empty() ? "HEAD" : *last + "..HEAD", "--",
                               one.source.string()});
    if (!log) return log.error();
    std::vector<std::string_view> subjects = runtimes::lines_of(*log);
    std::erase_if(subjects, runtimes::is_release_message);
    return std::vector<std::string>(subjects.begin(), subjects.end());
  }

  const RuntimeOptions& options_;
  const runtimes::GitRepository& git_;
  const fs::path& place_;
  ReleasePlan plan_;
};

// Images of this host that a release builds over or beside: unless it is made, they are as they were before.
class BuiltImages {
 public:
  BuiltImages(const Session& session, const runtimes::BlobStore& store) : session_(session), store_(store) {}
  BuiltImages(const BuiltImages&) = delete;
  BuiltImages& operator=(const BuiltImages&) = delete;
  ~BuiltImages() {
    for (const Before& one : before_)
      if (auto restored = restore(one); !restored) session_.warn(restored.error().message);
  }

  // Called before it is built.
  Result<void> remember(const std::string& name, const std::string& version) {
    const auto there = find(name, version);
    if (!there) return there.error();
    before_.push_back({name, version, *there ? std::optional((*there)->image) : std::nullopt});
    return {};
  }
  void keep() { before_.clear(); }

 private:
  struct Before {
    std::string name;
    std::string version;
    std::optional<runtimes::NamedImage> image;
  };

  Result<std::optional<runtimes::InstalledRuntime>> find(const std::string& name, const std::string& version) const {
    const auto space = runtime_space(session_);
    if (!space) return space.error();
    const auto installed = runtimes::installed_runtimes(store_);
    if (!installed) return installed.error();
    const runtimes::InstalledRuntime* const there = find_installed(*installed, {*space, name, version});
    return there == nullptr ? std::nullopt : std::optional(*there);
  }

  Result<void> restore(const Before& one) const {
    const auto there = find(one.name, one.version);
    if (!there) return there.error();
    if (!*there || (one.image && *one.image == (*there)->image)) return {};
    if (one.image) return store_.set_image(*one.image);
    const auto places = install_places(session_, store_);
    if (!places) return places.error();
    return remove_installed(*places, **there);
  }

  const Session& session_;
  const runtimes::BlobStore& store_;
  std::vector<Before> before_;
};

struct MadeRelease {
  PackagedRuntime packaged;
  std::string lock;  // versions.lock, with what is in the image
};

// ---- Making: in a scratch directory and the host's store ----

// From the commit that is released, not from a tree that somebody may be at work in.
Result<runtimes::RuntimeSource> copy_source(const PlannedRelease& one, const fs::path& tree, const fs::path& scratch) {
  const fs::path copy = scratch / "sources" / one.name;
  if (auto made = runtimes::make_directories(copy.parent_path()); !made) return made.error();
  std::error_code error;
  fs::copy(tree / one.source, copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (error) return unavailable("store_failed", "copying " + (tree / one.source).string() + ": " + error.message());
  if (auto written = runtimes::replace_file(copy / runtimes::kManifestFile, one.manifest); !written)
    return written.error();
  return runtimes::read_runtime_source(copy);
}

Result<MadeRelease> make_release(const Session& session, const RuntimeOptions& options,
                                 const runtimes::BlobStore& store, const PlannedRelease& one, const fs::path& tree,
                                 const fs::path& scratch, const std::optional<runtimes::SecretKey>& key,
                                 const std::string& tag, const std::string& url) {
  auto source = copy_source(one, tree, scratch);
  if (!source) return source.error();
  const std::string what = one.name + "@" + to_string(one.version);
  session.say("build " + what);
  if (auto built = build_runtime(session, store, *source, runtimes::BuildMode::kRelease); !built) return built.error();
  if (!options.no_test) {
    const auto answered = check_runtime(session, *source, scratch / "check", options.timeout);
    if (!answered) return answered.error();
    if (*answered != 0)
      return unavailable("test_failed", what + ": want it to answer from a VM, it did not; nothing was released");
  }
  const auto runtime = installed_as(session, store, what);
  if (!runtime) return runtime.error();
  auto held = runtimes::locked_image(runtime->front().manifest, source->lock);
  if (!held) return held.error();
  source->lock.image = *std::move(held);
  const std::string lock = codec::print_runtime_lock(source->lock);
  if (auto written = runtimes::replace_file(source->directory / runtimes::kLockFile, lock); !written)
    return written.error();
  auto packed = package_runtime(store, runtime->front(), documents_of(source->directory), scratch / "packages", key);
  if (!packed) return packed.error();
  packed->release.download_url = runtimes::download_url_at(url, tag, one.name, to_string(one.version));
  return MadeRelease{*std::move(packed), lock};
}

// ---- Changing: the tag, the packages' place, the remote ----

Result<void> apply_release(const Session& session, runtimes::ReleaseChange& change, const ReleasePlan& plan,
                           const std::vector<MadeRelease>& made, const fs::path& place) {
  const auto waits = [&] { session.say("waiting for another publisher to " + place.string()); };
  if (auto locked = change.lock_place(place, waits); !locked) return locked;
  std::string registry = plan.registry;
  for (std::size_t i = 0; i < made.size(); ++i) {
    const PlannedRelease& one = plan.runtimes[i];
    const PackagedRuntime& packaged = made[i].packaged;
    const fs::path file = packaged.package.file, target = place / one.name / file.filename();
    if (auto put = change.put_package(file, target); !put) return put;
    if (!packaged.release.signature.empty())
      if (auto put = change.put_package(signature_place(file), signature_place(target)); !put) return put;
    if (auto put = change.write(one.source / runtimes::kManifestFile, one.manifest); !put) return put;
    if (auto put = change.write(one.source / runtimes::kLockFile, made[i].lock); !put) return put;
    if (auto put = change.write(one.source / kChangesFile, one.changes); !put) return put;
    auto more = add_release(registry, one.name, packaged.release, packaged.release.released_at);
    if (!more) return more.error();
    registry = *std::move(more);
  }
  if (auto put = change.write(runtimes::kRegistryFile, registry); !put) return put;
  return change.push();
}

// ---- Asking ----

std::string indented(const std::string& text) {
  std::string out;
  for (const std::string_view line : runtimes::lines_of(text)) out += line.empty() ? "" : "\n    " + std::string(line);
  return out;
}

// What is found elsewhere than in the directory has to get there; empty: nothing has to.
std::string next_of(const RuntimeOptions& options, const PlannedRelease& one) {
  if (!runtimes::is_oci_url(options.url) && !runtimes::is_release_page(options.url)) return "";
  return "next: `unikctl runtime publish " + one.name + "@" + to_string(one.version) + " --in .` puts it to " +
         options.url;
}

void show_runtime(const Session& session, const RuntimeOptions& options, const ReleasePlan& plan,
                  const PlannedRelease& one, const fs::path& place, const std::string& url) {
  const std::string version = to_string(one.version), source = one.source.string() + "/";
  const fs::path package = place / one.name / runtimes::package_file_name(one.name, version);
  session.say("runtime: " + one.name + "@" + version + " from " + one.source.string() + " to " + package.string() +
              (options.key.empty() ? "" : " and its .minisig"));
  session.say("  registry.json: an entry with download_url " +
              runtimes::download_url_at(url, to_string(plan.tag), one.name, version));
  session.say(
      "  " + source + runtimes::kManifestFile +
      (one.old_version == version ? ": stays as it is" : ": version " + one.old_version + " becomes " + version));
  session.say("  " + source + runtimes::kLockFile + ": gets what the image holds");
  session.say("  " + source + kChangesFile + ": gets" + indented(one.section));
}

void show_plan(const Session& session, const RuntimeOptions& options, const ReleasePlan& plan, const fs::path& place,
               const std::string& url) {
  const std::string tag = to_string(plan.tag);
  session.say("tag: " + tag + " on " + options.branch + ", to " + options.remote);
  session.say("commit: `" + runtimes::release_message(plan.tag) + "`, with the annotated tag " + tag + "; pushed to " +
              options.remote + " as refs/heads/" + options.branch + " and refs/tags/" + tag);
  for (const PlannedRelease& one : plan.runtimes) show_runtime(session, options, plan, one, place, url);
  session.say(std::string("registry: ") + (plan.registry.empty() ? "a new one" : "gets an entry for each") +
              (options.key.empty() ? ", not signed" : ", signed by " + options.key));
  session.say(std::string("test: ") +
              (options.no_test ? "none is booted (--no-test)" : "each is booted and asked before it is packaged"));
  for (const PlannedRelease& one : plan.runtimes)
    if (const std::string next = next_of(options, one); !next.empty()) session.say(next);
}

Result<void> confirm_release(const Session& session, bool yes) {
  if (yes) return {};
  *session.terminal().err << "Proceed? (yes/no) " << std::flush;
  std::string answer;
  if (session.terminal().in != nullptr) std::getline(*session.terminal().in, answer);
  if (answer == "yes") return {};
  return invalid("not_confirmed", "want `yes` or --yes, got `" + answer + "`: nothing was released");
}

// Where others shall find the packages. A registry that they fetch may name no file of a host and nothing over plain
// http: it would be refused by each of them.
Result<std::string> public_place(const Session& session, const RuntimeOptions& options, const fs::path& place) {
  const std::string url = options.url.empty() ? "file://" + place.string() : options.url;
  if (url.starts_with("file:")) {
    session.warn("packages will be named by " + url +
                 ", which this host alone can read, and no registry that is fetched may name; --url says where others "
                 "find them");
    return url;
  }
  const auto named = runtimes::package_url(kFetchedRegistry, runtimes::download_url_at(url, "v1.0.0", "any", "1.0.0"));
  return named ? Result<std::string>(url) : Result<std::string>(named.error());
}

}  // namespace

Result<int> release_runtime(const Session& session, const RuntimeOptions& options) {
  if (options.to.empty())
    return invalid("usage", "want --to DIR, where the packages go; --url says how others find it");
  const fs::path place = (session.environment().working_dir / options.to).lexically_normal();
  const auto url = public_place(session, options, place);
  if (!url) return url.error();
  const auto key = read_signing_key(session, options.key);
  if (!key) return key.error();
  const auto git = runtimes::GitRepository::open(session.environment().working_dir, session.environment().variables);
  if (!git) return git.error();
  const auto plan = ReleasePlanner(options, *git, place).run();
  if (!plan) return plan.error();
  show_plan(session, options, *plan, place, *url);
  if (options.dry_run) return 0;
  if (auto sure = confirm_release(session, options.yes); !sure) return sure.error();

  const auto store = open_store(session);
  if (!store) return store.error();
  remove_abandoned_scratch(session);
  const runtimes::ScratchDirectory scratch(runtime_scratch(session));
  const std::string tag = to_string(plan->tag);
  runtimes::ReleaseChange change(
      *git, {plan->head, options.remote, options.branch, tag, runtimes::release_message(plan->tag)},
      scratch.path() / "tree");
  if (auto begun = change.begin(); !begun) return begun.error();
  BuiltImages images(session, *store);  // put back before the change ends, under which signals wait
  std::vector<MadeRelease> made;
  for (const PlannedRelease& one : plan->runtimes) {
    if (auto seen = images.remember(one.name, to_string(one.version)); !seen) return seen.error();
    auto release = make_release(session, options, *store, one, change.tree(), scratch.path(), *key, tag, *url);
    if (!release) return release.error();
    if (auto free = runtimes::SignalRelay::check_none(); !free) return free.error();
    const auto& package = release->packaged.package;
    session.say(package.file.filename().string() + ": " + format_size(package.size) + ", " +
                to_string(package.checksum));
    made.push_back(*std::move(release));
  }
  if (auto done = apply_release(session, change, *plan, made, place); !done) {
    // What others may have by now is kept here, too.
    if (done.error().reason == "push_unknown") images.keep();
    return done.error();
  }
  images.keep();
  if (!change.follow())
    session.warn("released, but this checkout has moved on meanwhile and was left as it is: `git pull` brings " +
                 options.branch + " here");
  for (const PlannedRelease& one : plan->runtimes)
    if (const std::string next = next_of(options, one); !next.empty()) session.say(next);
  session.out(tag + "\n");
  return 0;
}

}  // namespace unik::cli
