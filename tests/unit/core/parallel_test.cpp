#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>

namespace automask::core {
namespace {

TEST(ParallelFor, DoesEachIndexExactlyOnce) {
  for (const int threads : {-1, 0, 1, 2, 7, 64})
    for (const std::size_t count : {0u, 1u, 5u, 1000u}) {
      std::vector<std::atomic<int>> done(count);
      parallel_for(count, threads, [&](std::size_t i) { ++done[i]; });
      for (const auto& times : done) EXPECT_EQ(times, 1) << threads << " threads, " << count << " indices";
    }
}

TEST(ParallelFor, UsesSeveralThreads) {
  // Each of two indices waits for the other, which one thread alone could not do.
  std::atomic<int> arrived{0};
  parallel_for(2, 2, [&](std::size_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST(ParallelFor, RethrowsAfterAllThreadsHaveStopped) {
  for (const int threads : {1, 2, 7}) {
    std::atomic<int> running{0}, most_done{0};
    const auto body = [&](std::size_t i) {
      ++running;
      ++most_done;
      const struct Leave {
        std::atomic<int>& running_;
        ~Leave() { --running_; }
      } leave{running};
      if (i == 10) throw std::runtime_error("ten");
    };
    try {
      parallel_for(1000000, threads, body);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "ten");
    }
    EXPECT_EQ(running, 0);
    EXPECT_LT(most_done, 1000000) << "the loop went on after the failure";
  }
}

TEST(ParallelFor, RethrowsOneOfManyExceptions) {
  EXPECT_THROW(parallel_for(100, 4, [](std::size_t) { throw std::logic_error("all"); }), std::logic_error);
}

}  // namespace
}  // namespace automask::core
