#include "controller/store/base.hpp"

#include <optional>
#include <tuple>
#include <utility>

#include "api/check.hpp"
#include "controller/store/records.hpp"
#include "controller/store/row_json.hpp"

namespace unik::controller {
namespace {

constexpr std::string_view kBaseColumns =
    "SELECT seq, at_us, hash, last_uid, checksum FROM bases WHERE complete = 1 ORDER BY seq";

Base base_of(const Statement& row) {
  Base base;
  base.seq = row.unsigned_integer(0);
  base.at = WallTime(Duration(row.integer(1)));
  base.hash = row.text(2);
  base.last_uid = row.unsigned_integer(3);
  base.checksum = row.text(4);
  return base;
}

// The checksum of all chunks so far, of which `chunk` is the newest.
std::string extended(std::string_view checksum, std::string_view chunk) {
  return sha256(std::string(checksum) + std::string(chunk));
}

std::string first_checksum(std::uint64_t seq, std::uint64_t last_uid, std::string_view hash) {
  return sha256(std::to_string(seq) + ' ' + std::to_string(last_uid) + ' ' + std::string(hash));
}

// Puts the row of one change where it was, without what `apply` would derive or move beside it.
struct Place {
  World& world;

  bool operator()(PutCluster change) {
    world.history_lost = change.row.history_lost;
    world.cluster = std::move(change.row);
    return true;
  }
  bool operator()(PutApp change) {
    const AppName name = change.row.app->name();
    world.apps.set(name, std::move(change.row));
    return true;
  }
  bool operator()(PutNode change) {
    const Symbol name(change.row.node->metadata.name);
    world.nodes.set(name, std::move(change.row));
    return true;
  }
  bool operator()(PutTenant change) {
    const Symbol name(change.row.tenant->metadata.name);
    world.tenants.set(name, std::move(change.row));
    return true;
  }
  bool operator()(PutTemplate change) { return world.templates.set(change.key, std::move(change.boot)), true; }
  bool operator()(PutInstance change) { return world.instances.set(change.id, std::move(change.row)), true; }
  bool operator()(PutStray change) { return world.strays.set(change.key, change.row), true; }
  bool operator()(PutOperation change) { return world.operations.set(change.key, std::move(change.operation)), true; }
  bool operator()(PutAnswer change) { return world.answers.set(change.key, std::move(change.row)), true; }
  template <typename Other>
  bool operator()(const Other&) {
    return false;  // a base holds rows, and nothing is removed or observed in it
  }
};

Error damaged(const Base& base) {
  return internal("store_corrupt",
                  "the base of record " + std::to_string(base.seq) + " does not match its checksum: restore a backup");
}

// A chunk is a line for each row: JSON text holds no line break of its own.
Result<void> place_rows(const Base& base, std::string_view chunk, World& world) {
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    Result<Change> change = change_from(chunk.substr(0, end));
    if (!change) return std::move(change).error();
    if (!std::visit(Place{world}, std::move(change).value())) return damaged(base);
    chunk = end == std::string_view::npos ? std::string_view() : chunk.substr(end + 1);
  }
  return {};
}

template <typename Map>
struct Cursor {
  explicit Cursor(const Map& map) : next(map.begin()), end(map.end()) {}
  typename Map::Iterator next;
  typename Map::Iterator end;
};

}  // namespace

Result<std::vector<Base>> complete_bases(Database& database) {
  Result<Statement> rows = database.prepare(kBaseColumns);
  if (!rows) return std::move(rows).error();
  std::vector<Base> bases;
  while (true) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) break;
    bases.push_back(base_of(*rows));
  }
  if (bases.empty()) return internal("store_corrupt", "there is no base for the journal to begin at: restore a backup");
  return bases;
}

Result<Base> oldest_base(Database& database) {
  Result<std::vector<Base>> bases = complete_bases(database);
  if (!bases) return std::move(bases).error();
  return std::move(bases->front());
}

Error ending() {
  return unavailable("ending", "the controller is ending: ask again when it is back");
}

Result<World> read_base(Database& database, const Base& base, const std::stop_token& stop) {
  World world;
  world.revision = base.seq;
  world.last_uid = base.last_uid;
  if (base.seq == 0) return world;
  Result<Statement> rows = database.prepare("SELECT body FROM base_rows WHERE base = ? ORDER BY idx");
  if (!rows) return std::move(rows).error();
  rows->bind(1, base.seq);
  std::string checksum = first_checksum(base.seq, base.last_uid, base.hash);
  while (true) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) break;
    if (stop.stop_requested()) return ending();
    checksum = extended(checksum, rows->text(0));
    if (Result<void> placed = place_rows(base, rows->text(0), world); !placed) return std::move(placed).error();
  }
  if (checksum != base.checksum) return damaged(base);
  derive(world);
  return world;
}

