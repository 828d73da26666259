#include "cli/commands/runtime/shelf.hpp"

#include <system_error>
#include <utility>

#include "cli/output/images.hpp"
#include "cli/progress.hpp"
#include "cli/runtimes.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/oci_registry.hpp"
#include "runtimes/lib/runtime/placed_files.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxShelfText{static_cast<std::int64_t>(runtimes::kMaxRegistryBytes)};

// Empty: there is none yet.
Result<std::string> registry_text(const fs::path& directory) {
  auto text = runtimes::read_file(directory / runtimes::kRegistryFile, kMaxShelfText);
  if (text || text.error().code != ErrorCode::kNotFound) return text;
  return std::string();
}

class DirectoryShelf final : public Shelf {
 public:
  DirectoryShelf(fs::path directory, std::string text, runtimes::Fd lock)
      : Shelf(std::move(text), std::move(lock)), directory_(std::move(directory)) {}

  // What the registry does not name may be named by another one.
  Result<void> check_free(const std::string& name, const std::string& version) const override {
    const fs::path target = target_of(name, version);
    for (const fs::path& needed : {target, signature_place(target)})
      if (auto free = runtimes::check_free(needed); !free) return free;
    return {};
  }
  Result<void> put(const std::string& name, PackagedRuntime& packed) override {
    const fs::path file = packed.package.file, target = directory_ / name / file.filename();
    if (auto put = placed_.put(file, target); !put) return put;
    if (!packed.release.signature.empty())
      if (auto put = placed_.put(signature_place(file), signature_place(target)); !put) return put;
    packed.release.download_url = name + "/" + file.filename().string();
    return {};
  }
  // Who knows no lock, an editor or a `git pull`, may have written it meanwhile.
  Result<void> change(const runtimes::RegistryChange& change) override {
    const auto now = registry_text(directory_);
    if (!now) return now.error();
    const auto text = change.apply(*now);
    if (!text) return text.error();
    auto replaced = runtimes::replace_file(directory_ / runtimes::kRegistryFile, *text);
    if (replaced) placed_.keep();
    return replaced;
  }
  std::string place_of(const std::string& name, const std::string& version) const override {
    return target_of(name, version).string();
  }

 private:
  fs::path target_of(const std::string& name, const std::string& version) const {
    return directory_ / name / runtimes::package_file_name(name, version);
  }

  fs::path directory_;
  runtimes::PlacedFiles placed_;
};

class NamespaceShelf final : public Shelf {
 public:
  NamespaceShelf(const Session& session, std::string url, std::string text, runtimes::Fd lock)
      : Shelf(std::move(text), std::move(lock)), session_(session), url_(std::move(url)) {}

  // Whether what is there is the same can be told of a package alone.
  Result<void> check_free(const std::string& name, const std::string& version) const override {
    const auto fits = runtimes::oci_package(place_of(name, version));
    return fits ? Result<void>() : Result<void>(fits.error());
  }
  // What is put and then named by nobody may stay: the next try finds the same there.
  Result<void> put(const std::string& name, PackagedRuntime& packed) override {
    const std::string version = to_string(packed.release.version);
    const auto put = push_package(session_, place_of(name, version), packed.package);
    if (!put) return put.error();
    packed.release.download_url = name + ":" + version;
    return {};
  }
  Result<void> change(const runtimes::RegistryChange& change) override {
    return runtimes::change_oci_registry(url_, change, session_.environment().variables);
  }
  std::string place_of(const std::string& name, const std::string& version) const override {
    return runtimes::oci_package_url(url_, name, version);
  }

 private:
  const Session& session_;
  std::string url_;
};

Error no_registry(const std::string& place) {
  return not_found("no_such_registry",
                   place + ": want a registry.json there, found none; `unikctl runtime publish --to` begins one");
}

Result<std::unique_ptr<Shelf>> open_directory(const fs::path& directory, Shelf::Need need) {
  std::error_code ignored;
  if (need == Shelf::Need::kRegistry && !fs::exists(directory / runtimes::kRegistryFile, ignored))
    return no_registry(directory.string());
  if (auto made = runtimes::make_directories(directory); !made) return made.error();
  auto lock = runtimes::lock_directory(directory);
  if (!lock) return lock.error();
  auto text = registry_text(directory);
  if (!text) return text.error();
  return std::unique_ptr<Shelf>(std::make_unique<DirectoryShelf>(directory, *std::move(text), *std::move(lock)));
}

Result<runtimes::Fd> lock_namespace(const Session& session, const std::string& url) {
  const fs::path locks = cache_of(session.environment()) / "registries" / ".locks";
  if (auto made = runtimes::make_directories(locks); !made) return made.error();
  return runtimes::lock_file(locks / to_hex(runtimes::sha256(url)), runtimes::LockMode::kExclusive);
}

Result<std::unique_ptr<Shelf>> open_namespace(const Session& session, const std::string& place, Shelf::Need need) {
  auto url = runtimes::registry_file_url(place);
  if (!url) return std::move(url).error();
  auto lock = lock_namespace(session, *url);
  if (!lock) return lock.error();
  auto file = runtimes::read_oci_registry(*url, "", session.environment().variables);
  if (!file && file.error().code != ErrorCode::kNotFound) return std::move(file).error();
  if (!file && need == Shelf::Need::kRegistry) return no_registry(*url);
  std::string text = file ? file->text.value_or("") : "";
  return std::unique_ptr<Shelf>(
      std::make_unique<NamespaceShelf>(session, *std::move(url), std::move(text), *std::move(lock)));
}

}  // namespace

Result<std::unique_ptr<Shelf>> Shelf::open(const Session& session, const std::string& place, Need need) {
  if (runtimes::is_oci_url(place)) return open_namespace(session, place, need);
  if (place.find("://") != std::string::npos)
    return invalid("usage", "want a directory or oci://HOST/NAMESPACE, got `" + place +
                                "`; a page of releases is published to by `--in DIR`, whose registry.json names it");
  return open_directory((session.environment().working_dir / place).lexically_normal(), need);
}

Result<bool> push_package(const Session& session, const std::string& url, const runtimes::RuntimePackage& package) {
  Progress line(session.terminal());
  runtimes::RegistryClient::OnSent sent;
  if (session.terminal().live_err)
    sent = [&](std::int64_t bytes) {
      line.show("publish " + url + ": " + format_size(bytes) + " of " + format_size(package.size));
    };
  auto pushed = push_oci_package(url, package, session.environment().variables, sent);
  line.clear();
  return pushed;
}

}  // namespace unik::cli
