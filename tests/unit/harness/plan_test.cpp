#include "harness/plan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "core/hash.h"
#include "graph/structure.h"
#include "models/zoo.h"
#include "support.h"
#include "tests/unit/core/throws.h"

namespace automask::harness {
namespace {

using core::ExitCode;
using test::Json;
using test::TempFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;

// label -> key, of the plan after `change` and options.
std::map<std::string, std::string> keys_after(const TempFolder& folder, const std::function<void(Json&)>& change,
                                              test::World world = {}) {
  Json json = test::small_manifest();
  change(json);
  std::map<std::string, std::string> keys;
  for (const Step& step : test::plan_of(test::load(folder, json), world).steps) keys[step.label] = step.key;
  return keys;
}

// Stages whose steps have other keys after a change.
std::set<std::string> changed_stages(const std::function<void(Json&)>& change, const test::World& world = {}) {
  const TempFolder folder;
  const auto before = keys_after(folder, [](Json&) {});
  std::set<std::string> changed;
  for (const auto& [label, key] : keys_after(folder, change, world))
    if (const auto old = before.find(label); old != before.end() && old->second != key)
      changed.insert(label.substr(0, label.find(' ')));
  return changed;
}

using Stages = std::set<std::string>;
const Stages after_training = {"train", "compile", "evaluate", "execute"};

TEST(Plan, SharesStepsBetweenCells) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["targets"]["again"] = {{"runner", "cpu"}, {"threads", 2}};
  json["seeds"] = {0, 1};
  const Manifest manifest = test::load(folder, json);
  test::World world;
  const Plan plan = test::plan_of(manifest, world);
  EXPECT_EQ(plan.cells.size(), 8u);
  std::map<Stage, int> count;
  for (const Step& step : plan.steps) ++count[step.stage];
  // One variant per condition for all; a training per method and seed; an execution per cell.
  EXPECT_EQ(
      count,
      (std::map<Stage, int>{
          {Stage::variant, 2}, {Stage::train, 4}, {Stage::compile, 4}, {Stage::evaluate, 2}, {Stage::execute, 8}}));
  EXPECT_EQ(world.fingerprints_taken, 2);
}

// Uneven parts of batches came with a key of their own; what draws conditions always showed them as often as they
// occur.
TEST(Plan, FrequenciesOfSetsAreInTheKey) {
  const auto shown = [](const char* method, bool uneven) {
    const TempFolder folder;
    Json json = test::small_manifest();
    json["methods"] = {{"one", {{"method", method}}}};
    if (uneven) json["methods"]["one"]["frequencies"] = {{"clean", 3}, {"jpeg:q20", 1}};
    const Plan plan = test::plan_of(test::load(folder, json));
    return plan.steps[plan.cells[0].train].parameters.contains("shown");
  };
  EXPECT_TRUE(shown("kill_test", true));
  EXPECT_FALSE(shown("kill_test", false));
  EXPECT_FALSE(shown("augment", true));
}

// Before a teacher is trained for it; where the number of classes isn't known, the training says so.
double number_after(const std::string& text, const std::string& words) {
  const auto found = text.find(words);
  EXPECT_NE(found, std::string::npos) << text;
  return std::stod(text.substr(found + words.size()));
}

TEST(Plan, ABudgetThatCannotBeMetIsRefused) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["methods"] = {{"narrow", {{"method", "slim"}, {"mac_budget", 0.001}, {"lanes", 4}}}};
  EXPECT_EQ(test::plan_of(test::load(folder, json)).cells.size(), 1U);
  for (int i = 0; i < 10; ++i) json["datasets"]["toy"]["classes"].push_back("class " + std::to_string(i));
  EXPECT_THAT(test::sentence_of([&] { test::plan_of(test::load(folder, json)); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("/methods/narrow: mac_budget 0.001"), HasSubstr("cannot get that small with lanes 4"),
                    HasSubstr("smallest possible")));
  json["methods"]["narrow"]["mac_budget"] = 0.6;
  EXPECT_EQ(test::plan_of(test::load(folder, json)).cells.size(), 1U);
  const auto says = [&](const Json& method) {
    json["methods"] = {{"mine", method}};
    return test::sentence_of([&] { test::plan_of(test::load(folder, json)); }, ExitCode::invalid_manifest);
  };
  const auto holds = [&](const Json& method) {
    json["methods"] = {{"mine", method}};
    return test::plan_of(test::load(folder, json)).cells.size() == 1;
  };
  // Of bytes: the package without its texts, which take some more.
  for (const char* method : {"automask", "kill_test", "prune", "slim", "denoise", "separate"}) {
    EXPECT_THAT(says({{"method", method}, {"byte_budget", 1500}}),
                AllOf(HasSubstr("/methods/mine: byte_budget "), HasSubstr("smallest possible package has more than ")))
        << method;
    const auto least =
        static_cast<std::int64_t>(number_after(says({{"method", method}, {"byte_budget", 1500}}), "has more than "));
    EXPECT_TRUE(holds({{"method", method}, {"byte_budget", least}})) << method;
    says({{"method", method}, {"byte_budget", least - 8}});
  }
  // Of time, where the costs are known. The denoiser's layers are none of the model's.
  const double smallest = number_after(says({{"method", "denoise"}, {"mac_budget", 0.001}}),
                                       "smallest possible share of the dense MACs is ");
  EXPECT_TRUE(holds({{"method", "denoise"}, {"mac_budget", smallest}})) << "of the classifier's, as the option is";
  Json layers = Json::array();
  const Json model = {{"name", "tinynet"}};
  for (const graph::Node& node : models::build_model({model, "test"}, {1, 28, 28}, 10).nodes)
    if (graph::has_weights(node.op)) layers.push_back({{"name", node.name}, {"fixed_ms", 0.5}, {"ms_per_mmac", 1}});
  const Json slow = {{"ms", 1}, {"costs", {{"layers", layers}}}};
  EXPECT_THAT(says({{"method", "prune"}, {"latency_budget", slow}}),
              AllOf(HasSubstr("/methods/mine: latency_budget of 1.0 ms"), HasSubstr("smallest possible time is")));
  EXPECT_THAT(says({{"method", "denoise"}, {"latency_budget", slow}}), HasSubstr("no costs for the layer \"denoiser."));
}

// The cloud's network, trained on clean pictures, is one step for all that adapt it, and the method `clean` itself.
TEST(Plan, StartsFromTheNetworkTrainedOnCleanPictures) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["methods"] = {
      {"clean", {{"method", "clean"}}},
      {"adapted", {{"method", "dense_bn_k"}, {"init", "clean"}, {"backbone", "frozen"}}},
      {"taught", {{"method", "kill_test"}, {"init", "clean"}, {"distillation", {{"teacher", "dense_bn_k"}}}}}};
  const Plan plan = test::plan_of(test::load(folder, json));
  std::map<std::string, std::size_t> trained;
  for (const PlannedCell& cell : plan.cells)
    trained[plan.steps[cell.train].parameters["method"]["method"]] = cell.train;
  ASSERT_EQ(trained.size(), 3U);
  EXPECT_EQ(plan.needs[trained["dense_bn_k"]], std::vector<std::size_t>{trained["clean"]});
  const auto& taught = plan.needs[trained["kill_test"]];
  ASSERT_EQ(taught.size(), 2U);
  EXPECT_EQ(taught[0], trained["clean"]);
  EXPECT_EQ(plan.needs[taught[1]], std::vector<std::size_t>{trained["clean"]}) << "its teacher starts there, too";
}

