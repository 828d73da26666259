// How long the base runtime boots, from exec of QEMU to the app's word on the console, beside Debian's cloud kernel
// whose only process is the same program. Both get the argv that the product gives them; the product itself is not
// there.
//
//   boot_bench BIN_DIR DEBIAN_KERNEL [--pairs N]
#include "local_node.hpp"
#include "paired.hpp"
#include "raw_vm.hpp"
#include "report.hpp"

namespace {

using namespace unik;
using namespace unik::bench;
namespace fs = std::filesystem;

const std::vector<std::string> kWords = {"say", std::string(kGuestWord), "sleep", "1000000000"};
const std::string kMemory = "256Mi";  // what Debian's kernel needs

// The guest as /init of an initramfs.
Result<fs::path> make_initrd(const fs::path& guest, const fs::path& scratch) {
  const fs::path initrd = scratch / "initrd.gz";
  const std::string script = "mkdir initrd && cp '" + guest.string() +
                             "' initrd/init && cd initrd && find . | cpio -o -H newc --quiet | gzip >'" +
                             initrd.string() + "'";
  const Result<void> made =
      run_command({"sh", "-c", "cd '" + scratch.string() + "' && " + script}, {}, scratch / "initrd.log");
  if (!made) return made.error();
  return initrd;
}

Result<RawVm> like_ours(const LocalNode& node, const fs::path& guest, const fs::path& scratch) {
  const Result<fs::path> instance = node.deploy("ours", {guest, "--memory", kMemory}, kWords);
  if (!instance) return instance.error();
  return RawVm::like(*instance, scratch / "ours");
}

Result<RawVm> like_debian(const LocalNode& node, const fs::path& kernel, const fs::path& guest,
                          const fs::path& scratch) {
  const Result<fs::path> initrd = make_initrd(guest, scratch);
  if (!initrd) return initrd.error();
  std::vector<std::string> words = {"quiet", "--"};
  words.insert(words.end(), kWords.begin(), kWords.end());
  const Result<fs::path> instance = node.deploy("debian", {kernel, "--initrd", *initrd, "--memory", kMemory}, words);
  if (!instance) return instance.error();
  return RawVm::like(*instance, scratch / "debian");
}

struct Vms {
  RawVm debian;
  RawVm ours;
};

// The node is gone when this returns, and with it all that would disturb.
Result<Vms> prepare(const fs::path& bin, const fs::path& kernel, const fs::path& scratch) {
  const Result<fs::path> guest = compile_guest(scratch);
  if (!guest) return guest.error();
  const Result<LocalNode> node = LocalNode::start(bin, scratch / "home");
  if (!node) return node.error();
  Result<RawVm> debian = like_debian(*node, kernel, *guest, scratch);
  if (!debian) return debian.error();
  Result<RawVm> ours = like_ours(*node, *guest, scratch);
  if (!ours) return ours.error();
  return Vms{std::move(*debian), std::move(*ours)};
}

Result<void> measure(const Options& options, Report& report) {
  const ScratchDir scratch;
  Result<Vms> vms = prepare(options.operands[0], options.operands[1], scratch.path());
  if (!vms) return vms.error();
  const auto before = [&]() -> Result<void> {
    vms->debian.end();
    vms->ours.end();
    return {};
  };
  const Result<Comparison> found =
      Pairing(options.pairs)
          .compare([&] { return vms->debian.boot(kGuestWord); }, [&] { return vms->ours.boot(kGuestWord); }, before);
  if (!found) return found.error();
  report.add(*found);
  report.add({"boot of the base runtime, over Debian's cloud kernel", wall_ratio(*found), "x", Want::kAtMost, 0.16});
  report.add({"boot of the base runtime", ours_wall(*found), "s"});
  report.add({"boot of Debian's cloud kernel", peer_wall(*found), "s"});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.operands.size() != 2) return give_up("boot", invalid("usage", "want BIN_DIR DEBIAN_KERNEL"));
  Report report("boot");
  if (Result<void> done = measure(options, report); !done) return give_up("boot", done.error());
  return report.finish(options);
}
