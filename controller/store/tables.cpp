#include "controller/store/tables.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/stable_hash.hpp"
#include "codec/json.hpp"
#include "controller/store/row_json.hpp"

namespace unik::controller {
namespace {

constexpr std::int64_t kNoExit = -1;
constexpr std::size_t kUsualRowBytes = 256;

std::int64_t checksum(std::string_view body) { return static_cast<std::int64_t>(stable_hash(body)); }
std::int64_t micros(WallTime time) { return time.time_since_epoch().count(); }
WallTime wall(std::int64_t micros) { return WallTime(Duration(micros)); }

Error damaged(std::string_view table) {
  return internal("store_corrupt", "a row of `" + std::string(table) + "` does not match its checksum: restore a backup");
}

// The numbers of an instance's row, in the order of the columns after its key.
std::array<std::int64_t, 15> numbers_of(const InstanceRow& row) {
  const InstanceStatus& status = *row.status;
  return {static_cast<std::int64_t>(row.goal),
          static_cast<std::int64_t>(row.goal_revision),
          micros(row.created_at),
          static_cast<std::int64_t>(status.phase),
          static_cast<std::int64_t>(status.health),
          static_cast<std::int64_t>(status.restarts),
          status.last_exit ? static_cast<std::int64_t>(status.last_exit->kind) : kNoExit,
          status.last_exit ? status.last_exit->code : 0,
          micros(status.started_at),
          status.boot.fetch.count(),
          status.boot.prepare.count(),
          status.boot.start.count(),
          status.boot.first_byte.count(),
          status.boot.total.count(),
          status.boot.healthy.count()};
}

std::int64_t checksum(const InstanceId& id, const InstanceRow& row) {
  const InstanceStatus& status = *row.status;
  std::string text = to_string(id);
  text.reserve(kUsualRowBytes);
  for (const std::string* part : {&row.node.str(), &status.reason, &status.message, &status.address, &status.accelerator})
    text.append(1, '\0').append(*part);
  for (const std::int64_t number : numbers_of(row)) {
    std::array<char, 21> digits{};
    text += '\0';
    text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  }
  return checksum(text);
}

std::int64_t checksum(const std::string& stray, const StrayRow& row) {
  return checksum(stray + std::to_string(row.goal_revision) + (row.quarantined ? "q" : ""));
}

// The statements' names are those of the tables that they write.
enum Sql : std::size_t {
  kPutCluster, kPutApp, kRemoveApp, kPutNode, kRemoveNode, kPutTenant, kRemoveTenant, kPutTemplate, kRemoveTemplate,
  kPutInstance, kRemoveInstance, kPutStray, kRemoveStray, kPutOperation, kRemoveOperation, kPutAnswer, kRemoveAnswer,
  kPutCounter, kSqlCount
};

constexpr std::string_view kSql[kSqlCount] = {
    "INSERT OR REPLACE INTO cluster VALUES (1, ?, ?)",
    "INSERT OR REPLACE INTO apps VALUES (?, ?, ?, ?)",
    "DELETE FROM apps WHERE tenant = ? AND name = ?",
    "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)",
    "DELETE FROM nodes WHERE name = ?",
    "INSERT OR REPLACE INTO tenants VALUES (?, ?, ?)",
    "DELETE FROM tenants WHERE name = ?",
    "INSERT OR REPLACE INTO templates VALUES (?, ?, ?, ?, ?)",
    "DELETE FROM templates WHERE tenant = ? AND app = ? AND rollout = ?",
    "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "DELETE FROM instances WHERE tenant = ? AND app = ? AND slot = ? AND rollout = ? AND attempt = ?",
    "INSERT OR REPLACE INTO strays VALUES (?, ?, ?, ?, ?)",
    "DELETE FROM strays WHERE node = ? AND id = ?",
    "INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?)",
    "DELETE FROM operations WHERE seq = ? AND idx = ?",
    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
    "DELETE FROM answers WHERE key = ?",
    "INSERT OR REPLACE INTO counters VALUES (?, ?)",
};

// Which rows a record has moved; each is then written once, as it is afterwards.
struct Moved {
  bool cluster = false;
  std::set<AppName> apps;
  std::set<Symbol> nodes;
  std::set<Symbol> tenants;
  std::set<TemplateKey> templates;
  std::set<InstanceId> instances;
  std::set<StrayKey> strays;
  std::set<OperationKey> operations;
  std::set<std::string> answers;

