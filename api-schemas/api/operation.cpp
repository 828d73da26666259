#include "api/operation.hpp"

#include "api/check.hpp"

namespace unik {

std::string_view to_string(OperationKind kind) {
  switch (kind) {
    case OperationKind::kDeploy:
      return "deploy";
    case OperationKind::kDestroy:
      return "destroy";
    case OperationKind::kBuild:
      return "build";
  }
  UNIK_CHECK(false, "an operation kind outside the enumeration");
}

std::optional<OperationKind> parse_operation_kind(std::string_view text) {
  for (const OperationKind kind : {OperationKind::kDeploy, OperationKind::kDestroy, OperationKind::kBuild})
    if (to_string(kind) == text) return kind;
  return std::nullopt;
}

std::string_view to_string(OperationState state) {
  switch (state) {
    case OperationState::kPending:
      return "pending";
    case OperationState::kRunning:
      return "running";
    case OperationState::kSucceeded:
      return "succeeded";
    case OperationState::kFailed:
      return "failed";
  }
  UNIK_CHECK(false, "an operation state outside the enumeration");
}

std::optional<OperationState> parse_operation_state(std::string_view text) {
  for (const OperationState state :
       {OperationState::kPending, OperationState::kRunning, OperationState::kSucceeded, OperationState::kFailed})
    if (to_string(state) == text) return state;
  return std::nullopt;
}

}  // namespace unik
