// One row of the journal: what the chain of hashes covers of it, and how it is read again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controller/core/change.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

// 32 bytes.
std::string sha256(std::string_view text);
std::string hex(std::string_view bytes);
std::string unhex(std::string_view text);  // of what `hex` gave

// What the first record is chained to.
extern const std::string kNoHash;

// The hash of a record after the one whose hash is `prev`. `changes` is the text that the journal keeps.
std::string chain_hash(std::string_view prev, const Record& record, std::uint32_t format, std::string_view changes);

// The columns that the functions below read, in this order.
inline constexpr std::string_view kRecordColumns =
    "seq, recovery_count, term, prev_hash, hash, at_us, actor, trace_id, format, changes";

struct StoredRecord {
  Record record;
  std::string prev_hash;
  std::string hash;
  std::string_view changes;  // of the row's current step
};

// Without its changes, which the hash covers as they stand. Errors: `internal`/`store_corrupt` when the hash does not
// fit, `internal`/`unknown_record_format`.
Result<StoredRecord> read_head(const Statement& row);
Result<StoredRecord> read_record(Database& database, const Statement& row);

// The blobs that the changes of a record name, in hex.
std::vector<std::string> blobs_of(std::string_view changes);

}  // namespace unik::controller
