// The baselines' losses against computations written here, and short trainings of each from pictures to a package.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>
#include <set>

#include "corruptions/variant.h"
#include "graph/structure.h"
#include "hw_targets/compiler/compile.h"
#include "methods/evaluate.h"
#include "methods/masks/widths.h"
#include "methods/objectives/objective.h"
#include "methods/objectives/teacher.h"
#include "methods/prerequisites.h"
#include "methods/recipes/denoiser.h"
#include "methods/recipes/recipes.h"
#include "methods/training/input_scaling.h"
#include "models/zoo.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/methods/fashion.h"
#include "tests/unit/methods/int8_bytes.h"
#include "tests/unit/methods/jobs.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;
using automask::testing::int8_bytes;

const datasets::PictureSet& pictures(datasets::Split split) { return automask::testing::fashion<300>(split); }

TrainJob job_of(core::Json method, double epochs = 2) {
  static const core::Json model = {{"name", "tinynet"}};
  method["train"].update({{"epochs", epochs}, {"batch", 50}, {"learning_rate", 0.1}, {"threads", 1}});
  const bool own_sets =
      method["method"] == "kill_test" || method["method"] == "dense_bn_k" || method["method"] == "automask";
  if (own_sets && method.value("normalisation", "") != "shared")
    method["estimator"] = {{"pictures", 100}, {"epochs", 2}};
  return small_job(method, model, pictures(datasets::Split::train));
}

// A part of four pictures in so many views, of which the first two hold NaN-free noise.
Shown part_of(int views, double weight = 1) {
  Shown part;
  torch::manual_seed(5);
  for (int i = 0; i < views; ++i) part.views.push_back(at::randn({4, 1, 28, 28}));
  part.labels = at::tensor({1, 0, 9, 4}, torch::kLong);
  part.pictures = 8;
  part.weight = weight;
  part.step = 90;
  part.steps = 100;
  return part;
}

double cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels, double smoothing) {
  const torch::Tensor logs = at::log_softmax(logits, 1);
  double sum = 0;
  for (std::int64_t n = 0; n < logits.size(0); ++n) {
    sum -= (1 - smoothing) * logs[n][labels[n].item<std::int64_t>()].item<double>();
    sum -= smoothing * logs[n].mean().item<double>();
  }
  return sum;
}

struct Setting {
  TrainJob job;
  Recipe recipe;
  models::Network network;
  std::unique_ptr<Objective> objective;

  Setting(const core::Json& method, Recipe (*recipe_of)(const TrainJob&))
      : job(job_of(method)),
        recipe(recipe_of(job)),
        network(recipe.graph.value_or(job.graph), std::max(1, static_cast<int>(recipe.set_names.size())), 1),
        objective(recipe.objective(job)) {
    network.eval();  // so that pictures don't touch each other through batch statistics
  }
};

TEST(Baselines, AugmixLossByHand) {
  const torch::NoGradGuard no_grad;
  Setting s({{"method", "augmix"}, {"augmix", {{"weight", 7}}}}, augmix_recipe);
  EXPECT_EQ(s.recipe.extra_views.size(), 2U);
  EXPECT_EQ(s.job.spec.passes_per_picture(), 3) << "what time is told by";
  const Shown part = part_of(3, 0.5);
  std::vector<torch::Tensor> p, logits;
  for (const torch::Tensor& view : part.views) {
    logits.push_back(s.network.forward(view));
    p.push_back(at::softmax(logits.back(), 1));
  }
  const torch::Tensor mean = (p[0] + p[1] + p[2]) / 3;
  double divergence = 0;
  for (const torch::Tensor& answer : p) divergence += (answer * (answer / mean).log()).sum().item<double>() / 3;
  EXPECT_GT(divergence, 1e-3);
  const double expected = (cross_entropy(logits[0], part.labels, 0.05) + 7 * divergence) * 0.5 / 8;
  EXPECT_NEAR(s.objective->loss(s.network, part).item<double>(), expected, 1e-5);
}

