// Quantisation-aware fine-tuning against what it has to predict: the integer reference, executing the compiled package.
#include "methods/training/fine_tune.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>
#include <iostream>

#include "core/parallel.h"
#include "corruptions/variant.h"
#include "graph/union.h"
#include "hw_targets/compiler/compile.h"
#include "hw_targets/compiler/quantise.h"
#include "hw_targets/package/reference.h"
#include "methods/evaluate.h"
#include "methods/method.h"
#include "models/shrunk.h"
#include "models/zoo.h"
#include "tests/unit/methods/fashion.h"
#include "tests/unit/methods/jobs.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::methods {
namespace {

const datasets::PictureSet& pictures(datasets::Split split) { return automask::testing::fashion<2000>(split); }

TrainJob job_of(const core::Json& method, const core::Json& model, double epochs) {
  core::Json spec = method;
  spec["train"] = {{"epochs", epochs}, {"batch", 100}, {"learning_rate", 0.2}, {"threads", 2}};
  return small_job(spec, model, pictures(datasets::Split::train));
}

struct Comparison {
  int pictures = 0, same_class = 0, right_simulated = 0, right_exact = 0;
  double right_exact_percent() const { return 100.0 * right_exact / pictures; }
};

// The network as the package stores it: shrunk to the union.
models::Checkpoint stored_of(const models::Checkpoint& checkpoint) {
  return models::shrunk_checkpoint(checkpoint, graph::united(checkpoint.masks));
}

// The same pictures through the simulation and, where there is a package, through the integer reference.
Comparison compare(const models::Checkpoint& checkpoint, const package::Package& integers,
                   const FakeQuantiser::Ranges& ranges, const std::vector<corruptions::Condition>& conditions) {
  const models::Checkpoint small = stored_of(checkpoint);
  models::Network network(small);
  network.eval();
  FakeQuantiser quantiser(network, checkpoint.input);
  quantiser.set_ranges(ranges);
  quantiser.attach();
  const torch::NoGradGuard no_grad;
  Comparison result;
  for (std::size_t k = 0; k < conditions.size(); ++k) {
    const int set = checkpoint.conditions.size() == 1 ? 0 : static_cast<int>(k);
    const auto shown = corruptions::make_variant(pictures(datasets::Split::test), conditions[k], {}).pictures;
    const auto count = static_cast<std::int64_t>(shown.size());
    const torch::Tensor simulated =
        network.forward(input_of(shown.pixels.data(), count, shown, checkpoint.input), set).argmax(1);
    const package::IntegerNetwork exact = package::materialise_integers(integers, set);
    std::vector<int> classes(shown.size());
    core::parallel_for(shown.size(), 2, [&](std::size_t i) {
      const auto logits = package::reference_logits(exact, shown.picture(i).data());
      classes[i] = static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    });
    for (std::size_t i = 0; i < classes.size(); ++i) {
      const auto predicted = static_cast<int>(simulated[static_cast<std::int64_t>(i)].item<std::int64_t>());
      ++result.pictures;
      result.same_class += predicted == classes[i];
      result.right_simulated += predicted == shown.labels[i];
      result.right_exact += classes[i] == shown.labels[i];
    }
  }
  return result;
}

package::Package as_trained(const models::Checkpoint& checkpoint) {
  compiler::QuantisationOptions options;
  options.ranges = checkpoint.ranges;
  return compiler::quantise(compiler::compile(checkpoint), {}, options);
}

class FineTunedStem : public ::testing::TestWithParam<const char*> {};

TEST_P(FineTunedStem, PredictsTheIntegerReference) {
  const core::Json method = {{"method", "automask"},
                             {"mac_budget", 0.6},
                             {"consensus", 0.5},
                             {"stem", GetParam()},
                             {"qat", {{"epochs", 1}, {"learning_rate", 0.01}}}};
  const core::Json model = {{"name", "resnet8"}, {"width", 8}};
  const TrainJob job = job_of(method, model, 3);
  const models::Checkpoint checkpoint = train(job);
  ASSERT_EQ(checkpoint.ranges.size(), 3U);
  const Comparison c = compare(checkpoint, as_trained(checkpoint), checkpoint.ranges, job.conditions);
  RecordProperty("same_class", c.same_class);
  EXPECT_EQ(c.pictures, 1500);
  EXPECT_GE(c.same_class, 0.999 * c.pictures);
  EXPECT_LE(std::abs(c.right_simulated - c.right_exact), 0.001 * c.pictures);
  EXPECT_GT(c.right_exact_percent(), 55) << "chance is 10";
}

INSTANTIATE_TEST_SUITE_P(Stems, FineTunedStem, ::testing::Values("shared", "private"),
                         [](const auto& stem) { return std::string(stem.param); });

// Of the same training: ranges found by calibration afterwards against fine-tuning with quantised values. At 8 bits
// there is little to win, so: not worse by more than chance, two standard deviations of so many pictures.
TEST(FineTune, IsNoWorseThanCalibrationAfterwards) {
  core::Json method = {{"method", "kill_test"}, {"mac_budget", 0.6}};
  const core::Json model = {{"name", "resnet8"}, {"width", 8}};
  const TrainJob plain = job_of(method, model, 2);
  const models::Checkpoint trained = train(plain);
  std::vector<compiler::CalibrationPictures> calibration;
  for (const corruptions::Condition& condition : plain.conditions) {
    corruptions::VariantOptions options;
    options.split = "train";
    const auto shown = corruptions::make_variant(pictures(datasets::Split::train), condition, options).pictures;
    const auto bytes = static_cast<std::ptrdiff_t>(256 * shown.pixels.size() / shown.size());
    calibration.push_back({{shown.pixels.begin(), shown.pixels.begin() + bytes}, 256});
  }
  const package::Package calibrated = compiler::quantise(compiler::compile(trained), calibration, {});
  method["qat"] = {{"epochs", 0.5}};
  const models::Checkpoint tuned = train(job_of(method, model, 2));
  const Comparison after = compare(trained, calibrated, tuned.ranges, plain.conditions),
                   during = compare(tuned, as_trained(tuned), tuned.ranges, plain.conditions);
  std::cout << "calibrated " << after.right_exact_percent() << " %, fine-tuned " << during.right_exact_percent()
            << " %\n";
  const double share = after.right_exact_percent() / 100;
  EXPECT_GE(during.right_exact, after.right_exact - 2 * std::sqrt(after.pictures * share * (1 - share)));
}

// Mirrored and moved pictures are what weights learn on; ranges are those of the pictures themselves.
TEST(FineTune, RangesSeePicturesWithoutAugmentation) {
  const TrainJob job = job_of({{"method", "augment"}}, {{"name", "tinynet"}}, 1);
  const models::InputScaling scaling{{0.3F}, {0.3F}};
  const auto ranges = [&](const Augmentation& augmentation) {
    LearnerOptions options;
    options.seed = job.seed;
    Learner learner(job.graph, options);
    Objective objective(job.spec);
    FineTuning tuning;
    tuning.options.epochs = 0.01;  // one step
    tuning.plan.pictures = job.train;
    tuning.plan.conditions = job.conditions;
    tuning.plan.batch = 100;
    tuning.plan.seed = job.seed;
    tuning.plan.augmentation = augmentation;
    tuning.shown = [&](const Part& part, double count) {
      Shown shown;
      shown.views = {input_of(part.pixels.data(), static_cast<std::int64_t>(part.labels.size()), *job.train, scaling)};
      shown.labels = at::tensor(part.labels);
      shown.pictures = count;
      return shown;
    };
    tuning.objective = &objective;
    tuning.scaling = scaling;
    return fine_tune(learner, tuning).ranges;
  };
  const FakeQuantiser::Ranges plain = ranges({});
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_GT(plain[0].size(), 3U);
  EXPECT_EQ(ranges({0.5, 4}), plain);
}

// Logits of random networks with every operator, step for step.
TEST(FineTune, SimulatesEveryOperator) {
  std::mt19937 random(12);
  for (const graph::Graph& net : networks::all()) {
    models::Checkpoint checkpoint = testing::random_checkpoint(net, 2, random);
    const int classes = graph::infer_shapes(net).back().channels;
    checkpoint.classes.assign(static_cast<std::size_t>(classes), "x");
    for (std::size_t c = 0; c < checkpoint.classes.size(); ++c) checkpoint.classes[c] = std::to_string(c);
    const models::Checkpoint small = stored_of(checkpoint);
    models::Network network(small);
    network.eval();
    FakeQuantiser quantiser(network, checkpoint.input);
    const std::size_t bytes = static_cast<std::size_t>(net.input.channels * net.input.height * net.input.width);
    std::vector<std::uint8_t> pixels(8 * bytes);
    for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random() & 255);
    const torch::Tensor x = models::to_input(
        at::from_blob(pixels.data(), {8, net.input.height, net.input.width, net.input.channels}, at::kByte),
        checkpoint.input);
    quantiser.calibrate({{0, x}, {1, x}});
    quantiser.attach();
    checkpoint.ranges = quantiser.ranges();
    const package::Package integers = as_trained(checkpoint);
    const torch::NoGradGuard no_grad;
    int same = 0, all = 0;
    for (int k = 0; k < 2; ++k) {
      const torch::Tensor logits = network.forward(x, k).contiguous();
      const package::IntegerNetwork exact = package::materialise_integers(integers, k);
      const float step = integers.conditions[static_cast<std::size_t>(k)].integers.scale[package::output_node(net)];
      for (int i = 0; i < 8; ++i) {
        const auto expected = package::reference_logits(exact, pixels.data() + static_cast<std::size_t>(i) * bytes);
        const float* actual = logits.data_ptr<float>() + static_cast<std::ptrdiff_t>(i) * classes;
        for (std::size_t c = 0; c < expected.size(); ++c, ++all)
          same += std::abs(actual[c] - expected[c]) <= 1.5F * step;
      }
    }
    EXPECT_GE(same, 0.95 * all) << net.name;
  }
}

}  // namespace
}  // namespace automask::methods