  void operator()(const PutCluster&) { cluster = true; }
  void operator()(const PutApp& change) { apps.insert(change.row.app->name()); }
  void operator()(const RemoveApp& change) { apps.insert(change.name); }
  void operator()(const PutNode& change) { nodes.insert(Symbol(change.row.node->metadata.name)); }
  void operator()(const RemoveNode& change) { nodes.insert(change.name); }
  void operator()(const PutTenant& change) { tenants.insert(Symbol(change.row.tenant->metadata.name)); }
  void operator()(const RemoveTenant& change) { tenants.insert(change.name); }
  void operator()(const PutTemplate& change) { templates.insert(change.key); }
  void operator()(const RemoveTemplate& change) { templates.insert(change.key); }
  void operator()(const PutInstance& change) { instances.insert(change.id); }
  void operator()(const RemoveInstance& change) {
    instances.insert(change.id);
    apps.insert(change.id.app_name());
  }
  void operator()(const ObserveInstance& change) { instances.insert(change.id); }
  void operator()(const PutStray& change) { strays.insert(change.key); }
  void operator()(const RemoveStray& change) { strays.insert(change.key); }
  void operator()(const PutOperation& change) { operations.insert(change.key); }
  void operator()(const RemoveOperation& change) { operations.insert(change.key); }
  void operator()(const PutAnswer& change) { answers.insert(change.key); }
  void operator()(const RemoveAnswer& change) { answers.insert(change.key); }
};

}  // namespace

struct TableWriter::Statements {
  std::vector<Statement> list;

  // Binds the body and its checksum at `place` and the one after.
  Result<void> put(Sql sql, int place, std::string_view body) {
    return list[sql].bind(place, body).bind(place + 1, checksum(body)).run();
  }

