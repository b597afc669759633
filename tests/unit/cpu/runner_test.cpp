// The program itself, through the host: what the harness does with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "hw_targets/compiler/quantise.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/plausibility.h"
#include "hw_targets/package/reference.h"
#include "tests/unit/cpu/networks.h"
#include "tests/unit/host/refusals.h"
#include "tests/unit/package/estimators.h"

namespace automask::cpu {
namespace {

using testing::HasSubstr;

host::RunnerSpec program() { return {"cpu", {AUTOMASK_BIN_DIR "/automask-runner-cpu"}, {}, "built in"}; }

// A residual network of the union, with a mask and an affine for each of two conditions.
package::Package two_conditions() {
  Builder b({1, 28, 28});
  const auto normalised = [&](int from) { return b.node(graph::Op::affine, {from}); };
  const int stem = b.relu(normalised(b.conv(0, 16, 3, 1, 1, 1, false)));
  const int inner = b.relu(normalised(b.conv(stem, 16, 3, 1, 1, 1, false)));
  const int block = b.relu(b.add({normalised(b.conv(inner, 16, 3, 1, 1, 1, false)), stem}));
  b.classify(block, 10);

  package::Package package;
  package.graph = b.network;
  for (auto& [name, tensor] : random_weights(b.network, 7)) {
    const int node = b.network.find(name.substr(0, name.rfind('.')));
    if (b.network.nodes[static_cast<std::size_t>(node)].op != graph::Op::affine) package.weights[name] = tensor;
  }
  std::mt19937 random(3);
  std::uniform_real_distribution<float> value(0.5f, 1.5f);
  const graph::ChannelGroups groups = graph::channel_groups(b.network);
  for (const char* name : {"clean", "jpeg:q30"}) {
    package::Condition condition{name, graph::full_mask(groups), {}, {}, {}};
    for (const graph::Node& node : b.network.nodes)
      if (node.op == graph::Op::affine)
        for (int c = 0; c < 16; ++c) {
          condition.scale[node.name].push_back(value(random));
          condition.bias[node.name].push_back(value(random) - 1);
        }
    package.conditions.push_back(condition);
  }
  // The second condition does without some members of the first maskable groups.
  for (std::size_t g = 0; g < groups.groups.size(); ++g)
    if (groups.groups[g].maskable)
      for (std::size_t c = 0; c < 5; ++c) package.conditions[1].mask[g][3 * c] = 0;
  package.input_mean = {0.28f};
  package.input_deviation = {0.35f};
  for (int i = 0; i < 10; ++i) package.classes.push_back("class " + std::to_string(i));
  return package;
}

TEST(CpuRunner, ComputesWhatThePackageSaysForEachCondition) {
  const package::Package package = two_conditions();
  const auto session = host::Session::start(program());
  const host::Device device = session->initialize();
  EXPECT_EQ(device.evidence, "measured");
  EXPECT_EQ(device.formats, (std::vector<std::string>{"fp32", "fp16", "int8"}));
  EXPECT_THAT(device.toolchain, HasSubstr("oneDNN"));
  EXPECT_NE(device.name, "");
  session->load(package::encode(package));
  const core::Json prepared = session->prepare({{"threads", 1}, {"format", "fp32"}});
  EXPECT_EQ(prepared["threads"], 1);
  EXPECT_GT(prepared["memory_bytes"], 0);

  const std::vector<std::string> pictures = random_pictures(package.graph.input, 20);
  std::vector<float> first;
  for (const int condition : {1, 0}) {
    session->select_condition(condition);
    host::RunRequest request{session->put_inputs(pictures), 9, 3, 2, 1};
    const host::RunResult result = session->run(request);
    const package::PlainNetwork plain = package::materialise(package, condition);
    SlowNetwork slow(plain, package.input_mean, package.input_deviation);
    for (unsigned p = 0; p < 20; ++p) {
      const std::vector<double> expected = slow.run(random_picture(package.graph.input, p));
      for (std::size_t c = 0; c < 10; ++c) EXPECT_NEAR(result.outputs[p * 10 + c], expected[c], 1e-4);
    }
    EXPECT_NE(result.outputs, first);
    first = result.outputs;
    EXPECT_EQ(result.latencies_ms.size(), 40u);
  }
  EXPECT_EQ(session->state()["threads"], 1);
  session->shutdown();
}

package::Package integer_package() {
  const package::Package real = two_conditions();
  std::vector<compiler::CalibrationPictures> pictures(real.conditions.size());
  for (auto& of_condition : pictures)
    for (unsigned p = 100; p < 116; ++p) {
      const auto picture = random_picture(real.graph.input, p);
      of_condition.pixels.insert(of_condition.pixels.end(), picture.begin(), picture.end());
      ++of_condition.count;
    }
  return compiler::quantise(real, pictures, {});
}

TEST(CpuRunner, ComputesTheReferencesLogitsOfAnIntegerPackage) {
  const package::Package package = integer_package();
  const auto session = host::Session::start(program());
  session->initialize();
  session->load(package::encode(package));
  EXPECT_EQ(session->prepare({{"threads", 2}})["format"], "int8");
  std::vector<std::string> pictures;
  for (unsigned p = 0; p < 20; ++p) {
    const auto picture = random_picture(package.graph.input, p);
    pictures.emplace_back(picture.begin(), picture.end());
  }
  for (const int condition : {1, 0, 1}) {
    session->select_condition(condition);
    const host::RunResult result = session->run({session->put_inputs(pictures), 9, 3, 1, 0});
    const package::IntegerNetwork network = package::materialise_integers(package, condition);
    std::vector<float> expected;
    for (unsigned p = 0; p < 20; ++p)
      for (const float logit : package::reference_logits(network, random_picture(package.graph.input, p).data()))
        expected.push_back(logit);
    EXPECT_EQ(result.outputs, expected) << "condition " << condition;
  }
  session->shutdown();
}

// The reference multiplies the stored weights, as the runner does; the FP32 package's are others.
TEST(CpuRunner, ComputesHalfPrecisionPackagesFromTheStoredWeights) {
  const package::Package package = compiler::to_half(two_conditions());
  const auto session = host::Session::start(program());
  session->initialize();
  session->load(package::encode(package));
  EXPECT_EQ(session->prepare({{"threads", 1}, {"format", "fp16"}})["format"], "fp16");
  for (const int condition : {0, 1}) {
    session->select_condition(condition);
    const auto picture = random_picture(package.graph.input, 5);
    const host::RunResult result =
        session->run({session->put_inputs({std::string(picture.begin(), picture.end())}), 9, 3, 1, 0});
    const auto reference = [&](const package::Package& of) {
      const package::PlainNetwork plain = package::materialise(of, condition);
      SlowNetwork slow(plain, of.input_mean, of.input_deviation);
      return slow.run(picture);
    };
    const std::vector<double> expected = reference(package), unrounded = reference(two_conditions());
    double most = 0;
    for (std::size_t c = 0; c < 10; ++c) {
      EXPECT_NEAR(result.outputs[c], expected[c], 1e-5) << "condition " << condition;
      most = std::max(most, std::abs(result.outputs[c] - unrounded[c]));
    }
    EXPECT_GT(most, 1e-4) << "condition " << condition;
  }
  session->shutdown();
}

// A mask's channels are not executed: what is placed is the condition's shrunk network, by a count of its own.
TEST(CpuRunner, TellsTheMultiplyAccumulatesThatItPlaces) {
  for (const package::Package& package : {two_conditions(), integer_package()}) {
    const auto session = host::Session::start(program());
    session->initialize();
    session->load(package::encode(package));
    const core::Json prepared = session->prepare({{"threads", 1}});
    ASSERT_EQ(prepared["macs"].size(), 2U);
    EXPECT_LT(prepared["macs"][1], prepared["macs"][0]);
    EXPECT_EQ(host::other_macs(package, prepared), "");
    session->shutdown();
  }
}

TEST(CpuRunner, TimesEachLayerWhereTheyAreApart) {
  for (const package::Package& package : {two_conditions(), integer_package()}) {
    const auto session = host::Session::start(program());
    session->initialize();
    session->load(package::encode(package));
    session->prepare({{"threads", 1}, {"layers_apart", true}});
    const auto pictures = session->put_inputs(random_pictures(package.graph.input, 3));
    for (const int condition : {1, 0}) {
      session->select_condition(condition);
      EXPECT_FALSE(session->state().contains("measured")) << "another condition's are not its own";
      session->run({pictures, 9, 3, 20, 1});
      const core::Json measured = session->state().at("measured");
      EXPECT_EQ(measured["condition"], package.conditions[static_cast<std::size_t>(condition)].name);
      std::set<std::string> layers;
      double sum = 0;
      for (const core::Json& layer : measured["layers"]) {
        EXPECT_GE(layer["ms"], 0.0);
        sum += layer["ms"].get<double>();
        layers.insert(layer["name"].get<std::string>());
      }
      EXPECT_EQ(layers.size(), measured["layers"].size());
      for (const graph::Node& node : package.graph.nodes)
        if (node.op == graph::Op::conv2d || node.op == graph::Op::linear)
          EXPECT_EQ(layers.count(node.name), 1U) << node.name;
      EXPECT_GT(sum, 0);
    }
    session->prepare({{"threads", 1}});
    session->run({pictures, 9, 3, 2, 1});
    EXPECT_FALSE(session->state().contains("measured")) << "timed whole, as ever";
    session->prepare({{"threads", 1}, {"layers_apart", true}});
    session->run({pictures, 9, 3, 2, 1});
    session->load(package::encode(package));
    EXPECT_FALSE(session->state().contains("measured")) << "of a package that is gone";
    session->shutdown();
  }
}

// The same condition from the runner's `auto` as from estimate(), in both formats, and that condition's logits.
TEST(CpuRunner, PicksTheConditionThatTheEstimatorPicks) {
  for (package::Package package : {two_conditions(), integer_package()}) {
    std::vector<std::vector<std::uint8_t>> pixels;
    std::vector<std::string> pictures;
    for (unsigned p = 0; p < 400; ++p) {
      auto picture = random_picture(package.graph.input, p);
      for (auto& level : picture)
        level = static_cast<std::uint8_t>(level * (1 + p % 8) / 8);  // darker and lighter ones
      pictures.emplace_back(picture.begin(), picture.end());
      pixels.push_back(std::move(picture));
    }
    // The first of these random estimators that takes both conditions often enough to be a test.
    std::vector<int> expected;
    const auto rarest = [&expected] {
      const auto zeros = std::count(expected.begin(), expected.end(), 0);
      return std::min<std::ptrdiff_t>(zeros, static_cast<std::ptrdiff_t>(expected.size()) - zeros);
    };
    for (unsigned seed = 0; seed < 100 && rarest() <= 20; ++seed) {
      package.estimator = estimators::make(2, 6, seed);
      expected.clear();
      for (const auto& picture : pixels)
        expected.push_back(package::estimate(package.estimator, picture.data(), package.graph.input));
    }
    ASSERT_GT(rarest(), 20);
    const auto session = host::Session::start(program());
    session->initialize();
    session->load(package::encode(package));
    session->prepare({{"threads", 1}});
    EXPECT_TRUE(session->select_automatically());
    const auto inputs = session->put_inputs(pictures);
    const host::RunResult automatic = session->run({inputs, 9, 3, 1, 0});
    EXPECT_EQ(automatic.conditions, expected);
    for (const int condition : {0, 1}) {
      session->select_condition(condition);
      const host::RunResult chosen = session->run({inputs, 9, 3, 1, 0});
      EXPECT_TRUE(chosen.conditions.empty());
      for (std::size_t i = 0; i < 4000; ++i) {
        if (expected[i / 10] != condition) continue;
        EXPECT_EQ(automatic.outputs[i], chosen.outputs[i]) << i;
      }
    }
    session->shutdown();
  }
}

TEST(CpuRunner, PicksNothingWithoutAnEstimator) {
  const auto session = host::Session::start(program());
  session->initialize();
  session->load(package::encode(two_conditions()));
  session->prepare({{"threads", 1}});
  EXPECT_FALSE(session->select_automatically());
  session->select_condition(1);
  session->shutdown();
}

host::FailureKind failure(const std::string& bytes, const core::Json& options, std::string& sentence) {
  return host::refusal(program(), bytes, options, sentence);
}

TEST(CpuRunner, RefusesPackagesItCannotRead) {
  std::string sentence;
  const std::string good = package::encode(two_conditions());
  std::string damaged = good;
  damaged[damaged.size() - 1] = static_cast<char>(damaged[damaged.size() - 1] ^ 1);
  for (const std::string& bytes :
       {std::string("not a package"), std::string(), good.substr(0, good.size() / 2), damaged}) {
    EXPECT_EQ(failure(bytes, {{"threads", 1}}, sentence), host::FailureKind::refused);
    EXPECT_THAT(sentence, HasSubstr("refused load: package"));
    EXPECT_THAT(sentence, HasSubstr("code -32003"));
  }
}

TEST(CpuRunner, RefusesOptionsItDoesNotKnow) {
  const std::string bytes = package::encode(two_conditions());
  std::string sentence;
  EXPECT_EQ(failure(bytes, {{"thread", 1}}, sentence), host::FailureKind::refused);
  EXPECT_THAT(sentence, HasSubstr("not \"thread\""));
  EXPECT_EQ(failure(bytes, {{"threads", -1}}, sentence), host::FailureKind::refused);
  EXPECT_EQ(failure(bytes, {{"format", "int8"}}, sentence), host::FailureKind::unsupported);
  EXPECT_THAT(sentence, HasSubstr("the package is for fp32, not for \"int8\""));
}

TEST(CpuRunner, RefusesFormatsThatThePackageHasNot) {
  std::string sentence;
  EXPECT_EQ(failure(package::encode(integer_package()), {{"format", "fp32"}}, sentence),
            host::FailureKind::unsupported);
  EXPECT_THAT(sentence, HasSubstr("the package is for int8, not for \"fp32\""));
  EXPECT_EQ(failure(package::encode(compiler::to_half(two_conditions())), {{"format", "fp32"}}, sentence),
            host::FailureKind::unsupported);
  EXPECT_THAT(sentence, HasSubstr("the package is for fp16, not for \"fp32\""));
}

TEST(CpuRunner, TakesAllCoresWhenNotTold) {
  const auto session = host::Session::start(program());
  const host::Device device = session->initialize();
  session->load(package::encode(two_conditions()));
  EXPECT_EQ(session->prepare(core::Json::object())["threads"], device.details["cores"]);
}

}  // namespace
}  // namespace automask::cpu
