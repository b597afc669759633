#include "models/network.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <set>

#include "core/json.h"
#include "models/zoo.h"
#include "tests/unit/graph/reference.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::models {
namespace {

torch::Tensor picture_tensor(const graph::Graph& net, const std::vector<float>& picture) {
  return at::tensor(picture).view({1, net.input.channels, net.input.height, net.input.width});
}

void expect_near(const torch::Tensor& logits, const std::vector<float>& expected, const std::string& what) {
  const graph::Tensor plain = to_plain(logits);
  ASSERT_EQ(plain.data.size(), expected.size()) << what;
  float scale = 1;
  for (const float value : expected) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(plain.data[i], expected[i], 2e-5F * scale) << what;
}

graph::Graph resnet(int width = 4, const char* name = "resnet8") {
  const core::Json json = {{"name", name}, {"width", width}};
  return build_model({json, "test"}, {1, 28, 28}, 10);
}

TEST(Network, EqualsTheReferenceOnEveryKindOfGraph) {
  const torch::NoGradGuard no_grad;
  std::mt19937 random(5);
  for (const graph::Graph& net : networks::all())
    for (const bool recording : {false, true}) {
      const Checkpoint checkpoint = testing::random_checkpoint(net, 2, random);
      Network network(checkpoint);
      network.eval();
      network.record_gates(recording);
      const std::vector<float> picture = networks::random_picture(net, random);
      for (int k = 0; k < 2; ++k) {
        graph::TensorMap weights = checkpoint.weights;
        for (const auto& [name, tensor] : checkpoint.normalisation[k]) weights[name] = tensor;
        expect_near(network.forward(picture_tensor(net, picture), k),
                    reference::execute(net, weights, picture, checkpoint.masks[k]),
                    net.name + (recording ? " recording" : "") + ", condition " + std::to_string(k));
      }
    }
}

// Padding that LibTorch's pools don't take, with windows that reach beyond it.
TEST(Network, PoolsWithAnyPadding) {
  const torch::NoGradGuard no_grad;
  std::mt19937 random(4);
  for (const graph::Op op : {graph::Op::max_pool, graph::Op::avg_pool})
    for (const bool counted : {false, true})
      for (const int after : {0, 1, 2}) {
        graph::Graph net = networks::start("pools", 2, 11, 8);
        graph::Attributes a = networks::pool(3, 2);
        a.pad_top = 2;
        a.pad_bottom = after;
        a.pad_right = after;
        a.ceil_mode = true;
        a.count_include_pad = counted;
        const int first = net.add("first", op, {0}, a);
        a.ceil_mode = false;
        net.add("flatten", graph::Op::flatten, {net.add("second", op, {first}, a)});
        const Checkpoint checkpoint = testing::random_checkpoint(net, 1, random);
        Network network(checkpoint);
        network.eval();
        const std::vector<float> picture = networks::random_picture(net, random);
        expect_near(network.forward(picture_tensor(net, picture)), reference::execute(net, {}, picture),
                    std::string(graph::to_string(op)) + " " + std::to_string(after));
      }
}

// oneDNN's own weight gradient is wrong there for few input channels, and corrupts the heap.
TEST(Network, StridedPointwiseConvolutionsHaveTheRightGradients) {
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  for (const int channels : {1, 3, 7, 8, 12, 15, 16, 20, 64}) {
    graph::Graph net = networks::start("strided", 3, 14, 14);
    const int before = net.add("before", graph::Op::conv2d, {0}, networks::conv(channels, 3, 1, 1));
    const int strided = net.add("strided", graph::Op::conv2d, {before}, networks::conv(24, 1, 2));
    net.add("flatten", graph::Op::flatten, {strided});
    Network network(net, 1, 1);
    const torch::Tensor x = at::sin(at::arange(5 * 3 * 14 * 14, torch::kFloat)).view({5, 3, 14, 14});
    const torch::Tensor toward = at::cos(at::arange(5 * 24 * 7 * 7, torch::kFloat)).view({5, 24, 7, 7});
    (network.forward(x) * toward.view({5, -1})).sum().backward();

    std::vector<torch::Tensor> weights;  // LibTorch computes doubles without oneDNN
    for (const torch::Tensor& weight : network.parameters())
      weights.push_back(weight.detach().to(torch::kDouble).contiguous().set_requires_grad(true));
    const torch::Tensor middle = at::conv2d(x.to(torch::kDouble), weights[0], {}, 1, 1);
    (at::conv2d(middle, weights[1], {}, 2) * toward.to(torch::kDouble)).sum().backward();
    for (std::size_t i = 0; i < weights.size(); ++i)
      EXPECT_TRUE(at::allclose(network.parameters()[i].grad().to(torch::kDouble), weights[i].grad(), 1e-3, 1e-3))
          << channels << " channels, convolution " << i;
  }
  at::set_num_threads(threads);
}

TEST(Network, WideConvolutionsStandInThePlainLayout) {
  const auto plain = [](const Network& network) {
    for (const torch::Tensor& parameter : network.parameters())
      if (parameter.dim() == 4 && parameter.size(1) > 1 && parameter.size(2) > 1) return parameter.is_contiguous();
    return false;
  };
  const auto zoo = [](const char* name) {
    const ZooEntry& entry = *find_in_zoo(name);
    return Network(build_published(entry, entry.preprocessing.input, entry.classes), 1, 1);
  };
  EXPECT_TRUE(plain(zoo("resnet18")));
  EXPECT_FALSE(plain(zoo("mobilenet_v2")));
  EXPECT_FALSE(plain(Network(resnet(16), 1, 1)));
}

TEST(Network, DropoutIsAFunctionOfSeedStepAndCondition) {
  graph::Graph net = networks::start("n", 1, 40, 50);
  graph::Attributes a;
  a.probability = 0.3;
  net.add("dropout", graph::Op::dropout, {net.add("flatten", graph::Op::flatten, {0})}, a);
  const torch::Tensor x = at::ones({2, 1, 40, 50});
  const auto draw = [&](std::uint64_t seed, std::int64_t step, int condition) {
    Network network(net, 2, seed);
    network.set_step(step);
    return network.forward(x, condition);
  };
  const torch::Tensor y = draw(1, 7, 0);
  EXPECT_TRUE(at::equal(y, draw(1, 7, 0)));
  for (const torch::Tensor& other : {draw(2, 7, 0), draw(1, 8, 0), draw(1, 7, 1)}) EXPECT_FALSE(at::equal(y, other));
  EXPECT_FALSE(at::equal(y[0], y[1]));
  // 4000 values: the share of zeros deviates by 0.007.
  EXPECT_NEAR(y.eq(0).to(torch::kDouble).mean().item<double>(), 0.3, 0.03);
  EXPECT_FLOAT_EQ(y.max().item<float>(), 1 / 0.7F);
  Network network(net, 1, 1);
  network.eval();
  EXPECT_TRUE(at::equal(network.forward(x), x.flatten(1)));
}

TEST(Network, MaskedEqualsShrunk) {
  const torch::NoGradGuard no_grad;
  std::mt19937 random(6);
  for (const graph::Graph& net : networks::all()) {
    const Checkpoint checkpoint = testing::random_checkpoint(net, 1, random);
    Network masked(checkpoint);
    Checkpoint small;
    small.graph = graph::shrink(net, checkpoint.masks[0]);
    small.weights = graph::shrink_weights(net, checkpoint.masks[0], checkpoint.weights);
    small.conditions = {"*"};
    small.masks = {graph::full_mask(graph::channel_groups(small.graph))};
    small.normalisation = {small.weights};
    Network shrunk(small);
    masked.eval();
    shrunk.eval();
    const torch::Tensor x = picture_tensor(net, networks::random_picture(net, random));
    EXPECT_TRUE(at::allclose(masked.forward(x), shrunk.forward(x), 1e-4, 1e-5)) << net.name;
  }
}

TEST(Network, StateDictHasTorchvisionsNamesAndEachConditionsNormalisation) {
  Network network(resnet(), 3, 1);
  std::set<std::string> parameters, buffers;
  for (const auto& p : network.named_parameters()) parameters.insert(p.key());
  for (const auto& b : network.named_buffers()) buffers.insert(b.key());
  std::set<std::string> expected_parameters, expected_buffers;
  for (const auto& [name, shape] : graph::parameter_shapes(network.graph())) {
    const bool running = name.find(".running_") != std::string::npos;
    (running ? expected_buffers : expected_parameters).insert(name);
    const std::string node = name.substr(0, name.rfind('.'));
    if (network.graph().nodes[network.graph().find(node)].op != graph::Op::batch_norm) continue;
    for (const char* k : {"1", "2"})
      (running ? expected_buffers : expected_parameters).insert(std::string("conditions.") + k + "." + name);
  }
  EXPECT_EQ(parameters, expected_parameters);
  EXPECT_EQ(buffers, expected_buffers);
  EXPECT_TRUE(parameters.count("layer2.0.downsample.0.weight"));
}

TEST(Network, InitialisationFollowsTheSeedAndHe) {
  const auto weight = [](std::uint64_t seed, const char* name) {
    Network network(resnet(16), 1, seed);
    return network.named_parameters()[name].detach().clone();
  };
  EXPECT_TRUE(at::equal(weight(3, "layer3.0.conv2.weight"), weight(3, "layer3.0.conv2.weight")));
  EXPECT_FALSE(at::equal(weight(3, "layer3.0.conv2.weight"), weight(4, "layer3.0.conv2.weight")));
  const torch::Tensor w = weight(3, "layer3.0.conv2.weight");
  EXPECT_NEAR(w.std().item<double>(), std::sqrt(2.0 / (64 * 9)), 0.001);
  EXPECT_NEAR(w.mean().item<double>(), 0, 0.001);
  const torch::Tensor fc = weight(3, "fc.weight");
  EXPECT_LE(fc.abs().max().item<double>(), 1 / std::sqrt(64.0));
  EXPECT_GT(fc.abs().max().item<double>(), 0.9 / std::sqrt(64.0));
}

TEST(Network, TrainingTouchesOneConditionsStatistics) {
  Network network(resnet(), 2, 1);
  network.train();
  const torch::Tensor before0 = network.named_buffers()["bn1.running_mean"].clone();
  const torch::Tensor before1 = network.named_buffers()["conditions.1.bn1.running_mean"].clone();
  network.forward(at::ones({4, 1, 28, 28}), 1).sum().backward();
  EXPECT_TRUE(at::equal(network.named_buffers()["bn1.running_mean"], before0));
  EXPECT_FALSE(at::equal(network.named_buffers()["conditions.1.bn1.running_mean"], before1));
  EXPECT_FALSE(network.named_parameters()["bn1.weight"].grad().defined());
  EXPECT_TRUE(network.named_parameters()["conditions.1.bn1.weight"].grad().defined());
}

TEST(Network, PlainAveragesOfStatistics) {
  Network network(resnet(), 1, 1);
  network.train();
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = at::linspace(0, 1, 2 * 784).view({2, 1, 28, 28}), b = at::sin(a * 40);
  torch::Tensor means[2];
  for (int i = 0; i < 2; ++i) {
    network.set_norm_momentum(1);
    network.forward(i == 0 ? a : b);
    means[i] = network.named_buffers()["bn1.running_mean"].clone();
  }
  for (int i = 0; i < 2; ++i) {
    network.set_norm_momentum(1.0 / (i + 1));
    network.forward(i == 0 ? a : b);
  }
  EXPECT_FALSE(at::allclose(means[0], means[1]));
  EXPECT_TRUE(at::allclose(network.named_buffers()["bn1.running_mean"], (means[0] + means[1]) / 2, 1e-4, 1e-6));
}

// Otherwise a channel that was masked once could never return, however much it were missed.
TEST(Network, GateGradientOfAMaskedChannelIsNotZero) {
  const graph::Graph net = resnet();
  Network network(net, 1, 2);
  graph::Mask mask = graph::full_mask(network.groups());
  for (std::size_t g = 0; g < mask.size(); ++g)
    if (network.groups().groups[g].maskable) mask[g][1] = 0;
  network.set_mask(0, mask);
  network.train();
  network.record_gates(true);
  const torch::Tensor x = at::sin(at::arange(3 * 784, torch::kFloat)).view({3, 1, 28, 28});
  at::cross_entropy_loss(network.forward(x), at::tensor({1, 5, 7}, torch::kLong)).backward();
  const std::vector<torch::Tensor> gradients = network.gate_gradients();
  ASSERT_EQ(gradients.size(), network.groups().groups.size());
  for (std::size_t g = 0; g < gradients.size(); ++g) {
    ASSERT_EQ(gradients[g].defined(), network.groups().groups[g].maskable);
    if (!gradients[g].defined()) continue;
    ASSERT_EQ(gradients[g].sizes().vec(), (std::vector<std::int64_t>{3, network.groups().groups[g].channels}));
    EXPECT_GT(gradients[g].select(1, 1).abs().max().item<float>(), 0) << network.groups().groups[g].name;
  }
  network.record_gates(false);
  EXPECT_FALSE(network.gate_gradients()[1].defined());
}

// Behind a concat too, where a node's channels belong to several groups.
TEST(Network, GateGradientsReachEveryGroupThroughConcats) {
  std::mt19937 random(11);
  for (const graph::Graph& net : {networks::inception(), networks::dense(), networks::grouped()}) {
    Checkpoint checkpoint = testing::random_checkpoint(net, 1, random);
    for (auto& [name, tensor] : checkpoint.normalisation[0])  // no channel may be dead for want of positive values
      if (name.ends_with(".weight") || name.ends_with(".bias")) tensor.data.assign(tensor.data.size(), 1);
    Network network(checkpoint);
    network.train();
    network.record_gates(true);
    const torch::Tensor x = at::cat({picture_tensor(net, networks::random_picture(net, random)),
                                     picture_tensor(net, networks::random_picture(net, random))});
    const torch::Tensor weights = at::arange(1, 1 + graph::infer_shapes(net).back().channels, torch::kFloat);
    (network.forward(x) * weights).sum().backward();
    const std::vector<torch::Tensor> gradients = network.gate_gradients();
    for (std::size_t g = 0; g < gradients.size(); ++g) {
      const graph::ChannelGroup& group = network.groups().groups[g];
      ASSERT_EQ(gradients[g].defined(), group.maskable) << net.name << " " << group.name;
      if (!group.maskable) continue;
      EXPECT_EQ(gradients[g].sizes().vec(), (std::vector<std::int64_t>{2, group.channels}));
      EXPECT_GT(gradients[g].abs().max().item<float>(), 0) << net.name << " " << group.name;
    }
  }
}

// One normalisation over all pictures of a batch, and each picture's gates as its condition's mask has them.
TEST(Network, SeveralConditionsInOneBatchAreNormalisedTogether) {
  const graph::Graph net = resnet();
  const auto fresh = [&net] {
    auto network = std::make_unique<Network>(net, NetworkOptions{2, true, false}, 2);
    graph::Mask mask = graph::full_mask(network->groups());
    for (std::size_t g = 0; g < mask.size(); ++g)
      if (network->groups().groups[g].maskable) mask[g][1] = 0;
    network->set_mask(1, mask);
    return network;
  };
  const torch::Tensor x = at::sin(at::arange(5 * 784, torch::kFloat)).view({5, 1, 28, 28});
  const std::vector<Network::Rows> rows = {{1, 2}, {0, 3}};

  auto together = fresh();
  together->eval();
  torch::Tensor answers = together->forward(x, rows);
  const torch::Tensor apart =
      at::cat({together->forward(x.narrow(0, 0, 2), 1), together->forward(x.narrow(0, 2, 3), 0)});
  EXPECT_TRUE(at::allclose(answers, apart, 1e-5, 1e-6)) << "statistics stand still: each its condition's answer";
  EXPECT_FALSE(at::allclose(answers, together->forward(x, 0), 1e-5, 1e-6));

  // The first normalisation stands before any mask: its statistics are those of the whole batch.
  together->train();
  together->set_norm_momentum(1);
  together->record_gates(true);
  at::cross_entropy_loss(together->forward(x, rows), at::tensor({1, 5, 7, 2, 0}, torch::kLong)).backward();
  auto whole = fresh();
  whole->train();
  whole->set_norm_momentum(1);
  whole->forward(x, 0);
  for (const char* name : {"bn1.running_mean", "bn1.running_var"})
    EXPECT_TRUE(at::equal(together->named_buffers()[name], whole->named_buffers()[name])) << name;

  const std::vector<torch::Tensor> all = together->gate_gradients(), own = together->gate_gradients(0);
  for (std::size_t g = 0; g < all.size(); ++g) {
    ASSERT_EQ(all[g].defined(), together->groups().groups[g].maskable);
    if (all[g].defined()) {
      EXPECT_TRUE(at::equal(own[g], all[g].narrow(0, 2, 3)));
    }
  }

  // Where statistics stand still, each picture's gates have the gradients, and the values, that its condition alone
  // gives them.
  auto apart_too = fresh();
  for (Network* network : {together.get(), apart_too.get()}) {
    network->eval();
    network->record_gates(true);
    for (const int k : {0, 1}) {
      std::vector<std::vector<float>> values;
      for (const auto& group : network->groups().groups)
        values.emplace_back(static_cast<std::size_t>(group.channels), k == 0 ? 0.5F : 0.75F);
      network->set_gate_values(k, std::move(values));
    }
  }
  apart_too->load([&together] {
    Checkpoint checkpoint;
    together->store(checkpoint);
    return checkpoint;
  }());
  together->forward(x, rows).square().sum().backward();
  std::int64_t first = 0;
  for (const Network::Rows& r : rows) {
    const std::vector<torch::Tensor> joint = together->gate_gradients(r.condition);
    apart_too->forward(x.narrow(0, first, r.count), r.condition).square().sum().backward();
    const std::vector<torch::Tensor> single = apart_too->gate_gradients();
    for (std::size_t g = 0; g < single.size(); ++g) {
      ASSERT_EQ(joint[g].defined(), single[g].defined());
      if (!single[g].defined()) continue;
      EXPECT_GT(single[g].abs().max().item<float>(), 0);
      EXPECT_TRUE(at::allclose(joint[g], single[g], 1e-4, 1e-6)) << together->groups().groups[g].name;
    }
    first += r.count;
  }

  EXPECT_THROW(together->forward(x, {{0, -1}, {1, 6}}), graph::GraphError);
  EXPECT_THROW(together->forward(x, {{0, 2}, {1, 2}, {0, 1}}), graph::GraphError) << "one stands twice";
  EXPECT_THROW(together->forward(x, {{0, 2}, {1, 2}}), graph::GraphError) << "five pictures";
  EXPECT_THROW(together->forward(x, {{0, 2}, {2, 3}}), graph::GraphError) << "two conditions";
  Network own_normalisation(net, 2, 2);
  EXPECT_THROW(own_normalisation.forward(x, rows), graph::GraphError);
}

TEST(Network, StoreAndLoadRoundTrip) {
  for (const bool private_stem : {false, true}) {
    std::mt19937 random(8);
    const Checkpoint checkpoint =
        testing::random_checkpoint(networks::cifar_resnet(1, 4, 8, 3), 3, random, 0.6F, private_stem);
    const Network network(checkpoint);
    Checkpoint stored;
    network.store(stored);
    EXPECT_EQ(has_private_stem(stored), private_stem);
    EXPECT_EQ(graph::to_json(stored.graph), graph::to_json(checkpoint.graph));
    EXPECT_EQ(stored.masks, checkpoint.masks);
    ASSERT_EQ(stored.weights.size(), checkpoint.weights.size());
    for (const auto& [name, tensor] : checkpoint.weights) EXPECT_EQ(stored.weights.at(name).data, tensor.data) << name;
    for (int k = 0; k < 3; ++k) {
      EXPECT_EQ(stored.normalisation[k].size(), checkpoint.normalisation[k].size());
      for (const auto& [name, tensor] : checkpoint.normalisation[k])
        EXPECT_EQ(stored.normalisation[k].at(name).data, tensor.data) << name;
    }
  }
}

// Conditions start alike, and each then learns from its own pictures alone.
TEST(Network, APrivateStemLearnsFromItsConditionAlone) {
  Network network(resnet(), {3, false, true}, 1);
  const int channels = network.graph().input.channels;
  const int stem = graph::stem_nodes(network.graph()).at(0);
  EXPECT_TRUE(network.tensors_of(stem, 0).weight.equal(network.tensors_of(stem, 2).weight));
  network.forward(at::randn({4, channels, 8, 8}), 2).pow(2).sum().backward();
  EXPECT_FALSE(network.tensors_of(stem, 0).weight.grad().defined());
  EXPECT_GT(network.tensors_of(stem, 2).weight.grad().abs().sum().item<double>(), 0);
  {
    const torch::NoGradGuard no_grad;
    network.tensors_of(stem, 2).weight.mul_(2);
    network.eval();
    const torch::Tensor x = at::randn({2, channels, 8, 8});
    EXPECT_TRUE(network.forward(x, 0).equal(network.forward(x, 1)));
    EXPECT_FALSE(network.forward(x, 0).equal(network.forward(x, 2)));
  }
  std::set<std::string> names;
  for (const auto& p : network.named_parameters()) names.insert(p.key());
  EXPECT_TRUE(names.count("conv1.weight") && names.count("conditions.1.conv1.weight"));
}

TEST(Network, RefusesWhatDoesNotFit) {
  std::mt19937 random(9);
  const Checkpoint checkpoint = testing::random_checkpoint(networks::depthwise(), 2, random);
  Network other(networks::chain(), 2, 1), fewer(networks::depthwise(), 1, 1), same(networks::depthwise(), 2, 1);
  EXPECT_THROW(other.load(checkpoint), graph::GraphError);
  EXPECT_THROW(fewer.load(checkpoint), graph::GraphError);
  Checkpoint misshapen = checkpoint;
  misshapen.normalisation[1].begin()->second.shape[0] += 1;
  EXPECT_THROW(same.load(misshapen), graph::GraphError);
  EXPECT_THROW(same.set_mask(0, {}), graph::GraphError);
  EXPECT_THROW(same.forward(at::zeros({1, 3, 8, 8}), 2), graph::GraphError);
}

TEST(Network, InputScaling) {
  const torch::Tensor pictures = at::arange(12, torch::kByte).view({1, 2, 2, 3});
  const torch::Tensor x = to_input(pictures, {{0.1F, 0.2F, 0.3F}, {0.5F, 0.25F, 2}});
  ASSERT_EQ(x.sizes().vec(), (std::vector<std::int64_t>{1, 3, 2, 2}));
  EXPECT_FLOAT_EQ(x[0][1][0][1].item<float>(), (4 / 255.0F - 0.2F) / 0.25F);
  EXPECT_FLOAT_EQ(x[0][2][1][1].item<float>(), (11 / 255.0F - 0.3F) / 2);
}

}  // namespace
}  // namespace automask::models
