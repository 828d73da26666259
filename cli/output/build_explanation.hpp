// What `build --explain` prints. Pure.
#pragma once

#include <string>

#include "cli/output/format.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/pack/lifecycle.hpp"

namespace unik::cli {

std::string render_build(const runtimes::BuildExplanation& explanation, OutputFormat format);

// Of a source whose unik.yaml says itself how it is built.
std::string render_own_build(const codec::UnikYaml& recipe, OutputFormat format);

}  // namespace unik::cli
