// The JSON of the controller's own rows and changes, as the journal and the tables keep them. Part of the store's
// format: what is written here must be read by every later program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "codec/json_reader.hpp"
#include "controller/core/change.hpp"

namespace unik::controller {

// Grows with each change of form that an older program could not read; readers know all that came before.
inline constexpr std::uint32_t kRecordFormat = 1;

std::string row_json(const AppRow& row);
std::string row_json(const NodeRow& row);
std::string row_json(const TenantRow& row);
// `key`: its own, where nothing else that is checked says it.
std::string row_json(const AnswerRow& row, const std::string& key = {});
std::string row_json(const ClusterRow& row);

// All fail with `internal`/`store_corrupt`: nobody but this program writes them.
Result<AppRow> app_row_from(codec::JsonView value);
Result<NodeRow> node_row_from(codec::JsonView value);
Result<TenantRow> tenant_row_from(codec::JsonView value);
Result<AnswerRow> answer_row_from(codec::JsonView value);
Result<ClusterRow> cluster_row_from(codec::JsonView value);

// `{"put_instance": {…}}`
std::string change_json(const Change& change);
// A change of an unknown name is `internal`/`unknown_record_format`: it is never skipped.
Result<Change> change_from(codec::JsonView value);
Result<Change> change_from(std::string_view json);

}  // namespace unik::controller
