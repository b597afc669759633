#include "methods/training/schedule.h"

#include <gtest/gtest.h>

namespace automask::methods {
namespace {

TEST(Schedule, ViewsAreEpochsTimesPictures) {
  TrainOptions train;
  train.epochs = 2.5;
  train.batch = 100;
  EXPECT_EQ(Schedule(train, 4000, 1).steps, 100);
  train.epochs = 1e-9;
  EXPECT_EQ(Schedule(train, 4000, 1).steps, 1);
}

TEST(Schedule, RateRisesThenFallsToZero) {
  TrainOptions train;
  train.epochs = 10, train.batch = 10, train.warmup = 0.1, train.learning_rate = 0.4;
  const Schedule schedule(train, 1000, 1);
  ASSERT_EQ(schedule.warmup_steps(), 100);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(0), 0.004);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(99), 0.4);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(100), 0.4);
  EXPECT_NEAR(schedule.learning_rate(550), 0.2, 1e-12);
  EXPECT_LT(schedule.learning_rate(999), 1e-5);
  EXPECT_GT(schedule.learning_rate(999), 0);
  for (std::int64_t step = 101; step < 1000; ++step)
    EXPECT_LT(schedule.learning_rate(step), schedule.learning_rate(step - 1));
}

TEST(Schedule, BudgetRampsOverTheFirstHalfAndFreezes) {
  TrainOptions train;
  train.epochs = 10, train.batch = 10, train.warmup = 0.1;
  const Schedule schedule(train, 1000, 0.3);
  EXPECT_EQ(schedule.share(100), 1);
  EXPECT_NEAR(schedule.share(300), 0.65, 1e-12);
  EXPECT_EQ(schedule.share(500), 0.3);
  EXPECT_EQ(schedule.share(1000), 0.3);
  EXPECT_FALSE(schedule.cuts_after(50));
  EXPECT_TRUE(schedule.cuts_after(500));
  for (std::int64_t done = 501; done <= 1000; ++done) EXPECT_FALSE(schedule.cuts_after(done));
  int cuts = 0;
  for (std::int64_t done = 0; done <= 500; ++done) cuts += schedule.cuts_after(done);
  EXPECT_GE(cuts, 50);
}

TEST(Schedule, MasksFreezeWhenTheyAreTold) {
  TrainOptions train;
  train.epochs = 10, train.batch = 10, train.warmup = 0.1;
  const Schedule schedule(train, 1000, 0.3, 0.25);
  EXPECT_EQ(schedule.freeze_step(), 250);
  EXPECT_EQ(schedule.share(100), 1);
  EXPECT_NEAR(schedule.share(175), 0.65, 1e-12);
  EXPECT_EQ(schedule.share(250), 0.3);
  EXPECT_TRUE(schedule.cuts_after(250));
  EXPECT_FALSE(schedule.cuts_after(500));
  EXPECT_EQ(Schedule(train, 1000, 0.3, 1).freeze_step(), 1000);
  EXPECT_TRUE(Schedule(train, 1000, 0.3, 1).cuts_after(1000));
  EXPECT_EQ(Schedule(train, 1000, 0.3, 0.0001).freeze_step(), 1);
}

// Short trainings must end at the budget, too.
TEST(Schedule, FreezesExactlyOnceHoweverShort) {
  for (int steps = 2; steps < 30; ++steps) {
    TrainOptions train;
    train.epochs = steps, train.batch = 1, train.warmup = 1;
    const Schedule schedule(train, 1, 0.5);
    ASSERT_EQ(schedule.steps, steps);
    EXPECT_TRUE(schedule.cuts_after(schedule.freeze_step()));
    EXPECT_GE(schedule.freeze_step(), 1);
    EXPECT_EQ(schedule.share(schedule.freeze_step()), 0.5);
  }
}

}  // namespace
}  // namespace automask::methods
