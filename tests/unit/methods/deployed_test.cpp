// A condition more for a network that is deployed: what stays, what is learnt, and what is refused.
#include "methods/deployed.h"

#include <gtest/gtest.h>

#include "corruptions/variant.h"
#include "graph/union.h"
#include "methods/method.h"
#include "models/trained_on.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/methods/fashion.h"
#include "tests/unit/methods/jobs.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;

const datasets::PictureSet& pictures(datasets::Split split) { return automask::testing::fashion<2000>(split); }

TrainJob job_of(core::Json method, std::vector<std::string> conditions, double epochs, double rate) {
  method["train"].update({{"epochs", epochs}, {"batch", 100}, {"learning_rate", rate}, {"threads", 1}});
  TrainJob job = small_job(method, {{"name", "tinynet"}}, pictures(datasets::Split::train));
  job.conditions.clear();
  for (const std::string& condition : conditions) job.conditions.push_back(corruptions::Condition::parse(condition));
  static const datasets::PictureSet validation = datasets::spread(pictures(datasets::Split::test), 500);
  job.validation = &validation;
  return job;
}

core::Json extending(core::Json method) {
  method.update({{"backbone", "deployed"}, {"init", "deployed.safetensors"}});
  return method;
}

std::shared_ptr<const models::Checkpoint> deployed_network(const core::Json& method, bool general = false) {
  core::Json its = method;
  if (general) its["general_set"] = true;
  return std::make_shared<const models::Checkpoint>(train(job_of(its, {"clean", "jpeg:q10"}, 4, 0.2)));
}

double top1(const models::Checkpoint& checkpoint, const char* condition, int set) {
  const auto shown =
      corruptions::make_variant(pictures(datasets::Split::test), corruptions::Condition::parse(condition), {}).pictures;
  return reference_top1(checkpoint, shown, set, 2);
}

void expect_same_set(const models::Checkpoint& a, std::size_t i, const models::Checkpoint& b, std::size_t j) {
  EXPECT_EQ(a.masks[i], b.masks[j]);
  ASSERT_EQ(a.normalisation[i].size(), b.normalisation[j].size());
  for (const auto& [name, tensor] : a.normalisation[i])
    EXPECT_EQ(tensor.data, b.normalisation[j].at(name).data) << name;
}

// Masks that differ, one for all, and none.
TEST(Deployed, OnlyTheNewConditionIsLearnt) {
  for (const core::Json& method :
       {core::Json{{"method", "automask"}, {"mac_budget", 0.6}, {"consensus", 0.3}},
        core::Json{{"method", "kill_test"}, {"mac_budget", 0.6}}, core::Json{{"method", "dense_bn_k"}}}) {
    const auto deployed = deployed_network(method);
    TrainJob job = job_of(extending(method), {"clean", "gaussian_noise:4", "jpeg:q10"}, 2, 0.05);
    job.deployed = deployed;
    job.preprocessing = models::Preprocessing{job.graph.input, {}, deployed->input};
    const models::Checkpoint now = train(job);
    EXPECT_EQ(now.conditions, (std::vector<std::string>{"clean", "gaussian_noise:4", "jpeg:q10"}));
    expect_same_set(now, 0, *deployed, 0);
    expect_same_set(now, 2, *deployed, 1);
    const graph::Mask before = graph::united(deployed->masks);
    EXPECT_EQ(graph::united(now.masks), before) << "the package's tensors keep their shapes";
    for (const graph::Node& node : now.graph.nodes)
      if (node.op == graph::Op::conv2d || node.op == graph::Op::linear) {
        EXPECT_EQ(now.weights.at(node.name + ".weight").data, deployed->weights.at(node.name + ".weight").data);
      }
    const auto macs = graph::masked_cost(now.graph, graph::channel_groups(now.graph), now.masks[1]).macs;
    EXPECT_LE(static_cast<double>(macs),
              method.value("mac_budget", 1.0) * static_cast<double>(graph::cost(now.graph).macs));
    EXPECT_EQ(now.training["deployed"]["kept"], core::Json({"clean", "jpeg:q10"}));
    EXPECT_EQ(models::trained_on(*deployed), (std::vector<std::string>{"clean", "jpeg:q10"}));
    EXPECT_EQ(now.training["options"], job.spec.parameters());
    EXPECT_EQ(now.training["mac_share"].size(), 3u);
    EXPECT_EQ(now.training["validation_top1"].size(), 3u);
    EXPECT_EQ(now.training["validation_estimator"].size(), 3u);
    EXPECT_EQ(now.training["validation_top1"]["clean"], deployed->training["validation_top1"]["clean"]);
    // Its own set serves the new condition better than either that was there.
    EXPECT_GT(top1(now, "gaussian_noise:4", 1),
              std::max(top1(now, "gaussian_noise:4", 0), top1(now, "gaussian_noise:4", 2)))
        << method;
  }
}