TEST(Baselines, StabilityLossByHand) {
  const torch::NoGradGuard no_grad;
  Setting s({{"method", "stability"}, {"stability_weight", 0.3}}, stability_recipe);
  EXPECT_EQ(s.job.spec.passes_per_picture(), 2);
  Shown part = part_of(2);
  const torch::Tensor distorted = s.network.forward(part.views[0]), clean = s.network.forward(part.views[1]);
  const double stability = -(at::softmax(clean, 1) * at::softmax(distorted, 1).log()).sum().item<double>();
  const double expected = (cross_entropy(clean, part.labels, 0.05) + 0.3 * stability) / 8;
  EXPECT_NEAR(s.objective->loss(s.network, part).item<double>(), expected, 1e-5);
  // A teacher saw the distorted pictures: one that answers as the student does adds nothing.
  part.teacher = distorted;
  EXPECT_NEAR(s.objective->loss(s.network, part).item<double>(), expected, 1e-5);
  part.teacher = clean;
  EXPECT_GT(s.objective->loss(s.network, part).item<double>(), expected + 1e-4);
}

// The formula with plain numbers: sum over classes of p (log p - log q) at the temperature, times its square.
TEST(Baselines, DistillationByHand) {
  const torch::NoGradGuard no_grad;
  const TrainJob job =
      job_of({{"method", "augment"}, {"distillation", {{"teacher", "dense"}, {"weight", 0.75}, {"temperature", 3}}}});
  Objective objective(job.spec);
  Shown part = part_of(1, 0.5);
  const torch::Tensor student = at::randn({4, 10}) * 3;
  part.teacher = at::randn({4, 10}) * 3;
  double divergence = 0;
  for (int n = 0; n < 4; ++n) {
    std::vector<double> p(10), q(10);
    double p_sum = 0, q_sum = 0;
    for (int c = 0; c < 10; ++c) {
      p_sum += p[c] = std::exp(part.teacher[n][c].item<double>() / 3);
      q_sum += q[c] = std::exp(student[n][c].item<double>() / 3);
    }
    for (int c = 0; c < 10; ++c) divergence += p[c] / p_sum * std::log(p[c] / p_sum / (q[c] / q_sum));
  }
  EXPECT_NEAR(objective.distillation(student, part).item<double>(), 0.75 * 9 * divergence * 0.5 / 8, 1e-5);
  EXPECT_NEAR(objective.classification(student, part).item<double>(),
              cross_entropy(student, part.labels, 0.05) * 0.5 / 8 + 0.75 * 9 * divergence * 0.5 / 8, 1e-5);
}

// A teacher of another network, which wants its pictures scaled in another way, answers as it would alone.
TEST(Baselines, ATeacherOfAnotherNetworkSeesPicturesScaledItsWay) {
  const datasets::PictureSet& set = pictures(datasets::Split::train);
  TrainJob teaching =
      small_job({{"method", "dense_bn_k"}, {"train", {{"epochs", 1}, {"threads", 1}}}}, {{"name", "resnet8"}}, set);
  teaching.spec.estimator.pictures = 50;
  auto teacher = std::make_shared<models::Checkpoint>(train(teaching));
  const torch::NoGradGuard no_grad;
  TrainJob job = job_of({{"method", "augment"}, {"distillation", {{"teacher", "dense_bn_k"}, {"model", "other"}}}});
  job.prerequisites[teacher_role] = teacher;
  const std::vector<int> shown = {2, 0, 1, 2};
  const auto input = [&](const models::InputScaling& scaling) { return input_of(set.pixels.data(), 4, set, scaling); };
  const auto answer = [&] { return make_teacher(job, job.conditions)->answer(input(input_scaling_of(job)), shown); };
  models::Network alone(*teacher);
  alone.eval();
  for (const bool other_scaling : {false, true}) {
    if (other_scaling) {
      teacher->input = {{0.25F}, {0.125F}};
      alone = models::Network(*teacher);
      alone.eval();
    }
    const torch::Tensor x = input(teacher->input), answered = answer();
    for (std::int64_t i = 0; i < 4; ++i)
      EXPECT_LT((answered[i] - alone.forward(x.narrow(0, i, 1), shown[std::size_t(i)])[0]).abs().max().item<double>(),
                1e-4);
  }
  EXPECT_GT(make_teacher(job, job.conditions)->record()["macs"].get<std::int64_t>(), graph::cost(job.graph).macs);
}

