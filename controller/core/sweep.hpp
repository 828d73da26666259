// A look at everything, in pieces: a fleet of ten thousand apps takes most of a second, in which no request would be
// answered. What a piece brings to light is planned with it; what moves meanwhile is planned for itself.
#pragma once

#include <cstddef>

#include "controller/core/world.hpp"

namespace unik::controller {

// Objects that one turn looks at: some hundredths of a second.
inline constexpr std::size_t kSweepPiece = 500;

class Sweep {
 public:
  // From the first object on. One that is under way ends first: however often it is asked for, each object has its
  // turn.
  void begin();
  bool under_way() const { return stage_ != Stage::kDone; }

  // Adds the next `at_most` objects to what has to be planned. They go by their names, so that tables may move between
  // two pieces.
  void take(const World& world, std::size_t at_most, Dirty& dirty);

 private:
  enum class Stage : std::uint8_t { kNodes, kApps, kDone };

  Stage stage_ = Stage::kDone;
  bool again_ = false;
  Symbol last_node_;
  AppName last_app_;
};

}  // namespace unik::controller
