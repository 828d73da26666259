#include "controller/store/tables.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json.hpp"
#include "controller/store/row_checksum.hpp"
#include "controller/store/row_json.hpp"

namespace unik::controller {
namespace {

// The statements' names are those of the tables that they write.
enum Sql : std::size_t {
  kPutCluster,
  kPutApp,
  kRemoveApp,
  kPutNode,
  kRemoveNode,
  kPutTenant,
  kRemoveTenant,
  kPutTemplate,
  kRemoveTemplate,
  kPutInstance,
  kRemoveInstance,
  kPutStray,
  kRemoveStray,
  kPutOperation,
  kRemoveOperation,
  kPutAnswer,
  kRemoveAnswer,
  kPutCounter,
  kSqlCount
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
    "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "?, ?)",
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
  void operator()(const NoteTrace&) {}
  void operator()(const NoteEvent&) {}
};

}  // namespace

struct TableWriter::Statements {
  std::vector<Statement> list;

  // Binds the body and its checksum at `place` and the one after.
  Result<void> put(Sql sql, int place, std::string_view body) {
    return list[sql].bind(place, body).bind(place + 1, checksum(body)).run();
  }

  Result<void> write(const AppName& name, const AppRow* row) {
    Statement& statement =
        list[row == nullptr ? kRemoveApp : kPutApp].bind(1, name.tenant.str()).bind(2, name.app.str());
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
    Statement& statement =
        list[operation == nullptr ? kRemoveOperation : kPutOperation].bind(1, key.seq).bind(2, key.index);
    return operation == nullptr ? statement.run() : put(kPutOperation, 3, change_json(PutOperation{key, *operation}));
  }
  Result<void> write(const std::string& key, const Shared<AnswerRow>* row) {
    Statement& statement = list[row == nullptr ? kRemoveAnswer : kPutAnswer].bind(1, key);
    return row == nullptr ? statement.run() : put(kPutAnswer, 2, row_json(**row, key));
  }
  Result<void> write(const InstanceId& id, const InstanceRow* row) {
    Statement& statement = list[row == nullptr ? kRemoveInstance : kPutInstance];
    statement.bind(1, id.tenant.str()).bind(2, id.app.str()).bind(3, id.slot).bind(4, id.rollout).bind(5, id.attempt);
    if (row == nullptr) return statement.run();
    const InstanceStatus& status = *row->status;
    int place = 6;
    for (const std::string* text :
         {&row->node.str(), &status.reason.str(), &status.message.str(), &status.address, &status.accelerator.str()})
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
  if (done) done = statements_->list[kPutCounter].bind(1, "seal").bind(2, seal_of(after)).run();
  return done;
}

}  // namespace unik::controller