// Parts of several conditions count for as much together as one by one.
TEST(Baselines, PartsShownTogetherHaveTheirWeights) {
  const torch::NoGradGuard no_grad;
  const TrainJob job = job_of({{"method", "automask"}, {"distillation", {{"teacher", "dense"}, {"weight", 3}}}});
  const Objective objective(job.spec);
  Shown together;
  std::vector<torch::Tensor> logits, labels, teacher, weights;
  double apart = 0;
  for (const int k : {0, 1}) {
    Shown part;
    part.set = k;
    part.labels = at::arange(k, k + 3, torch::kLong);
    part.teacher = at::sin(at::arange(30, torch::kFloat).view({3, 10}) + k);
    part.pictures = 6;
    part.weight = k == 0 ? 0.5 : 1.5;
    logits.push_back(at::cos(at::arange(30, torch::kFloat).view({3, 10}) * (k + 2)));
    apart += objective.classification(logits.back(), part).item<double>();
    labels.push_back(part.labels);
    teacher.push_back(part.teacher);
    weights.push_back(at::full({3}, part.weight, torch::kFloat));
  }
  together.labels = at::cat(labels);
  together.teacher = at::cat(teacher);
  together.row_weights = at::cat(weights);
  together.pictures = 6;
  EXPECT_NEAR(objective.classification(at::cat(logits), together).item<double>(), apart, 1e-5);
  together.row_weights = torch::Tensor();
  EXPECT_GT(std::abs(objective.classification(at::cat(logits), together).item<double>() - apart), 1e-3);
}

// Half of the Kullback-Leibler divergences to the mean of the two answers.
TEST(Baselines, ConsistencyWithTheCleanAnswerByHand) {
  const torch::NoGradGuard no_grad;
  const auto divergence = [](const torch::Tensor& a, const torch::Tensor& b) {
    const torch::Tensor p = at::softmax(a, 1), q = at::softmax(b, 1), mean = (p + q) / 2;
    return ((p * (p / mean).log()).sum() + (q * (q / mean).log()).sum()).item<double>() / 2;
  };
  const Shown shared = part_of(2, 0.5);
  Setting one({{"method", "augment"}, {"consistency", 7}}, augment_recipe);
  EXPECT_EQ(one.recipe.extra_views.size(), 1U);
  EXPECT_EQ(one.job.spec.passes_per_picture(), 2) << "what time is told by";
  const torch::Tensor shown = one.network.forward(shared.views[0]), clean = one.network.forward(shared.views[1]);
  EXPECT_GT(divergence(shown, clean), 1e-3);
  EXPECT_NEAR(one.objective->loss(one.network, shared).item<double>(),
              (cross_entropy(shown, shared.labels, 0.05) + 7 * divergence(shown, clean)) * 0.5 / 8, 1e-5);

  // With sets of their own the clean picture goes through the clean condition's.
  TrainJob job = job_of({{"method", "kill_test"}, {"consistency", 7}});
  std::swap(job.conditions[0], job.conditions[1]);  // clean is the second
  const Recipe recipe = kill_test_recipe(job);
  models::Network network(job.graph, models::NetworkOptions{3, false, false}, 1);
  network.eval();
  for (auto& parameter : network.named_parameters())
    if (parameter.key().find("conditions.1.") == 0 && parameter.key().ends_with(".weight")) parameter.value().mul_(0.5);
  const auto objective = recipe.objective(job);
  Shown part = part_of(2, 0.5);
  part.set = 2;
  const torch::Tensor third = network.forward(part.views[0], 2), second = network.forward(part.views[1], 1);
  EXPECT_GT(std::abs(divergence(third, network.forward(part.views[1], 2)) - divergence(third, second)), 1e-4)
      << "another set, another answer";
  EXPECT_NEAR(objective->loss(network, part).item<double>(),
              (cross_entropy(third, part.labels, 0.05) + 7 * divergence(third, second)) * 0.5 / 8, 1e-5);
  part.set = 1;
  EXPECT_NEAR(objective->loss(network, part).item<double>(),
              cross_entropy(network.forward(part.views[0], 1), part.labels, 0.05) * 0.5 / 8, 1e-5);

  job.conditions.erase(job.conditions.begin() + 1);
  EXPECT_SAYS(error_of([&] { kill_test_recipe(job); }), "no condition is clean");
}