  Result<void> write(const AppName& name, const AppRow* row) {
    Statement& statement = list[row == nullptr ? kRemoveApp : kPutApp].bind(1, name.tenant.str()).bind(2, name.app.str());
    return row == nullptr ? statement.run() : put(kPutApp, 3, row_json(*row));
  }
  Result<void> write_node(Symbol name, const NodeRow* row) {
    Statement& statement = list[row == nullptr ? kRemoveNode : kPutNode].bind(1, name.str());
    return row == nullptr ? statement.run() : put(kPutNode, 2, row_json(*row));
  }
  Result<void> write_tenant(Symbol name, const TenantRow* row) {
    Statement& statement = list[row == nullptr ? kRemoveTenant : kPutTenant].bind(1, name.str());
    return row == nullptr ? statement.run() : put(kPutTenant, 2, row_json(*row));
  }
  Result<void> write(const TemplateKey& key, const Shared<BootSpec>* boot) {
    Statement& statement = list[boot == nullptr ? kRemoveTemplate : kPutTemplate];
    statement.bind(1, key.app.tenant.str()).bind(2, key.app.app.str()).bind(3, key.rollout);
    return boot == nullptr ? statement.run() : put(kPutTemplate, 4, codec::to_json(**boot));
  }
  Result<void> write(const StrayKey& key, const StrayRow* row) {
    const std::string id = to_string(key.id);
    Statement& statement = list[row == nullptr ? kRemoveStray : kPutStray].bind(1, key.node.str()).bind(2, id);
    if (row == nullptr) return statement.run();
    const std::int64_t quarantined = row->quarantined ? 1 : 0;
    return statement.bind(3, row->goal_revision).bind(4, checksum(id, *row)).bind(5, quarantined).run();
  }
  Result<void> write(const OperationKey& key, const Shared<Operation>* operation) {
    Statement& statement = list[operation == nullptr ? kRemoveOperation : kPutOperation].bind(1, key.seq).bind(2, key.index);
    return operation == nullptr ? statement.run() : put(kPutOperation, 3, change_json(PutOperation{key, *operation}));
  }
  Result<void> write(const std::string& key, const Shared<AnswerRow>* row) {
    Statement& statement = list[row == nullptr ? kRemoveAnswer : kPutAnswer].bind(1, key);
    return row == nullptr ? statement.run() : put(kPutAnswer, 2, row_json(**row));
  }
  Result<void> write(const InstanceId& id, const InstanceRow* row) {
    Statement& statement = list[row == nullptr ? kRemoveInstance : kPutInstance];
    statement.bind(1, id.tenant.str()).bind(2, id.app.str()).bind(3, id.slot).bind(4, id.rollout).bind(5, id.attempt);
    if (row == nullptr) return statement.run();
    const InstanceStatus& status = *row->status;
    int place = 6;
    for (const std::string* text : {&row->node.str(), &status.reason, &status.message, &status.address, &status.accelerator})
      statement.bind(place++, *text);
    for (const std::int64_t number : numbers_of(*row)) statement.bind(place++, number);
    return statement.bind(place, checksum(id, *row)).run();
  }
};

TableWriter::TableWriter(std::unique_ptr<Statements> statements) : statements_(std::move(statements)) {}
TableWriter::TableWriter(TableWriter&&) noexcept = default;
TableWriter& TableWriter::operator=(TableWriter&&) noexcept = default;
TableWriter::~TableWriter() = default;

Result<TableWriter> TableWriter::prepare(Database& database) {
  auto statements = std::make_unique<Statements>();
  for (const std::string_view sql : kSql) {
    Result<Statement> statement = database.prepare(sql);
    if (!statement) return std::move(statement).error();
    statements->list.push_back(std::move(statement).value());
  }
  return TableWriter(std::move(statements));
}

Result<void> TableWriter::write(const Record& record, const Dirty& touched, const World& after) {
  Moved moved;
  for (const Change& change : record.changes) std::visit(moved, change);
  for (const Symbol node : touched.nodes) moved.nodes.insert(node);

  Result<void> done;
  // Stops at the first failure; the transaction is then rolled back as a whole.
  const auto each = [&](const auto& keys, auto&& write_one) {
    for (const auto& key : keys)
      if (done) done = write_one(key);
  };
  if (moved.cluster) done = statements_->put(kPutCluster, 1, row_json(after.cluster));
  each(moved.apps, [&](const AppName& key) { return statements_->write(key, after.apps.find(key)); });
  each(moved.nodes, [&](Symbol key) { return statements_->write_node(key, after.nodes.find(key)); });
  each(moved.tenants, [&](Symbol key) { return statements_->write_tenant(key, after.tenants.find(key)); });
  each(moved.templates, [&](const TemplateKey& key) { return statements_->write(key, after.templates.find(key)); });
  each(moved.instances, [&](const InstanceId& key) { return statements_->write(key, after.instances.find(key)); });
  each(moved.strays, [&](const StrayKey& key) { return statements_->write(key, after.strays.find(key)); });
  each(moved.operations, [&](const OperationKey& key) { return statements_->write(key, after.operations.find(key)); });
  each(moved.answers, [&](const std::string& key) { return statements_->write(key, after.answers.find(key)); });
  if (done) done = statements_->list[kPutCounter].bind(1, "last_uid").bind(2, after.last_uid).run();
  return done;
}

namespace {

// Calls `take` for each row of `sql` until one fails.
template <typename Take>
Result<void> for_each_row(Database& database, std::string_view sql, Take take) {
  Result<Statement> statement = database.prepare(sql);
  if (!statement) return std::move(statement).error();
  while (true) {
    const Result<bool> row = statement->step();
    if (!row) return row.error();
    if (!*row) return {};
    if (Result<void> taken = take(*statement); !taken) return taken;
  }
}

// The body at `column`, checked against the checksum beside it.
Result<std::string_view> checked_body(const Statement& row, int column, std::string_view table) {
  const std::string_view body = row.text(column);
  if (checksum(body) != row.integer(column + 1)) return damaged(table);
  return body;
}

template <typename Row, typename Put>
Result<void> read_bodies(Database& database, std::string_view table, std::string_view sql, int column,
                         Result<Row> (*parse)(std::string_view), Put put) {
  return for_each_row(database, sql, [&](const Statement& row) -> Result<void> {
    const Result<std::string_view> body = checked_body(row, column, table);
    if (!body) return body.error();
    Result<Row> parsed = parse(*body);
    if (!parsed) return std::move(parsed).error();
    put(row, std::move(parsed).value());
    return {};
  });
}

// Neighbouring rows share most of their names: interning one asks a table that all threads share.
class LastName {
 public:
  Symbol of(std::string_view text) {
    if (text != last_.str()) last_ = Symbol(text);
    return last_;
  }

