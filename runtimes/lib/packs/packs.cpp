#include "runtimes/lib/packs/packs.hpp"

#include <array>

namespace unik::runtimes {

std::span<const Pack> all_packs() {
  // Of packs over one project file the pickier comes first: npm takes any package.json, pip any pyproject.toml.
  static const std::array kOrder = {kGoPack,        kCargoPack,  kYarnPack,   kPnpmPack, kNpmPack,
                                    kNodeFilesPack, kUvPack,     kPoetryPack, kPipPack,  kPythonFilesPack,
                                    kMavenPack,     kGradlePack, kJavacPack,  kJarPack,  kJavaFilesPack,
                                    kDotnetPack,    kFilesPack};
  return kOrder;
}

}  // namespace unik::runtimes