TEST(Baselines, SlimmableLossIsTheMeanOverWidths) {
  const torch::NoGradGuard no_grad;
  Setting s({{"method", "slimmable"}, {"widths", {1, 0.5}}}, slimmable_recipe);
  for (int k = 0; k < 2; ++k) s.network.set_mask(k, s.recipe.fixed_masks[static_cast<std::size_t>(k)]);
  const Shown part = part_of(1);
  double expected = 0;
  for (int k = 0; k < 2; ++k) expected += cross_entropy(s.network.forward(part.views[0], k), part.labels, 0.05) / 8 / 2;
  EXPECT_NEAR(s.objective->loss(s.network, part).item<double>(), expected, 1e-5);
  EXPECT_NE(s.recipe.fixed_masks[0], s.recipe.fixed_masks[1]);
}

TEST(Baselines, TheDenoiserLearnsFromPairsFirst) {
  Setting s({{"method", "denoise"}, {"denoiser", {{"pretraining", 0.5}}}}, denoise_recipe);
  Shown part = part_of(2);
  const double late = s.objective->loss(s.network, part).item<double>();
  EXPECT_NEAR(late, cross_entropy(s.network.forward(part.views[0]), part.labels, 0.05) / 8, 1e-5);

  part.step = 49;
  torch::Tensor cleaned;
  const int node = s.network.graph().find(denoised_node);
  s.network.observe([&](int i, const torch::Tensor& value) {
    if (i == node) cleaned = value.detach().clone();
    return value;
  });
  s.network.forward(part.views[0]);
  s.network.observe({});
  double squares = 0;
  const torch::Tensor difference = (cleaned - part.views[1]).flatten(1);
  for (std::int64_t n = 0; n < 4; ++n) squares += difference[n].square().mean().item<double>();
  const torch::Tensor loss = s.objective->loss(s.network, part);
  EXPECT_NEAR(loss.item<double>(), 0.2 * squares / 8, 1e-4);
  loss.backward();
  for (const auto& parameter : s.network.named_parameters()) {
    const torch::Tensor gradient = parameter.value().grad();
    const bool learns = gradient.defined() && gradient.abs().max().item<double>() > 0;
    EXPECT_EQ(learns, parameter.key().rfind(denoiser_prefix, 0) == 0) << parameter.key();
  }
}

TEST(Baselines, ASlimmedTrainingIsPenalisedUntilMasksFreeze) {
  Setting s({{"method", "prune"}, {"criterion", "slimming"}, {"slimming_penalty", 0.25}}, prune_recipe);
  double scales = 0;
  for (const graph::Node& node : s.network.graph().nodes)
    if (node.op == graph::Op::batch_norm)
      scales += s.network.named_parameters()[node.name + ".weight"].abs().sum().item<double>();
  const Shown part = part_of(1);
  s.objective->loss(s.network, part);
  EXPECT_NEAR(s.objective->penalty(s.network, 49).item<double>(), 0.25 * scales, 1e-4);
  EXPECT_FALSE(s.objective->penalty(s.network, 50).defined());
  Setting earlier({{"method", "prune"}, {"mac_budget", 0.5}, {"criterion", "slimming"}, {"freeze_at", 0.25}},
                  prune_recipe);
  earlier.objective->loss(earlier.network, part);
  EXPECT_TRUE(earlier.objective->penalty(earlier.network, 24).defined());
  EXPECT_FALSE(earlier.objective->penalty(earlier.network, 25).defined());
}

