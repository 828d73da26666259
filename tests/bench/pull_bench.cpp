// A pull of an image from a registry on loopback into a store that has nothing of it, beside `skopeo copy` of the same
// image into an empty OCI layout. Both check each blob's digest.
//
//   pull_bench BIN_DIR [--pairs N]      UNIKCTL_BASE_RUNTIME names the base runtime; wants docker-registry and skopeo
#include <fstream>

#include "paired.hpp"
#include "process.hpp"
#include "report.hpp"

namespace {

using namespace unik;
using namespace unik::bench;
namespace fs = std::filesystem;

constexpr double kMega = 1e6;
const std::string kName = "payload";

// A registry of one's own, and an image in it: kernel, base and 192 MiB that do not compress.
class Registry {
 public:
  static Result<Registry> start(const fs::path& unikctl, const fs::path& scratch) {
    const std::uint16_t port = free_port();
    const fs::path config = scratch / "registry.yml";
    const fs::path blobs = scratch / "registry";
    std::ofstream(config) << "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: '"
                          << blobs.string() << "'}}\nhttp: {addr: '127.0.0.1:" << port << "'}\n";
    Result<Daemon> daemon = Daemon::start({"docker-registry", "serve", config}, {}, scratch / "registry.log");
    if (!daemon) return daemon.error();
    const std::string host = "127.0.0.1:" + std::to_string(port);
    const Result<wire::Endpoint> endpoint = wire::parse_endpoint("http://" + host);
    if (!endpoint) return endpoint.error();
    if (Result<void> up = wait_answer(*endpoint, "/v2/"); !up) return up.error();
    Registry registry(std::move(*daemon), host + "/bench/" + kName, blobs);
    if (Result<void> filled = registry.fill(unikctl, scratch); !filled) return filled.error();
    return registry;
  }

  const std::string& image() const { return image_; }

  std::uint64_t bytes() const {
    std::uint64_t total = 0;
    for (const auto& entry : fs::recursive_directory_iterator(blobs_))
      if (entry.is_regular_file()) total += entry.file_size();
    return total;
  }

 private:
  Registry(Daemon daemon, std::string image, fs::path blobs)
      : daemon_(std::move(daemon)), image_(std::move(image)), blobs_(std::move(blobs)) {}

  Result<void> fill(const fs::path& unikctl, const fs::path& scratch) const {
    const fs::path source = scratch / "source";
    const fs::path payload = scratch / "payload";
    fs::create_directory(source);
    std::ofstream(source / "unik.yaml") << "version: 1\nlanguage: c\nbuild: {command: cp /bin/true app}\n"
                                           "artifact: {path: app}\nrun: {command: [./app]}\n";
    Result<void> built =
        run_command({"dd", "if=/dev/urandom", "of=" + payload.string(), "bs=1M", "count=192"}, {}, scratch / "dd.log");
    if (!built) return built;
    const Variables home = {"UNIKCTL_HOME=" + (scratch / "builder").string()};
    built = run_command({unikctl, "build", source, "--name", kName, "--include", payload.string() + ":/payload"}, home,
                        scratch / "build.log");
    if (!built) return built.error();
    return run_command({unikctl, "image", "copy", kName, image_}, home, scratch / "push.log");
  }

  Daemon daemon_;
  std::string image_;
  fs::path blobs_;
};

Spread megabytes_a_second(Spread seconds, std::uint64_t bytes) {
  const double mega = static_cast<double>(bytes) / kMega;
  return {mega / seconds.median, mega / seconds.most, mega / seconds.least};
}

Result<void> measure(const Options& options, Report& report) {
  const ScratchDir scratch;
  const fs::path unikctl = fs::path(options.operands[0]) / "unikctl";
  const Result<Registry> registry = Registry::start(unikctl, scratch.path());
  if (!registry) return registry.error();
  const fs::path home = scratch.path() / "home";
  const fs::path layout = scratch.path() / "layout";

  const auto before = [&]() -> Result<void> {
    fs::remove_all(home);
    fs::remove_all(layout);
    return {};
  };
  const auto copy = [&] {
    return run_command(
        {"skopeo", "copy", "--src-tls-verify=false", "docker://" + registry->image(), "oci:" + layout.string() + ":1"},
        {}, scratch.path() / "skopeo.log");
  };
  const auto pull = [&] {
    return run_command({unikctl, "image", "pull", registry->image()}, {"UNIKCTL_HOME=" + home.string()},
                       scratch.path() / "pull.log");
  };
  const Result<Comparison> found = Pairing(options.pairs).compare(copy, pull, before);
  if (!found) return found.error();
  report.add(*found);
  report.add({"pull of an image, over skopeo copy", wall_ratio(*found), "x", Want::kAtMost, 1.0});
  report.add({"the same in CPU seconds", cpu_ratio(*found), "x"});
  report.add({"pull of an image", megabytes_a_second(ours_wall(*found), registry->bytes()), "MB/s", Want::kAtLeast});
  report.add({"skopeo copy of it", megabytes_a_second(peer_wall(*found), registry->bytes()), "MB/s", Want::kAtLeast});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.operands.size() != 1) return give_up("pull", invalid("usage", "want BIN_DIR"));
  Report report("pull");
  if (Result<void> done = measure(options, report); !done) return give_up("pull", done.error());
  return report.finish(options);
}