// Students of all seeds learn from the one teacher that the manifest names by its seed.
TEST(Plan, ATeacherOfOneSeedIsTrainedOnceForAllSeeds) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["seeds"] = {0, 1, 2};
  json["methods"] = {{"one", {{"method", "augment"}, {"distillation", {{"teacher", "dense_bn_k"}, {"seed", 1}}}}},
                     {"each", {{"method", "augment"}, {"distillation", {{"teacher", "dense_bn_k"}}}}}};
  const Plan plan = test::plan_of(test::load(folder, json));
  std::set<std::size_t> one, each;
  for (const PlannedCell& cell : plan.cells) {
    const bool seeded = plan.steps[cell.train].parameters["method"]["distillation"].contains("seed");
    (seeded ? one : each).insert(plan.needs[cell.train][0]);
  }
  EXPECT_EQ(each.size(), 3U);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(each.count(*one.begin()), 1U) << "the very same as the second seed's own";
}

// A teacher of another network is trained once for all whom it teaches; what it is called decides nothing.
TEST(Plan, ATeacherMayBeAnotherNetwork) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["models"]["large"] = {{"name", "resnet8"}};
  json["matrix"]["model"] = {"tiny"};
  json["methods"] = {
      {"one", {{"method", "augment"}, {"distillation", {{"teacher", "dense_bn_k"}, {"model", "large"}}}}},
      {"two", {{"method", "kill_test"}, {"distillation", {{"teacher", "dense_bn_k"}, {"model", "large"}}}}},
      {"adapting", {{"method", "bn_adapt"}, {"distillation", {{"teacher", "dense_bn_k"}, {"model", "large"}}}}}};
  const auto planned = [&] { return test::plan_of(test::load(folder, json)); };
  const Plan plan = planned();
  ASSERT_EQ(plan.cells.size(), 3U);
  std::set<std::size_t> teachers;
  for (const PlannedCell& cell : plan.cells) {
    ASSERT_EQ(plan.needs[cell.train].size(), 1U);
    teachers.insert(plan.needs[cell.train][0]);
    EXPECT_EQ(plan.steps[cell.train].parameters["model"]["name"], "tinynet");
  }
  ASSERT_EQ(teachers.size(), 1U);
  const Step& teacher = plan.steps[*teachers.begin()];
  EXPECT_EQ(teacher.parameters["model"]["name"], "resnet8");
  EXPECT_EQ(teacher.parameters["method"]["method"], "dense_bn_k");

  json["models"]["big"] = json["models"]["large"];
  json["models"].erase("large");
  for (auto& [name, method] : json["methods"].items()) method["distillation"]["model"] = "big";
  const Plan renamed = planned();
  ASSERT_EQ(renamed.steps.size(), plan.steps.size());
  for (std::size_t i = 0; i < plan.steps.size(); ++i) EXPECT_EQ(renamed.steps[i].key, plan.steps[i].key);
  for (auto& [name, method] : json["methods"].items()) method["distillation"]["model"] = "tiny";
  const Plan same = planned();
  for (auto& [name, method] : json["methods"].items()) method["distillation"].erase("model");
  const Plan usual = planned();
  EXPECT_EQ(same.steps[same.cells[0].train].key, usual.steps[usual.cells[0].train].key) << "the student's own network";
  EXPECT_NE(same.steps[same.cells[0].train].key, plan.steps[plan.cells[0].train].key);
  json["methods"]["one"]["distillation"]["model"] = "tin";
  const core::Error error = automask::testing::error_of(planned);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("/methods/one/distillation/model"), HasSubstr("did you mean \"tiny\"")));
  const auto refused = [&](const char* model, const char* init) {
    json["models"] = {{"tiny", {{"name", "tinynet"}}}, {"large", {{"name", model}}}};
    for (auto& [name, method] : json["methods"].items()) {
      method["distillation"]["model"] = "large";
      method["init"] = init;
    }
    return std::string(automask::testing::error_of(planned).what());
  };
  EXPECT_THAT(refused("alexnet", "scratch"), AllOf(HasSubstr("/models/large"), HasSubstr("does not fit the pictures")));
  EXPECT_THAT(refused("resnet8", "published"),
              AllOf(HasSubstr("/distillation/model"), HasSubstr("no published weights")));
}

