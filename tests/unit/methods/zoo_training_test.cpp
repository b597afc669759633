// Every published structure of the zoo is trained, masked, fine-tuned for INT8 and estimated as the small ones are.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "methods/evaluate.h"
#include "methods/method.h"
#include "models/network.h"
#include "tests/unit/methods/jobs.h"
#include "tests/unit/models/small_zoo.h"

namespace automask::methods {
namespace {

// Noise around a colour that is the class.
datasets::PictureSet colours(const graph::Shape& input, int count) {
  datasets::PictureSet set;
  set.height = input.height;
  set.width = input.width;
  set.channels = input.channels;
  std::mt19937 random(17);
  for (int i = 0; i < count; ++i) {
    const int label = i % 10;
    for (std::size_t p = 0; p < std::size_t(input.height) * input.width; ++p)
      for (int c = 0; c < input.channels; ++c)
        set.pixels.push_back(
            static_cast<std::uint8_t>(std::clamp(((label * (31 + 40 * c)) % 200) + int(random() % 41), 0, 255)));
    set.labels.push_back(label);
    set.ids.push_back(static_cast<std::uint64_t>(i));
  }
  for (int label = 0; label < 10; ++label) set.classes.push_back("colour " + std::to_string(label));
  return set;
}

class ZooTraining : public ::testing::TestWithParam<models::ZooEntry> {};

TEST_P(ZooTraining, MasksNormalisationsAndEstimatorAreLearnt) {
  const graph::Graph net = automask::testing::small_published(GetParam());
  const datasets::PictureSet pictures = colours(net.input, 40);
  TrainJob job;
  const core::Json method = {
      {"method", "automask"},
      {"mac_budget", 0.8},
      {"consensus", 0.5},
      {"train", {{"batch", 20}, {"epochs", 6}, {"learning_rate", 0.001}, {"warmup", 0}, {"threads", 1}}},
      {"estimator", {{"epochs", 2}, {"pictures", 40}}},
      {"qat", {{"epochs", 1}, {"learning_rate", 0.0001}}}};
  job.spec = MethodSpec::from_json({method, "test"}, "mine", nullptr);
  job.graph = net;
  for (const char* condition : {"clean", "gaussian_noise:3"})
    job.conditions.push_back(corruptions::Condition::parse(condition));
  job.train = &pictures;
  job.validation = &pictures;
  job.seed = 3;
  const models::Checkpoint checkpoint = train(job);
  EXPECT_EQ(checkpoint.conditions, (std::vector<std::string>{"clean", "gaussian_noise:3"}));
  ASSERT_EQ(checkpoint.masks.size(), 2u);
  const auto groups = graph::channel_groups(checkpoint.graph);
  const double dense = double(graph::cost(checkpoint.graph).macs);
  for (const graph::Mask& mask : checkpoint.masks) {
    const double share = double(graph::masked_cost(checkpoint.graph, groups, mask).macs) / dense;
    EXPECT_LE(share, 0.8);
    EXPECT_GT(share, 0.5);
  }
  EXPECT_EQ(checkpoint.normalisation.size(), 2u) << "also of networks that have no batch normalisation";
  const auto& [name, tensor] = *checkpoint.normalisation[0].begin();
  EXPECT_NE(tensor.data, checkpoint.normalisation[1].at(name).data);
  EXPECT_FALSE(checkpoint.estimator.is_null());
  EXPECT_FALSE(checkpoint.ranges.empty()) << "INT8 fine-tuning";
  // What was trained can be read and answers, under both conditions.
  models::Network network(checkpoint);
  for (int k = 0; k < 2; ++k)
    EXPECT_DOUBLE_EQ(top1(network, pictures, checkpoint.input, k), reference_top1(checkpoint, pictures, k, 1));
  EXPECT_EQ(checkpoint.training["validation_top1"].size(), 2u);
}

std::vector<models::ZooEntry> published() {
  std::vector<models::ZooEntry> entries;
  for (const models::ZooEntry& entry : models::zoo())
    if (entry.published) entries.push_back(entry);
  return entries;
}

INSTANTIATE_TEST_SUITE_P(Published, ZooTraining, ::testing::ValuesIn(published()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace automask::methods