TEST(Deployed, TheGeneralSetAndScalesOfNetworksWithoutNormalisationStay) {
  const core::Json method = {{"method", "kill_test"}, {"mac_budget", 0.6}};
  const auto deployed = deployed_network(method, true);
  core::Json more = extending(method);
  more["general_set"] = true;
  TrainJob job = job_of(more, {"gaussian_noise:4", "clean", "jpeg:q10"}, 1, 0.05);
  job.deployed = deployed;
  job.preprocessing = models::Preprocessing{job.graph.input, {}, deployed->input};
  const models::Checkpoint now = train(job);
  EXPECT_EQ(now.conditions, (std::vector<std::string>{"gaussian_noise:4", "clean", "jpeg:q10", "*"}));
  expect_same_set(now, 3, *deployed, 2);
  for (const auto& [name, tensor] : now.normalisation[0]) EXPECT_EQ(now.weights.at(name).data, tensor.data) << name;

  const auto with_stem = deployed_network({{"method", "kill_test"}, {"stem", "private"}});
  job = job_of(extending({{"method", "kill_test"}}), {"gaussian_noise:4", "clean"}, 0.5, 0.05);
  job.deployed = with_stem;
  job.preprocessing = models::Preprocessing{job.graph.input, {}, with_stem->input};
  const models::Checkpoint stem = train(job);
  EXPECT_TRUE(models::has_private_stem(stem));
  EXPECT_EQ(models::trained_on(stem), (std::vector<std::string>{"gaussian_noise:4", "clean", "jpeg:q10"}))
      << "what the experiment has dropped has been seen all the same";
  EXPECT_EQ(stem.normalisation[0].at("conv1.weight").data, stem.normalisation[1].at("conv1.weight").data);
  expect_same_set(stem, 1, *with_stem, 0);

  TrainJob first = job_of(method, {"clean", "jpeg:q10"}, 1, 0.05);
  first.graph = networks::lenet();
  const auto lenet = std::make_shared<const models::Checkpoint>(train(first));
  TrainJob second = job_of(extending(method), {"clean", "jpeg:q10", "gaussian_noise:4"}, 1, 0.05);
  second.graph = networks::lenet();
  second.deployed = lenet;
  second.preprocessing = models::Preprocessing{second.graph.input, {}, lenet->input};
  const models::Checkpoint scaled = train(second);
  expect_same_set(scaled, 0, *lenet, 0);
  EXPECT_NE(scaled.normalisation[2].at("conv1.affine.weight").data,
            scaled.normalisation[0].at("conv1.affine.weight").data);
}

// Two conditions at once, cut further than the deployed ones and in lanes; with INT8's ranges.
TEST(Deployed, LearnsSeveralWithinTheirBudgetAndWithRanges) {
  core::Json method = {{"method", "automask"}, {"mac_budget", 0.8}, {"consensus", 0.5}, {"qat", {{"epochs", 0.2}}}};
  const auto deployed = deployed_network(method);
  core::Json more = extending(method);
  more["mac_budget"] = 0.6;
  more["lanes"] = 2;
  TrainJob job = job_of(more, {"clean", "jpeg:q10", "gaussian_noise:4", "defocus_blur:3"}, 0.5, 0.05);
  job.deployed = deployed;
  job.preprocessing = models::Preprocessing{job.graph.input, {}, deployed->input};
  const models::Checkpoint now = train(job);
  ASSERT_EQ(now.ranges.size(), 4U);
  EXPECT_EQ(now.ranges[0], deployed->ranges[0]);
  EXPECT_NE(now.ranges[2], now.ranges[3]);
  const auto groups = graph::channel_groups(now.graph);
  const graph::Mask before = graph::united(deployed->masks);
  EXPECT_EQ(graph::united(now.masks), before);
  for (const std::size_t k : {2, 3}) {
    EXPECT_LE(now.training["mac_share"][now.conditions[k]], 0.6);
    for (std::size_t g = 0; g < groups.groups.size(); ++g)
      if (groups.groups[g].maskable) {
        EXPECT_EQ(std::count(now.masks[k][g].begin(), now.masks[k][g].end(), 1) % 2, 0);
      }
  }
}

TEST(Deployed, SaysWhatDoesNotFit) {
  const core::Json method = {{"method", "kill_test"}};
  const auto says = [&](TrainJob job, const std::shared_ptr<const models::Checkpoint>& deployed, const char* what) {
    job.deployed = deployed;
    job.preprocessing = models::Preprocessing{job.graph.input, {}, {{0.5F}, {0.5F}}};
    EXPECT_SAYS(error_of([&] { train(job); }), what);
  };
  const auto deployed =
      std::make_shared<const models::Checkpoint>(train(job_of(method, {"clean", "jpeg:q10"}, 0.1, 0.1)));
  const auto job = [&] { return job_of(extending(method), {"clean", "fog:1"}, 0.1, 0.1); };
  says(job(), nullptr, "is not given");
  says(job_of(extending(method), {"clean", "jpeg:q10"}, 0.1, 0.1), deployed, "knows all conditions");
  says(job_of(extending(method), {"fog:1"}, 0.1, 0.1), deployed, "knows none of the experiment's conditions");
  TrainJob other = job();
  other.graph = networks::lenet();
  says(other, deployed, "is not the model");
  core::Json general = extending(method);
  general["general_set"] = true;
  says(job_of(general, {"clean", "fog:1"}, 0.1, 0.1), deployed, "has no general set");
  core::Json tuned = extending(method);
  tuned["qat"] = {{"epochs", 0.1}};
  says(job_of(tuned, {"clean", "fog:1"}, 0.1, 0.1), deployed, "was not fine-tuned for INT8");
  auto renamed = std::make_shared<models::Checkpoint>(*deployed);
  renamed->classes[0] = "hat";
  says(job(), renamed, "has other classes");
  const auto one = std::make_shared<const models::Checkpoint>(
      train(job_of({{"method", "augment"}}, {"clean", "jpeg:q10"}, 0.1, 0.1)));
  says(job(), one, "one normalisation and mask for all conditions");
  EXPECT_EQ(models::trained_on(*one), (std::vector<std::string>{"clean", "jpeg:q10"}));
}

}  // namespace
}  // namespace automask::methods
