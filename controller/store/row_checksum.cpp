#include "controller/store/row_checksum.hpp"

#include <charconv>
#include <string>

#include "api/stable_hash.hpp"
#include "controller/store/stored_time.hpp"

namespace unik::controller {
namespace {

constexpr std::size_t kUsualRowBytes = 256;

}  // namespace

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

std::int64_t checksum(std::string_view body) {
  return static_cast<std::int64_t>(stable_hash(body));
}

std::int64_t checksum(const InstanceId& id, const InstanceRow& row) {
  const InstanceStatus& status = *row.status;
  std::string text;
  text.reserve(kUsualRowBytes);
  const auto number = [&text](auto value) {
    std::array<char, 21> digits{};
    text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  };
  // As to_string(id) writes it.
  text.append(id.tenant.str()).append(1, '/').append(id.app.str()).append(1, '/');
  number(id.slot), text += '/', number(id.rollout), text += '/', number(id.attempt);
  for (const std::string* part :
       {&row.node.str(), &status.reason.str(), &status.message.str(), &status.address, &status.accelerator.str()})
    text.append(1, '\0').append(*part);
  for (const std::int64_t value : numbers_of(row)) text += '\0', number(value);
  return checksum(text);
}

std::int64_t checksum(std::string_view stray, const StrayRow& row) {
  return checksum(std::string(stray) + std::to_string(row.goal_revision) + (row.quarantined ? "q" : ""));
}

std::int64_t seal_of(const World& world) {
  std::string text;
  for (const std::uint64_t number :
       {world.revision, world.last_uid, std::uint64_t{world.apps.size()}, std::uint64_t{world.nodes.size()},
        std::uint64_t{world.tenants.size()}, std::uint64_t{world.templates.size()},
        std::uint64_t{world.instances.size()}, std::uint64_t{world.strays.size()},
        std::uint64_t{world.operations.size()}, std::uint64_t{world.answers.size()}})
    text += std::to_string(number) + '\0';
  return checksum(text + world.cluster.cluster_id);
}

}  // namespace unik::controller
