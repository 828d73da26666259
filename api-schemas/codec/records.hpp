// The records inside other records: each `write` puts one JSON value where the writer stands, each `read` takes a
// value's fields out of a mapping. Inside the codec only.
#pragma once

#include "api/messages.hpp"
#include "api/operation.hpp"
#include "codec/fields.hpp"
#include "codec/json_writer.hpp"

namespace unik::codec {

inline constexpr std::size_t kMaxActions = 16'384;       // in one list of goals
inline constexpr std::size_t kMaxPublications = 16'384;  // in one report
inline constexpr std::size_t kMaxLogRequests = 1024;     // in one reply
inline constexpr std::size_t kMaxDetails = 1000;         // of one Error

void write(JsonWriter& out, const Error& error);  // the inner object, without the envelope
void write(JsonWriter& out, const BootSpec& boot);
void write(JsonWriter& out, const RunPolicy& run);
void write(JsonWriter& out, const InstanceStatus& status);
void write(JsonWriter& out, const Operation& operation);
void write(JsonWriter& out, const ReportBody& body);
void write(JsonWriter& out, const Report& report);
void write(JsonWriter& out, const Stamp& stamp);
void write(JsonWriter& out, const Action& action);
void write(JsonWriter& out, const Goals& goals);
void write(JsonWriter& out, const NodeInfo& info);
void write(JsonWriter& out, const RegisterRequest& request);
void write(JsonWriter& out, const RegisterReply& reply);
void write(JsonWriter& out, const LogRequest& request);
void write(JsonWriter& out, const HeartbeatReply& reply);
void write_labels(JsonWriter& out, std::string_view name, const Labels& labels);
void write_time(JsonWriter& out, std::string_view name, WallTime time);  // nothing for the epoch

void read(Fields& in, Error& error);
void read(Fields& in, BootSpec& boot);
void read(Fields& in, RunPolicy& run);
void read(Fields& in, InstanceStatus& status);
void read(Fields& in, Operation& operation);
void read(Fields& in, ReportBody& body);
void read(Fields& in, Report& report);
void read(Fields& in, Stamp& stamp);
void read(const At& at, Action& action);
void read(Fields& in, Goals& goals);
void read(Fields& in, NodeInfo& info);
void read(Fields& in, RegisterRequest& request);
void read(Fields& in, RegisterReply& reply);
void read(Fields& in, LogRequest& request);
void read(Fields& in, HeartbeatReply& reply);

// These intern names, so they take nothing but DNS labels.
bool read_instance_id(Fields& in, std::string_view name, InstanceId& id);
bool read_app_name(Fields& in, std::string_view name, AppName& app);

template <typename T>
std::string print_record(const T& value) {
  JsonWriter out;
  write(out, value);
  return out.take();
}

}  // namespace unik::codec
