// A registry of runtimes as who publishes changes it: a directory, or an OCI namespace. A shelf of a directory is
// locked against every other; one of a namespace against others of this user.
#pragma once

#include <memory>
#include <string>

#include "api/result.hpp"
#include "cli/commands/runtime/runtime_verbs.hpp"
#include "cli/session.hpp"

namespace unik::cli {

class Shelf {
 public:
  // `place`: a directory or `oci://HOST/NAMESPACE`. Where it is no registry yet, it becomes one, and a directory is
  // made, or it is refused: `not_found`. Errors: also those of read_oci_registry.
  enum class Need { kAny, kRegistry };
  static Result<std::unique_ptr<Shelf>> open(const Session& session, const std::string& place, Need need);

  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;
  virtual ~Shelf() = default;

  // Of registry.json as it was; empty: there is none yet.
  const std::string& text() const { return text_; }

  // What can be said of a release's place before it is packaged. Errors: `conflict/release_exists`.
  virtual Result<void> check_free(const std::string& name, const std::string& version) const = 0;
  // Puts the package, and says in `packed` where others find it. In a directory it goes again unless `change` follows.
  virtual Result<void> put(const std::string& name, PackagedRuntime& packed) = 0;
  // Changes registry.json as it is by now. Errors: also those of `change.apply` and change_oci_registry.
  virtual Result<void> change(const runtimes::RegistryChange& change) = 0;
  // Where the package of a release is, for people.
  virtual std::string place_of(const std::string& name, const std::string& version) const = 0;

 protected:
  Shelf(std::string text, runtimes::Fd lock) : text_(std::move(text)), lock_(std::move(lock)) {}

 private:
  std::string text_;
  runtimes::Fd lock_;
};

// A package at its place in an OCI namespace, with progress on a terminal. False: it was there already. Errors: those
// of push_oci_package.
Result<bool> push_package(const Session& session, const std::string& url, const runtimes::RuntimePackage& package);

}  // namespace unik::cli
