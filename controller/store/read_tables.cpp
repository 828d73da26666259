// All rows back into a World, as fast as two cores can: how long a controller is away after a crash is mostly this.
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json.hpp"
#include "controller/store/row_checksum.hpp"
#include "controller/store/row_json.hpp"
#include "controller/store/stored_time.hpp"
#include "controller/store/tables.hpp"

namespace unik::controller {
namespace {

Error damaged(std::string_view table) {
  return internal("store_corrupt",
                  "a row of `" + std::string(table) + "` does not match its checksum: restore a backup");
}

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

// ---- Rows with a JSON body: SQLite gives the texts on one thread, they become values on two
// --------------------------

// A row as it stands. `first` and `second` are what of its key its body does not say.
struct Text {
  std::string first;
  std::string second;
  std::uint64_t number = 0;
  std::string body;
  std::int64_t checksum = 0;
};

struct Texts {
  std::vector<Text> cluster;
  std::vector<Text> apps;
  std::vector<Text> nodes;
  std::vector<Text> tenants;
  std::vector<Text> templates;
  std::vector<Text> operations;
  std::vector<Text> answers;
};

Result<void> read_texts(Database& database, std::string_view sql, std::vector<Text>& out) {
  return for_each_row(database, sql, [&](const Statement& row) -> Result<void> {
    out.push_back({std::string(row.text(0)), std::string(row.text(1)), row.unsigned_integer(2),
                   std::string(row.text(3)), row.integer(4)});
    return {};
  });
}

Result<Texts> read_texts(Database& database) {
  Texts texts;
  const std::pair<const char*, std::vector<Text>*> tables[] = {
      {"SELECT '', '', 0, body, checksum FROM cluster", &texts.cluster},
      {"SELECT '', '', 0, body, checksum FROM apps ORDER BY tenant, name", &texts.apps},
      {"SELECT '', '', 0, body, checksum FROM nodes ORDER BY name", &texts.nodes},
      {"SELECT '', '', 0, body, checksum FROM tenants ORDER BY name", &texts.tenants},
      {"SELECT tenant, app, rollout, body, checksum FROM templates ORDER BY tenant, app, rollout", &texts.templates},
      {"SELECT '', '', 0, body, checksum FROM operations ORDER BY seq, idx", &texts.operations},
      {"SELECT key, '', 0, body, checksum FROM answers ORDER BY key", &texts.answers},
  };
  for (const auto& [sql, out] : tables)
    if (Result<void> done = read_texts(database, sql, *out); !done) return done.error();
  return texts;
}

template <typename Row, typename Put>
Result<void> decode(std::string_view table, const std::vector<Text>& texts, Result<Row> (*parse)(codec::JsonView),
                    Put put) {
  for (const Text& text : texts) {
    if (checksum(text.body) != text.checksum) return damaged(table);
    const Result<codec::JsonDocument> document = codec::JsonDocument::parse(text.body, text.body.size());
    if (!document) return damaged(table);
    Result<Row> row = parse(document->root());
    if (!row) return std::move(row).error();
    put(text, std::move(row).value());
  }
  return {};
}

// The checksum is of the body alone, so the key stands there too; in rows from before it does not.
struct StoredAnswer {
  std::string key;
  AnswerRow row;
};

Result<StoredAnswer> stored_answer_from(codec::JsonView value) {
  Result<AnswerRow> row = answer_row_from(value);
  if (!row) return std::move(row).error();
  return StoredAnswer{std::string(value["key"].text_or("")), std::move(row).value()};
}

// The half of the work that is done beside the other: apps and nodes are most of all bodies.
Result<World> decode_declared(const Texts& texts) {
  World world;
  Result<void> done = decode<AppRow>("apps", texts.apps, app_row_from, [&](const Text&, AppRow row) {
    const AppName name = row.app->name();
    world.apps.set(name, std::move(row));
  });
  if (done)
    done = decode<NodeRow>("nodes", texts.nodes, node_row_from, [&](const Text&, NodeRow row) {
      const Symbol name(row.node->metadata.name);
      world.nodes.set(name, std::move(row));
    });
  if (!done) return done.error();
  return world;
}

Result<void> decode_rest(const Texts& texts, World& world) {
  Result<void> done = decode<ClusterRow>("cluster", texts.cluster, cluster_row_from,
                                         [&](const Text&, ClusterRow row) { world.cluster = std::move(row); });
  if (done)
    done = decode<TenantRow>("tenants", texts.tenants, tenant_row_from, [&](const Text&, TenantRow row) {
      const Symbol name(row.tenant->metadata.name);
      world.tenants.set(name, std::move(row));
    });
  if (done)
    done = decode<BootSpec>(
        "templates", texts.templates, codec::from_json<BootSpec>, [&](const Text& text, BootSpec boot) {
          world.templates.set({{Symbol(text.first), Symbol(text.second)}, text.number}, std::move(boot));
        });
  if (done)
    done = decode<Change>("operations", texts.operations, change_from, [&](const Text&, Change change) {
      if (auto* const put = std::get_if<PutOperation>(&change)) world.operations.set(put->key, put->operation);
    });
  bool is_own = true;
  if (done)
    done = decode<StoredAnswer>("answers", texts.answers, stored_answer_from, [&](const Text& text, StoredAnswer one) {
      is_own &= one.key.empty() || one.key == text.first;
      world.answers.set(text.first, std::move(one.row));
    });
  return is_own ? done : damaged("answers");
}

// ---- Rows of columns
// -------------------------------------------------------------------------------------------------

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
  LastName accelerator;
};

Result<void> read_instance(const Statement& row, InstanceNames& names, World& world) {
  const InstanceId id{names.tenant.of(row.text(0)), names.app.of(row.text(1)),
                      static_cast<std::uint32_t>(row.integer(2)), row.unsigned_integer(3),
                      static_cast<std::uint32_t>(row.integer(4))};
  InstanceRow value;
  InstanceStatus status;
  value.node = names.node.of(row.text(5));
  status.reason = std::string(row.text(6));
  status.message = std::string(row.text(7));
  status.address = row.text(8);
  status.accelerator = names.accelerator.of(row.text(9));
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

Result<void> read_columns(Database& database, World& world) {
  InstanceNames names;
  Result<void> done = for_each_row(database, "SELECT * FROM instances ORDER BY tenant, app, slot, rollout, attempt",
                                   [&](const Statement& row) { return read_instance(row, names, world); });
  if (!done) return done;
  done = for_each_row(database, "SELECT node, id, goal_revision, checksum, quarantined FROM strays",
                      [&](const Statement& row) -> Result<void> {
                        const Result<InstanceId> id = parse_instance_id(row.text(1));
                        const StrayRow value{row.unsigned_integer(2), row.integer(4) != 0};
                        if (!id || checksum(row.text(1), value) != row.integer(3)) return damaged("strays");
                        world.strays.set({Symbol(row.text(0)), *id}, value);
                        return {};
                      });
  return done;
}

struct Counters {
  std::uint64_t head = 0;  // of the journal
  std::uint64_t last_uid = 0;
  std::uint64_t unsealed_at = 0;
  std::optional<std::int64_t> seal;
};

Result<Counters> read_counters(Database& database) {
  Counters counters;
  Result<void> done =
      for_each_row(database, "SELECT coalesce(max(seq), 0) FROM journal", [&](const Statement& row) -> Result<void> {
        counters.head = row.unsigned_integer(0);
        return {};
      });
  if (done)
    done = for_each_row(database, "SELECT name, value FROM counters", [&](const Statement& row) -> Result<void> {
      if (row.text(0) == "last_uid") counters.last_uid = row.unsigned_integer(1);
      if (row.text(0) == "unsealed_at") counters.unsealed_at = row.unsigned_integer(1);
      if (row.text(0) == "seal") counters.seal = row.integer(1);
      return {};
    });
  if (!done) return done.error();
  return counters;
}

// Only a store that no record was added to since it was migrated has no seal.
bool is_whole(const Counters& counters, const World& world) {
  return counters.seal ? *counters.seal == seal_of(world) : counters.unsealed_at == counters.head;
}

}  // namespace

Result<World> read_tables(Database& database) {
  const Result<Texts> texts = read_texts(database);
  if (!texts) return texts.error();
  // By its default policy, where there can be no further thread the work is done when its result is asked for.
  std::future<Result<World>> declared = std::async([&texts] { return decode_declared(*texts); });
  World world;
  Result<void> done = read_columns(database, world);
  if (done) done = decode_rest(*texts, world);
  Result<World> other = declared.get();
  if (!other) return other;
  if (!done) return done.error();
  world.apps = std::move(other->apps);
  world.nodes = std::move(other->nodes);
  const Result<Counters> counters = read_counters(database);
  if (!counters) return counters.error();
  world.revision = counters->head;
  world.last_uid = counters->last_uid;
  if (is_whole(*counters, world)) return world;
  return internal("store_corrupt", "the tables do not match their seal at record " + std::to_string(counters->head) +
                                       ": rows are missing, restore a backup");
}

}  // namespace unik::controller
