// Every published structure of the zoo is trained, masked, fine-tuned for INT8 and estimated as the small ones are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "graph/structure.h"
#include "methods/evaluate.h"
#include "methods/method.h"
#include "methods/training/affine.h"
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

constexpr double budget = 0.8;
constexpr int picture_count = 40, batch = 20, epochs = 6, steps = epochs * picture_count / batch;

graph::TensorMap drawn_weights(const graph::Graph& net) {
  models::Checkpoint drawn;
  models::Network(net, 1, 3).store(drawn);
  return drawn.weights;
}

// Nothing decays, so that a weight moves only where a gradient reaches it.
TrainJob job_of(const graph::Graph& net, const datasets::PictureSet& pictures) {
  TrainJob job;
  const core::Json method = {{"method", "automask"},
                             {"mac_budget", budget},
                             {"consensus", 0.5},
                             {"train",
                              {{"batch", batch},
                               {"epochs", epochs},
                               {"learning_rate", has_normalisation(net) ? 0.003 : 0.001},
                               {"weight_decay", 0},
                               {"warmup", 0},
                               {"threads", 1}}},
                             {"estimator", {{"epochs", 2}, {"pictures", picture_count}}},
                             {"qat", {{"epochs", 1}, {"learning_rate", 0.0001}}}};
  job.spec = MethodSpec::from_json({method, "test"}, "mine", nullptr);
  job.graph = net;
  for (const char* condition : {"clean", "gaussian_noise:3"})
    job.conditions.push_back(corruptions::Condition::parse(condition));
  job.train = &pictures;
  job.validation = &pictures;
  job.initial = std::make_shared<const graph::TensorMap>(drawn_weights(net));
  job.seed = 3;
  return job;
}

void expect_budget_met(const models::Checkpoint& checkpoint) {
  const auto groups = graph::channel_groups(checkpoint.graph);
  const double dense = double(graph::cost(checkpoint.graph).macs);
  double mean = 0;
  for (std::size_t k = 0; k < checkpoint.masks.size(); ++k) {
    const double share = double(graph::masked_cost(checkpoint.graph, groups, checkpoint.masks[k]).macs) / dense;
    EXPECT_LE(share, budget);
    EXPECT_GE(share, 0.995 * budget);
    EXPECT_DOUBLE_EQ(checkpoint.training["mac_share"][checkpoint.conditions[k]].get<double>(), share);
    mean += share / double(checkpoint.masks.size());
  }
  const core::Json& last_cut = checkpoint.training["log"]["cuts"].back();
  EXPECT_EQ(last_cut["step"], steps / 2);
  EXPECT_DOUBLE_EQ(last_cut["mac_share"].get<double>(), mean);
}

// Whether training changed any value that a mask keeps; the others are 0.
bool moved(const graph::Tensor& before, const graph::Tensor& after) {
  for (std::size_t i = 0; i < after.data.size(); ++i)
    if (after.data[i] != 0 && after.data[i] != before.data[i]) return true;
  return false;
}

// So few steps promise nothing of the loss of a network without batch normalisation: there it is only asked whether
// every layer moved.
void expect_learnt(const models::Checkpoint& checkpoint, const TrainJob& job) {
  for (const graph::Node& node : checkpoint.graph.nodes)
    if (graph::has_weights(node.op)) {
      const std::string weight = node.name + ".weight";
      EXPECT_TRUE(moved(job.initial->at(weight), checkpoint.weights.at(weight))) << weight;
    }
  const core::Json& log = checkpoint.training["log"];
  const auto losses = log["losses"].get<std::vector<double>>();
  ASSERT_EQ(losses.size(), std::size_t{steps}) << "one a step";
  for (const double loss : losses) EXPECT_TRUE(std::isfinite(loss));
  for (const double loss : log["fine_tuning"]["losses"].get<std::vector<double>>()) EXPECT_TRUE(std::isfinite(loss));
  // Two steps show all pictures once.
  const double first = losses[0] + losses[1], last = losses[steps - 2] + losses[steps - 1];
  if (has_normalisation(job.graph)) {
    EXPECT_LT(last, first);
  }
}

class ZooTraining : public ::testing::TestWithParam<models::ZooEntry> {};

TEST_P(ZooTraining, MasksNormalisationsAndEstimatorAreLearnt) {
  const graph::Graph net = automask::testing::small_published(GetParam());
  const datasets::PictureSet pictures = colours(net.input, picture_count);
  const TrainJob job = job_of(net, pictures);
  const models::Checkpoint checkpoint = train(job);
  EXPECT_EQ(checkpoint.conditions, (std::vector<std::string>{"clean", "gaussian_noise:3"}));
  ASSERT_EQ(checkpoint.masks.size(), 2u);
  expect_budget_met(checkpoint);
  expect_learnt(checkpoint, job);
  EXPECT_EQ(checkpoint.normalisation.size(), 2u) << "also of networks that have no batch normalisation";
  const auto& [name, tensor] = *checkpoint.normalisation[0].begin();
  EXPECT_NE(tensor.data, checkpoint.normalisation[1].at(name).data);
  EXPECT_FALSE(checkpoint.estimator.is_null());
  EXPECT_FALSE(checkpoint.ranges.empty()) << "INT8 fine-tuning";
  // What was trained without masked channels answers from the checkpoint as it did, but for a tie, under both
  // conditions.
  const core::Json& validated = checkpoint.training.at("validation_top1");
  EXPECT_EQ(validated.size(), 2u);
  for (int k = 0; k < 2; ++k) {
    const corruptions::Condition& condition = job.conditions[static_cast<std::size_t>(k)];
    const datasets::PictureSet shown = validation_pictures(pictures, condition, job.seed, 1);
    EXPECT_NEAR(reference_top1(checkpoint, shown, k, 1), validated.at(condition.canonical()).get<double>(),
                100.0 / picture_count + 1e-9)
        << condition.canonical();
  }
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
