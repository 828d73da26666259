// The images of a store, for people and for other tools. JSON is complete and stable: sizes in bytes, whole digests.
#pragma once

#include <string>
#include <vector>

#include "cli/output/format.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/oci/image_facts.hpp"

namespace unik::cli {

// One row an image; wide adds the platform and the base's digest. Names alone for `-o name`.
std::string render_images(const std::vector<runtimes::ImageFacts>& images, OutputFormat format);

// One image with its command, annotations and layers.
std::string render_image(const runtimes::ImageFacts& image, OutputFormat format);

// What a prune removed.
std::string render_collected(const runtimes::BlobStore::Collected& collected, OutputFormat format);

// The first 12 hexadecimal digits.
std::string short_digest(const runtimes::Digest& digest);

// `3.2 MiB`.
std::string format_size(std::int64_t bytes);

}  // namespace unik::cli
