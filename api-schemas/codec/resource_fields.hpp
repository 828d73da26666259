// Resources out of a Tree: the shape that `api-schemas/schemas` describes, read field by field. A test holds the two
// together. Inside the codec only.
#pragma once

#include <optional>
#include <string_view>

#include "api/resource.hpp"
#include "codec/fields.hpp"
#include "codec/manifest.hpp"

namespace unik::codec {

// The document at `at`. None where its kind cannot be told; other faults leave defaults in their places.
std::optional<Resource> read_resource(const At& at, std::string_view default_tenant);

// The fields of App.spec that describe how it runs, all but `source` and `image`; also those of `deploy` in unik.yaml,
// to which flags may add ports.
enum class PortList { kWhole, kOpen };
void read_app_fields(Fields& in, AppSpec& spec, PortList ports);

// Shared with the records and the documents of runtimes.
std::string_view image_name(std::string_view text);
std::string_view env_name(std::string_view text);
std::string_view http_path(std::string_view text);

std::optional<RestartPolicy> parse_restart_policy(std::string_view text);
std::string_view to_string(RestartPolicy policy);
std::optional<RootWritable> parse_root_writable(std::string_view text);
std::string_view to_string(RootWritable writable);
std::optional<Singleton> parse_singleton(std::string_view text);
std::string_view to_string(Singleton singleton);
std::optional<Rebase> parse_rebase(std::string_view text);
std::string_view to_string(Rebase rebase);

inline constexpr std::size_t kMaxReplicas = 1000;
inline constexpr std::size_t kMaxArgs = 1024;
inline constexpr std::size_t kMaxEnv = 1024;
inline constexpr std::size_t kMaxPorts = 64;

}  // namespace unik::codec