// A target's layers are asked for once, before whatever has to meet a time there.
TEST(Plan, AsksATargetForTheCostsOfLayers) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["seeds"] = {0, 1};
  json["datasets"]["toy"]["validation"] = 4;
  json["targets"]["slow"] = {{"runner", "cpu"}, {"format", "int8"}, {"limit", 2}};
  const Json budget = {{"ms", 2}, {"target", "slow"}};
  json["methods"] = {{"one", {{"method", "kill_test"}, {"latency_budget", budget}}},
                     {"auto", {{"method", "automask"}, {"consensus", "auto"}, {"latency_budget", budget}}}};
  const auto planned = [&] { return test::plan_of(test::load(folder, json)); };
  const auto key_of = [](const Plan& plan, Stage stage) {
    for (const Step& step : plan.steps)
      if (step.stage == stage) return step.key;
    return std::string();
  };
  const Plan plan = planned();
  std::size_t asked = 0;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    asked += step.stage == Stage::costs;
    if (step.stage != Stage::train) continue;
    ASSERT_FALSE(plan.needs[i].empty()) << step.label;
    EXPECT_EQ(plan.steps[plan.needs[i][0]].stage, Stage::costs) << "candidates for the consensus included";
    EXPECT_EQ(step.inputs.back().first == "costs" || step.inputs[1].first == "costs", true) << step.label;
  }
  EXPECT_EQ(asked, 1U);
  for (const PlannedCell& cell : plan.cells)
    EXPECT_EQ(plan.steps[cell.before.front()].stage, Stage::costs) << "and recorded with no cell as its own";

  const std::string costs = key_of(plan, Stage::costs), train = key_of(plan, Stage::train);
  json["targets"]["slow"]["limit"] = 5;
  EXPECT_EQ(key_of(planned(), Stage::train), train) << "how many pictures are executed decides no costs";
  json["targets"]["other_name"] = json["targets"]["slow"];
  json["methods"]["one"]["latency_budget"]["target"] = json["methods"]["auto"]["latency_budget"]["target"] =
      "other_name";
  EXPECT_EQ(key_of(planned(), Stage::train), train) << "nor does what it is called";
  json["methods"]["one"]["latency_budget"]["target"] = json["methods"]["auto"]["latency_budget"]["target"] = "slow";
  json["methods"]["one"]["lanes"] = json["methods"]["auto"]["lanes"] = 8;
  EXPECT_NE(key_of(planned(), Stage::costs), costs) << "shares of the channels in multiples of it";
  json["methods"]["one"].erase("lanes");
  json["methods"]["auto"].erase("lanes");
  json["datasets"]["toy"]["classes"] = {"a", "b", "c", "d", "e"};
  EXPECT_NE(key_of(planned(), Stage::costs), costs) << "the last layer has an output for each";
  json["datasets"]["toy"].erase("classes");
  EXPECT_EQ(key_of(planned(), Stage::costs), costs);
  json["matrix"] = {{"target", {"host"}}};
  EXPECT_EQ(key_of(planned(), Stage::costs), costs) << "asked, though nothing is executed there";
  json.erase("matrix");
  json["targets"]["slow"]["threads"] = 3;
  EXPECT_NE(key_of(planned(), Stage::costs), costs);
  EXPECT_NE(key_of(planned(), Stage::train), train);

  json["methods"]["one"]["latency_budget"]["target"] = "slaw";
  const auto error = automask::testing::error_of([&] { planned(); });
  EXPECT_SAYS(error, "/methods/one/latency_budget/target");
  EXPECT_SAYS(error, "no target \"slaw\" is defined");
  EXPECT_SAYS(error, "did you mean \"slow\"");
}

