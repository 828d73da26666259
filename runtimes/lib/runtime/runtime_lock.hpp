// versions.lock of a runtime: whether it pins all that unik.yaml asks for, how a new one is made of what the archives
// prefer now, and what differs between two. A lock is completed by nobody but `make_lock`.
#pragma once

#include <string>
#include <vector>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"
#include "runtimes/lib/oci/image.hpp"
#include "runtimes/lib/runtime/package_places.hpp"

namespace unik::runtimes {

// What is wrong with a lock, one sentence each: a package without a pin, a pin that nobody asks for, a pin of another
// line of versions.
std::vector<std::string> lock_faults(const codec::RuntimeRecipe& recipe, const codec::RuntimeLock& lock);

// Pins the version that the archives prefer now of everything that the recipe names. Packages of npm are downloaded,
// for their size and sum. Errors: `not_found/no_such_package`, naming all; those of AptArchive and NpmRegistry.
Result<codec::RuntimeLock> make_lock(const PackagePlaces& places, const codec::RuntimeRecipe& recipe,
                                     const SayStep& say);

// `+ NAME VERSION`, `- NAME VERSION`, `~ NAME OLD -> NEW`, sorted by name; empty when nothing differs.
std::vector<std::string> lock_difference(const codec::RuntimeLock& before, const codec::RuntimeLock& after);

// What a release writes into the lock: the base and the packages that the image says of itself. Errors: `invalid/
// incomplete_lock` for an image without a base, or that does not say its packages; `conflict/other_packages` where one
// of them is not what `lock` pins.
Result<codec::LockedImage> locked_image(const Manifest& image, const codec::RuntimeLock& lock);

}  // namespace unik::runtimes
