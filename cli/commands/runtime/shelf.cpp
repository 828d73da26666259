#include "cli/commands/runtime/shelf.hpp"

#include <utility>

#include "cli/output/images.hpp"
#include "cli/progress.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/oci_registry.hpp"
#include "runtimes/lib/runtime/placed_files.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kMaxShelfText{static_cast<std::int64_t>(runtimes::kMaxRegistryBytes)};

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
  Result<void> replace(const std::string& text) override {
    auto replaced = runtimes::replace_file(directory_ / runtimes::kRegistryFile, text);
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
  NamespaceShelf(const Session& session, std::string url, runtimes::OciRegistryFile file, runtimes::Fd lock)
      : Shelf(file.text.value_or(""), std::move(lock)),
        session_(session),
        url_(std::move(url)),
        state_(std::move(file.state)) {}

  // Whether what is there is the same can be told of a package alone.
  Result<void> check_free(const std::string&, const std::string&) const override { return {}; }
  // What is put and then named by nobody may stay: the next try finds the same there.
  Result<void> put(const std::string& name, PackagedRuntime& packed) override {
    const std::string version = to_string(packed.release.version);
    const auto put = push_package(session_, place_of(name, version), packed.package);
    if (!put) return put.error();
    packed.release.download_url = name + ":" + version;
    return {};
  }
  Result<void> replace(const std::string& text) override {
    return runtimes::replace_oci_registry(url_, state_, text, session_.environment().variables);
  }
  std::string place_of(const std::string& name, const std::string& version) const override {
    return runtimes::oci_package_url(url_, name, version);
  }

 private:
  const Session& session_;
  std::string url_;
  std::string state_;
};

Result<std::unique_ptr<Shelf>> open_directory(const Session& session, const fs::path& directory) {
  if (auto made = runtimes::make_directories(directory); !made) return made.error();
  auto lock = lock_shelf(session, directory);
  if (!lock) return lock.error();
  auto text = runtimes::read_file(directory / runtimes::kRegistryFile, kMaxShelfText);
  if (!text && text.error().code != ErrorCode::kNotFound) return text.error();
  return std::unique_ptr<Shelf>(
      std::make_unique<DirectoryShelf>(directory, text ? *std::move(text) : std::string(), *std::move(lock)));
}

Result<std::unique_ptr<Shelf>> open_namespace(const Session& session, const std::string& place) {
  auto url = runtimes::registry_file_url(place);
  if (!url) return std::move(url).error();
  auto lock = lock_shelf(session, *url);
  if (!lock) return lock.error();
  auto file = runtimes::read_oci_registry(*url, "", session.environment().variables);
  if (!file && file.error().code != ErrorCode::kNotFound) return std::move(file).error();
  return std::unique_ptr<Shelf>(std::make_unique<NamespaceShelf>(
      session, *std::move(url), file ? *std::move(file) : runtimes::OciRegistryFile{}, *std::move(lock)));
}

}  // namespace

Result<std::unique_ptr<Shelf>> Shelf::open(const Session& session, const std::string& place) {
  if (runtimes::is_oci_url(place)) return open_namespace(session, place);
  if (place.find("://") != std::string::npos)
    return invalid("usage", "want a directory or oci://HOST/NAMESPACE, got `" + place +
                                "`; a page of releases is published to by `--in DIR`, whose registry.json names it");
  return open_directory(session, (session.environment().working_dir / place).lexically_normal());
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
