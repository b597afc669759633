#include "models/trained_on.h"

#include <gtest/gtest.h>

#include "models/model_file.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::models {
namespace {

using automask::testing::error_of;
using automask::testing::TemporaryFolder;
using core::Json;
using Names = std::vector<std::string>;

// Of "clean" and "jpeg:q1", or of one set for all.
Checkpoint network(int sets, const Json& training) {
  std::mt19937 random(1);
  Checkpoint checkpoint = testing::random_checkpoint(networks::cifar_resnet(1, 4, 8, 3), sets, random);
  checkpoint.training = training;
  return checkpoint;
}

TEST(TrainedOn, TheFileSaysWhatTheCheckpointDoes) {
  const TemporaryFolder folder;
  const auto both = [&](int sets, const Json& training) {
    const Checkpoint checkpoint = network(sets, training);
    save_checkpoint(checkpoint, folder / "c.safetensors");
    const Names names = trained_on(checkpoint);
    EXPECT_EQ(trained_on(folder / "c.safetensors"), names);
    return names;
  };
  EXPECT_EQ(both(2, {}), (Names{"clean", "jpeg:q1"}));
  EXPECT_EQ(both(2, {{"trained_on", {"fog:1", "clean"}}}), (Names{"clean", "jpeg:q1", "fog:1"}));
  EXPECT_EQ(both(1, {{"trained_on", {"clean", "fog:1"}}}), (Names{"clean", "fog:1"}));
  EXPECT_EQ(both(1, {{"method", "augment"}}), Names{});
  // Older files.
  EXPECT_EQ(both(2, {{"deployed", {{"trained_on", {"clean", "fog:1", "*"}}}}}), (Names{"clean", "jpeg:q1", "fog:1"}));
  const Json validated = {{"clean", 90.0}, {"fog:1", 80.0}};
  EXPECT_EQ(both(1, {{"method", "augment"}, {"validation_top1", validated}}), (Names{"clean", "fog:1"}));
  for (const char* method : {"augmix", "clean"})
    EXPECT_EQ(both(1, {{"method", method}, {"validation_top1", validated}}), Names{"clean"}) << method;
  const auto mixed = [&](const char* over) {
    return both(1, {{"method", "augmix"}, {"validation_top1", validated}, {"options", {{"augmix", {{"over", over}}}}}});
  };
  EXPECT_EQ(mixed("clean"), Names{"clean"});
  EXPECT_EQ(mixed("conditions"), (Names{"clean", "fog:1"}));
}

TEST(TrainedOn, WidthsAndFilesOfOthersSayNothing) {
  const TemporaryFolder folder;
  Checkpoint widths = network(2, {});
  widths.conditions = {"width:1", "width:0.5"};
  EXPECT_EQ(trained_on(widths), Names{});
  std::mt19937 random(2);
  write_model_file({{}, networks::random_weights(networks::cifar_resnet(1, 4, 8, 3), random), {}},
                   folder / "w.safetensors");
  EXPECT_EQ(trained_on(folder / "w.safetensors"), Names{});
  EXPECT_EQ(trained_on(folder / "w.safetensors", true), Names{});
}

TEST(TrainedOn, WhatAnEstimatorLearntBesidesStandsApart) {
  const TemporaryFolder folder;
  save_checkpoint(network(2, {{"others", {{"fog:2", Json::object()}}}}), folder / "c.safetensors");
  EXPECT_EQ(trained_on(folder / "c.safetensors", true), (Names{"clean", "jpeg:q1", "fog:2"}));
  EXPECT_EQ(trained_on(folder / "c.safetensors"), (Names{"clean", "jpeg:q1"}));
}

TEST(TrainedOn, ADamagedRecordIsNamedWithItsPlace) {
  const TemporaryFolder folder;
  save_checkpoint(network(2, {{"trained_on", {{"fog", 1}}}}), folder / "c.safetensors");
  const core::Error error = error_of([&] { trained_on(folder / "c.safetensors"); });
  EXPECT_EQ(error.code(), core::ExitCode::corrupt);
  EXPECT_SAYS(error, "c.safetensors: structure: /training/trained_on: must be an array of strings");
}

TEST(TrainedOn, ARecordGrowsByWhatWasSeenBefore) {
  Checkpoint one = network(1, {{"method", "augment"}});
  add_trained_on({}, one);
  EXPECT_FALSE(one.training.contains("trained_on"));
  add_trained_on({"clean", "fog:1"}, one);
  add_trained_on({"fog:1", "jpeg:q1"}, one);
  EXPECT_EQ(one.training["trained_on"], Json(Names{"clean", "fog:1", "jpeg:q1"}));
  Checkpoint two = network(2, {{"method", "automask"}});
  add_trained_on({"jpeg:q1", "clean"}, two);
  EXPECT_FALSE(two.training.contains("trained_on")) << "its sets say it";
}

}  // namespace
}  // namespace automask::models
