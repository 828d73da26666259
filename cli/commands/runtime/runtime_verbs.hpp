// The verbs of `runtime`, one function each, which cli/commands/runtime.cpp alone calls; and what several of them use.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/output/format.hpp"
#include "cli/output/runtimes.hpp"
#include "cli/session.hpp"
#include "cli/signing_keys.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/runtime_package.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace unik::cli {

struct RuntimeOptions {
  std::vector<std::string> names;  // or directories, for validate
  std::string name;
  std::string source;
  std::string to;    // a directory or an OCI namespace: a registry; a directory for packages
  std::string in;    // a registry that is there
  std::string from;  // the URL of a registry that config.yaml need not name
  std::string key;   // a file, or a public key's line
  std::string url;
  std::string version;
  std::string branch = "main";
  std::string remote = "origin";
  OutputFormat format = OutputFormat::kTable;
  bool release = false;
  bool update = false;
  bool from_registries = false;
  bool all = false;
  bool yes = false;
  bool dry_run = false;
  bool no_test = false;
  Duration timeout = std::chrono::minutes(5);
};

// Each prints what it did and returns the exit code.
Result<int> list_runtimes(const Session& session, const RuntimeOptions& options);
Result<int> show_runtime(const Session& session, const RuntimeOptions& options);
Result<int> new_runtime(const Session& session, const RuntimeOptions& options);
Result<int> build_runtimes(const Session& session, const RuntimeOptions& options);
Result<int> test_runtime(const Session& session, const RuntimeOptions& options);
Result<int> lock_runtime(const Session& session, const RuntimeOptions& options);
Result<int> validate_runtimes(const Session& session, const RuntimeOptions& options);
Result<int> install_runtimes(const Session& session, const RuntimeOptions& options);
Result<int> remove_runtime(const Session& session, const RuntimeOptions& options);
Result<int> verify_runtimes(const Session& session, const RuntimeOptions& options);
Result<int> list_outdated_runtimes(const Session& session, const RuntimeOptions& options);
Result<int> generate_runtime_key(const Session& session, const RuntimeOptions& options);
Result<int> release_runtime(const Session& session, const RuntimeOptions& options);
Result<int> publish_runtime(const Session& session, const RuntimeOptions& options);
// Of `publish --in`: the package that a registry names already, put where it says.
Result<int> publish_named(const Session& session, const RuntimeOptions& options);
Result<int> yank_runtime(const Session& session, const RuntimeOptions& options);

// The source of that name that came with unikctl, or lies in UNIKCTL_RUNTIME_SOURCES. Errors: `not_found/
// no_such_runtime`, with where it was looked for.
Result<std::filesystem::path> own_runtime_source(const Session& session, const std::string& name);
// With --source from there; where that is wrong or away, from the own one, which is said.
Result<runtimes::RuntimeSource> take_runtime_source(const Session& session, const RuntimeOptions& options,
                                                    const std::string& name, const std::filesystem::path& scratch,
                                                    bool with_lock = true);
// Of every source.
std::vector<std::string> runtime_names(const Session& session);

// What is installed and what has a source, by name.
Result<std::vector<RuntimeRow>> runtime_rows(const Session& session);

struct PackagedRuntime {
  runtimes::RuntimePackage package;
  runtimes::RuntimeRelease release;  // but for where it will be found

  bool operator==(const PackagedRuntime&) const = default;
};

// An installed runtime that others could make again: what is published must be what its source says. Errors: those of
// installed_as, `invalid/not_reproducible`.
Result<runtimes::InstalledRuntime> publishable(const Session& session, const runtimes::BlobStore& store,
                                               const std::string& text);
// The texts of its source that go with it; that there are none here is warned of.
std::map<std::string, std::string> publishable_documents(const Session& session,
                                                         const runtimes::InstalledRuntime& runtime);
// The package of an installed runtime in `directory`, with the texts of its source, and what a registry says of it;
// signed where `key` is given. Errors: those of write_runtime_package.
Result<PackagedRuntime> package_runtime(const runtimes::BlobStore& store, const runtimes::InstalledRuntime& runtime,
                                        const std::map<std::string, std::string>& documents,
                                        const std::filesystem::path& directory,
                                        const std::optional<runtimes::SecretKey>& key);
// Beside a package: `PACKAGE.minisig`.
std::filesystem::path signature_place(const std::filesystem::path& package);
// The texts of a source, as a package holds them.
std::map<std::string, std::string> documents_of(const std::filesystem::path& source);

// A directory for the work of one command.
std::filesystem::path runtime_scratch(const Session& session);
// Such directories of commands that were killed.
void remove_abandoned_scratch(const Session& session);

// Installed under the configured namespace; a name without a version means every version. Errors: `invalid/
// bad_runtime_name`, `not_found/no_such_runtime`, with what there is.
Result<std::vector<runtimes::InstalledRuntime>> installed_as(const Session& session, const runtimes::BlobStore& store,
                                                             const std::string& text);

}  // namespace unik::cli