// What trainings build on is trained once, and a method of the experiment may be it.
TEST(Plan, SharesTeachersAndTheChoiceOfConsensus) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["seeds"] = {0, 1};
  json["datasets"]["toy"]["validation"] = 4;
  const Json teacher = {{"teacher", "dense"}};
  json["methods"] = {
      {"augment", {{"method", "augment"}}},
      {"taught", {{"method", "kill_test"}, {"distillation", teacher}}},
      {"auto", {{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", "auto"}, {"distillation", teacher}}}};
  const Plan plan = test::plan_of(test::load(folder, json));
  std::map<std::string, std::string> trained;
  std::set<std::string> keys;
  for (const Step& step : plan.steps)
    if (step.stage == Stage::train) keys.insert(step.key), trained[step.label] = step.key;
  EXPECT_EQ(keys.size(), 3 * 2 + 4u) << "three methods, two seeds; four candidates";
  for (const Step& step : plan.steps) {
    if (step.stage != Stage::train) continue;
    const std::map<std::string, std::string> inputs(step.inputs.begin(), step.inputs.end());
    const std::string seed = std::to_string(step.parameters["seed"].get<int>());
    const bool has_teacher = step.label.find("taught") != std::string::npos || inputs.count("consensus:1.0") != 0;
    EXPECT_EQ(inputs.count("teacher"), has_teacher ? 1u : 0u) << step.label;
    if (has_teacher) {
      EXPECT_EQ(inputs.at("teacher"), trained.at("train toy tiny augment seed " + seed));
      EXPECT_GE(step.needs.size(), 1u);
    }
  }
  for (const PlannedCell& cell : plan.cells) {  // what isn't among a cell's steps is not done
    const auto steps = cell.steps();
    for (const std::size_t step : steps)
      for (const std::size_t need : plan.needs[step]) EXPECT_EQ(std::count(steps.begin(), steps.end(), need), 1);
  }
}

TEST(Plan, StandsInTopologicalOrder) {
  const TempFolder folder;
  const Plan plan = test::plan_of(test::load(folder, test::small_manifest()));
  ASSERT_EQ(plan.steps.size(), plan.needs.size());
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    ASSERT_EQ(plan.steps[i].needs.size(), plan.needs[i].size());
    for (std::size_t j = 0; j < plan.needs[i].size(); ++j) {
      EXPECT_LT(plan.needs[i][j], i);
      EXPECT_EQ(plan.steps[i].needs[j], plan.steps[plan.needs[i][j]].key);
    }
  }
}

TEST(Plan, KeysFollowWhatDecidesResults) {
  EXPECT_EQ(changed_stages([](Json&) {}), Stages{});
  EXPECT_EQ(changed_stages([](Json& m) { m["description"] = "other"; }), Stages{});
  EXPECT_EQ(changed_stages([](Json& m) { m["name"] = "other"; }), Stages{});
  EXPECT_EQ(changed_stages([](Json& m) { m["train"]["epochs"] = 2; }), after_training);
  EXPECT_EQ(changed_stages([](Json& m) { m["train"]["threads"] = 1; }), after_training);
  EXPECT_EQ(changed_stages([](Json& m) { m["train"]["checkpoint_seconds"] = 1; }), Stages{});
  EXPECT_EQ(changed_stages([](Json& m) { m["models"]["tiny"]["width"] = 8; }), after_training);
  EXPECT_EQ(changed_stages([](Json& m) { m["targets"]["host"]["threads"] = 2; }), Stages{"execute"});
  EXPECT_EQ(changed_stages([](Json& m) { m["corruption_seed"] = 1; }),
            (Stages{"variant", "compile", "evaluate", "execute"}));
  // A smaller test set trains nothing anew, a smaller training set corrupts nothing anew.
  EXPECT_EQ(changed_stages([](Json& m) {
              m["datasets"]["toy"]["limit"] = {{"test", 9}};
            }),
            (Stages{"variant", "compile", "evaluate", "execute"}));
  EXPECT_EQ(changed_stages([](Json& m) { m["datasets"]["toy"]["limit"] = {{"train", 9}}; }), after_training);
  EXPECT_EQ(changed_stages([](Json& m) { m["datasets"]["toy"]["validation"] = 9; }), after_training);
}

TEST(Plan, LatenciesAreNotReusedAcrossEnvironments) {
  test::World other;
  other.environment = "another machine";
  EXPECT_EQ(changed_stages([](Json&) {}, other), Stages{"execute"});
}

TEST(Plan, TrainingFollowsTheWeightsItStartsFrom) {
  const auto published = [](Json& m) { m["methods"]["plain"]["init"] = "published"; };
  const TempFolder folder;
  const auto before = keys_after(folder, [](Json&) {}), after = keys_after(folder, published);
  test::World other;
  other.weights = "-v2.pth";
  const auto newer = keys_after(folder, published, other);
  const std::string plain = "train toy tiny plain seed 0", masked = "train toy tiny masked seed 0";
  EXPECT_NE(before.at(plain), after.at(plain));
  EXPECT_NE(newer.at(plain), after.at(plain));
  EXPECT_EQ(newer.at(masked), before.at(masked));

  // Whose weights are missing is said of the model; what to do, by whether anybody has some.
  Json nobodys = test::small_manifest();
  published(nobodys);
  test::World world;
  PlanContext context = world.context();
  context.published_weights = [](const std::string& name) -> std::filesystem::path {
    throw core::Error(ExitCode::invalid_manifest, "published weights of " + name, "none here", "download them");
  };
  const Manifest of_nobody = test::load(folder, nobodys);
  EXPECT_THAT(
      test::sentence_of([&] { make_plan(of_nobody, resolve_cells(of_nobody), context); }, ExitCode::invalid_manifest),
      AllOf(HasSubstr("/models/tiny: published weights of tinynet: none here"), HasSubstr("\"scratch\" or a file")));

  // A file counts by its digest; the schedule of no epochs asks for no training pictures.
  Json json = test::small_manifest();
  json["methods"] = {{"plain", {{"method", "clean"}, {"init", "./w.pth"}, {"train", {{"epochs", 0}}}}}};
  const std::string sentence =
      test::sentence_of([&] { test::plan_of(test::load(folder, json)); }, ExitCode::invalid_manifest);
  EXPECT_THAT(sentence, AllOf(HasSubstr("/methods/plain/init: there is no file"), HasSubstr("w.pth")));
  folder.write("w.pth", std::string("weights"));
  const Manifest manifest = test::load(folder, json);
  std::filesystem::remove(folder / "data/train-images-idx3-ubyte");
  const Plan plan = test::plan_of(manifest);
  const Step& train = plan.steps[plan.cells[0].train];
  EXPECT_EQ(train.inputs.back(), (std::pair<std::string, std::string>{"weights", core::sha256_hex("weights")}));
  EXPECT_EQ(train.locations["weights"], (folder / "w.pth").string());
}

TEST(Plan, KnowsWhatANetworkCannotDoAndNamesTheRow) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["methods"] = {{"row", {{"method", "kill_test"}, {"normalisation", "affine_k"}}}};
  EXPECT_THAT(test::sentence_of([&] { test::plan_of(test::load(folder, json)); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("/methods/row: row on tiny"), HasSubstr("affine_k keeps the statistics")));
  json["methods"] = {{"row", {{"method", "kill_test"}}}};
  const Plan plan = test::plan_of(test::load(folder, json));
  EXPECT_EQ(plan.steps[plan.cells[0].train].locations["method_name"], "row");
}

TEST(Plan, CalibrationPicturesAreNotTestPictures) {
  const auto held_out = [](Json& m) {
    m["datasets"]["toy"]["calibration"] = 5;
    m["targets"]["host"]["format"] = "int8";
  };
  const TempFolder folder;
  Json json = test::small_manifest();
  held_out(json);
  const Manifest manifest = test::load(folder, json);
  const Plan plan = test::plan_of(manifest);
  const Step& compile = plan.steps[plan.cells[0].compile];
  EXPECT_EQ(compile.parameters["dataset"]["calibration"], 5);
  EXPECT_EQ(plan.steps[plan.cells[0].variants[0]].parameters["dataset"]["calibration"], 5);
  EXPECT_FALSE(plan.steps[plan.cells[0].train].parameters["dataset"].contains("calibration"));
  const auto data = std::find_if(compile.inputs.begin(), compile.inputs.end(),
                                 [](const auto& input) { return input.first == "data"; });
  EXPECT_EQ(data->second, datasets::fingerprint(manifest.datasets[0], datasets::Split::test));
}

TEST(Plan, OneMethodsOptionLeavesTheOthersAlone) {
  const TempFolder folder;
  const auto before = keys_after(folder, [](Json&) {});
  const auto after = keys_after(folder, [](Json& m) { m["methods"]["masked"]["mac_budget"] = 0.4; });
  EXPECT_NE(before.at("train toy tiny masked seed 0"), after.at("train toy tiny masked seed 0"));
  EXPECT_EQ(before.at("train toy tiny plain seed 0"), after.at("train toy tiny plain seed 0"));
  EXPECT_EQ(before.at("execute toy tiny plain host seed 0"), after.at("execute toy tiny plain host seed 0"));
}

TEST(Plan, AMethodForCleanPicturesIgnoresOtherConditions) {
  const TempFolder folder;
  const auto before = keys_after(folder, [](Json&) {});
  const auto after = keys_after(folder, [](Json& m) { m["conditions"].push_back("contrast:2"); });
  EXPECT_EQ(before.at("train toy tiny plain seed 0"), after.at("train toy tiny plain seed 0"));
  EXPECT_EQ(before.at("compile toy tiny plain seed 0"), after.at("compile toy tiny plain seed 0"));
  EXPECT_NE(before.at("train toy tiny masked seed 0"), after.at("train toy tiny masked seed 0"));
  EXPECT_NE(before.at("execute toy tiny plain host seed 0"), after.at("execute toy tiny plain host seed 0"));
}

TEST(Plan, HeldOutConditionsAreTestedAndTrainNothing) {
  const TempFolder folder;
  const auto before = keys_after(folder, [](Json&) {});
  const auto after = keys_after(folder, [](Json& m) { m["held_out"] = {"jpeg:q10", "fog:3"}; });
  for (const auto& [label, key] : before) {
    const bool tests = label.rfind("evaluate ", 0) == 0 || label.rfind("execute ", 0) == 0;
    EXPECT_EQ(after.at(label) != key, tests) << label;
  }
  EXPECT_EQ(after.count("variant toy jpeg:q10"), 1u);
  EXPECT_EQ(after.count("variant toy fog:3"), 1u);
}

TEST(Plan, MixesAreOfTheRunNotOfItsSteps) {
  const TempFolder folder;
  Json json = test::small_manifest();
  const Plan before = test::plan_of(test::load(folder, json));
  json["mixes"] = {{"mostly_clean", {{"clean", 7}, {"*", 3}}}};
  const Plan after = test::plan_of(test::load(folder, json));
  EXPECT_EQ(after.steps.at(after.cells[0].execute).key, before.steps.at(before.cells[0].execute).key);
  EXPECT_NE(after.cells[0].run_key, before.cells[0].run_key);
}

TEST(Plan, ThePortableKeyIsTheSameOnEveryMachine) {
  const TempFolder folder;
  const Manifest manifest = test::load(folder, test::small_manifest());
  test::World here, there;
  there.environment = "another machine";
  const Plan a = test::plan_of(manifest, here), b = test::plan_of(manifest, there);
  EXPECT_NE(a.cells[0].run_key, b.cells[0].run_key);
  EXPECT_EQ(a.cells[0].portable_key, b.cells[0].portable_key);
  EXPECT_NE(a.cells[0].portable_key, a.cells[1].portable_key);
  // Also where the training builds on what a machine's target told.
  Json timed = test::small_manifest();
  timed["methods"] = {{"timed", {{"method", "kill_test"}, {"latency_budget", {{"ms", 2}, {"target", "host"}}}}}};
  const Manifest of_time = test::load(folder, timed);
  const Plan c = test::plan_of(of_time, here), d = test::plan_of(of_time, there);
  EXPECT_NE(c.steps[c.cells[0].train].key, d.steps[d.cells[0].train].key);
  EXPECT_EQ(c.cells[0].portable_key, d.cells[0].portable_key);
  Json json = test::small_manifest();
  json["train"]["epochs"] = 2;
  EXPECT_NE(test::plan_of(test::load(folder, json)).cells[0].portable_key, a.cells[0].portable_key);
}

// By the steps' half a published cell serves others: equal whatever a cell is called, another where a number would be.
TEST(Plan, TheStepsHalfOfAPortableKeyIsTheResultsOwn) {
  const auto steps_of = [](const std::function<void(Json&)>& change) {
    const TempFolder folder;
    Json json = test::small_manifest();
    json["methods"] = {{"bn", {{"method", "bn_adapt"}}}, {"plain", {{"method", "clean"}}}};
    json["targets"]["integers"] = {{"runner", "cpu"}, {"format", "int8"}};
    change(json);
    const Manifest manifest = test::load(folder, json);
    std::map<std::string, std::string> keys;
    for (const PlannedCell& cell : test::plan_of(manifest).cells)
      keys[manifest.methods[cell.cell.method].name + " " + manifest.targets[cell.cell.target].name] =
          steps_of_portable_key(cell.portable_key);
    return keys;
  };
  const auto before = steps_of([](Json&) {});
  EXPECT_NE(before.at("bn host"), before.at("bn integers")) << "its package is another";
  EXPECT_NE(before.at("plain host"), before.at("plain integers"));
  const auto renamed = steps_of([](Json& m) {
    m["name"] = "other";
    m["methods"]["clean"] = m["methods"]["plain"];
    m["methods"].erase("plain");
  });
  EXPECT_EQ(renamed.at("clean host"), before.at("plain host"));
  for (const auto& change : std::vector<std::function<void(Json&)>>{
           [](Json& m) { m["held_out"] = {"fog:3"}; }, [](Json& m) { m["conditions"] = {"clean"}; },
           [](Json& m) {
             m["mixes"] = {{"most", {{"clean", 7}, {"jpeg:q20", 3}}}};
           },
           [](Json& m) { m["corruption_seed"] = 5; }})
    for (const auto& [name, key] : steps_of(change)) EXPECT_NE(key, before.at(name)) << name;
}

TEST(Plan, AdaptingAtTestTimeTrainsNothingOfItsOwn) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["methods"] = {{"augment", {{"method", "augment"}}},
                     {"bn", {{"method", "bn_adapt"}, {"test_batch", 1}}},
                     {"bn_clean", {{"method", "bn_adapt"}, {"base", "clean"}}},
                     {"tent", {{"method", "tent"}}}};
  const Plan plan = test::plan_of(test::load(folder, json));
  ASSERT_EQ(plan.cells.size(), 4u);  // in the order of names
  EXPECT_EQ(plan.cells[1].train, plan.cells[0].train);
  EXPECT_NE(plan.cells[2].train, plan.cells[0].train);
  EXPECT_EQ(plan.cells[3].compile, plan.cells[0].compile);
  EXPECT_EQ(plan.steps[plan.cells[0].execute].stage, Stage::execute);
  for (const std::size_t i : {1, 2, 3}) EXPECT_EQ(plan.steps[plan.cells[i].execute].stage, Stage::evaluate);
  EXPECT_NE(plan.cells[1].execute, plan.cells[3].execute);
  EXPECT_EQ(plan.steps[plan.cells[2].train].parameters["conditions"], Json({"clean"}));
}

TEST(Plan, FilesFromElsewhereCountByTheirContent) {
  const TempFolder folder;
  const auto train_key = [&](const std::string& name, const std::string& content) {
    folder.write(name, content);
    Json json = test::small_manifest();
    json["methods"] = {{"theirs", {{"method", "external"}, {"file", name}}}};
    const Plan plan = test::plan_of(test::load(folder, json));
    const Step& step = plan.steps[plan.cells[0].train];
    EXPECT_EQ(step.locations["files"]["*"], (folder / name).string());
    return step.key;
  };
  const std::string key = train_key("a.onnx", "weights");
  EXPECT_EQ(train_key("b.onnx", "weights"), key);
  EXPECT_NE(train_key("b.onnx", "others"), key);
  Json json = test::small_manifest();
  json["methods"] = {{"theirs", {{"method", "external"}, {"file", "none.onnx"}}}};
  const Manifest manifest = test::load(folder, json);
  EXPECT_THAT(test::sentence_of([&] { test::plan_of(manifest); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("/methods/theirs/file"), HasSubstr("none.onnx")));
}

TEST(Plan, KeysFollowTheData) {
  const TempFolder folder;
  const auto before = keys_after(folder, [](Json&) {});
  Json json = test::small_manifest();
  const Manifest manifest = test::load(folder, json);
  folder.write("data/train-labels-idx1-ubyte", std::string("other labels"));
  for (const Step& step : test::plan_of(manifest).steps)
    EXPECT_EQ(step.key == before.at(step.label), step.stage == Stage::variant) << step.label;
}

TEST(Plan, TheRunsKeyTellsExperimentsAndCellsApart) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["methods"] = {{"a", {{"method", "clean"}}}, {"b", {{"method", "clean"}}}};
  const Plan plan = test::plan_of(test::load(folder, json));
  ASSERT_EQ(plan.cells.size(), 2u);
  EXPECT_EQ(plan.cells[0].train, plan.cells[1].train);  // the same training under two names is one step
  EXPECT_NE(plan.cells[0].run_key, plan.cells[1].run_key);
  json["name"] = "other";
  EXPECT_NE(test::plan_of(test::load(folder, json)).cells[0].run_key, plan.cells[0].run_key);
}

TEST(Plan, RepetitionsExecuteAnew) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["matrix"] = {{"method", {"plain"}}};
  json["repetitions"] = 2;
  const Plan plan = test::plan_of(test::load(folder, json));
  ASSERT_EQ(plan.cells.size(), 2u);
  EXPECT_EQ(plan.cells[0].compile, plan.cells[1].compile);
  EXPECT_NE(plan.cells[0].execute, plan.cells[1].execute);
}

