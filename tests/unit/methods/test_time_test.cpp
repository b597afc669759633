// Adapting at test time, held against the same sums done here.
#include "methods/recipes/test_time.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <algorithm>
#include <numeric>

#include "methods/evaluate.h"
#include "methods/method.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/methods/fashion.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;

MethodSpec spec_of(const core::Json& method) { return MethodSpec::from_json({method, "test"}, "mine", nullptr); }

const datasets::PictureSet& test_pictures() { return automask::testing::fashion<400>(datasets::Split::test); }

// A small trained network.
const models::Checkpoint& network() {
  static const models::Checkpoint checkpoint = [] {
    static const core::Json model = {{"name", "tinynet"}},
                            method = {
                                {"method", "augment"},
                                {"train", {{"epochs", 3}, {"batch", 50}, {"learning_rate", 0.1}, {"threads", 1}}}};
    TrainJob job;
    job.spec = spec_of(method);
    job.graph = models::build_model({model, "test"}, {1, 28, 28}, 10);
    job.conditions = {{}};
    job.train = &automask::testing::fashion<400>(datasets::Split::train);
    return train(job);
  }();
  return checkpoint;
}

// The test pictures as a method that adapts meets them.
const datasets::PictureSet& stream() {
  static const auto pictures = datasets::subset(test_pictures(), stream_order(test_pictures().size()));
  return pictures;
}

torch::Tensor batch_of(std::size_t begin, std::size_t count) {
  return input_of(stream().picture(begin).data(), static_cast<std::int64_t>(count), stream(), network().input);
}

std::vector<std::uint8_t> judged(const torch::Tensor& logits, std::size_t begin) {
  std::vector<std::uint8_t> right;
  const torch::Tensor best = logits.argmax(1).contiguous();
  for (std::int64_t i = 0; i < best.size(0); ++i)
    right.push_back(best.data_ptr<std::int64_t>()[i] == stream().labels[begin + static_cast<std::size_t>(i)]);
  return right;
}

// Answers in the order of the stream instead of the set's.
std::vector<std::uint8_t> as_met(const std::vector<std::uint8_t>& answers) {
  std::vector<std::uint8_t> met;
  for (const std::uint32_t picture : stream_order(answers.size())) met.push_back(answers[picture]);
  return met;
}

TEST(BnAdapt, WithoutPriorItIsTheBatchsOwnStatistics) {
  const auto adapted = as_met(adapted_answers(spec_of({{"method", "bn_adapt"}, {"test_batch", 125}, {"prior", 0}}),
                                              network(), test_pictures(), 1));
  ASSERT_EQ(adapted.size(), 500u);
  const torch::NoGradGuard no_grad;
  models::Network reference(network());
  reference.train();  // statistics of the batch; tinynet drops nothing
  for (std::size_t begin = 0; begin < 500; begin += 125) {
    const auto expected = judged(reference.forward(batch_of(begin, 125)), begin);
    int different = 0;  // sums in another order may turn a tie
    for (std::size_t i = 0; i < 125; ++i) different += expected[i] != adapted[begin + i];
    EXPECT_LE(different, 1);
  }
}

TEST(BnAdapt, WithAnEndlessPriorItIsTheTrainedNetwork) {
  const auto adapted = adapted_answers(spec_of({{"method", "bn_adapt"}, {"test_batch", 1}, {"prior", 1e6}}), network(),
                                       test_pictures(), 1);
  double right = 0;
  for (const std::uint8_t one : adapted) right += one;
  EXPECT_NEAR(right / 5, reference_top1(network(), test_pictures(), 0, 1), 0.41);
}

