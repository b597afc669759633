// Methods that give a network for each condition, on a few hundred pictures of Fashion-MNIST.
#include "methods/members.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "core/atomic_file.h"
#include "graph/structure.h"
#include "methods/evaluate.h"
#include "methods/masks/package_bytes.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/methods/fashion.h"
#include "tests/unit/methods/int8_bytes.h"
#include "tests/unit/methods/jobs.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;
using automask::testing::int8_bytes;
using automask::testing::TemporaryFolder;

TrainJob job_of(core::Json method, double epochs, const std::filesystem::path& folder = {}) {
  static const core::Json model = {{"name", "tinynet"}};
  method["train"].update({{"epochs", epochs}, {"batch", 50}, {"learning_rate", 0.1}, {"threads", 1}});
  TrainJob job;
  job.spec = MethodSpec::from_json({method, "test"}, method["method"], nullptr);
  job.graph = models::build_model({model, "test"}, {1, 28, 28}, 10);
  for (const char* condition : {"clean", "gaussian_noise:4"})
    job.conditions.push_back(corruptions::Condition::parse(condition));
  job.train = &automask::testing::fashion<400>(datasets::Split::train);
  job.seed = 3;
  job.work_folder = folder;
  return job;
}

std::string bytes_of(const models::Bundle& bundle) {
  const TemporaryFolder folder;
  std::string all;
  for (const std::string& file : models::save_bundle(bundle, folder.path())) all += core::read_file(folder / file);
  return all;
}

std::int64_t package_bytes_of(const models::Bundle& bundle) {
  std::int64_t bytes =
      bundle.estimator.is_null()
          ? 0
          : estimator_bytes(package::estimator_from_json(bundle.estimator, bundle.members.size(), "e"));
  for (const models::Checkpoint& member : bundle.members) bytes += int8_bytes(member);
  return bytes;
}

// The bytes of all networks and of the estimator together; the time of each.
TEST(Separate, MeetsBudgetsOfBytesAndTime) {
  core::Json method = {{"method", "separate"}};
  const std::int64_t whole = package_bytes_of(train_members(job_of(method, 0.25)));
  method["byte_budget"] = whole * 8 / 10;
  const std::int64_t smaller = package_bytes_of(train_members(job_of(method, 1)));
  EXPECT_LE(smaller, whole * 8 / 10);
  EXPECT_GT(smaller, whole * 8 / 10 * 95 / 100);
  method["byte_budget"] = 2000;
  EXPECT_SAYS(error_of([&] { train_members(job_of(method, 1)); }), "smallest possible package has");

  TrainJob timed = job_of({{"method", "separate"}}, 1);
  LatencyBudget budget;
  for (const graph::Node& node : timed.graph.nodes)
    if (graph::has_weights(node.op)) budget.layers.push_back({node.name, 0.001, 1});
  const auto groups = graph::channel_groups(timed.graph);
  budget.ms = budget.predicted_ms(timed.graph, groups, graph::full_mask(groups)) * 0.8;
  timed.spec.latency_budget = budget;
  for (const models::Checkpoint& member : train_members(timed).members) {
    EXPECT_LE(budget.predicted_ms(timed.graph, groups, member.masks[0]), budget.ms);
    EXPECT_GT(budget.predicted_ms(timed.graph, groups, member.masks[0]), budget.ms * 0.9);
  }
}

TEST(Separate, EachMemberMeetsTheBudgetOnItsShareOfTheViews) {
  const TrainJob job = job_of({{"method", "separate"}, {"mac_budget", 0.6}}, 2);
  const models::Bundle bundle = train_members(job);
  EXPECT_EQ(bundle.kind, "separate");
  EXPECT_EQ(bundle.conditions, (std::vector<std::string>{"clean", "gaussian_noise:4"}));
  ASSERT_EQ(bundle.members.size(), 2u);
  EXPECT_TRUE(bundle.backbone.empty());
  EXPECT_FALSE(bundle.estimator.is_null());
  std::int64_t views = 0;
  for (const models::Checkpoint& member : bundle.members) {
    EXPECT_EQ(member.conditions, std::vector<std::string>{"*"});
    const auto groups = graph::channel_groups(member.graph);
    EXPECT_LE(double(graph::masked_cost(member.graph, groups, member.masks[0]).macs),
              0.6 * double(graph::cost(member.graph).macs));
    views += member.training["views"].get<std::int64_t>();
  }
  EXPECT_EQ(views, 800) << "two epochs of 400 pictures, over both";
  EXPECT_NE(bundle.members[0].weights.begin()->second.data, bundle.members[1].weights.begin()->second.data);
}

TEST(Members, LearnFromATeacherThatKnowsTheCondition) {
  for (const char* name : {"separate", "piggyback"}) {
    core::Json method = {{"method", name}};
    const models::Bundle plain = train_members(job_of(method, 1));
    method["distillation"] = {{"teacher", "dense_bn_k"}};
    const models::Bundle taught = train_members(with_prerequisites(job_of(method, 1)));
    for (std::size_t k = 0; k < 2; ++k)
      EXPECT_NE(taught.members[k].weights.at("conv1.weight").data, plain.members[k].weights.at("conv1.weight").data);
    const models::Checkpoint& first = taught.backbone.empty() ? taught.members[0] : taught.backbone[0];
    EXPECT_EQ(first.training["log"]["teacher"]["method"], "dense_bn_k");
  }
  // The masks, too: ten classes cost 2.3 at most where they are guessed, so a loss far above is the teacher's.
  core::Json heavy = {{"method", "piggyback"}, {"distillation", {{"teacher", "dense_bn_k"}, {"weight", 1000}}}};
  heavy["train"]["learning_rate"] = 1e-4;
  const models::Bundle bundle = train_members(with_prerequisites(job_of(heavy, 1)));
  for (const models::Checkpoint& member : bundle.members) EXPECT_GT(member.training["mean_loss"].get<double>(), 20);
}

