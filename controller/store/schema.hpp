// The SQL of the store's file. Migrations run in order; `PRAGMA user_version` says how many have.
#pragma once

#include <array>
#include <string_view>

namespace unik::controller {

// Changes of values above this are kept once, by hash, in `blobs`.
inline constexpr std::size_t kBlobThreshold = 4096;

inline constexpr std::array<std::string_view, 3> kMigrations = {{R"sql(
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY,
  recovery_count INTEGER NOT NULL,
  term INTEGER NOT NULL,
  prev_hash BLOB NOT NULL,
  hash BLOB NOT NULL,
  at_us INTEGER NOT NULL,
  actor TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  format INTEGER NOT NULL,
  changes TEXT NOT NULL
);
CREATE TABLE blobs (hash BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cluster (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE apps (tenant TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)) WITHOUT ROWID;
CREATE TABLE nodes (name TEXT PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tenants (name TEXT PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE templates (tenant TEXT NOT NULL, app TEXT NOT NULL, rollout INTEGER NOT NULL, body TEXT NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY (tenant, app, rollout)) WITHOUT ROWID;
CREATE TABLE instances (
  tenant TEXT NOT NULL, app TEXT NOT NULL, slot INTEGER NOT NULL, rollout INTEGER NOT NULL, attempt INTEGER NOT NULL,
  node TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, address TEXT NOT NULL, accelerator TEXT NOT NULL,
  goal INTEGER NOT NULL, goal_revision INTEGER NOT NULL, created_at_us INTEGER NOT NULL,
  phase INTEGER NOT NULL, health INTEGER NOT NULL, restarts INTEGER NOT NULL,
  exit_kind INTEGER NOT NULL, exit_code INTEGER NOT NULL, started_at_us INTEGER NOT NULL,
  boot_fetch_us INTEGER NOT NULL, boot_prepare_us INTEGER NOT NULL, boot_start_us INTEGER NOT NULL,
  boot_first_byte_us INTEGER NOT NULL, boot_total_us INTEGER NOT NULL, boot_healthy_us INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (tenant, app, slot, rollout, attempt)) WITHOUT ROWID;
CREATE TABLE strays (node TEXT NOT NULL, id TEXT NOT NULL, goal_revision INTEGER NOT NULL, checksum INTEGER NOT NULL,
  PRIMARY KEY (node, id)) WITHOUT ROWID;
CREATE TABLE operations (seq INTEGER NOT NULL, idx INTEGER NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL,
  PRIMARY KEY (seq, idx)) WITHOUT ROWID;
CREATE TABLE answers (key TEXT PRIMARY KEY, body TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)sql",
                                                                 R"sql(
-- From the next record on the tables carry a seal; until then they have none.
INSERT INTO counters SELECT 'unsealed_at', coalesce(max(seq), 0) FROM journal;
)sql",
                                                                 R"sql(
ALTER TABLE strays ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;
CREATE TABLE bases (seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, hash BLOB NOT NULL, last_uid INTEGER NOT NULL,
  checksum BLOB NOT NULL, complete INTEGER NOT NULL);
INSERT INTO bases VALUES (0, 0, zeroblob(32), 0, x'', 1);
CREATE TABLE base_rows (base INTEGER NOT NULL, idx INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (base, idx));
CREATE TABLE intents (
  seq INTEGER PRIMARY KEY,
  recovery_count INTEGER NOT NULL,
  term INTEGER NOT NULL,
  prev_hash BLOB NOT NULL,
  hash BLOB NOT NULL,
  at_us INTEGER NOT NULL,
  actor TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  format INTEGER NOT NULL,
  changes TEXT NOT NULL,
  prev_link BLOB NOT NULL,
  link BLOB NOT NULL
);
CREATE TABLE blob_uses (hash TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (hash, seq)) WITHOUT ROWID;
INSERT OR IGNORE INTO blob_uses SELECT json_extract(one.value, '$.blob'), journal.seq
  FROM journal, json_each(journal.changes) AS one WHERE json_type(one.value, '$.blob') = 'text';
)sql"}};

}  // namespace unik::controller