// The first normalisation by hand: its output under mixed statistics.
TEST(BnAdapt, MixesStatisticsByTheirPictures) {
  const auto& checkpoint = network();
  const auto& nodes = checkpoint.graph.nodes;
  const auto norm =
      std::find_if(nodes.begin(), nodes.end(), [](const auto& n) { return n.op == graph::Op::batch_norm; });
  ASSERT_NE(norm, nodes.end());
  // A network that ends with the first normalisation, its values as logits: adapted_answers is told by them.
  const torch::NoGradGuard no_grad;
  models::Network plain(checkpoint);
  plain.eval();
  torch::Tensor before;
  plain.observe([&](int node, const torch::Tensor& value) {
    if (node == norm->inputs[0]) before = value.clone();
    return value;
  });
  constexpr std::int64_t n = 20;
  plain.forward(batch_of(0, n));
  const auto& trained = checkpoint.normalisation[0];
  const torch::Tensor mean =
      models::to_torch(trained.at(norm->name + ".running_mean")) * (16.0 / 36) + before.mean({0, 2, 3}) * (20.0 / 36);
  const torch::Tensor var = models::to_torch(trained.at(norm->name + ".running_var")) * (16.0 / 36) +
                            before.var({0, 2, 3}, false) * (20.0 / 36);
  // The rest of the network under these statistics, the later ones found in the same way, layer after layer.
  models::Checkpoint mixed = checkpoint;
  for (const graph::Node& node : nodes) {
    if (node.op != graph::Op::batch_norm) continue;
    models::Network so_far(mixed);
    so_far.eval();
    torch::Tensor input;
    so_far.observe([&](int at, const torch::Tensor& value) {
      if (at == node.inputs[0]) input = value.clone();
      return value;
    });
    so_far.forward(batch_of(0, n));
    const auto set = [&](const char* part, const torch::Tensor& own) {
      const std::string name = node.name + part;
      const graph::Tensor tensor =
          models::to_plain(models::to_torch(trained.at(name)) * (16.0 / 36) + own * (20.0 / 36));
      mixed.normalisation[0][name] = mixed.weights[name] = tensor;
    };
    set(".running_mean", input.mean({0, 2, 3}));
    set(".running_var", input.var({0, 2, 3}, false));
  }
  EXPECT_TRUE(at::allclose(models::to_torch(mixed.weights.at(norm->name + ".running_mean")), mean, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(models::to_torch(mixed.weights.at(norm->name + ".running_var")), var, 1e-4, 1e-5));
  models::Network reference(mixed);
  reference.eval();
  const auto expected = judged(reference.forward(batch_of(0, n)), 0);
  std::vector<std::uint32_t> first;
  for (std::uint32_t i = 0; i < n; ++i) first.push_back(i);
  const auto adapted = adapted_answers(spec_of({{"method", "bn_adapt"}, {"test_batch", 20}, {"prior", 16}}), checkpoint,
                                       datasets::subset(stream(), first), 1);
  EXPECT_EQ(adapted, expected);
}

// Class folders are read one after the other.
TEST(BnAdapt, PicturesSortedByClassAreMixedBeforeTheyMakeBatches) {
  std::vector<std::uint32_t> order(test_pictures().size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return test_pictures().labels[a] < test_pictures().labels[b]; });
  const auto sorted = datasets::subset(test_pictures(), order);
  const auto right = [&](const datasets::PictureSet& pictures, int batch) {
    const auto answers =
        adapted_answers(spec_of({{"method", "bn_adapt"}, {"test_batch", batch}, {"prior", 0}}), network(), pictures, 1);
    return 100.0 * std::accumulate(answers.begin(), answers.end(), 0) / double(answers.size());
  };
  const double trained = reference_top1(network(), test_pictures(), 0, 1);
  EXPECT_NEAR(right(sorted, 50), trained, 5);
  EXPECT_NEAR(right(test_pictures(), 50), trained, 5);
}