 private:
  Symbol last_;
};

struct InstanceNames {
  LastName tenant;
  LastName app;
  LastName node;
};

Result<void> read_instance(const Statement& row, InstanceNames& names, World& world) {
  const InstanceId id{names.tenant.of(row.text(0)), names.app.of(row.text(1)), static_cast<std::uint32_t>(row.integer(2)),
                      row.unsigned_integer(3), static_cast<std::uint32_t>(row.integer(4))};
  InstanceRow value;
  InstanceStatus status;
  value.node = names.node.of(row.text(5));
  status.reason = row.text(6);
  status.message = row.text(7);
  status.address = row.text(8);
  status.accelerator = row.text(9);
  value.goal = static_cast<InstanceGoal>(row.integer(10));
  value.goal_revision = row.unsigned_integer(11);
  value.created_at = wall(row.integer(12));
  status.phase = static_cast<Phase>(row.integer(13));
  status.health = static_cast<Health>(row.integer(14));
  status.restarts = static_cast<std::uint32_t>(row.integer(15));
  if (row.integer(16) != kNoExit)
    status.last_exit = Exit{static_cast<ExitKind>(row.integer(16)), static_cast<std::int32_t>(row.integer(17))};
  status.started_at = wall(row.integer(18));
  status.boot = {Duration(row.integer(19)), Duration(row.integer(20)), Duration(row.integer(21)),
                 Duration(row.integer(22)), Duration(row.integer(23)), Duration(row.integer(24))};
  value.status = std::move(status);
  if (checksum(id, value) != row.integer(25)) return damaged("instances");
  world.instances.set(id, std::move(value));
  return {};
}

Result<void> read_rest(Database& database, World& world) {
  InstanceNames names;
  Result<void> done = for_each_row(database, "SELECT * FROM instances ORDER BY tenant, app, slot, rollout, attempt",
                                   [&](const Statement& row) { return read_instance(row, names, world); });
  if (!done) return done;
  done = for_each_row(database, "SELECT node, id, goal_revision, checksum, quarantined FROM strays",
                      [&](const Statement& row) -> Result<void> {
                        const Result<InstanceId> id = parse_instance_id(row.text(1));
                        const StrayRow value{row.unsigned_integer(2), row.integer(4) != 0};
                        if (!id || checksum(std::string(row.text(1)), value) != row.integer(3))
                          return damaged("strays");
                        world.strays.set({Symbol(row.text(0)), *id}, value);
                        return {};
                      });
  if (!done) return done;
  return for_each_row(database, "SELECT value FROM counters WHERE name = 'last_uid'", [&](const Statement& row) -> Result<void> {
    world.last_uid = row.unsigned_integer(0);
    return {};
  });
}

}  // namespace

Result<World> read_tables(Database& database) {
  World world;
  Result<void> done = read_bodies<ClusterRow>(database, "cluster", "SELECT body, checksum FROM cluster", 0, cluster_row_from,
                                              [&](const Statement&, ClusterRow row) { world.cluster = std::move(row); });
  if (done)
    done = read_bodies<AppRow>(database, "apps", "SELECT body, checksum FROM apps ORDER BY tenant, name", 0, app_row_from,
                               [&](const Statement&, AppRow row) { world.apps.set(row.app->name(), row); });
  if (done)
    done = read_bodies<NodeRow>(database, "nodes", "SELECT body, checksum FROM nodes ORDER BY name", 0, node_row_from,
                                [&](const Statement&, NodeRow row) { world.nodes.set(Symbol(row.node->metadata.name), row); });
  if (done)
    done = read_bodies<TenantRow>(database, "tenants", "SELECT body, checksum FROM tenants ORDER BY name", 0, tenant_row_from,
                                  [&](const Statement&, TenantRow row) { world.tenants.set(Symbol(row.tenant->metadata.name), row); });
  if (done)
    done = read_bodies<BootSpec>(database, "templates",
                                 "SELECT tenant, app, rollout, body, checksum FROM templates ORDER BY tenant, app, rollout", 3,
                                 codec::from_json<BootSpec>, [&](const Statement& row, BootSpec boot) {
                                   const AppName app{Symbol(row.text(0)), Symbol(row.text(1))};
                                   world.templates.set({app, row.unsigned_integer(2)}, std::move(boot));
                                 });
  if (done)
    done = read_bodies<Change>(database, "operations", "SELECT body, checksum FROM operations ORDER BY seq, idx", 0, change_from,
                               [&](const Statement&, Change change) {
                                 if (auto* const put = std::get_if<PutOperation>(&change)) world.operations.set(put->key, put->operation);
                               });
  if (done)
    done = read_bodies<AnswerRow>(database, "answers", "SELECT key, body, checksum FROM answers ORDER BY key", 1, answer_row_from,
                                  [&](const Statement& row, AnswerRow answer) { world.answers.set(std::string(row.text(0)), std::move(answer)); });
  if (done) done = read_rest(database, world);
  if (!done) return done.error();
  return world;
}

}  // namespace unik::controller
