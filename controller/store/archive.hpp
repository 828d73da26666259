// The records that are kept beyond the journal: what somebody asked for. Each stays as it was, with its own hash, and
// is linked to the one before it in the archive, whatever stood between them in the journal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/time.hpp"
#include "controller/store/sqlite.hpp"

namespace unik::controller {

// Moves at most `limit` of the journal's oldest records before `floor` out of it: intents into the archive, the others
// away, with the blobs that nobody names any more. Within the caller's transaction. The number of records moved.
Result<std::size_t> archive_records(Database& database, std::uint64_t floor, std::size_t limit);

// Drops at most `limit` archived records from before `horizon`. Within the caller's transaction. The number dropped.
Result<std::size_t> forget_intents(Database& database, WallTime horizon, std::size_t limit);

// Whether each archived record is as it was, and linked to the one before it. The first one's link is taken as it is.
Result<void> verify_archive(Database& database);

}  // namespace unik::controller
