// A deploy, destroy or build that a user asked for, followed until it has come true or failed. Survives restarts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/error.hpp"
#include "api/ids.hpp"
#include "api/resource.hpp"
#include "api/time.hpp"

namespace unik {

enum class OperationKind : std::uint8_t { kDeploy, kDestroy, kBuild };
std::string_view to_string(OperationKind kind);
std::optional<OperationKind> parse_operation_kind(std::string_view text);

enum class OperationState : std::uint8_t { kPending, kRunning, kSucceeded, kFailed };
std::string_view to_string(OperationState state);
std::optional<OperationState> parse_operation_state(std::string_view text);

// What a build makes, and what is declared with it.
struct BuildOrder {
  App app;  // `source` is the digest of a bundle, an artifact of the controller; an image comes in its place
  std::string runtime;  // NAME[@VERSION] over what the source says; empty: that
  std::string actor;    // who asked for it
  std::string image;    // `NAME@sha256:HEX` once it is built
  std::string deploy;   // `operation_id` of the deploy that followed

  bool operator==(const BuildOrder&) const = default;
};

struct Operation {
  std::string operation_id;  // `op-SEQ-N`: the journal sequence that created it, and which one of that record
  OperationKind kind = OperationKind::kDeploy;
  OperationState state = OperationState::kPending;
  AppName target;
  std::uint64_t uid = 0;         // of the target: a re-created namesake is another
  std::uint64_t generation = 0;  // of the target when the operation was asked for
  // Of the instance that took the most: its starts on all the nodes that it was tried on. Of a build: its own starts.
  std::uint32_t attempts = 0;
  // A job's, while all its instances run: it is followed until they end, and takes nobody's turn meanwhile.
  bool started = false;
  std::optional<BuildOrder> build;  // of a build
  std::string message;
  std::optional<Error> error;  // why it failed; while it is pending, what is in its way (none: it waits for its turn)
  std::string trace_id;
  WallTime created_at{};
  WallTime updated_at{};

  bool operator==(const Operation&) const = default;
};

constexpr bool is_final(const Operation& operation) {
  return operation.state == OperationState::kSucceeded || operation.state == OperationState::kFailed;
}

}  // namespace unik