// The gradient of the entropy by autograd, Adam's first step by its formula: rate x g / (|g| + eps).
TEST(Tent, AnswersBeforeItLearnsAndStepsAgainstTheEntropy) {
  constexpr double rate = 0.1;
  const auto adapted = as_met(adapted_answers(
      spec_of({{"method", "tent"}, {"test_batch", 100}, {"test_learning_rate", rate}}), network(), test_pictures(), 1));
  models::Network reference(network());
  reference.train();
  const torch::Tensor logits = reference.forward(batch_of(0, 100));
  EXPECT_EQ(std::vector<std::uint8_t>(adapted.begin(), adapted.begin() + 100), judged(logits, 0));
  const torch::Tensor p = logits.softmax(1);
  (-(p * p.log()).sum() / 100).backward();
  torch::Tensor untouched;
  {
    const torch::NoGradGuard no_grad;
    untouched = reference.forward(batch_of(100, 100)).clone();
    auto parameters = reference.named_parameters();
    for (const graph::Node& node : network().graph.nodes)
      if (node.op == graph::Op::batch_norm)
        for (const char* part : {".weight", ".bias"}) {
          torch::Tensor parameter = parameters[node.name + part];
          parameter -= rate * parameter.grad() / (parameter.grad().abs() + 1e-8);
        }
  }
  const torch::NoGradGuard no_grad;
  const auto expected = judged(reference.forward(batch_of(100, 100)), 100), before = judged(untouched, 100);
  int wrong = 0, changed = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    wrong += expected[i] != adapted[100 + i];
    changed += before[i] != adapted[100 + i];
  }
  EXPECT_LE(wrong, 1);  // sums in another order may turn a tie
  EXPECT_GT(changed, 3);
}

TEST(Tent, IsDeterministicAndLeavesOnePictureToTheBatchBefore) {
  const auto spec = spec_of({{"method", "tent"}, {"test_batch", 7}});
  std::vector<std::uint32_t> chosen;
  for (std::uint32_t i = 0; i < 15; ++i) chosen.push_back(i);  // 7, and 8 instead of 7 and 1
  const auto few = datasets::subset(test_pictures(), chosen);
  const auto first = adapted_answers(spec, network(), few, 1);
  EXPECT_EQ(first.size(), 15u);
  EXPECT_EQ(adapted_answers(spec, network(), few, 1), first);
}

TEST(TestTime, CountsWhatAdaptingCosts) {
  graph::Graph graph;
  graph.name = "three";
  graph.input = {1, 4, 4};
  const int input = graph.add("input", graph::Op::input, {});
  graph::Attributes a;
  a.out_channels = 2;
  const int first = graph.add("first", graph::Op::conv2d, {input}, a);  // 2 x 16 MACs, no normalisation before it
  const int norm = graph.add("norm", graph::Op::batch_norm, {first});   // 32 values
  a.out_channels = 3;
  const int second = graph.add("second", graph::Op::conv2d, {norm}, a);  // 2 x 3 x 16
  const int flat = graph.add("flat", graph::Op::flatten, {second});
  a.out_channels = 10;
  graph.add("classes", graph::Op::linear, {flat}, a);  // 48 x 10
  EXPECT_EQ(adaptation_macs(spec_of({{"method", "bn_adapt"}}), graph), 32);
  EXPECT_EQ(adaptation_macs(spec_of({{"method", "tent"}}), graph), 32 + 96 + 480);
}

TEST(TestTime, ANetworkWithoutNormalisationIsRefused) {
  graph::Graph graph;
  graph.name = "bare";
  graph.input = {1, 28, 28};
  const int flat = graph.add("flat", graph::Op::flatten, {graph.add("input", graph::Op::input, {})});
  graph::Attributes a;
  a.out_channels = 10;
  graph.add("classes", graph::Op::linear, {flat}, a);
  graph::TensorMap weights;
  weights["classes.weight"] = {{10, 784}, std::vector<float>(7840, 0.0F)};
  models::Checkpoint checkpoint = models::unmasked_checkpoint(graph, weights);
  checkpoint.input = network().input;
  EXPECT_SAYS(error_of([&] {
                adapted_answers(spec_of({{"method", "tent"}}), checkpoint, test_pictures(), 1);
              }),
              "no batch normalisation");
}

}  // namespace
}  // namespace automask::methods
