#include "controller/core/sweep.hpp"

#include <gtest/gtest.h>

namespace unik::controller {
namespace {

World world_of(int nodes, int apps) {
  World world;
  world.revision = 1;
  for (int i = 0; i < nodes; ++i) {
    NodeRow row;
    Node node;
    node.metadata.name = "node-" + std::to_string(i);
    row.node = std::move(node);
    apply(world, PutNode{std::move(row)});
  }
  for (int i = 0; i < apps; ++i) {
    AppRow row;
    App app;
    app.metadata.name = "app-" + std::to_string(i);
    app.metadata.tenant = "default";
    row.app = std::move(app);
    apply(world, PutApp{std::move(row)});
  }
  return world;
}

TEST(Sweep, LooksAtEachObjectOnceInPieces) {
  const World world = world_of(7, 11);
  Sweep sweep;
  EXPECT_FALSE(sweep.under_way());
  sweep.begin();
  std::size_t seen = 0;
  std::size_t pieces = 0;
  for (; sweep.under_way(); ++pieces) {
    Dirty dirty;
    sweep.take(world, 4, dirty);
    EXPECT_LE(dirty.nodes.size() + dirty.apps.size(), 4U);
    seen += dirty.nodes.size() + dirty.apps.size();
  }
  EXPECT_EQ(seen, 18U);
  EXPECT_EQ(pieces, 5U);
}

TEST(Sweep, TakesASmallWorldAtOnce) {
  Sweep sweep;
  sweep.begin();
  Dirty dirty;
  sweep.take(world_of(2, 3), kSweepPiece, dirty);
  EXPECT_FALSE(sweep.under_way());
  EXPECT_EQ(dirty.nodes.size() + dirty.apps.size(), 5U);
}

TEST(Sweep, TakesAtMost500AtATime) {
  Sweep sweep;
  sweep.begin();
  Dirty dirty;
  sweep.take(world_of(300, 300), kSweepPiece, dirty);
  EXPECT_TRUE(sweep.under_way());
  EXPECT_EQ(dirty.nodes.size() + dirty.apps.size(), 500U);
}

TEST(Sweep, GoesOnWhereRowsCameAndWent) {
  World world = world_of(0, 6);
  Sweep sweep;
  sweep.begin();
  Dirty dirty;
  sweep.take(world, 3, dirty);  // app-0, app-1, app-2
  apply(world, RemoveApp{{Symbol("default"), Symbol("app-2")}});
  apply(world, RemoveApp{{Symbol("default"), Symbol("app-3")}});
  sweep.take(world, 3, dirty);
  EXPECT_FALSE(sweep.under_way());
  EXPECT_EQ(dirty.apps.size(), 5U);
  EXPECT_FALSE(dirty.apps.contains({Symbol("default"), Symbol("app-3")}));
}

// Asked for before each piece, the last objects would never have their turn.
TEST(Sweep, EndsBeforeItBeginsAnew) {
  const World world = world_of(0, 10);
  Sweep sweep;
  Dirty dirty;
  for (int piece = 0; piece < 4; ++piece) {
    sweep.begin();
    sweep.take(world, 3, dirty);
  }
  EXPECT_EQ(dirty.apps.size(), 10U);
  EXPECT_TRUE(sweep.under_way());
}

}  // namespace
}  // namespace unik::controller
