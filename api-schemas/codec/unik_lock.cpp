#include "codec/unik_lock.hpp"

#include <nlohmann/json.hpp>

#include "api/runtime_name.hpp"
#include "codec/documents.hpp"

namespace unik::codec {
namespace {

constexpr int kNewestUnikLock = 1;

std::string_view name_without_version(std::string_view text) {
  const auto name = parse_runtime_name(text);
  return name && name->version.empty() && text.find('@') == std::string_view::npos
             ? std::string_view()
             : "the name of a runtime without a version, such as python";
}

std::string_view locked_version(std::string_view text) {
  return parse_runtime_version(text) ? std::string_view() : "a version MAJOR.MINOR.PATCH of three numbers";
}

void read_locked_runtime(const At& at, LockedRuntime& out) {
  Fields in(at, "an entry of runtimes");
  for (const char* name : {"name", "version", "layer"}) in.require(name, "a pin is whole or none");
  in.text("name", out.name, name_without_version);
  in.text("version", out.version, locked_version);
  in.text("layer", out.layer, sha256_digest);
}

void read_unik_lock(const At& at, UnikLock& out) {
  Fields in(at, "unik.lock");
  in.integer<int>("version", out.version, 1, kNewestUnikLock);
  in.list("runtimes", kMaxLockedRuntimes,
          [&](const At& entry) { read_locked_runtime(entry, out.runtimes.emplace_back()); });
  for (std::size_t i = 1; i < out.runtimes.size(); ++i)
    if (out.runtimes[i - 1].name >= out.runtimes[i].name)
      at.fault("want runtimes sorted by name, each once; `" + out.runtimes[i].name + "` follows `" +
               out.runtimes[i - 1].name + "`");
}

}  // namespace

Result<UnikLock> parse_unik_lock(const ManifestText& text) {
  return parse_one_document<UnikLock>(text, read_unik_lock);
}

std::string print_unik_lock(const UnikLock& lock) {
  using json = nlohmann::ordered_json;
  json runtimes = json::array();
  for (const LockedRuntime& runtime : lock.runtimes)
    runtimes.push_back({{"name", runtime.name}, {"version", runtime.version}, {"layer", runtime.layer}});
  const json value = {{"version", lock.version}, {"runtimes", std::move(runtimes)}};
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace unik::codec
