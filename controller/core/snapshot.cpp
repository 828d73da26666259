#include "controller/core/snapshot.hpp"

namespace unik::controller {
namespace {

class Putter {
 public:
  explicit Putter(World& world) : world_(world) {}

  bool operator()(const PutCluster& change) {
    world_.cluster = change.row;
    return true;
  }
  bool operator()(const PutApp& change) { return put(world_.apps, change.row.app->name(), change.row); }
  bool operator()(const PutNode& change) {
    return put(world_.nodes, Symbol(change.row.node->metadata.name), change.row);
  }
  bool operator()(const PutTenant& change) {
    return put(world_.tenants, Symbol(change.row.tenant->metadata.name), change.row);
  }
  bool operator()(const PutTemplate& change) { return put(world_.templates, change.key, change.boot); }
  bool operator()(const PutInstance& change) { return put(world_.instances, change.id, change.row); }
  bool operator()(const PutStray& change) { return put(world_.strays, change.key, change.row); }
  bool operator()(const PutOperation& change) { return put(world_.operations, change.key, change.operation); }
  bool operator()(const PutAnswer& change) { return put(world_.answers, change.key, change.row); }
  // What takes away or moves a part of a row is in no snapshot.
  template <typename Other>
  bool operator()(const Other&) {
    return false;
  }

 private:
  template <typename Table, typename Key, typename Row>
  static bool put(Table& table, const Key& key, const Row& row) {
    table.set(key, row);
    return true;
  }

  World& world_;
};

}  // namespace

std::vector<Change> rows_of(const World& world) {
  std::vector<Change> rows;
  rows.reserve(1 + world.apps.size() + world.nodes.size() + world.tenants.size() + world.templates.size() +
               world.instances.size() + world.strays.size() + world.operations.size() + world.answers.size());
  rows.push_back(PutCluster{world.cluster});
  for (const auto& [name, row] : world.tenants) rows.push_back(PutTenant{row});
  for (const auto& [name, row] : world.nodes) rows.push_back(PutNode{row});
  for (const auto& [key, boot] : world.templates) rows.push_back(PutTemplate{key, boot});
  for (const auto& [name, row] : world.apps) rows.push_back(PutApp{row});
  for (const auto& [id, row] : world.instances) rows.push_back(PutInstance{id, row});
  for (const auto& [key, row] : world.strays) rows.push_back(PutStray{key, row});
  for (const auto& [key, operation] : world.operations) rows.push_back(PutOperation{key, operation});
  for (const auto& [key, row] : world.answers) rows.push_back(PutAnswer{key, row});
  return rows;
}

bool put_row(World& world, const Change& change) { return std::visit(Putter(world), change); }

}  // namespace unik::controller
