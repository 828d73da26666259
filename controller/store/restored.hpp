// Opening a store that may have lost records: an old copy that was put back, or a damaged one.
#pragma once

#include <functional>
#include <string>

#include "controller/store/store.hpp"

namespace unik::controller {

// As Store::open; where it says `store_lost_records`, opens all the same, with `World::history_lost`, so that the
// controller serves without stopping or moving anything until somebody has looked. Before the first byte is written the
// files are copied as they were found to `<path>.lost-<n>/`, and `on_loss` is called with the loss and that directory.
// Stays refused where there is no database at all, or where the copy cannot be made.
Result<Store> open_or_restored(const std::string& path,
                               const std::function<void(const Error& loss, const std::string& kept)>& on_loss);

}  // namespace unik::controller