struct BaseWriter::Rows {
  Rows(World copy, WallTime when, std::string record_hash)
      : world(std::move(copy)),
        at(when),
        hash(std::move(record_hash)),
        checksum(first_checksum(world.revision, world.last_uid, hash)),
        tables(Cursor(world.apps), Cursor(world.nodes), Cursor(world.tenants), Cursor(world.templates),
               Cursor(world.instances), Cursor(world.strays), Cursor(world.operations), Cursor(world.answers)) {}

  const World world;
  WallTime at;
  std::string hash;
  std::string checksum;
  std::uint64_t chunks = 0;
  bool cluster_written = false;
  std::tuple<Cursor<decltype(World::apps)>, Cursor<decltype(World::nodes)>, Cursor<decltype(World::tenants)>,
             Cursor<decltype(World::templates)>, Cursor<decltype(World::instances)>, Cursor<decltype(World::strays)>,
             Cursor<decltype(World::operations)>, Cursor<decltype(World::answers)>>
      tables;

  static Change change_of(const AppName&, const AppRow& row) { return PutApp{row}; }
  static Change change_of(Symbol, const NodeRow& row) { return PutNode{row}; }
  static Change change_of(Symbol, const TenantRow& row) { return PutTenant{row}; }
  static Change change_of(const TemplateKey& key, const Shared<BootSpec>& boot) { return PutTemplate{key, boot}; }
  static Change change_of(const InstanceId& id, const InstanceRow& row) { return PutInstance{id, row}; }
  static Change change_of(const StrayKey& key, const StrayRow& row) { return PutStray{key, row}; }
  static Change change_of(const OperationKey& key, const Shared<Operation>& operation) {
    return PutOperation{key, operation};
  }
  static Change change_of(const std::string& key, const Shared<AnswerRow>& row) { return PutAnswer{key, row}; }

  template <typename Map>
  static bool take(Cursor<Map>& cursor, std::optional<Change>& change) {
    if (cursor.next == cursor.end) return false;
    change = change_of(cursor.next->first, cursor.next->second);
    ++cursor.next;
    return true;
  }

  // Empty after the last row.
  std::optional<Change> next() {
    std::optional<Change> change;
    if (!std::exchange(cluster_written, true)) return PutCluster{world.cluster};
    std::apply([&](auto&... cursor) { (take(cursor, change) || ...); }, tables);
    return change;
  }

  Result<void> enter(Database& database) const {
    Result<Statement> statement = database.prepare("INSERT OR REPLACE INTO bases VALUES (?, ?, ?, ?, x'', 0)");
    if (!statement) return std::move(statement).error();
    statement->bind(1, world.revision).bind(2, at.time_since_epoch().count());
    return statement->bind_blob(3, hash).bind(4, world.last_uid).run();
  }

  Result<void> put_chunk(Database& database, std::string_view chunk) const {
    Result<Statement> statement = database.prepare("INSERT INTO base_rows VALUES (?, ?, ?)");
    if (!statement) return std::move(statement).error();
    return statement->bind(1, world.revision).bind(2, chunks).bind(3, chunk).run();
  }

  Result<void> complete(Database& database) const {
    Result<Statement> statement = database.prepare("UPDATE bases SET checksum = ?, complete = 1 WHERE seq = ?");
    if (!statement) return std::move(statement).error();
    return statement->bind_blob(1, checksum).bind(2, world.revision).run();
  }
};

BaseWriter::BaseWriter(World world, WallTime at, std::string hash)
    : rows_(std::make_unique<Rows>(std::move(world), at, std::move(hash))) {}
BaseWriter::BaseWriter(BaseWriter&&) noexcept = default;
BaseWriter& BaseWriter::operator=(BaseWriter&&) noexcept = default;
BaseWriter::~BaseWriter() = default;

std::uint64_t BaseWriter::seq() const {
  return rows_->world.revision;
}

Result<bool> BaseWriter::write_chunk(Database& database, std::size_t bytes) {
  std::string chunk;
  bool more = true;
  while (more && chunk.size() < bytes) {
    const std::optional<Change> change = rows_->next();
    more = change.has_value();
    if (change) chunk += change_json(*change) + '\n';
  }
  if (!chunk.empty()) rows_->checksum = extended(rows_->checksum, chunk);
  Result<void> done = rows_->chunks == 0 ? rows_->enter(database) : Result<void>();
  if (done && !chunk.empty()) done = rows_->put_chunk(database, chunk);
  if (done && !more) done = rows_->complete(database);
  if (!done) return std::move(done).error();
  ++rows_->chunks;
  return more;
}

}  // namespace unik::controller
