// Where a field stands in a file, for faults that were found by somebody who has not seen the file. Places are not kept
// while manifests are parsed, since few are ever asked for: the document is read again.
#pragma once

#include <string_view>

#include "api/error.hpp"
#include "codec/manifest.hpp"

namespace unik::codec {

// `document` is ParsedManifest::where of a document in `text`, `path` as it stands in faults: `spec.ports[0].port`. The
// place of the field's value or, where the file leaves it out, of the nearest mapping above it that is there; file,
// line and column alone.
Fault place_of_field(const ManifestText& text, const Fault& document, std::string_view path);

}  // namespace unik::codec
