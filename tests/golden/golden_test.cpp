// Guards code_version: when a stage's results change, its number must be raised, or caches would mix old and new.
// AUTOMASK_APPROVE=1 rewrites golden.json (tests/golden/approve.sh); read the difference before committing it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "core/philox.h"
#include "corruptions/variant.h"
#include "harness/step.h"
#include "hw_targets/compiler/compile.h"
#include "methods/members.h"
#include "methods/method.h"
#include "methods/prerequisites.h"
#include "models/network.h"
#include "models/zoo.h"

namespace automask {
namespace {

using core::Json;

const std::filesystem::path golden_file = std::filesystem::path(AUTOMASK_SOURCE_DIR) / "tests/golden/golden.json";

// Blobs of light on a gradient, labelled by their place: learnable, and the same everywhere.
datasets::PictureSet synthetic_pictures(int count, int channels) {
  datasets::PictureSet set;
  set.height = set.width = 28;
  set.channels = channels;
  set.pixels.resize(static_cast<std::size_t>(count) * 28 * 28 * channels);
  set.classes = {"0", "1", "2", "3"};
  for (int i = 0; i < count; ++i) {
    core::RandomStream random(7, static_cast<std::uint64_t>(i));
    const int label = static_cast<int>(random.below(4));
    const int row = 7 + 14 * (label / 2) + static_cast<int>(random.below(5)) - 2;
    const int column = 7 + 14 * (label % 2) + static_cast<int>(random.below(5)) - 2;
    auto out = set.picture(static_cast<std::size_t>(i));
    for (int y = 0; y < 28; ++y)
      for (int x = 0; x < 28; ++x)
        for (int c = 0; c < channels; ++c) {
          const int distance = (y - row) * (y - row) + (x - column) * (x - column);
          const int light = 40 + 2 * x + 10 * c + (distance < 30 ? 150 - 4 * distance : 0);
          out[static_cast<std::size_t>((y * 28 + x) * channels + c)] =
              static_cast<std::uint8_t>(std::clamp(light, 0, 255));
        }
    set.labels.push_back(label);
    set.ids.push_back(core::hash64("synthetic/" + std::to_string(i)));
  }
  return set;
}

Json variant_goldens() {
  Json found = Json::object();
  for (const auto& info : corruptions::operator_infos())
    for (const int channels : {1, 3}) {
      const int level = info.kind == corruptions::Kind::codec ? 30 : 3;
      const auto text = info.name + ":" + info.prefix + std::to_string(level);
      const auto variant =
          corruptions::make_variant(synthetic_pictures(4, channels), corruptions::Condition::parse(text), {});
      found[text + " x" + std::to_string(channels)] = core::sha256_hex(
          {reinterpret_cast<const char*>(variant.pictures.pixels.data()), variant.pictures.pixels.size()});
    }
  return found;
}

methods::TrainJob job_for(const std::string& method, const datasets::PictureSet& train,
                          const datasets::PictureSet& none, const std::filesystem::path& work) {
  methods::TrainJob job;
  const Json model = {{"name", "tinynet"}};
  job.graph = models::build_model({model, "golden"}, {1, 28, 28}, 4);
  Json spec = {{"method", method}, {"train", {{"epochs", 1}, {"batch", 20}, {"threads", 1}}}};
  for (const auto& info : methods::method_infos())
    if (info.name == method && std::count(info.options.begin(), info.options.end(), "mac_budget"))
      spec["mac_budget"] = 0.6;
  if (method == "denoise") spec["denoiser"] = {{"layers", 2}, {"width", 2}};  // in front of a tiny network
  job.spec = methods::MethodSpec::from_json({spec, "golden"}, method, Json::object());
  job.conditions = {{}, corruptions::Condition::parse("gaussian_noise:2")};
  job.train = &train;
  job.validation = &none;
  job.work_folder = work;
  return job;
}

// Weights to the last bit depend on the processor's instruction set; sizes and coarse sums do not.
Json summary(const models::Checkpoint& checkpoint) {
  double square = 0;
  for (const auto& [name, tensor] : checkpoint.weights)
    for (const float v : tensor.data) square += double(v) * v;
  Json kept = Json::array();
  for (const auto& mask : checkpoint.masks) {
    int members = 0;
    for (const auto& group : mask) members += std::accumulate(group.begin(), group.end(), 0);
    kept.push_back(members);
  }
  return {{"weight_square_sum", square}, {"kept_channels", kept}};
}

// What the options above leave as it is: teacher, chosen consensus, frequencies, augmentation, INT8 fine-tuning.
Json all_options_golden(const datasets::PictureSet& train) {
  const auto validation = synthetic_pictures(100, 1);
  methods::TrainJob job = job_for("automask", train, validation, {});
  const Json spec = {{"method", "automask"},
                     {"mac_budget", 0.6},
                     {"consensus", "auto"},
                     {"frequencies", {{"clean", 0.7}, {"gaussian_noise:2", 0.3}}},
                     {"distillation", {{"teacher", "dense_bn_k"}}},
                     {"qat", {{"epochs", 1}}},
                     {"train", {{"epochs", 4}, {"batch", 20}, {"threads", 1}, {"flip", 0.5}, {"crop", 2}}}};
  job.spec = methods::MethodSpec::from_json({spec, "golden"}, "automask", Json::object());
  for (const auto& wanted : methods::prerequisites(job.spec)) {
    methods::TrainJob before = job;
    before.spec = wanted.spec;
    job.prerequisites[wanted.role] = std::make_shared<const models::Checkpoint>(methods::train(before));
  }
  const auto checkpoint = methods::train(job);
  Json found = summary(checkpoint);
  found["chosen_consensus"] = checkpoint.training.at("log").at("consensus").at("chosen");
  double ranges = 0;  // of activations, under both conditions
  for (const auto& set : checkpoint.ranges)
    for (const auto& [tensor, range] : set) ranges += range;
  found["ranges_sum"] = ranges;
  return found;
}

Json train_goldens() {
  Json found = Json::object();
  const auto train = synthetic_pictures(200, 1);
  datasets::PictureSet none = train;
  none.pixels.clear(), none.labels.clear(), none.ids.clear();
  for (const auto& info : methods::method_infos()) {
    if (info.product == methods::Product::none) continue;  // nothing is trained for it
    const auto work =
        std::filesystem::temp_directory_path() / ("automask-golden-" + info.name + std::to_string(::getpid()));
    std::filesystem::create_directories(work);
    const auto job = job_for(info.name, train, none, work);
    if (info.product == methods::Product::network) {
      found[info.name] = summary(methods::train(job));
    } else {
      for (const auto& member : methods::train_members(job).members) found[info.name].push_back(summary(member));
    }
    std::filesystem::remove_all(work);
  }
  found["automask with all options"] = all_options_golden(train);
  return found;
}

// A checkpoint that no training touched: numbers from Philox, two conditions with masks of their own.
models::Checkpoint synthetic_checkpoint() {
  models::Checkpoint checkpoint;
  const Json model = {{"name", "tinynet"}};
  checkpoint.graph = models::build_model({model, "golden"}, {1, 28, 28}, 4);
  core::RandomStream random(11);
  for (const auto& [name, shape] : graph::parameter_shapes(checkpoint.graph)) {
    graph::Tensor tensor{shape, {}};
    const auto count = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    for (std::int64_t i = 0; i < count; ++i) tensor.data.push_back(0.5F + random.uniform_float());
    checkpoint.weights[name] = tensor;
  }
  const auto groups = graph::channel_groups(checkpoint.graph);
  for (int k = 0; k < 2; ++k) {
    auto mask = graph::full_mask(groups);
    for (std::size_t g = 0; g < mask.size(); ++g)
      if (groups.groups[g].maskable) mask[g][static_cast<std::size_t>(k)] = 0;
    graph::TensorMap normalisation;
    for (const auto& node : checkpoint.graph.nodes)
      if (node.op == graph::Op::batch_norm)
        for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
          auto tensor = checkpoint.weights.at(node.name + part);
          for (auto& v : tensor.data) v += 0.25F * static_cast<float>(k);
          normalisation[node.name + part] = tensor;
        }
    checkpoint.masks.push_back(mask);
    checkpoint.normalisation.push_back(normalisation);
  }
  checkpoint.conditions = {"clean", "gaussian_noise:2"};
  checkpoint.input = {{0.5F}, {0.25F}};
  checkpoint.classes = {"0", "1", "2", "3"};
  checkpoint.training = Json::object();
  return checkpoint;
}

Json versions() {
  Json found;
  for (const auto stage : {harness::Stage::variant, harness::Stage::costs, harness::Stage::train,
                           harness::Stage::compile, harness::Stage::evaluate, harness::Stage::execute})
    found[std::string(harness::to_string(stage))] = harness::code_version(stage);
  return found;
}

class Golden : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const bool approve = std::getenv("AUTOMASK_APPROVE") != nullptr;
    found() = {{"code_version", versions()},
               {"variant", variant_goldens()},
               {"train", train_goldens()},
               {"compile", core::sha256_hex(package::encode(compiler::compile(synthetic_checkpoint())))}};
    if (approve) core::write_file_atomically(golden_file, found().dump(1) + "\n");
    golden() = core::read_json_file(golden_file);
  }
  static Json& found() {
    static Json value;
    return value;
  }
  static Json& golden() {
    static Json value;
    return value;
  }
  // The one sentence a failing stage needs.
  static std::string advice(const std::string& stage) {
    return "the results of stage " + stage +
           " changed: if that is wanted, raise its code_version in harness/step.cpp and run "
           "tests/golden/approve.sh";
  }
};

