// Why instances go where the Placer sends them, in words: what it compares, and what keeps the other nodes out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/core/world.hpp"

namespace unik::controller {

// The instances of one app that run `boot`, one after the other. `world` is as it is before the first of them is
// placed.
class WhyThere {
 public:
  WhyThere(const World& world, const App& app, const BootSpec& boot, Time now);

  // For the next one, which goes to `node` and takes its room there.
  std::string next(Symbol node);

 private:
  struct Room {
    Resources need;
    Resources free;
  };

  std::string by_;                               // what nodes that fit are compared by
  bool compared_ = true;                         // every node was looked at
  std::map<Symbol, Room> eligible_;              // those that no rule keeps out
  std::map<std::string, std::size_t> kept_out_;  // how many of the others there are, by rule
};

}  // namespace unik::controller
