#include "cli/remote_build.hpp"

#include <utility>

#include "cli/operations.hpp"
#include "cli/packing.hpp"
#include "runtimes/lib/pack/source_bundle.hpp"

namespace unik::cli {

Result<std::unique_ptr<Bundle>> Bundle::make(const Session& session, const std::filesystem::path& directory,
                                             const codec::UnikYaml& recipe) {
  const auto images = open_store(session);
  if (!images) return images.error();
  auto hold = images->hold();
  if (!hold) return hold.error();
  std::unique_ptr<Bundle> bundle(new Bundle(*std::move(hold), runtimes::fresh_name(images->dir() / "tmp", "bundle-")));
  auto store = runtimes::BlobStore::open(bundle->place_.path());
  if (!store) return store.error();
  const auto blob = put_source_bundle(*store, directory, recipe);
  if (!blob) return blob.error();
  bundle->store_ = *std::move(store);
  bundle->blob_ = *blob;
  return bundle;
}

Result<void> Bundle::send(const Session& session, const Api& api) const {
  auto sent = upload_blob(session, api, *store_, blob_.digest, "the source");
  if (!sent && may_come_back(sent.error())) {
    Error error = sent.error();
    error.message = "sending the source failed, and nothing was deployed: " + error.message + "; deploy it again";
    return error;
  }
  return sent;
}

namespace {

// What has come since `offset`. No log yet, or none any more, is nothing.
Result<bool> show_more(const Api& api, const std::string& id, std::uint64_t& offset,
                       const std::function<bool(std::string_view)>& show) {
  bool more = false;
  auto read = api.build_log(id, offset, [&](std::string_view text) {
    offset += text.size();
    more = true;
    return show(text);
  });
  if (read || read.error().code == ErrorCode::kNotFound || may_come_back(read.error())) return more;
  return read.error();
}

}  // namespace

Result<Operation> follow_build(const Api& api, const std::string& id, Duration timeout,
                               const std::function<bool(std::string_view)>& show) {
  Backoff backoff(timeout);
  std::uint64_t offset = 0;
  for (;;) {
    const Api bounded = api.until(backoff.deadline());
    const auto operation = bounded.operation(id);
    if (!operation && !may_come_back(operation.error())) return operation.error();
    const auto more = show_more(bounded, id, offset, show);
    if (!more) return more.error();
    if (operation && is_final(*operation)) return *operation;
    if (*more) backoff.restart();
    if (!backoff.pause())
      return timed_out("wait_timed_out", "the build " + id + " is not done after " + format_duration(timeout) +
                                             (operation ? " (" + operation->message + ")" : "") +
                                             "; it goes on: unikctl logs -f operation/" + id);
  }
}

}  // namespace unik::cli
