// The JSON of a NodeRecord, as it lies on disk. Pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/ports.hpp"
#include "api/result.hpp"

namespace unik::agent {

inline constexpr std::size_t kMaxRecordBytes = std::size_t{64} << 20;

// `{"format": 1, "checksum": HASH, "record": {…}}`: the checksum is the stable hash of the record's text.
std::string to_json(const NodeRecord& record);

// The reverse, strict: a record that is torn, altered or of another format is refused, never read in part. Errors:
// `internal`/`corrupt_record`.
Result<NodeRecord> parse_record(std::string_view json);

}  // namespace unik::agent
