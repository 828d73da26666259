// Resources as the YAML that a person would commit: block style, two spaces, the order of fields of the docs.
//
// Text that any YAML reader could take for something else (`on`, `012`, `1e3`, `a: b`) is quoted. `uid` and
// `generation` are left out, since they belong to the controller; everything else survives: parse_manifests(to_yaml(x))
// gives x back. Pure.
#pragma once

#include <span>
#include <string>

#include "api/resource.hpp"

namespace unik::codec {

// One document, without a `---` line, ending in a newline.
std::string to_yaml(const Resource& resource);

// Several documents with `---` lines between them.
std::string to_yaml(std::span<const Resource> resources);

}  // namespace unik::codec
