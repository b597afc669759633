#include "hw_targets/cpu/team.h"

#include <gtest/gtest.h>

#include <vector>

namespace automask::cpu {
namespace {

TEST(Team, PartsAreAllItemsOnceInOrder) {
  for (const int count : {1, 2, 3, 7})
    for (const std::ptrdiff_t items : {0, 1, 2, 6, 7, 100}) {
      std::ptrdiff_t next = 0;
      for (int i = 0; i < count; ++i) {
        const Member::Part part = Member{i, count, nullptr}.part(items);
        EXPECT_EQ(part.first, next) << i << " of " << count << ", " << items << " items";
        EXPECT_LE(part.end - part.first, items / count + 1);
        next = part.end;
      }
      EXPECT_EQ(next, items);
    }
}

// What one wrote before the meeting, all read after it, without another means to order it (TSan looks on).
TEST(Team, NobodyLeavesAMeetingBeforeAllHaveCome) {
  constexpr int count = 3, rounds = 2000;
  Meeting meeting;
  std::vector<int> written(count, 0), early(count, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, member = Member{i, count, &meeting}] {
      const auto self = static_cast<std::size_t>(member.index);
      for (int round = 1; round <= rounds; ++round) {
        written[self] = round;
        member.wait();
        for (const int of : written) early[self] += of != round;
        member.wait();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(early, std::vector<int>(count, 0));
}

}  // namespace
}  // namespace automask::cpu