TEST(Plan, LocationsTellTheStepWhereThingsAre) {
  const TempFolder folder;
  const Json json = test::small_manifest();
  const Plan plan = test::plan_of(test::load(folder, json));
  for (const Step& step : plan.steps) {
    EXPECT_EQ(step.locations["threads"], 3);
    if (step.stage == Stage::variant || step.stage == Stage::train) {
      EXPECT_EQ(step.locations["dataset"]["path"], (folder / "data").string());
      const Json& entry = step.locations["dataset"];
      EXPECT_NO_THROW(datasets::DatasetSpec::from_json({entry, "step.json"}, "toy"));
      EXPECT_TRUE(json["datasets"].contains(step.locations["dataset_name"].get<std::string>()));
    }
    if (step.stage == Stage::execute) {
      EXPECT_EQ(step.locations["runner"]["name"], "cpu");
    }
  }
}

TEST(Plan, AnUnknownRunnerIsNamedInItsPlace) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["targets"]["host"]["runner"] = "cpi";
  const Manifest manifest = test::load(folder, json);
  EXPECT_THAT(test::sentence_of([&] { test::plan_of(manifest); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("manifest.json: /targets/host/runner"), HasSubstr("cpu")));
}

TEST(Plan, MissingDataIsNamedWithTheRemedy) {
  const TempFolder folder;
  const Manifest manifest = test::load(folder, test::small_manifest());
  std::filesystem::remove_all(folder / "data");
  EXPECT_THAT(test::sentence_of([&] { test::plan_of(manifest); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr((folder / "data").string()), HasSubstr("--data toy=DIR")));
}

TEST(Step, SurvivesJson) {
  const TempFolder folder;
  for (const Step& step : test::plan_of(test::load(folder, test::small_manifest())).steps) {
    const Json json = Json::parse(to_json(step).dump());
    const Step back = step_from_json({json, "step.json"});
    EXPECT_EQ(to_json(back), json);
    EXPECT_EQ(step_key(back.stage, back.parameters, back.inputs), step.key);
  }
  EXPECT_THAT(test::sentence_of([] { parse_stage("trian"); }, ExitCode::corrupt), HasSubstr("\"train\""));
}

}  // namespace
}  // namespace automask::harness