TEST_F(Golden, VersionsAreThoseTheGoldensWereMadeWith) { EXPECT_EQ(found()["code_version"], golden()["code_version"]); }

TEST_F(Golden, VariantsHaveTheSameBytes) { EXPECT_EQ(found()["variant"], golden()["variant"]) << advice("variant"); }

TEST_F(Golden, PackagesHaveTheSameBytes) { EXPECT_EQ(found()["compile"], golden()["compile"]) << advice("compile"); }

TEST_F(Golden, TrainingGivesTheSameNetworks) {
  ASSERT_EQ(found()["train"].size(), golden()["train"].size());
  for (const auto& [method, summaries] : golden()["train"].items()) {
    // Of a method that gives several networks there are several.
    const auto several = [](const Json& json) { return json.is_array() ? json : Json::array({json}); };
    const Json expected = several(summaries), got = several(found()["train"].at(method));
    ASSERT_EQ(got.size(), expected.size()) << method;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(got[i]["kept_channels"], expected[i]["kept_channels"]) << method << ": " << advice("train");
      const double sum = expected[i]["weight_square_sum"];
      EXPECT_NEAR(got[i]["weight_square_sum"], sum, 1e-3 * sum) << method << ": " << advice("train");
      EXPECT_EQ(got[i].value("chosen_consensus", 0.0), expected[i].value("chosen_consensus", 0.0))
          << method << ": " << advice("train");
      const double ranges = expected[i].value("ranges_sum", 0.0);
      EXPECT_NEAR(got[i].value("ranges_sum", 0.0), ranges, 1e-3 * ranges) << method << ": " << advice("train");
    }
  }
}

}  // namespace
}  // namespace automask
