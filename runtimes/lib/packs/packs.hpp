// The packs, in their order of preference. Adding one is a file in this directory and a line in packs.cpp.
#pragma once

#include <span>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

std::span<const Pack> all_packs();

extern const Pack kGoPack;
extern const Pack kCargoPack;
extern const Pack kYarnPack;
extern const Pack kPnpmPack;
extern const Pack kNpmPack;
extern const Pack kUvPack;
extern const Pack kPoetryPack;
extern const Pack kPipPack;
extern const Pack kMavenPack;
extern const Pack kGradlePack;
extern const Pack kJavacPack;
extern const Pack kJarPack;
extern const Pack kPythonFilesPack;
extern const Pack kNodeFilesPack;
extern const Pack kJavaFilesPack;
extern const Pack kFilesPack;
extern const Pack kDotnetPack;

}  // namespace unik::runtimes
