// The JSON of every value that leaves a process: manifests, API records, and the messages between agent and controller.
//
// Records are snake_case with the unit at the end of the name (`memory_bytes`, `cpu_milli`, `fetch_us`), times are
// RFC 3339 with milliseconds, an InstanceId is `tenant/app/slot/rollout/attempt` and an AppName `tenant/app`.
// Resources have the camelCase form of manifests. Output is one line, keys in a fixed order, the same in every process:
// `parse(print(x)) == x`, but for the microseconds of a WallTime.
//
// Reading is lenient between releases: unknown fields are ignored and missing ones take their default. A wrong type, a
// value out of range, a name that is no DNS label and a message beyond its bound are `invalid`/`bad_message`, with the
// path of each fault in Error::details. Only goals are strict: an Action with anything unknown in it is refused
// (`unknown_goal`), since half of a goal must never be carried out. All functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/error.hpp"
#include "api/messages.hpp"
#include "api/operation.hpp"
#include "api/report.hpp"
#include "api/resource.hpp"
#include "api/result.hpp"
#include "codec/json_reader.hpp"
#include "codec/manifest.hpp"

namespace unik::codec {

inline constexpr std::size_t kMaxInstancesPerReport = 4096;
inline constexpr std::size_t kMaxMessageBytes = std::size_t{8} << 20;

// `{"error": {"code", "reason", "message", "details": [{"file", "line", "column", "path", "message"}], "trace_id"}}`
std::string to_json(const Error& error);

// The reverse, for the answer of a server. A text that is no such envelope gives the Error that says so:
// `unavailable`/`bad_answer` for the statuses 502 to 504, else `internal`/`bad_answer`.
Error error_from_json(std::string_view text, int http_status);

// `{"apiVersion", "kind", "metadata", "spec"}`; `metadata.uid`, `metadata.generation` and an app's resources only where
// they are not 0.
// parse_manifests reads it too.
std::string to_json(const Resource& resource);

std::string to_json(const BootSpec& boot);
std::string to_json(const RunPolicy& run);
std::string to_json(const InstanceStatus& status);
std::string to_json(const Operation& operation);
std::string to_json(const ReportBody& body);
std::string to_json(const Report& report);
std::string to_json(const Stamp& stamp);
std::string to_json(const Action& action);
std::string to_json(const Goals& goals);
std::string to_json(const NodeInfo& info);
std::string to_json(const RegisterRequest& request);
std::string to_json(const RegisterReply& reply);
std::string to_json(const LogRequest& request);
std::string to_json(const HeartbeatReply& reply);

// What Report::digest is: the stable hash of to_json(body).
std::uint64_t digest_of(const ReportBody& body);

// Exactly the types below; any other does not compile.
template <typename T>
Result<T> from_json(std::string_view text) = delete;

template <>
Result<Resource> from_json<Resource>(std::string_view text);
template <>
Result<BootSpec> from_json<BootSpec>(std::string_view text);
template <>
Result<RunPolicy> from_json<RunPolicy>(std::string_view text);
template <>
Result<InstanceStatus> from_json<InstanceStatus>(std::string_view text);
template <>
Result<Operation> from_json<Operation>(std::string_view text);
template <>
Result<ReportBody> from_json<ReportBody>(std::string_view text);
template <>
Result<Report> from_json<Report>(std::string_view text);
template <>
Result<Stamp> from_json<Stamp>(std::string_view text);
template <>
Result<Action> from_json<Action>(std::string_view text);
template <>
Result<Goals> from_json<Goals>(std::string_view text);
template <>
Result<NodeInfo> from_json<NodeInfo>(std::string_view text);
template <>
Result<RegisterRequest> from_json<RegisterRequest>(std::string_view text);
template <>
Result<RegisterReply> from_json<RegisterReply>(std::string_view text);
template <>
Result<LogRequest> from_json<LogRequest>(std::string_view text);
template <>
Result<HeartbeatReply> from_json<HeartbeatReply>(std::string_view text);

// A value inside a document that has been parsed, so that what holds several is parsed once. Only the types below; what
// is absent is a fault like any other.
template <typename T>
Result<T> from_json(JsonView value) = delete;

template <>
Result<Resource> from_json<Resource>(JsonView value);
template <>
Result<BootSpec> from_json<BootSpec>(JsonView value);
template <>
Result<InstanceStatus> from_json<InstanceStatus>(JsonView value);
template <>
Result<Operation> from_json<Operation>(JsonView value);
template <>
Result<NodeInfo> from_json<NodeInfo>(JsonView value);

}  // namespace unik::codec
