// Real trainings on a few hundred pictures of Fashion-MNIST (Debian's dataset-fashion-mnist).
#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <cmath>
#include <cstring>
#include <set>

#include "core/atomic_file.h"
#include "corruptions/variant.h"
#include "hw_targets/compiler/compile.h"
#include "methods/evaluate.h"
#include "methods/masks/consensus.h"
#include "methods/method.h"
#include "methods/prerequisites.h"
#include "methods/training/feed.h"
#include "models/safetensors.h"
#include "models/zoo.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/methods/fashion.h"
#include "tests/unit/methods/int8_bytes.h"
#include "tests/unit/methods/jobs.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;
using automask::testing::int8_bytes;
using automask::testing::TemporaryFolder;

const datasets::PictureSet& pictures(datasets::Split split) { return automask::testing::fashion<2000>(split); }

TrainJob job_of(core::Json method, double epochs = 1, const std::filesystem::path& folder = {}) {
  static const core::Json model = {{"name", "tinynet"}};
  method["train"].update({{"epochs", epochs}, {"batch", 100}, {"learning_rate", 0.2}, {"threads", 1}});
  TrainJob job = small_job(method, model, pictures(datasets::Split::train));
  job.work_folder = folder;
  return job;
}

const core::Json automask = {{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", 0.5}};

// All that a checkpoint holds, as bytes.
std::string bytes_of(const models::Checkpoint& checkpoint) {
  const TemporaryFolder folder;
  models::save_checkpoint(checkpoint, folder / "c");
  return core::read_file(folder / "c");
}

double share(const models::Checkpoint& checkpoint, std::size_t k) {
  const auto groups = graph::channel_groups(checkpoint.graph);
  return double(graph::masked_cost(checkpoint.graph, groups, checkpoint.masks[k]).macs) /
         double(graph::cost(checkpoint.graph).macs);
}

TEST(Train, EveryMethodLearns) {
  for (const MethodInfo& info : method_infos()) {
    if (info.product != Product::network) continue;
    core::Json method = {{"method", info.name}};
    const bool budget = std::count(info.options.begin(), info.options.end(), "mac_budget") > 0;
    // A denoiser takes half of what this tiny network has.
    if (budget) method["mac_budget"] = info.name == "denoise" ? 0.9 : 0.6;
    if (info.name == "denoise") method["denoiser"] = {{"width", 2}, {"layers", 2}};
    const std::size_t sets = info.per_condition || info.name == "slimmable" ? 3 : 1;
    TrainJob job = job_of(method, 4);
    const datasets::PictureSet& test = pictures(datasets::Split::test);
    job.validation = &test;
    const models::Checkpoint checkpoint = train(job);

    EXPECT_EQ(checkpoint.conditions.size(), sets) << info.name;
    EXPECT_EQ(checkpoint.masks.size(), checkpoint.conditions.size());
    EXPECT_EQ(checkpoint.estimator.is_null(), !info.per_condition);
    if (info.per_condition) {
      for (const auto& [condition, percent] : checkpoint.training["validation_estimator"].items())
        EXPECT_GT(percent.get<double>(), 90) << condition;
    }
    EXPECT_EQ(checkpoint.training["views"], 8000) << "the same for every method";
    const auto losses = checkpoint.training["log"]["losses"].get<std::vector<double>>();
    // The denoiser begins with squared errors of pixels, which are no smaller than cross entropy's numbers later.
    if (info.name != "denoise") {
      EXPECT_LT(losses.back(), 0.75 * losses.front()) << info.name;
    }
    const double top1 = reference_top1(checkpoint, test, 0, 2);
    // Three widths share the steps that the others have for one network.
    EXPECT_GT(top1, info.name == "slimmable" ? 50 : 60) << info.name << ": chance is 10";
    EXPECT_EQ(checkpoint.training["validation_top1"]["clean"], top1) << info.name;
    EXPECT_EQ(checkpoint.training["validation_top1"].size(), 3U);
    // Of the model as it was given, whatever was put in front of it.
    const double given = double(graph::cost(job.graph).macs) / double(graph::cost(checkpoint.graph).macs);
    for (std::size_t k = 0; k < checkpoint.masks.size() && budget; ++k)
      EXPECT_LE(share(checkpoint, k), job.spec.mac_budget * given) << info.name;
  }
}

TEST(Train, ThePreprocessingOfPublishedWeightsIsKept) {
  TrainJob job = job_of({{"method", "augment"}}, 0.1);
  EXPECT_EQ(train(job).resizing.resize, 0);
  job.preprocessing = models::Preprocessing{{1, 28, 28}, {32, models::Interpolation::bicubic}, {{0.25F}, {0.5F}}};
  const models::Checkpoint checkpoint = train(job);
  EXPECT_EQ(checkpoint.input.mean, std::vector<float>{0.25F});
  EXPECT_EQ(checkpoint.input.deviation, std::vector<float>{0.5F});
  EXPECT_EQ(checkpoint.resizing.resize, 32);
  EXPECT_EQ(checkpoint.resizing.interpolation, models::Interpolation::bicubic);
}

TEST(Train, CleanNetworkSeesNoCorruptedPicture) {
  TrainJob job = job_of({{"method", "clean"}}, 0.3);
  const std::string all = bytes_of(train(job));
  job.conditions.resize(1);
  EXPECT_EQ(bytes_of(train(job)), all);
}

TEST(Train, TheSameSeedGivesTheSameBits) {
  TrainJob job = job_of(automask, 0.3);
  for (const int threads : {1, 2}) {
    job.seed = 3;
    job.spec.train.threads = threads;
    const std::string first = bytes_of(train(job));
    EXPECT_EQ(bytes_of(train(job)), first) << threads << " threads";
    job.seed = 4;
    EXPECT_NE(bytes_of(train(job)), first) << threads << " threads";
  }
}

// Stops after `steps` more steps.
void interrupt(TrainJob job, int steps) {
  job.stop_requested = [&steps] { return --steps <= 0; };
  const core::Error error = error_of([&] { train(job); });
  EXPECT_EQ(error.code(), core::ExitCode::interrupted);
}

TEST(Train, ResumesWithTheSameBits) {
  core::Json one_normalisation = automask;
  one_normalisation.update({{"normalisation", "shared"}, {"scorer", "hard_concrete"}});
  for (const core::Json& method : {automask, one_normalisation, core::Json{{"method", "prune"}, {"mac_budget", 0.5}},
                                   core::Json{{"method", "prune"}, {"mac_budget", 0.5}, {"criterion", "slimming"}},
                                   core::Json{{"method", "augmix"}}, core::Json{{"method", "slimmable"}},
                                   core::Json{{"method", "denoise"}, {"denoiser", {{"pretraining", 0.3}}}}}) {
    const std::string undisturbed = bytes_of(train(job_of(method)));  // 20 steps; masks freeze after 10
    for (const std::vector<int>& stops : {std::vector<int>{1}, {7, 1, 3}, {10}, {11}, {15}, {20}, {25}}) {
      const TemporaryFolder folder;
      TrainJob job = job_of(method, 1, folder.path());
      for (const int steps : stops) interrupt(job, steps);
      EXPECT_EQ(bytes_of(train(job)), undisturbed) << method["method"] << " stopped first after " << stops[0];
    }
  }
}

// A set for pictures that no condition describes: its normalisation is the mixture's, and the estimator takes it for
// what it serves best.
TEST(Train, AGeneralSetServesOtherPictures) {
  core::Json method = {{"method", "kill_test"}, {"mac_budget", 0.6}, {"general_set", true}};
  method["estimator"] = {{"others", {"fog:4", "impulse_noise:5"}}, {"pictures", 500}};
  const datasets::PictureSet& test = pictures(datasets::Split::test);
  TrainJob job = job_of(method, 4);
  job.validation = &test;
  const models::Checkpoint checkpoint = train(job);
  ASSERT_EQ(checkpoint.conditions, (std::vector<std::string>{"clean", "gaussian_noise:3", "jpeg:q10", "*"}));
  EXPECT_EQ(checkpoint.masks[3], checkpoint.masks[0]) << "one mask for all";
  EXPECT_EQ(checkpoint.training["views"], 8000) << "no more pictures than without";

  // Its running means lie between those of the conditions, where the first normalisation sees the pictures themselves.
  const std::string mean = "bn1.running_mean";
  const auto of = [&](std::size_t k) { return checkpoint.normalisation.at(k).at(mean); };
  ASSERT_TRUE(checkpoint.normalisation[0].count(mean)) << checkpoint.normalisation[0].begin()->first;
  int between = 0, channels = 0;
  for (std::size_t c = 0; c < of(0).data.size(); ++c) {
    const float low = std::min({of(0).data[c], of(1).data[c], of(2).data[c]});
    const float high = std::max({of(0).data[c], of(1).data[c], of(2).data[c]});
    const float room = 0.1F * (high - low) + 1e-3F;
    between += of(3).data[c] >= low - room && of(3).data[c] <= high + room;
    ++channels;
  }
  EXPECT_EQ(between, channels);

  const package::Estimator estimator =
      package::estimator_from_json(checkpoint.estimator, checkpoint.conditions.size(), "test");
  EXPECT_EQ(estimator.fallback, 3);
  double spread = 0;
  for (const char* name : {"fog:4", "impulse_noise:5"}) {
    const core::Json& measured = checkpoint.training["others"][name];
    const auto top1 = measured["top1"].get<std::vector<double>>();
    ASSERT_EQ(top1.size(), 4U);
    const auto best = static_cast<std::size_t>(std::max_element(top1.begin(), top1.end()) - top1.begin());
    const auto set = std::find(checkpoint.conditions.begin(), checkpoint.conditions.end(), measured["set"]);
    EXPECT_EQ(top1[static_cast<std::size_t>(set - checkpoint.conditions.begin())], top1[best]);
    // What it learnt on training pictures it does on others: the sets taken are as good as the best.
    corruptions::VariantOptions options;
    options.seed = 9;
    options.split = "test";
    const auto shown = corruptions::make_variant(test, corruptions::Condition::parse(name), options).pictures;
    double taken = 0;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const auto statistics = package::statistics(shown.picture(i).data(), {1, 28, 28});
      const auto estimate = package::decide(estimator, package::estimator_scores(estimator, statistics));
      taken += top1[static_cast<std::size_t>(estimate.condition)] / static_cast<double>(shown.size());
    }
    EXPECT_GT(taken, top1[best] - 0.5) << name << ": " << core::Json(top1);
    spread = std::max(spread, top1[best] - *std::min_element(top1.begin(), top1.end()));
  }
  EXPECT_GT(spread, 10) << "a set that is taken at random would lose points";
  EXPECT_EQ(checkpoint.training["validation_estimator"].size(), 3U)
      << "of the conditions; no picture is a general set's";
  method["estimator"]["others"] = {"jpeg:q10"};
  job = job_of(method, 0.2);
  EXPECT_SAYS(error_of([&] { train(job); }), "\"jpeg:q10\" is among the others, but has a set of its own");
}

// Training (20 steps), recalibration (20 batches), fine-tuning (6), estimator.
TEST(Train, ResumesInEveryStageWithTheSameBits) {
  core::Json method = automask;
  method.update({{"distillation", {{"teacher", "dense"}}},
                 {"stem", "private"},
                 {"general_set", true},
                 {"qat", {{"epochs", 0.3}}},
                 {"estimator", {{"pictures", 50}, {"others", {"fog:4"}}}}});
  TrainJob job = with_prerequisites(job_of(method));
  const std::string undisturbed = bytes_of(train(job));
  for (const std::vector<int>& stops : {std::vector<int>{5}, {10}, {25}, {35, 3}, {50}, {63, 2}, {67}, {80}}) {
    const TemporaryFolder folder;
    job.work_folder = folder.path();
    for (const int steps : stops) interrupt(job, steps);
    EXPECT_EQ(bytes_of(train(job)), undisturbed) << "stopped first after " << stops[0];
  }
}

TEST(Train, EveryOptionTrains) {
  const datasets::PictureSet& test = pictures(datasets::Split::test);
  for (const core::Json& option : {core::Json{{"scorer", "straight_through"}},
                                   {{"scorer", "hard_concrete"}},
                                   {{"scorer", "random"}},
                                   {{"consensus", "auto"}},
                                   {{"normalisation", "shared"}},
                                   {{"stem", "private"}},
                                   {{"general_set", true}},
                                   {{"general_set", true}, {"mask_groups", core::Json::array({{"clean", "jpeg:q10"}})}},
                                   {{"union_penalty", 0.5}},
                                   {{"freeze_at", 0.25}},
                                   {{"mask_groups", core::Json::array({{"clean", "jpeg:q10"}})}},
                                   {{"consistency", 1}},
                                   {{"frequencies", {{"clean", 8}, {"gaussian_noise:3", 1}, {"jpeg:q10", 1}}}},
                                   {{"distillation", {{"teacher", "dense"}, {"weight", 1}}}},
                                   {{"distillation", {{"teacher", "dense_bn_k"}}}},
                                   {{"qat", {{"epochs", 0.5}}}},
                                   {{"normalisation", "shared"}, {"qat", {{"epochs", 0.5}}}}}) {
    core::Json method = automask;
    method.update(option);
    TrainJob job = job_of(method, 3);
    job.validation = &test;
    const models::Checkpoint checkpoint = train(with_prerequisites(job));
    const core::Json& log = checkpoint.training["log"];
    const auto losses = log["losses"].get<std::vector<double>>();
    EXPECT_EQ(losses.size(), 20U);
    EXPECT_LT(losses.back(), losses.front()) << option;
    EXPECT_GT(reference_top1(checkpoint, test, 0, 2), 45) << option << ": chance is 10";
    for (std::size_t k = 0; k < checkpoint.masks.size(); ++k) EXPECT_LE(share(checkpoint, k), 0.5) << option;
    EXPECT_EQ(log["learning_rates"].size(), 20U);
    ASSERT_FALSE(log["cuts"].empty());
    EXPECT_EQ(log["cuts"].back()["step"], option.contains("freeze_at") ? 15 : 30) << "half way";
    EXPECT_EQ(log["overlap"].size(), option.contains("general_set") ? 4U : 3U);
    EXPECT_EQ(log.contains("teacher"), option.contains("distillation"));
    EXPECT_EQ(log.contains("fine_tuning"), option.contains("qat"));
    EXPECT_EQ(checkpoint.ranges.size(), option.contains("qat") ? 3U : 0U);
    EXPECT_EQ(models::has_private_stem(checkpoint), option.contains("stem"));
    if (option.contains("stem")) {
      EXPECT_NE(checkpoint.normalisation[0].at("conv1.weight").data,
                checkpoint.normalisation[1].at("conv1.weight").data);
    }
    if (option.contains("mask_groups")) {
      EXPECT_EQ(checkpoint.masks[0], checkpoint.masks[2]);
      EXPECT_NE(checkpoint.masks[0], checkpoint.masks[1]);
    }
    if (option.contains("consensus")) {
      EXPECT_EQ(log["consensus"]["candidates"].size(), 4U);
      EXPECT_EQ(checkpoint.training["options"]["consensus"], "auto");
    }
  }
}

// Where only masks differ, the one normalisation holds the statistics of all conditions together: those of every node
// before the first mask are computed here once more, from the batches that recalibration sees.
TEST(Train, ASharedNormalisationHasTheStatisticsOfAllConditions) {
  for (const int batch : {100, 1}) {
    SCOPED_TRACE(batch);
    core::Json method = automask;
    method["normalisation"] = "shared";
    TrainJob job = job_of(method, batch == 1 ? 0.01 : 1);
    job.spec.train.batch = batch;  // of 1: each batch shows one condition alone
    // The means of these are far apart, which no condition by itself knows of.
    job.conditions = {corruptions::Condition::parse("clean"), corruptions::Condition::parse("brightness:5")};
    const models::Checkpoint checkpoint = train(job);
    if (batch > 1) {
      ASSERT_NE(checkpoint.masks[0], checkpoint.masks[1]);
      EXPECT_EQ(checkpoint.normalisation[0].at("bn1.running_var").data,
                checkpoint.normalisation[1].at("bn1.running_var").data);
    }

    models::Network network(checkpoint);
    network.eval();
    const int conv = network.graph().nodes[static_cast<std::size_t>(network.graph().find("bn1"))].inputs[0];
    torch::Tensor convolved;
    network.observe([&](int node, const torch::Tensor& value) {
      if (node == conv) convolved = value.detach().clone();
      return value;
    });
    FeedPlan plan;
    plan.pictures = job.train;
    plan.conditions = job.conditions;
    plan.parts_by_condition = true;
    plan.batch = batch;
    plan.seed = job.seed;
    const torch::NoGradGuard no_grad;
    torch::Tensor mean = torch::zeros({}), variance = torch::zeros({});
    constexpr int steps = 20, batches = 20;
    for (int i = 0; i < batches; ++i) {
      std::vector<torch::Tensor> values;
      for (const Part& part : make_batch(plan, steps + i).parts) {
        const auto count = static_cast<std::int64_t>(part.labels.size());
        network.forward(input_of(part.pixels.data(), count, *job.train, checkpoint.input));
        values.push_back(convolved);
      }
      const torch::Tensor all = at::cat(values).transpose(0, 1).flatten(1);
      mean = mean + all.mean(1) / batches;
      variance = variance + all.var(1, true) / batches;
    }
    const auto stored = [&](const char* name) { return models::to_torch(checkpoint.normalisation[0].at(name)); };
    EXPECT_TRUE(at::allclose(stored("bn1.running_mean"), mean, 1e-3, 1e-4));
    EXPECT_TRUE(at::allclose(stored("bn1.running_var"), variance, 1e-3, 1e-4));
  }
}

// Nothing is cut, so that weights can have no effect but that of the loss.
TEST(Train, ASharedNormalisationWeighsConditions) {
  core::Json method = automask;
  method.update({{"normalisation", "shared"}, {"mac_budget", 1}});
  const models::Checkpoint none = train(job_of(method, 0.5));
  const auto with = [&](double noise) {
    method["frequencies"] = {{"clean", 1}, {"gaussian_noise:3", noise}, {"jpeg:q10", 1}};
    return train(job_of(method, 0.5));
  };
  const models::Checkpoint same = with(1), other = with(6);
  EXPECT_NE(same.weights.at("conv1.weight").data, other.weights.at("conv1.weight").data);
  // Frequencies that are all alike change no tensor.
  for (const auto& [name, tensor] : none.weights) EXPECT_EQ(tensor.data, same.weights.at(name).data) << name;
}

TEST(Train, GroupsOfMasksNameConditionsThatThereAre) {
  core::Json method = automask;
  method["mask_groups"] = core::Json::array({{"clean", "jpeg:q20"}});
  EXPECT_SAYS(automask::testing::error_of([&] { train(job_of(method, 1)); }), "\"jpeg:q20\" is no condition");
}

TEST(Train, ConsensusIsChosenAlikeForAllSeeds) {
  core::Json method = automask;
  method["consensus"] = "auto";
  const datasets::PictureSet& test = pictures(datasets::Split::test);
  std::set<std::string> choices;
  for (const std::uint64_t seed : {3U, 4U}) {
    TrainJob job = job_of(method, 1);
    job.validation = &test;
    job.seed = seed;
    choices.insert(train(with_prerequisites(job)).training["log"]["consensus"].dump());
  }
  EXPECT_EQ(choices.size(), 1U);
  EXPECT_SAYS(error_of([&] { train(with_prerequisites(job_of(method))); }), "chosen on validation pictures");
}

// Of 100 pictures only the best answers `only_best` rightly and only the other `only_this`; the error of their
// difference is that of a mean of 1, -1 and 0.
TEST(Train, ConsensusIsTheLargestWithinOneStandardErrorOfTheDifference) {
  const auto candidate = [](double consensus, int both, int only_best, int only_this, bool best) {
    ConsensusCandidate made{consensus, std::vector<double>(100, 0.0)};
    for (int i = 0; i < both; ++i) made.right[static_cast<std::size_t>(i)] = 1;
    for (int i = 0; i < (best ? only_best : only_this); ++i)
      made.right[static_cast<std::size_t>(both + (best ? 0 : only_best) + i)] = 1;
    return made;
  };
  const auto chosen = [&](int only_best, int only_this) {
    core::Json record;
    const double consensus = consensus_within_error(
        {candidate(0.6, 50, only_best, only_this, true), candidate(1, 50, only_best, only_this, false)}, record);
    EXPECT_EQ(record["chosen"], consensus);
    const double mean = (only_best - only_this) / 100.0;
    const double variance = ((only_best + only_this) - 100 * mean * mean) / 99;
    EXPECT_NEAR(record["candidates"][1]["behind"].get<double>(), 100 * mean, 1e-9);
    EXPECT_NEAR(record["candidates"][1]["standard_error"].get<double>(), 10 * std::sqrt(variance), 1e-9);
    EXPECT_EQ(record["candidates"][0]["behind"], 0);
    EXPECT_NEAR(record["candidates"][0]["validation_top1"].get<double>(), 50 + only_best, 1e-9);
    return consensus;
  };
  EXPECT_EQ(chosen(10, 7), 1) << "3 ahead, and the error is 4: chance";
  EXPECT_EQ(chosen(11, 5), 0.6) << "6 ahead, and the error is 4";
  EXPECT_EQ(chosen(4, 0), 0.6)
      << "4 ahead wherever they differ: by their accuracies alone, of errors of 5, it is chance";
  EXPECT_EQ(chosen(0, 0), 1);
}

// What is asked on the validation pictures is what each candidate's training found there.
TEST(Train, CandidatesOfTheConsensusAreComparedOnThePicturesTheyWereValidatedOn) {
  for (const char* normalisation : {"bn_k", "shared"}) {  // with one mask and one normalisation there is one set
    SCOPED_TRACE(normalisation);
    core::Json method = automask;
    method.update({{"consensus", "auto"},
                   {"normalisation", normalisation},
                   {"frequencies", {{"clean", 2}, {"gaussian_noise:3", 1}, {"jpeg:q10", 1}}}});
    TrainJob job = job_of(method, 2);
    const datasets::PictureSet& validation = pictures(datasets::Split::test);
    job.validation = &validation;
    job.seed = 5;  // the candidates have another
    job = with_prerequisites(job);
    EXPECT_EQ(job.prerequisite(consensus_role(1)).masks.size(), std::string(normalisation) == "bn_k" ? 3U : 1U);
    core::Json record;
    chosen_consensus(job, record);
    for (const core::Json& candidate : record["candidates"]) {
      const core::Json& found =
          job.prerequisite(consensus_role(candidate["consensus"].get<double>())).training["validation_top1"];
      EXPECT_NEAR(candidate["validation_top1"].get<double>(),
                  0.5 * found["clean"].get<double>() + 0.25 * found["gaussian_noise:3"].get<double>() +
                      0.25 * found["jpeg:q10"].get<double>(),
                  1e-6);
      EXPECT_GT(candidate["views"], 0);
    }
    int conditions = 0;
    job.progress = [&](const Progress& p) { conditions += p.phase == "choose consensus" ? 1 : 0; };
    job.stop_requested = [&] { return conditions == 2; };
    const core::Error stopped = error_of([&] { chosen_consensus(job, record); });
    EXPECT_EQ(stopped.code(), core::ExitCode::interrupted);
    EXPECT_EQ(conditions, 2) << "of three, and no more was asked";
  }
}

TEST(Train, AResumedTrainingTakesTheConsensusThatWasChosen) {
  core::Json method = automask;
  method["consensus"] = "auto";
  TrainJob job = job_of(method);
  const datasets::PictureSet& validation = pictures(datasets::Split::test);
  job.validation = &validation;
  job = with_prerequisites(job);
  int asked = 0;  // conditions
  job.progress = [&](const Progress& p) { asked += p.phase == "choose consensus" ? 1 : 0; };
  const auto choice = [&](const TrainJob& of) {
    asked = 0;
    core::Json record;
    const double chosen = chosen_consensus(of, record);
    EXPECT_EQ(record["chosen"], chosen);
    return record.dump();
  };
  const std::string undisturbed = choice(job);
  EXPECT_EQ(asked, 3);

  const TemporaryFolder folder;
  job.work_folder = folder.path();
  EXPECT_EQ(choice(job), undisturbed);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(choice(job), undisturbed);
  EXPECT_EQ(asked, 0);

  const std::string file = core::read_file(folder / "consensus.json");
  std::string other_number = file;
  const std::string key = "\"chosen\":";
  ASSERT_NE(file.find(key), std::string::npos);
  other_number[file.find(key) + key.size()] = '7';
  for (const std::string& damaged :
       {std::string(), std::string("[1]"), std::string("{}"), file.substr(0, file.size() / 2), other_number}) {
    core::write_file_atomically(folder / "consensus.json", damaged);
    EXPECT_EQ(choice(job), undisturbed) << damaged;
    EXPECT_EQ(asked, 3) << damaged;
    EXPECT_EQ(core::read_file(folder / "consensus.json"), file) << damaged;
  }

  // Each finds the choice of the one before.
  TrainJob other = job;
  other.seed = job.seed + 1;
  choice(other);
  EXPECT_EQ(asked, 3);
  choice(job);
  EXPECT_EQ(asked, 3);
  other = job;
  other.conditions.pop_back();
  choice(other);
  EXPECT_EQ(asked, 2);
  choice(job);
  EXPECT_EQ(asked, 3);
  other = job;
  auto candidate = std::make_shared<models::Checkpoint>(job.prerequisite(consensus_role(1)));
  candidate->training["log"]["losses"][0] = 7;
  other.prerequisites[consensus_role(1)] = candidate;
  choice(other);
  EXPECT_EQ(asked, 3);
}

// So that a training that is stopped while the last network is looked at doesn't go through all conditions first.
TEST(Train, StopsBetweenConditionsOfTheValidation) {
  const std::string undisturbed = [] {
    TrainJob job = job_of({{"method", "clean"}});
    job.validation = &pictures(datasets::Split::test);
    return bytes_of(train(job));
  }();
  const TemporaryFolder folder;
  TrainJob job = job_of({{"method", "clean"}}, 1, folder.path());
  job.validation = &pictures(datasets::Split::test);
  interrupt(job, 20 + 20 + 2);  // steps, recalibration's batches, the second condition
  EXPECT_EQ(bytes_of(train(job)), undisturbed);
}

TEST(Train, AFrozenBackboneLearnsAllButTheWeights) {
  const models::Checkpoint deployed = train(job_of({{"method", "clean"}}, 3));
  for (const char* normalisation : {"bn_k", "affine_k"}) {
    core::Json method = automask;
    method.update(
        {{"mac_budget", 0.9}, {"init", "published"}, {"backbone", "frozen"}, {"normalisation", normalisation}});
    TrainJob job = job_of(method, 2);
    job.spec.train.learning_rate = 0.05;
    job.initial = std::make_shared<graph::TensorMap>(deployed.weights);
    const models::Checkpoint checkpoint = train(job);
    const auto groups = graph::channel_groups(checkpoint.graph);
    graph::Mask kept = checkpoint.masks[0];
    for (const graph::Mask& mask : checkpoint.masks)
      for (std::size_t g = 0; g < kept.size(); ++g)
        for (std::size_t c = 0; c < kept[g].size(); ++c) kept[g][c] |= mask[g][c];
    const auto here = graph::shrink_weights(checkpoint.graph, kept, checkpoint.weights),
               there = graph::shrink_weights(deployed.graph, kept, deployed.weights);
    for (const auto& [name, tensor] : here) {
      const bool weight = name.find("bn") == std::string::npos && name.find("downsample.1") == std::string::npos;
      if (weight) {
        EXPECT_EQ(tensor.data, there.at(name).data) << name << " " << normalisation;
      }
    }
    EXPECT_NE(checkpoint.normalisation[0].at("bn1.bias").data, checkpoint.normalisation[1].at("bn1.bias").data);
    EXPECT_EQ(checkpoint.normalisation[0].at("bn1.running_mean").data ==
                  checkpoint.normalisation[1].at("bn1.running_mean").data,
              std::string(normalisation) == "affine_k");
    // Noise is what the deployed network has never seen.
    const auto noisy = corruptions::make_variant(pictures(datasets::Split::test), job.conditions[1], {}).pictures;
    EXPECT_GT(reference_top1(checkpoint, noisy, 1, 2), reference_top1(deployed, noisy, 0, 2)) << normalisation;
  }
}

// What a method adds in front of the deployed network learns.
TEST(Train, EveryMethodCanFreezeTheBackbone) {
  const models::Checkpoint deployed = train(job_of({{"method", "clean"}}, 1));
  for (const core::Json& method :
       {core::Json{{"method", "clean"}}, core::Json{{"method", "augment"}}, core::Json{{"method", "augmix"}},
        core::Json{{"method", "stability"}}, core::Json{{"method", "slimmable"}},
        core::Json{{"method", "prune"}, {"mac_budget", 0.9}}, core::Json{{"method", "slim"}, {"mac_budget", 0.9}},
        core::Json{{"method", "denoise"}, {"denoiser", {{"pretraining", 0.3}}}}}) {
    core::Json frozen = method;
    frozen.update({{"init", "published"}, {"backbone", "frozen"}});
    TrainJob job = job_of(frozen);
    job.spec.train.learning_rate = 0.02;
    job.initial = std::make_shared<graph::TensorMap>(deployed.weights);
    const models::Checkpoint checkpoint = train(job);
    const graph::Mask& mask = checkpoint.masks[0];
    const auto kept = graph::shrink_weights(checkpoint.graph, mask, checkpoint.weights);
    const auto given = checkpoint.graph.nodes.size() == deployed.graph.nodes.size()
                           ? graph::shrink_weights(deployed.graph, mask, deployed.weights)
                           : deployed.weights;  // a denoiser, and no masks
    int added = 0;
    for (const graph::Node& node : checkpoint.graph.nodes) {
      if (node.op != graph::Op::conv2d && node.op != graph::Op::linear) continue;
      const std::string name = node.name + ".weight";
      if (given.count(name) == 0) {
        ++added;
      } else {
        EXPECT_EQ(kept.at(name).data, given.at(name).data) << method << " " << name;
      }
    }
    EXPECT_EQ(added > 0, method["method"] == "denoise");
    EXPECT_NE(checkpoint.weights.at("bn1.bias").data, deployed.weights.at("bn1.bias").data) << method;
  }
}

TEST(Train, NetworksWithoutNormalisationGetAnAffinePerCondition) {
  TrainJob job = job_of(automask, 4);
  job.graph = networks::lenet();
  job.spec.train.learning_rate = 0.05;
  const models::Checkpoint checkpoint = train(job);
  EXPECT_NE(checkpoint.normalisation[0].at("conv1.affine.weight").data,
            checkpoint.normalisation[1].at("conv1.affine.weight").data);
  EXPECT_GT(reference_top1(checkpoint, pictures(datasets::Split::test), 0, 2), 45) << "chance is 10";
  const TemporaryFolder folder;
  models::save_checkpoint(checkpoint, folder / "c");
  EXPECT_EQ(models::load_checkpoint(folder / "c").normalisation[1].at("fc1.affine.bias").data,
            checkpoint.normalisation[1].at("fc1.affine.bias").data);
}

class ByteBudget : public ::testing::TestWithParam<const char*> {};

TEST_P(ByteBudget, HoldsForTheFile) {
  core::Json method = automask;
  method["stem"] = GetParam();
  method.update({{"mac_budget", 0.8}, {"consensus", 0.0}, {"qat", {{"epochs", 0.1}}}});
  const std::int64_t free = int8_bytes(train(job_of(method)));
  const std::int64_t budget = free * 9 / 10;
  method["byte_budget"] = budget;
  const models::Checkpoint checkpoint = train(job_of(method));
  EXPECT_LE(int8_bytes(checkpoint), budget);
  EXPECT_GT(int8_bytes(checkpoint), budget * 95 / 100);
  for (std::size_t k = 0; k < 3; ++k) EXPECT_LE(share(checkpoint, k), 0.8);
  method["byte_budget"] = 1000;
  const core::Error error = error_of([&] { train(job_of(method)); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_SAYS(error, "smallest possible package has");
}

// Thinned evenly until bytes, MACs and time are within their budgets, and hardly further.
TEST(Train, SlimMeetsBudgetsOfBytesAndTime) {
  core::Json method = {{"method", "slim"}, {"normalisation", "bn_k"}, {"qat", {{"epochs", 0.1}}}};
  const models::Checkpoint whole = train(job_of(method, 0.1));
  EXPECT_EQ(share(whole, 0), 1);
  method["byte_budget"] = int8_bytes(whole) * 8 / 10;
  const models::Checkpoint smaller = train(job_of(method, 0.1));
  EXPECT_LE(int8_bytes(smaller), method["byte_budget"]);
  EXPECT_GT(int8_bytes(smaller), method["byte_budget"].get<std::int64_t>() * 9 / 10);
  EXPECT_LT(share(smaller, 0), 1);
  method["byte_budget"] = 1000;
  EXPECT_SAYS(error_of([&] { train(job_of(method, 0.1)); }), "smallest possible package has");

  TrainJob timed = job_of({{"method", "slim"}}, 0.1);
  LatencyBudget budget;
  for (const graph::Node& node : timed.graph.nodes)
    if (node.op == graph::Op::conv2d || node.op == graph::Op::linear) budget.layers.push_back({node.name, 0.1, 1});
  const auto groups = graph::channel_groups(timed.graph);
  const double dense = budget.predicted_ms(timed.graph, groups, graph::full_mask(groups));
  budget.ms = budget.fixed_ms() + (dense - budget.fixed_ms()) * 0.6;
  timed.spec.latency_budget = budget;
  const models::Checkpoint fast = train(timed);
  const double takes = budget.predicted_ms(fast.graph, groups, fast.masks[0]);
  EXPECT_LE(takes, budget.ms);
  EXPECT_GT(takes, budget.ms * 0.8);
  EXPECT_EQ(fast.training["log"]["latency"]["budget_ms"], budget.ms);
  timed.spec.latency_budget->ms = budget.fixed_ms() / 2;
  EXPECT_SAYS(error_of([&] { train(timed); }), "smallest possible time is");
}

INSTANTIATE_TEST_SUITE_P(Stems, ByteBudget, ::testing::Values("shared", "private"),
                         [](const auto& stem) { return std::string(stem.param); });

TEST(Train, CheckpointsByTheClockChangeNothing) {
  const TemporaryFolder folder;
  TrainJob job = job_of(automask, 1, folder.path());
  job.spec.train.checkpoint_seconds = 0;
  EXPECT_EQ(bytes_of(train(job)), bytes_of(train(job_of(automask))));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "state.safetensors"));
}

TEST(Train, StartsOverOnTheStateOfAnotherJob) {
  const TemporaryFolder folder;
  interrupt(job_of(automask, 1, folder.path()), 5);
  TrainJob other = job_of(automask, 1, folder.path());
  other.seed = 99;
  const std::string resumed = bytes_of(train(other));
  other.work_folder.clear();
  EXPECT_EQ(resumed, bytes_of(train(other)));
}

TEST(Train, NamesADamagedState) {
  const TemporaryFolder folder;
  const TrainJob job = job_of(automask, 1, folder.path());
  interrupt(job, 5);
  const std::filesystem::path state = folder / "state.safetensors";
  const std::string whole = core::read_file(state);
  core::write_file_atomically(state, std::string_view(whole).substr(0, whole.size() / 2));
  const core::Error cut = error_of([&] { train(job); });
  EXPECT_EQ(cut.code(), core::ExitCode::corrupt);
  EXPECT_SAYS(cut, state.string());
  models::SafetensorsFile file = models::decode_safetensors(whole, "s");
  file.tensors.erase("velocity");
  core::write_file_atomically(state, models::encode_safetensors(file));
  EXPECT_EQ(error_of([&] { train(job); }).code(), core::ExitCode::corrupt);
}

TEST(Train, NotANumberNamesTheStepAndKeepsTheLastGoodState) {
  const TemporaryFolder folder;
  TrainJob job = job_of({{"method", "augment"}}, 2, folder.path());
  interrupt(job, 3);
  const std::string good = core::read_file(folder / "state.safetensors");
  job.spec.train.checkpoint_seconds = 0;
  // States from which the next step must fail: a weight that is no number, whose loss is none, and a velocity that
  // makes a weight none after a finite loss.
  for (const char* tensor : {"values", "velocity"}) {
    models::SafetensorsFile file = models::decode_safetensors(good, "s");
    file.tensors[tensor].data[0] = NAN;
    const std::string poisoned = models::encode_safetensors(file);
    core::write_file_atomically(folder / "state.safetensors", poisoned);
    const core::Error error = error_of([&] { train(job); });
    EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
    EXPECT_SAYS(error, "step 4 of 40");
    EXPECT_SAYS(error, "the last good state stays in " + (folder / "state.safetensors").string());
    EXPECT_SAYS(error, "learning_rate");
    EXPECT_EQ(core::read_file(folder / "state.safetensors"), poisoned) << "nothing is saved after the failure";
  }
}

TEST(Train, NotANumberInFineTuningIsNotSaved) {
  const TemporaryFolder folder;
  TrainJob job = job_of({{"method", "clean"}, {"qat", {{"epochs", 1}}}}, 1, folder.path());
  const std::filesystem::path state = folder / "fine_tune.safetensors";
  // Training and recalibration are asked before each step, too.
  while (!std::filesystem::exists(state)) interrupt(job, 22);
  job.spec.train.checkpoint_seconds = 0;
  models::SafetensorsFile file = models::decode_safetensors(core::read_file(state), "s");
  file.tensors["velocity"].data[0] = NAN;
  const std::string poisoned = models::encode_safetensors(file);
  core::write_file_atomically(state, poisoned);
  const core::Error error = error_of([&] { train(job); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_SAYS(error, "fine-tuning step ");
  EXPECT_SAYS(error, "a weight is no longer a finite number");
  EXPECT_SAYS(error, "qat.learning_rate");
  EXPECT_EQ(core::read_file(state), poisoned) << "nothing is saved after the failure";
}

TEST(Train, TooHighARateOfFineTuningIsReported) {
  TrainJob job = job_of({{"method", "clean"}, {"qat", {{"epochs", 1}}}});
  job.spec.qat.learning_rate = 1e38;
  const core::Error error = error_of([&] { train(job); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_SAYS(error, "fine-tuning step ");
  EXPECT_SAYS(error, "lower qat.learning_rate");
}

TEST(Train, SaysWhatAGpuNeeds) {
  TrainJob job = job_of({{"method", "clean"}, {"train", {{"device", "cuda"}}}});
  if (torch::cuda::is_available()) {
    EXPECT_GT(reference_top1(train(job), pictures(datasets::Split::test), 0, 1), 30) << "chance is 10";
  } else {
    EXPECT_SAYS(error_of([&] { train(job); }),
                at::hasCUDA() ? "no NVIDIA GPU is to be had here" : "LibTorch computes on processors alone");
  }
}

TEST(Train, TooHighARateIsReportedNotTrainedOn) {
  TrainJob job = job_of({{"method", "clean"}}, 2);
  job.spec.train.learning_rate = 1e30;
  job.spec.train.warmup = 0;
  EXPECT_EQ(error_of([&] { train(job); }).code(), core::ExitCode::steps_failed);
}

TEST(Train, BudgetsHoldWithLanes) {
  for (const double consensus : {1.0, 0.0}) {
    core::Json method = automask;
    method.update({{"lanes", 2}, {"consensus", consensus}});
    const models::Checkpoint checkpoint = train(job_of(method));
    const auto groups = graph::channel_groups(checkpoint.graph);
    std::set<graph::Mask> distinct;
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_LE(share(checkpoint, k), 0.5);
      EXPECT_GT(share(checkpoint, k), 0.4);
      EXPECT_EQ(checkpoint.training["mac_share"][checkpoint.conditions[k]], share(checkpoint, k));
      for (std::size_t g = 0; g < groups.groups.size(); ++g)
        if (groups.groups[g].maskable) {
          EXPECT_EQ(std::count(checkpoint.masks[k][g].begin(), checkpoint.masks[k][g].end(), 1) % 2, 0);
        }
      distinct.insert(checkpoint.masks[k]);
    }
    EXPECT_EQ(distinct.size() == 1, consensus == 1) << "only c < 1 lets conditions deviate";
  }
}

TEST(Train, ConditionsHaveNormalisationsOfTheirOwn) {
  const models::Checkpoint checkpoint = train(job_of(automask));
  ASSERT_EQ(checkpoint.normalisation.size(), 3U);
  EXPECT_EQ(checkpoint.conditions, (std::vector<std::string>{"clean", "gaussian_noise:3", "jpeg:q10"}));
  EXPECT_NE(checkpoint.normalisation[0].at("bn1.running_var").data,
            checkpoint.normalisation[1].at("bn1.running_var").data);
  EXPECT_NE(checkpoint.normalisation[0].at("bn1.weight").data, checkpoint.normalisation[1].at("bn1.weight").data);
  EXPECT_EQ(checkpoint.normalisation[0].at("bn1.weight").data, checkpoint.weights.at("bn1.weight").data);
}

TEST(Train, ImpossibleBudgetFailsBeforeTheFirstStep) {
  TrainJob job = job_of({{"method", "prune"}, {"mac_budget", 0.01}});
  job.progress = [](const Progress&) { ADD_FAILURE() << "trained"; };
  const core::Error error = error_of([&] { train(job); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_SAYS(error, "smallest possible share");
}

TEST(Train, RefusesWhatDoesNotFit) {
  TrainJob job = job_of({{"method", "clean"}});
  const datasets::PictureSet none;
  job.train = &none;
  EXPECT_SAYS(error_of([&] { train(job); }), "no training pictures");
  job = job_of({{"method", "clean"}});
  job.graph.input.channels = 3;
  EXPECT_SAYS(error_of([&] { train(job); }), "differ in size");
  job = job_of({{"method", "augment"}});
  job.conditions.clear();
  EXPECT_SAYS(error_of([&] { train(job); }), "no conditions");
  datasets::PictureSet labelled = *job_of({{"method", "clean"}}).train;
  labelled.labels[5] = 10;
  job = job_of({{"method", "clean"}});
  job.train = &labelled;
  EXPECT_SAYS(error_of([&] { train(job); }), "10 classes");
  job = job_of(automask, 1e-9);
  job.spec.train.batch = 2;
  EXPECT_SAYS(error_of([&] { train(job); }),
              "the condition \"jpeg:q10\" gets no picture: 2 views are too few for 3 conditions;");
  core::Json with_general = automask, uneven = automask;
  with_general["general_set"] = true;
  job = job_of(with_general, 1e-9);
  job.spec.train.batch = 3;
  EXPECT_SAYS(error_of([&] { train(job); }),
              "the general set gets no picture: 3 views are too few for 3 conditions and a general set;");
  uneven["frequencies"] = {{"clean", 3}, {"gaussian_noise:3", 1}, {"jpeg:q10", 8}};
  job = job_of(uneven, 1e-9);
  job.spec.train.batch = 2;
  EXPECT_SAYS(error_of([&] { train(job); }), "the condition \"gaussian_noise:3\" may get no picture: 2 views");
  job = job_of({{"method", "automask"}, {"init", "published"}, {"backbone", "frozen"}});
  EXPECT_SAYS(error_of([&] { train(job); }), "no weights to start from");
  job = job_of({{"method", "automask"}, {"normalisation", "affine_k"}});
  EXPECT_SAYS(error_of([&] { train(job); }), "affine_k keeps the statistics");
}

// A network that continues from another's weights is better at once than one that begins at random.
TEST(Train, StartsFromInitialWeightsWithEveryNormalisation) {
  const models::Checkpoint first = train(job_of({{"method", "augment"}}, 3));
  TrainJob job = job_of(automask, 0.05);
  job.initial = std::make_shared<const graph::TensorMap>(first.weights);
  const models::Checkpoint next = train(job);
  const double begun = reference_top1(next, pictures(datasets::Split::test), 0, 1);
  job.initial = nullptr;
  EXPECT_GT(begun, reference_top1(train(job), pictures(datasets::Split::test), 0, 1) + 20);
}

// Pictures that are read whenever they are shown, with scaling, augmentation and estimator of them, give the same bits.
TEST(Train, PicturesInMemoryAndPicturesThatAreReadTrainTheSameNetwork) {
  struct Reader : datasets::PictureReader {
    void read(std::size_t i, std::uint8_t* pixels) const override {
      const auto picture = pictures(datasets::Split::train).picture(i);
      std::copy(picture.begin(), picture.end(), pixels);
    }
  };
  datasets::PictureSet read = pictures(datasets::Split::train);
  read.pixels.clear();
  read.reader = std::make_shared<const Reader>();
  for (const core::Json& method :
       {automask, core::Json{{"method", "augmix"}, {"train", {{"flip", 0.5}, {"crop", 2}}}}}) {
    TrainJob job = job_of(method, 0.5);
    job.spec.train.workers = 2;
    const std::string held = bytes_of(train(job));
    job.train = &read;
    job.spec.train.workers = 3;
    EXPECT_EQ(bytes_of(train(job)), held) << method;
  }
}

TEST(Train, NoEpochsLeaveTheNetworkAsGiven) {
  const models::Checkpoint first = train(job_of({{"method", "clean"}}, 1));
  TrainJob job = job_of({{"method", "clean"}, {"init", "published"}}, 0);
  const datasets::PictureSet none{28, 28, 1, {}, {}, {}, first.classes};
  job.train = &none;
  job.initial = std::make_shared<const graph::TensorMap>(first.weights);
  EXPECT_SAYS(error_of([&] { train(job); }), "do not say how pictures are scaled");
  job.preprocessing = models::Preprocessing{job.graph.input, first.resizing, first.input};
  const models::Checkpoint given = train(job);
  EXPECT_EQ(given.conditions, std::vector<std::string>{"*"});
  for (const auto& [name, tensor] : first.weights) EXPECT_EQ(given.weights.at(name).data, tensor.data) << name;
  EXPECT_EQ(reference_top1(given, pictures(datasets::Split::test), 0, 1),
            reference_top1(first, pictures(datasets::Split::test), 0, 1));
  graph::TensorMap fewer = first.weights;
  fewer.erase("fc.weight");
  job.initial = std::make_shared<const graph::TensorMap>(std::move(fewer));
  EXPECT_SAYS(error_of([&] { train(job); }), "no epoch would train it");
}

}  // namespace
}  // namespace automask::methods