// Trains, compiles and verifies; the test's own look at the network is the caller's.
models::Checkpoint packaged(const TrainJob& job, package::Package& package) {
  const models::Checkpoint checkpoint = train(job);
  package = package::decode(package::encode(compiler::compile(checkpoint)), "test");
  const datasets::PictureSet& test = pictures(datasets::Split::test);
  const std::vector<std::uint8_t> sample(test.pixels.begin(), test.pixels.begin() + 20 * test.picture_bytes());
  const compiler::Verification verification = compiler::verify(checkpoint, package, sample, 20, 1);
  EXPECT_TRUE(verification.passed()) << job.spec.method;
  const graph::Cost given = graph::cost(job.graph);
  for (const auto& row : verification.rows)
    EXPECT_LE(double(row.macs), job.spec.mac_budget * double(given.macs)) << job.spec.method << " " << row.condition;
  return checkpoint;
}

TEST(Baselines, TheKillTestsPackageHasOneMaskAndANormalisationPerCondition) {
  package::Package package;
  const models::Checkpoint checkpoint = packaged(job_of({{"method", "kill_test"}, {"mac_budget", 0.5}}), package);
  ASSERT_EQ(package.conditions.size(), 3U);
  std::set<graph::Mask> masks;
  std::set<std::vector<float>> scales;
  for (const package::Condition& condition : package.conditions) {
    masks.insert(condition.mask);
    scales.insert(condition.scale.at("bn1"));
  }
  EXPECT_EQ(masks.size(), 1U);
  EXPECT_EQ(scales.size(), 3U);
  EXPECT_EQ(package.graph.input, (graph::Shape{1, 28, 28}));
  EXPECT_EQ(*masks.begin(), graph::full_mask(graph::channel_groups(package.graph))) << "what is stored is what is used";
  EXPECT_FALSE(package.estimator.empty());
}

