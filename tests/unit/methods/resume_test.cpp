// A training that is stopped and goes on ends with the same bits, whatever has a state of its own: scorers, methods,
// networks per condition. Trainings of 8 steps on Fashion-MNIST, masks frozen after 4, then 20 batches of
// recalibration.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "methods/masks/scorer_names.h"
#include "methods/members.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/methods/fashion.h"
#include "tests/unit/methods/jobs.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;
using automask::testing::TemporaryFolder;

TrainJob job_of(core::Json method, double epochs = 1) {
  static const core::Json model = {{"name", "tinynet"}};
  method["train"].update({{"epochs", epochs}, {"batch", 50}, {"learning_rate", 0.1}, {"threads", 1}});
  if (method_info(method["method"]).per_condition) method["estimator"] = {{"pictures", 40}, {"epochs", 1}};
  return small_job(method, model, automask::testing::fashion<400>(datasets::Split::train));
}

// All that the training gives, as bytes.
std::string trained(const TrainJob& job) {
  const TemporaryFolder folder;
  if (method_info(job.spec.method).product == Product::networks) {
    std::string all;
    for (const std::string& file : models::save_bundle(train_members(job), folder.path()))
      all += core::read_file(folder / file);
    return all;
  }
  models::save_checkpoint(train(job), folder / "checkpoint");
  return core::read_file(folder / "checkpoint");
}

// Stops when the training has asked so many times: once after each step.
void interrupt(TrainJob job, int asks) {
  std::atomic<int> left{asks};
  job.stop_requested = [&left] { return --left <= 0; };
  const core::Error error = error_of([&] { trained(job); });
  EXPECT_EQ(error.code(), core::ExitCode::interrupted) << error.what();
}

// Each element of `stops` is one training's, the stops in order.
void expect_same_bits(TrainJob job, const std::vector<std::vector<int>>& stops) {
  job.work_folder.clear();
  const std::string undisturbed = trained(job);
  for (const std::vector<int>& after : stops) {
    const TemporaryFolder folder;
    job.work_folder = folder.path();
    for (const int asks : after) interrupt(job, asks);
    EXPECT_EQ(trained(job), undisturbed) << "stopped first after " << after[0];
  }
}

// While channels are scored; after 3 steps and 2 more their scores have become masks.
const std::vector<std::vector<int>> while_scoring = {{1}, {3, 2}};

TEST(Resume, EveryScorerGoesOnWithTheSameBits) {
  for (const std::string& scorer : scorer_names()) {
    SCOPED_TRACE(scorer);
    expect_same_bits(job_of({{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", 0.5}, {"scorer", scorer}}),
                     while_scoring);
  }
}

core::Json smallest_of(const MethodInfo& info) {
  core::Json method = {{"method", info.name}};
  const bool budget = std::count(info.options.begin(), info.options.end(), "mac_budget") > 0;
  if (budget) method["mac_budget"] = 0.6;
  if (info.name == "denoise") {
    method["denoiser"] = {{"width", 2}, {"layers", 2}, {"pretraining", 0.2}};
    method["mac_budget"] = 0.9;  // it takes half of what this tiny network has
  }
  return method;
}

TEST(Resume, EveryMethodGoesOnWithTheSameBits) {
  for (const MethodInfo& info : method_infos()) {
    if (info.product != Product::network) continue;
    SCOPED_TRACE(info.name);
    // The first within a denoiser's pretraining; the last as masks freeze, when they are frozen, and in recalibration.
    expect_same_bits(job_of(smallest_of(info)), {{1}, {3, 2}, {4, 2, 6}});
  }
}

TEST(Resume, TwoThreadsGoOnWithTheSameBits) {
  for (const char* scorer : {"fisher", "hard_concrete"}) {
    SCOPED_TRACE(scorer);
    TrainJob job = job_of({{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", 0.5}, {"scorer", scorer}});
    job.spec.train.threads = 2;
    expect_same_bits(job, while_scoring);
  }
}

// The files of networks that are done, of those that may be there.
std::vector<std::string> done(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& name : names)
    if (std::filesystem::exists(folder / (name + ".safetensors"))) found.push_back(name);
  return found;
}

// 8 steps and 20 batches of recalibration each: the first is stopped in both, the second within its steps and behind.
TEST(Resume, SeparateNetworksGoOnWithTheSameBits) {
  TrainJob job = job_of({{"method", "separate"}, {"mac_budget", 0.6}, {"criterion", "taylor"}}, 3);
  const std::string undisturbed = trained(job);
  const TemporaryFolder folder;
  job.work_folder = folder.path();
  const std::vector<std::string> all = {"member-0", "member-1", "member-2"};
  for (const int asks : {3, 5 + 5}) interrupt(job, asks);
  EXPECT_TRUE(done(folder.path(), all).empty());
  for (const int asks : {20 + 6, 2 + 4}) interrupt(job, asks);
  EXPECT_EQ(done(folder.path(), all), std::vector<std::string>{"member-0"});
  EXPECT_EQ(trained(job), undisturbed);
  EXPECT_EQ(done(folder.path(), all), all);
}

// The backbone as above; masks of 3 steps each start over.
TEST(Resume, WeightMasksGoOnWithTheSameBits) {
  TrainJob job = job_of({{"method", "piggyback"}, {"mask_learning_rate", 0.003}}, 2);
  const std::string undisturbed = trained(job);
  const TemporaryFolder folder;
  job.work_folder = folder.path();
  const std::vector<std::string> all = {"backbone", "mask-0", "mask-1", "mask-2"};
  for (const int asks : {3, 5 + 5}) interrupt(job, asks);
  EXPECT_TRUE(done(folder.path(), all).empty());
  for (const int asks : {20 + 1, 3 + 1}) interrupt(job, asks);
  EXPECT_EQ(done(folder.path(), all), (std::vector<std::string>{"backbone", "mask-0"}));
  EXPECT_EQ(trained(job), undisturbed);
  EXPECT_EQ(done(folder.path(), all), all);
}

}  // namespace
}  // namespace automask::methods
