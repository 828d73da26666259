// What a controller wants of a node. Each Action is a full target that may be ensured any number of times; the list of
// them is the node's goals, always sent whole. Leaving something out never stops it: EnsureAbsent stays listed until
// the controller has seen the instance absent.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/ids.hpp"
#include "api/resource.hpp"

namespace unik {

// The image is on the node, verified and ready to boot, whether or not an instance needs it yet.
struct EnsureImage {
  std::string image;  // `NAME@sha256:HEX`

  bool operator==(const EnsureImage&) const = default;
};

// Exactly one VM runs for `id`, booted from `boot`, kept by `run`.
struct EnsureRunning {
  InstanceId id;
  BootSpec boot;
  RunPolicy run;
  std::optional<Duration> stop_when_silent;  // stopped after so long without a word of the controller
  // Where there are any, it boots only while the image has a signature by one of them. What runs goes on.
  std::vector<std::string> trusted_keys = {};

  bool operator==(const EnsureRunning&) const = default;
};

// No VM runs for `id`, and none ever will again. One that runs is given `stop_timeout` to end by itself.
struct EnsureAbsent {
  InstanceId id;
  Duration stop_timeout = std::chrono::seconds(10);

  bool operator==(const EnsureAbsent&) const = default;
};

using Action = std::variant<EnsureImage, EnsureRunning, EnsureAbsent>;

struct Goals {
  Stamp stamp;
  std::vector<Action> actions;  // images first, then instances in the order of their ids
  // Whose request what is wanted of an instance goes back to: for the log, no part of the target.
  std::map<InstanceId, std::string> traces = {};

  bool operator==(const Goals&) const = default;
};

}  // namespace unik