TEST(Baselines, TheKillTestIsAutomaskWithAConsensusOfOne) {
  const models::Checkpoint one = train(job_of({{"method", "kill_test"}, {"mac_budget", 0.5}}));
  const models::Checkpoint other = train(job_of({{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", 1}}));
  EXPECT_EQ(one.masks, other.masks);
  for (const auto& [name, tensor] : one.weights) EXPECT_EQ(tensor.data, other.weights.at(name).data) << name;
}

// With nothing of its own a condition is an augmentation: batches are normalised whole, as in the one network that is
// left, and not each condition's part by itself.
TEST(Baselines, WithoutAnythingOfAConditionsOwnAutomaskIsPrune) {
  const models::Checkpoint pruned = train(job_of({{"method", "prune"}, {"mac_budget", 0.5}}));
  for (const char* method : {"kill_test", "automask"}) {
    const models::Checkpoint other =
        train(job_of({{"method", method}, {"mac_budget", 0.5}, {"normalisation", "shared"}}));
    EXPECT_EQ(other.conditions, std::vector<std::string>{"*"});
    EXPECT_EQ(other.masks, pruned.masks);
    for (const auto& [name, tensor] : pruned.weights) EXPECT_EQ(tensor.data, other.weights.at(name).data) << name;
  }
}

TEST(Baselines, SlimNetworksKeepWhatTheyStartWith) {
  for (const char* normalisation : {"shared", "bn_k"}) {
    const TrainJob job = job_of({{"method", "slim"}, {"mac_budget", 0.5}, {"normalisation", normalisation}});
    package::Package package;
    const models::Checkpoint checkpoint = packaged(job, package);
    const graph::ChannelGroups groups = graph::channel_groups(job.graph);
    EXPECT_EQ(checkpoint.conditions.size(), normalisation == std::string("bn_k") ? 3U : 1U);
    for (const graph::Mask& mask : checkpoint.masks) EXPECT_EQ(mask, slim_mask(job.graph, groups, 0.5, 1).mask);
    EXPECT_EQ(package.estimator.empty(), checkpoint.conditions.size() == 1);
  }
}

TEST(Baselines, DenseNetworksKeepAll) {
  package::Package package;
  const models::Checkpoint checkpoint = packaged(job_of({{"method", "dense_bn_k"}}), package);
  EXPECT_EQ(graph::cost(package.graph).macs, graph::cost(checkpoint.graph).macs);
  EXPECT_EQ(package.conditions.size(), 3U);
}

TEST(Baselines, EveryCriterionPrunes) {
  std::set<graph::Mask> masks;
  const std::vector<std::string> criteria = {"fisher", "taylor", "l1", "fpgm", "slimming"};
  for (const std::string& criterion : criteria) {
    package::Package package;
    const models::Checkpoint checkpoint =
        packaged(job_of({{"method", "prune"}, {"mac_budget", 0.5}, {"criterion", criterion}}, 4), package);
    masks.insert(checkpoint.masks[0]);
  }
  EXPECT_GT(masks.size(), 2U) << "criteria that agree on everything are one criterion";
}

TEST(Baselines, AugmixAndStabilityAreWholeNetworksForAll) {
  for (const core::Json& method :
       {core::Json{{"method", "augmix"}}, core::Json{{"method", "augmix"}, {"augmix", {{"over", "conditions"}}}},
        core::Json{{"method", "stability"}}}) {
    package::Package package;
    packaged(job_of(method, 1), package);
    ASSERT_EQ(package.conditions.size(), 1U);
    EXPECT_EQ(package.conditions[0].name, "*");
  }
}

// AugMix over clean pictures knows no condition: its result doesn't depend on them.
TEST(Baselines, AugmixSeesNoCondition) {
  TrainJob job = job_of({{"method", "augmix"}}, 0.5);
  const models::Checkpoint three = train(job);
  job.conditions.resize(1);
  for (const auto& [name, tensor] : train(job).weights) EXPECT_EQ(tensor.data, three.weights.at(name).data) << name;
}

TEST(Baselines, TheDenoiserCountsAndCleans) {
  core::Json method = {{"method", "denoise"}, {"denoiser", {{"pretraining", 0.9}, {"layers", 3}, {"width", 8}}}};
  TrainJob job = job_of(method, 20);
  job.conditions = {corruptions::Condition::parse("gaussian_noise:3")};
  const models::Checkpoint checkpoint = train(job);
  const package::Package package = compiler::compile(checkpoint);
  EXPECT_EQ(graph::cost(package.graph).macs, graph::cost(job.graph).macs + 28 * 28 * 9 * (8 + 64 + 8));

  // Test pictures come out nearer to the clean ones than they went in.
  const torch::NoGradGuard no_grad;
  const datasets::PictureSet& test = pictures(datasets::Split::test);
  const auto noisy = corruptions::make_variant(test, job.conditions[0], {});
  const torch::Tensor clean = input_of(test.pixels.data(), 200, test, checkpoint.input);
  const torch::Tensor seen = input_of(noisy.pictures.pixels.data(), 200, test, checkpoint.input);
  models::Network network(checkpoint);
  network.eval();
  torch::Tensor cleaned;
  const int node = network.graph().find(denoised_node);
  network.observe([&](int i, const torch::Tensor& value) {
    if (i == node) cleaned = value.clone();
    return value;
  });
  network.forward(seen);
  EXPECT_LT(at::mse_loss(cleaned, clean).item<double>(), 0.7 * at::mse_loss(seen, clean).item<double>());
}

TEST(Baselines, TheDenoiserIsPaidFromTheBudget) {
  package::Package package;
  packaged(job_of({{"method", "denoise"}, {"mac_budget", 0.9}, {"denoiser", {{"layers", 2}, {"width", 2}}}}), package);
  EXPECT_GE(package.graph.find("denoiser.conv1"), 0);
  // What the denoiser alone would cost cannot be saved elsewhere.
  const core::Error error = error_of([] { train(job_of({{"method", "denoise"}, {"mac_budget", 0.001}})); });
  EXPECT_SAYS(error, "smallest possible share");
}

// Both are the whole's: with the denoiser.
TEST(Baselines, TheDenoiserCountsInBudgetsOfBytesAndTime) {
  core::Json method = {{"method", "denoise"}, {"denoiser", {{"layers", 2}, {"width", 4}}}, {"qat", {{"epochs", 0.1}}}};
  const std::int64_t whole = int8_bytes(train(job_of(method, 1)));
  method["byte_budget"] = whole * 8 / 10;
  const models::Checkpoint smaller = train(job_of(method, 1));
  EXPECT_LE(int8_bytes(smaller), whole * 8 / 10);
  EXPECT_GT(int8_bytes(smaller), whole * 8 / 10 * 95 / 100);
  EXPECT_GE(smaller.graph.find("denoiser.conv1"), 0);

  TrainJob timed = job_of({{"method", "denoise"}, {"denoiser", {{"layers", 2}, {"width", 4}}}}, 1);
  const graph::Graph trained = with_denoiser(timed.graph, timed.spec.denoiser);
  LatencyBudget budget;
  for (const graph::Node& node : trained.nodes)
    if (graph::has_weights(node.op)) budget.layers.push_back({node.name, 0.001, 1});
  const auto groups = graph::channel_groups(trained);
  budget.ms = budget.predicted_ms(trained, groups, graph::full_mask(groups)) * 0.8;
  timed.spec.latency_budget = budget;
  const models::Checkpoint fast = train(timed);
  EXPECT_LE(budget.predicted_ms(trained, groups, fast.masks[0]), budget.ms);
  EXPECT_GT(budget.predicted_ms(trained, groups, fast.masks[0]), budget.ms * 0.9);
  timed.spec.latency_budget->layers.erase(timed.spec.latency_budget->layers.begin());
  EXPECT_SAYS(error_of([&] { train(timed); }), "there are no costs for the layer");
}

TEST(Baselines, WidthsAreTheNetworksThatAreLeft) {
  const TrainJob job = job_of({{"method", "slimmable"}, {"widths", {1, 0.5, 0.25}}});
  package::Package package;
  const models::Checkpoint checkpoint = packaged(job, package);
  EXPECT_EQ(package::condition_names(package), (std::vector<std::string>{"width:1", "width:0.5", "width:0.25"}));
  EXPECT_TRUE(package.estimator.empty()) << "the user selects";
  const graph::ChannelGroups groups = graph::channel_groups(job.graph);
  const torch::NoGradGuard no_grad;
  models::Network whole(checkpoint);
  whole.eval();
  const datasets::PictureSet& test = pictures(datasets::Split::test);
  const torch::Tensor x = input_of(test.pixels.data(), 20, test, checkpoint.input);
  std::set<std::int64_t> macs;
  for (int k = 0; k < 3; ++k) {
    // A network of that width on its own: the first channels' weights, the width's normalisation.
    const graph::Mask mask = width_mask(groups, job.spec.widths[static_cast<std::size_t>(k)], 1);
    graph::TensorMap weights = checkpoint.weights;
    for (const auto& [name, tensor] : checkpoint.normalisation[static_cast<std::size_t>(k)]) weights[name] = tensor;
    models::Checkpoint narrow =
        models::unmasked_checkpoint(graph::shrink(job.graph, mask), graph::shrink_weights(job.graph, mask, weights));
    models::Network alone(narrow);
    alone.eval();
    EXPECT_TRUE(at::allclose(alone.forward(x), whole.forward(x, k), 1e-4, 1e-4)) << k;
    macs.insert(graph::cost(narrow.graph).macs);
  }
  EXPECT_EQ(macs.size(), 3U);
}

}  // namespace
}  // namespace automask::methods
