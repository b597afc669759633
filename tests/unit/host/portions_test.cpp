#include "hw_targets/host/portions.h"

#include <gtest/gtest.h>

#include <array>

namespace automask::host {
namespace {

std::vector<std::size_t> counts(const std::vector<Portion>& portions) {
  std::vector<std::size_t> result;
  std::size_t next = 0;
  for (const Portion& portion : portions) {
    EXPECT_EQ(portion.first, next) << "one after the other";
    next += portion.count;
    result.push_back(portion.count);
  }
  return result;
}

TEST(Portions, AreAsEqualAsCanBeAndHoldNoMore) {
  EXPECT_EQ(counts(portions_of(0, 10, 3, 30)), (std::vector<std::size_t>{10}));
  EXPECT_EQ(counts(portions_of(0, 10, 3, 29)), (std::vector<std::size_t>{5, 5}));
  EXPECT_EQ(counts(portions_of(0, 10, 3, 14)), (std::vector<std::size_t>{3, 3, 4}));
  EXPECT_EQ(counts(portions_of(0, 2, 30, 1)), (std::vector<std::size_t>{1, 1})) << "a picture at least";
  EXPECT_EQ(counts(portions_of(0, 0, 3, 30)), (std::vector<std::size_t>{0}));
  for (const Portion& portion : portions_of(4, 50000, 150528)) {
    EXPECT_EQ(portion.condition, 4u);
    EXPECT_LE(portion.count * 150528, held_bytes);
  }
}

TEST(Groups, TakeConditionsInOrderAsLongAsThereIsRoom) {
  const auto groups = groups_of({5, 5, 12}, {1, 2, 0}, 1, 10);
  std::vector<std::vector<std::array<std::size_t, 3>>> found;
  for (const auto& group : groups) {
    found.emplace_back();
    for (const auto& [condition, first, count] : group) found.back().push_back({condition, first, count});
  }
  EXPECT_EQ(found,
            (std::vector<std::vector<std::array<std::size_t, 3>>>{{{1, 0, 5}}, {{2, 0, 6}}, {{2, 6, 6}}, {{0, 0, 5}}}));
  EXPECT_EQ(groups_of({5, 5, 5}, {0, 1, 2}, 1, 10).size(), 2u);
  EXPECT_EQ(groups_of({5, 5, 5}, {0, 1, 2}, 1, 15).size(), 1u);
}

TEST(Append, IsTheResultOfAllPortions) {
  CellResult all;
  append(all, {{1, 2}, 2, {7}, {.5}, 1, 1, {3}});
  append(all, {{3, 4, 5, 6}, 2, {8, 9}, {.25, .75}, 2, 3, {}});
  EXPECT_EQ(all.outputs, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(all.classes, 2);
  EXPECT_EQ(all.conditions, (std::vector<int>{7, 8, 9}));
  EXPECT_EQ(all.latencies_ms, (std::vector<double>{.5, .25, .75}));
  EXPECT_EQ(all.wall_seconds, 3);
  EXPECT_EQ(all.blocks, 4u);
  EXPECT_EQ(all.block_mj, (std::vector<double>{3}));
}

}  // namespace
}  // namespace automask::host
