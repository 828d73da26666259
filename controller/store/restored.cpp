#include "controller/store/restored.hpp"

#include <filesystem>
#include <system_error>

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

constexpr int kMostCopies = 1000;

Error cannot_copy(const Error& loss, const std::string& to, const std::error_code& problem) {
  return unavailable(loss.reason, loss.message +
                                      "; its files are left as they are, since no copy of them can be kept in " + to +
                                      ": " + problem.message());
}

// In a directory of its own, by the first number that is free.
Result<std::string> copy_aside(const std::string& path, const Error& loss) {
  std::error_code problem;
  std::string to;
  for (int n = 1; n <= kMostCopies; ++n) {
    to = path + ".lost-" + std::to_string(n);
    if (fs::create_directory(to, problem)) break;
    if (problem || n == kMostCopies) return cannot_copy(loss, to, problem);
  }
  for (const char* const suffix : {"", "-wal", "-shm", ".head"}) {
    const fs::path file = path + suffix;
    if (!fs::exists(file, problem)) continue;
    if (!fs::copy_file(file, to / file.filename(), problem)) {
      std::error_code ignored;
      fs::remove_all(to, ignored);
      return cannot_copy(loss, to, problem);
    }
  }
  return to;
}

}  // namespace

Result<Store> open_or_restored(const std::string& path,
                               const std::function<void(const Error& loss, const std::string& kept)>& on_loss) {
  Result<Store> store = Store::open(path);
  if (store || store.error().reason != "store_lost_records") return store;
  std::error_code absent;
  if (fs::file_size(path, absent) == 0 || absent) {
    Error error = store.error();
    error.message += "; put a copy of it back, or remove " + path + ".head to begin a new cluster";
    return error;
  }
  const Result<std::string> kept = copy_aside(path, store.error());
  if (!kept) return kept.error();
  on_loss(store.error(), *kept);
  return Store::open(path, {}, LostRecords::kAccept);
}

}  // namespace unik::controller