TEST(Piggyback, MembersAreTheBackboneWithWeightsMissing) {
  const TrainJob job = job_of({{"method", "piggyback"}, {"mask_learning_rate", 0.002}}, 4);
  const models::Bundle bundle = train_members(job);
  ASSERT_EQ(bundle.backbone.size(), 1u);
  ASSERT_EQ(bundle.members.size(), 2u);
  const auto& backbone = bundle.backbone[0].weights;
  std::int64_t bits = 0;
  for (const models::Checkpoint& member : bundle.members) {
    std::int64_t kept = 0, masked = 0;
    for (const auto& [name, tensor] : member.weights) {
      const auto& original = backbone.at(name).data;
      if (tensor.shape.size() < 2) {
        EXPECT_EQ(tensor.data, original) << name << ": normalisations and biases stay";
        continue;
      }
      for (std::size_t i = 0; i < original.size(); ++i) {
        if (tensor.data[i] == original[i])
          ++kept;
        else
          ++masked;
        EXPECT_TRUE(tensor.data[i] == original[i] || tensor.data[i] == 0) << name;
      }
    }
    EXPECT_GT(masked, 0);
    EXPECT_GT(kept, masked);
    bits = kept + masked;
  }
  EXPECT_EQ(weight_mask_bits(job.graph), bits);
}

// One step of one mask by hand: the scores of the weights whose gradient says so fall, by Adam's first step, which is
// the learning rate whatever the gradient's size.
TEST(Piggyback, TheFirstStepMovesEveryScoreByTheLearningRate) {
  // 0.0051 from 0.01 in one step: a weight goes exactly where its score's gradient is positive.
  TrainJob job = job_of({{"method", "piggyback"}, {"mask_learning_rate", 0.0051}}, 0.5);
  job.conditions.resize(1);
  job.spec.train.batch = 400;
  const models::Bundle bundle = train_members(job);
  const double kept = bundle.members[0].training["kept_weights"];
  EXPECT_EQ(bundle.members[0].training["steps"], 1);
  EXPECT_GT(kept, 0.2);
  EXPECT_LT(kept, 0.8);
}

// Masks alone make a network of weights that have hardly been trained: gradients of the wrong sign would not.
TEST(Piggyback, MasksLearnWhatTheBackboneHasNot) {
  TrainJob job = job_of({{"method", "piggyback"}, {"mask_learning_rate", 0.0003}}, 60);
  job.spec.train.learning_rate = 1e-7;
  job.validation = &automask::testing::fashion<400>(datasets::Split::test);
  const models::Bundle bundle = train_members(job);
  for (const auto& condition : bundle.conditions) {
    const double before = bundle.backbone[0].training["validation_top1"][condition];
    EXPECT_LT(before, 25) << condition << ": chance is 10";
    EXPECT_GT(bundle.training["validation_top1"][condition].get<double>(), before + 20) << condition;
  }
}

TEST(Members, SayWhatTheyAreWorthOnValidationPictures) {
  for (const char* name : {"separate", "piggyback"}) {
    TrainJob job = job_of({{"method", name}}, 2);
    job.validation = &automask::testing::fashion<400>(datasets::Split::test);
    const models::Bundle bundle = train_members(job);
    for (std::size_t k = 0; k < bundle.conditions.size(); ++k) {
      const auto shown = validation_pictures(*job.validation, job.conditions[k], job.seed, 1);
      models::Network network(bundle.members[k]);
      EXPECT_EQ(bundle.training["validation_top1"][bundle.conditions[k]].get<double>(),
                top1(network, shown, bundle.members[k].input, 0))
          << name << ", " << bundle.conditions[k];
    }
  }
}

TEST(Members, AnInterruptedTrainingGoesOnFromTheLastMember) {
  for (const char* method : {"separate", "piggyback"}) {
    const std::string whole = bytes_of(train_members(job_of({{"method", method}}, 1)));
    const TemporaryFolder folder;
    TrainJob job = job_of({{"method", method}}, 1, folder.path());
    for (const int allowed : {3, 9, 14}) {
      std::atomic<int> asked{0};
      job.stop_requested = [&] { return ++asked > allowed; };
      try {
        train_members(job);
      } catch (const core::Error& error) {
        EXPECT_EQ(error.code(), core::ExitCode::interrupted) << error.what();
      }
    }
    job.stop_requested = nullptr;
    EXPECT_EQ(bytes_of(train_members(job)), whole) << method;
  }
}

TEST(Members, ABundleSurvivesItsFiles) {
  const models::Bundle bundle = train_members(job_of({{"method", "piggyback"}}, 0.5));
  const TemporaryFolder folder;
  EXPECT_FALSE(models::holds_bundle(folder.path()));
  models::save_bundle(bundle, folder.path());
  ASSERT_TRUE(models::holds_bundle(folder.path()));
  EXPECT_EQ(bytes_of(models::load_bundle(folder.path())), bytes_of(bundle));
  core::write_file_atomically(folder / "bundle.json", "{\"schema_version\": 2}");
  EXPECT_SAYS(error_of([&] { models::load_bundle(folder.path()); }), "bundle.json");
}

}  // namespace
}  // namespace automask::methods
