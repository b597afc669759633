#include "methods/catalogue.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "methods/network_needs.h"
#include "methods/prerequisites.h"
#include "models/zoo.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;
using core::Json;

MethodSpec spec_of(const Json& json, const Json& defaults = nullptr) {
  return MethodSpec::from_json({json, "m.json", "/methods/mine"}, "mine", defaults);
}

TEST(Catalogue, HasTheMethods) {
  std::vector<std::string> names, with_sets;
  for (const MethodInfo& info : method_infos()) {
    names.push_back(info.name);
    EXPECT_FALSE(info.summary.empty());
    if (info.per_condition) with_sets.push_back(info.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"clean", "augment", "prune", "automask", "kill_test", "slim", "dense_bn_k",
                                             "augmix", "stability", "denoise", "slimmable", "separate", "piggyback",
                                             "bn_adapt", "tent", "external"}));
  EXPECT_EQ(with_sets, (std::vector<std::string>{"automask", "kill_test", "dense_bn_k", "separate", "piggyback"}));
  EXPECT_EQ(spec_of({{"method", "slim"}}).normalisation, Normalisation::shared) << "a plain narrower network";
  EXPECT_EQ(spec_of({{"method", "kill_test"}}).normalisation, Normalisation::bn_k);
}

// The kill test takes what automask takes, but what lets masks differ.
TEST(Catalogue, TheKillTestIsRecipeMatched) {
  const auto options = [](const std::string& method) {
    for (const MethodInfo& info : method_infos())
      if (info.name == method) return std::set<std::string>(info.options.begin(), info.options.end());
    return std::set<std::string>();
  };
  std::set<std::string> expected = options("automask");
  EXPECT_EQ(expected.erase("consensus") + expected.erase("union_penalty") + expected.erase("mask_groups"), 3U);
  EXPECT_EQ(options("kill_test"), expected);
  Json kill_test = spec_of({{"method", "kill_test"}}).parameters();
  kill_test["method"] = "automask";
  kill_test["consensus"] = 1.0;
  kill_test["union_penalty"] = 0.0;
  EXPECT_EQ(spec_of(kill_test).parameters(), spec_of({{"method", "automask"}}).parameters()) << "the same defaults";
}

TEST(Catalogue, OwnOptionsOverrideDefaults) {
  const Json defaults = {{"epochs", 7}, {"batch", 64}};
  const MethodSpec spec = spec_of(
      {{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", 0.25}, {"lanes", 4}, {"train", {{"batch", 32}}}},
      defaults);
  EXPECT_EQ(spec.name, "mine");
  EXPECT_EQ(spec.train.epochs, 7);
  EXPECT_EQ(spec.train.batch, 32);
  EXPECT_EQ(spec.train.momentum, TrainOptions().momentum);
  EXPECT_EQ(spec.mac_budget, 0.5);
  EXPECT_EQ(spec.consensus, 0.25);
  EXPECT_EQ(spec.lanes, 4);
}

const Json a_layer_that_costs = {
    {"runner", "z7020"},
    {"evidence", "modelled"},
    {"layers", Json::array({Json{{"name", "conv1"}, {"fixed_ms", 0.5}, {"ms_per_mmac", 0.25}}})}};

// A value of the option that is not its default.
Json example_of(const std::string& option) {
  static const Json examples = {{"mac_budget", 0.5},
                                {"byte_budget", 100000},
                                {"latency_budget", {{"ms", 2}, {"costs", a_layer_that_costs}}},
                                {"lanes", 4},
                                {"consensus", "auto"},
                                {"normalisation", "affine_k"},
                                {"stem", "private"},
                                {"general_set", true},
                                {"consistency", 0.5},
                                {"mask_groups", Json::array({{"clean", "jpeg:q10"}})},
                                {"freeze_at", 0.25},
                                {"union_penalty", 0.25},
                                {"scorer", "random"},
                                {"criterion", "fpgm"},
                                {"gate_learning", {{"learning_rate", 7}}},
                                {"slimming_penalty", 0.5},
                                {"stability_weight", 0.5},
                                {"augmix", {{"depth", 2}, {"over", "conditions"}}},
                                {"denoiser", {{"layers", 5}}},
                                {"widths", {1, 0.75}},
                                {"backbone", "frozen"},
                                {"frequencies", {{"clean", 3}, {"jpeg:q10", 1}}},
                                {"distillation", {{"teacher", "dense"}, {"weight", 0.25}}},
                                {"qat", {{"epochs", 1}}},
                                {"estimator", {{"hidden", 8}, {"margin", 0.5}}},
                                {"base", "clean"},
                                {"test_batch", 16},
                                {"prior", 4},
                                {"test_learning_rate", 0.25},
                                {"mask_learning_rate", 0.25},
                                {"backbone_share", 0.25},
                                {"file", {{"clean", "a.onnx"}, {"jpeg:q10", "b.onnx"}}}};
  return examples.at(option);
}

TEST(Catalogue, EveryOptionIsReadAndDecidesTheResult) {
  for (const MethodInfo& info : method_infos())
    for (const std::string& option : info.options) {
      Json plain = {{"method", info.name}};
      if (info.name == "external") plain["file"] = option == "estimator" ? example_of("file") : "all.pth";
      if (option == "stem" || option == "general_set" || (info.name == "slim" && option == "estimator"))
        plain["normalisation"] = "bn_k";
      for (const char* of_masks :
           {"freeze_at", "consensus", "scorer", "criterion", "lanes", "gate_learning", "union_penalty", "mask_groups"})
        if (option == of_masks && info.name != "slimmable") plain["mac_budget"] = 0.5;
      if (option == "backbone") plain["init"] = "published";
      if (option == "slimming_penalty")
        plain[info.name == "prune" || info.name == "separate" ? "criterion" : "scorer"] = "slimming";
      if (option == "gate_learning")
        plain[info.name == "prune" || info.name == "separate" ? "criterion" : "scorer"] = "hard_concrete";
      if (option == "union_penalty" || option == "mask_groups") plain["consensus"] = 0.5;
      Json other = plain;
      other[option] = example_of(option);
      EXPECT_NE(spec_of(other).parameters(), spec_of(plain).parameters()) << option;
    }
  EXPECT_EQ(spec_of({{"method", "automask"}, {"frequencies", {{"clean", 3}, {"jpeg:q10", 1}}}})
                .weights_of({{}, corruptions::Condition::parse("jpeg:q10")}),
            (std::vector<double>{0.75, 0.25}));
}

// Keys of trainings stay what they were before there were these options.
TEST(Catalogue, LaterOptionsAreWrittenWhereTheyAreNotTheDefault) {
  const auto learnt = [](const Json& gate_learning) {
    Json method = {{"method", "kill_test"}, {"mac_budget", 0.5}, {"scorer", "hard_concrete"}};
    if (!gate_learning.is_null()) method["gate_learning"] = gate_learning;
    return spec_of(method).parameters();
  };
  EXPECT_FALSE(learnt({{"learning_rate", 0.5}}).contains("gate_learning")) << "the rate that it had at first";
  EXPECT_EQ(learnt({{"learning_rate", 5}})["gate_learning"], (Json{{"learning_rate", 5.0}}));
  EXPECT_EQ(learnt({{"learning_rate", 0.5}, {"penalty", 0.002}}), learnt(nullptr));
  const Json faster = learnt({{"learning_rate", 7}, {"penalty", 0.5}});
  EXPECT_EQ(spec_of(faster).parameters(), faster) << "as a step reads it";
  EXPECT_EQ(spec_of({{"method", "piggyback"}, {"backbone_share", 0.5}}).parameters(),
            spec_of({{"method", "piggyback"}}).parameters());
  EXPECT_EQ(spec_of({{"method", "denoise"}, {"denoiser", {{"restoration_weight", 0.2}}}}).parameters(),
            spec_of({{"method", "denoise"}}).parameters());
  EXPECT_EQ(spec_of({{"method", "denoise"}, {"denoiser", {{"restoration_weight", 1}}}})
                .parameters()["denoiser"]["restoration_weight"],
            1);
}

TEST(Catalogue, GatesAreLearntByScorersThatLearn) {
  EXPECT_SAYS(error_of([] {
                spec_of({{"method", "automask"}, {"gate_learning", {{"learning_rate", 1}}}});
              }),
              "fisher learns none");
  EXPECT_SAYS(error_of([] {
                spec_of({{"method", "prune"}, {"criterion", "straight_through"}, {"gate_learning", {{"penalty", 1}}}});
              }),
              "is hard_concrete's");
  EXPECT_SAYS(error_of([] { spec_of({{"method", "piggyback"}, {"backbone_share", 1}}); }), "leaves no views");
}

TEST(Catalogue, OthersAreWrittenWhereThereAreSome) {
  EXPECT_FALSE(spec_of({{"method", "automask"}}).parameters()["estimator"].contains("others"));
  const MethodSpec spec = spec_of({{"method", "automask"}, {"estimator", {{"others", {"fog: 1"}}}}});
  EXPECT_EQ(spec.estimator.others, std::vector<std::string>{"fog:1"});
  EXPECT_EQ(spec.parameters()["estimator"]["others"], Json{"fog:1"});
}

TEST(Catalogue, AProcessorIsPartOfTheKeyOnlyWhereItIsAGpu) {
  const Json plain = spec_of({{"method", "augment"}}).parameters()["train"];
  EXPECT_FALSE(plain.contains("device"));
  EXPECT_EQ(spec_of({{"method", "augment"}, {"train", {{"device", "cpu"}}}}).parameters()["train"], plain);
  const Json there = spec_of({{"method", "augment"}, {"train", {{"device", "cuda"}}}}).parameters()["train"];
  EXPECT_EQ(there["device"], "cuda");
  EXPECT_NE(spec_of({{"method", "augment"}, {"train", {{"device", "cuda"}, {"mixed_precision", true}}}})
                .parameters()["train"],
            there);
  EXPECT_SAYS(error_of([] {
                spec_of({{"method", "augment"}, {"train", {{"mixed_precision", true}}}});
              }),
              "is of a GPU");
  EXPECT_SAYS(error_of([] { spec_of({{"method", "augment"}, {"train", {{"device", "tpu"}}}}); }), "cpu, cuda");
  EXPECT_SAYS(error_of([] {
                spec_of({{"method", "piggyback"}, {"train", {{"device", "cuda"}}}});
              }),
              "on the processor alone");
  // The others' GPU, by default or on the command line, is not its.
  const Json method = {{"method", "piggyback"}}, gpu = {{"device", "cuda"}, {"mixed_precision", true}};
  const MethodSpec beside = MethodSpec::from_json({method, "m.json", "/methods/mine"}, "mine", gpu);
  EXPECT_EQ(beside.parameters(), spec_of(method).parameters());
}

TEST(Catalogue, ALatencyBudgetCarriesItsCosts) {
  const automask::testing::TemporaryFolder folder;
  std::ofstream(folder / "costs.json") << a_layer_that_costs;
  const auto read = [&](const Json& budget) {
    const Json method = {{"method", "automask"}, {"latency_budget", budget}};
    return MethodSpec::from_json({method, (folder / "m.json").string(), "/methods/mine"}, "mine", nullptr);
  };
  const MethodSpec of_file = read({{"ms", 2}, {"costs", "costs.json"}}),
                   inside = read({{"ms", 2}, {"costs", a_layer_that_costs}});
  EXPECT_EQ(of_file.parameters(), inside.parameters()) << "where the costs lie decides nothing, what they are does";
  ASSERT_EQ(of_file.latency_budget->layers.size(), 1U);
  EXPECT_EQ(of_file.latency_budget->layers[0].ms_per_mmac, 0.25);
  EXPECT_EQ(of_file.latency_budget->runner, "z7020");
  EXPECT_FALSE(spec_of({{"method", "automask"}}).parameters().contains("latency_budget"));
  const auto says = [&](const Json& method, const std::string& pointer, const std::string& text) {
    const core::Error error = automask::testing::error_of([&] {
      MethodSpec::from_json({method, (folder / "m.json").string(), "/methods/mine"}, "mine", nullptr);
    });
    EXPECT_SAYS(error, pointer);
    EXPECT_SAYS(error, text);
  };
  const MethodSpec of_target = read({{"ms", 2}, {"target", "board"}});
  EXPECT_EQ(of_target.latency_budget->target, "board");
  EXPECT_EQ(of_target.parameters()["latency_budget"], (Json{{"ms", 2.0}, {"target", "board"}}));
  EXPECT_EQ(spec_of(of_target.parameters()).parameters(), of_target.parameters()) << "as a step reads it";
  says({{"method", "automask"}, {"latency_budget", {{"ms", 2}, {"target", ""}}}}, "/latency_budget/target", "is empty");
  says({{"method", "automask"}, {"latency_budget", {{"ms", 2}}}}, "/latency_budget", "neither a target nor costs");
  says({{"method", "automask"}, {"latency_budget", {{"ms", 2}, {"target", "board"}, {"costs", "costs.json"}}}},
       "/latency_budget", "both a target and costs");
  says({{"method", "automask"}, {"latency_budget", {{"ms", 2}, {"costs", "no.json"}}}}, "/latency_budget/costs",
       "there is no file");
  says({{"method", "automask"}, {"latency_budget", {{"ms", 0}, {"costs", "costs.json"}}}}, "/latency_budget/ms",
       "above 0");
  says({{"method", "automask"}, {"mac_budget", 0.5}, {"latency_budget", {{"ms", 2}, {"costs", "costs.json"}}}},
       "/mac_budget", "stands beside latency_budget");
  std::ofstream(folder / "costs.json") << "{\"layers\": [";
  says({{"method", "automask"}, {"latency_budget", {{"ms", 2}, {"costs", "costs.json"}}}}, "costs.json",
       "is no file of layer costs");
}

TEST(Catalogue, ATeacherMayHaveAScheduleOfItsOwn) {
  const auto with = [](const Json& train) {
    return spec_of({{"method", "augment"},
                    {"train", {{"epochs", 4}, {"learning_rate", 0.2}}},
                    {"distillation", {{"teacher", "dense_bn_k"}, {"train", train}}}});
  };
  const MethodSpec spec = with({{"learning_rate", 0.4}});
  const auto teachers = prerequisites(spec);
  ASSERT_EQ(teachers.size(), 1U);
  EXPECT_EQ(teachers[0].spec.train.learning_rate, 0.4);
  EXPECT_EQ(teachers[0].spec.train.epochs, 4) << "the rest is the student's";
  EXPECT_EQ(spec.parameters()["distillation"]["train"]["learning_rate"], 0.4);
  EXPECT_EQ(with({{"learning_rate", 0.2}}).parameters(), with(Json::object()).parameters()) << "one training, one key";
  EXPECT_FALSE(with(Json::object()).parameters()["distillation"].contains("train"));
}

TEST(Catalogue, ATeacherMayBeAnotherNetwork) {
  const MethodSpec spec =
      spec_of({{"method", "augment"}, {"distillation", {{"teacher", "dense_bn_k"}, {"model", "wide"}}}});
  ASSERT_EQ(prerequisites(spec).size(), 1U);
  EXPECT_EQ(prerequisites(spec)[0].model, "wide");
  EXPECT_EQ(spec.parameters()["distillation"]["model"], "wide");
  EXPECT_EQ(spec_of(spec.parameters()).parameters(), spec.parameters());
  for (const Prerequisite& wanted :
       prerequisites(spec_of({{"method", "automask"},
                              {"init", "clean"},
                              {"mac_budget", 0.5},
                              {"consensus", "auto"},
                              {"distillation", {{"teacher", "dense"}, {"model", "wide"}}}})))
    EXPECT_EQ(wanted.model, wanted.role == teacher_role ? "wide" : "") << wanted.role;
}

TEST(Catalogue, StudentsOfAllSeedsMayHaveOneTeacher) {
  const MethodSpec spec = spec_of({{"method", "augment"}, {"distillation", {{"teacher", "dense_bn_k"}, {"seed", 7}}}});
  ASSERT_EQ(prerequisites(spec).size(), 1U);
  EXPECT_EQ(prerequisites(spec)[0].seed, 7U);
  EXPECT_EQ(spec_of(spec.parameters()).parameters(), spec.parameters());
  const MethodSpec usual = spec_of({{"method", "augment"}, {"distillation", {{"teacher", "dense_bn_k"}}}});
  EXPECT_FALSE(prerequisites(usual)[0].seed);
  EXPECT_FALSE(usual.parameters()["distillation"].contains("seed")) << "keys stay";
}

TEST(Catalogue, FrequenciesNameEveryConditionAndNoOther) {
  const auto weights = [](const Json& frequencies) {
    return spec_of({{"method", "augment"}, {"frequencies", frequencies}})
        .weights_of({{}, corruptions::Condition::parse("jpeg:q10")});
  };
  EXPECT_SAYS(error_of([&] { weights({{"clean", 1}}); }), "\"jpeg:q10\" has none");
  EXPECT_SAYS(error_of([&] {
                weights({{"clean", 1}, {"jpeg:q10", 1}, {"jpeg:q20", 1}});
              }),
              "\"jpeg:q20\" is no condition");
}

TEST(Catalogue, ParametersAreCompleteAndReadBack) {
  for (const MethodInfo& info : method_infos()) {
    Json json = {{"method", info.name}, {"train", {{"epochs", 0.5}, {"threads", 1}}}};
    for (const std::string& option : info.options) json[option] = example_of(option);
    if (json.contains("latency_budget")) json.erase("mac_budget");  // one of them
    if (json.contains("backbone")) json.erase("stem");              // one of them
    json.erase("gate_learning");                                    // of other scorers than these
    if (json.contains("backbone")) json["init"] = "published";
    if (json.contains("slimming_penalty")) json["slimming_penalty"] = MethodSpec().slimming_penalty;
    const Json parameters = spec_of(json).parameters();
    EXPECT_EQ(spec_of(parameters).parameters(), parameters);
    for (const std::string& option : info.options)
      EXPECT_EQ(parameters.contains(option), json.contains(option)) << option;
    EXPECT_EQ(parameters["train"]["epochs"], 0.5);
    if (info.per_condition) {
      EXPECT_EQ(parameters["estimator"], (Json{{"hidden", 8}, {"epochs", 30}, {"pictures", 2000}, {"margin", 0.5}}));
    }
  }
}

// The harness hands a step its parameters as JSON.
TEST(Catalogue, PrerequisitesReadBack) {
  const Json two = {"clean", "jpeg:q10"};
  for (const Json& option : {Json{{"union_penalty", 0.5}},
                             {{"mask_groups", Json::array({two})}},
                             {{"consistency", 1}},
                             {{"normalisation", "shared"}, {"estimator", {{"hidden", 8}}}}}) {
    Json method = {{"method", "automask"},
                   {"mac_budget", 0.5},
                   {"consensus", "auto"},
                   {"distillation", {{"teacher", "dense_bn_k"}}}};
    method.update(option);
    const auto wanted = prerequisites(spec_of(method));
    EXPECT_EQ(wanted.size(), 5U);
    for (const Prerequisite& one : wanted)
      EXPECT_EQ(spec_of(one.spec.parameters()).parameters(), one.spec.parameters()) << one.role;
  }
}

TEST(Catalogue, TrainingStartsWhereInitSays) {
  EXPECT_EQ(spec_of({{"method", "clean"}}).init, "scratch");
  EXPECT_EQ(spec_of({{"method", "prune"}, {"init", "published"}}).parameters()["init"], "published");
  const MethodSpec file =
      MethodSpec::from_json({{{"method", "clean"}, {"init", "../w/net.pth"}}, "dir/m.json"}, "m", {});
  EXPECT_EQ(file.init, "w/net.pth");
  EXPECT_EQ(file.parameters()["init"], "file");  // its digest is an input of the step, its place decides nothing
  const MethodSpec adapted = spec_of({{"method", "prune"}, {"init", "clean"}, {"train", {{"epochs", 3}}}});
  EXPECT_EQ(adapted.parameters()["init"], "clean");
  const auto before = prerequisites(adapted);
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(before[0].role, initial_role);
  EXPECT_EQ(before[0].spec.parameters(), spec_of({{"method", "clean"}, {"train", {{"epochs", 3}}}}).parameters());
  EXPECT_SAYS(error_of([] { spec_of({{"method", "clean"}, {"init", "clean"}}); }), "is the method itself");
  EXPECT_SAYS(error_of([] {
                spec_of({{"method", "tent"}, {"base", "clean"}, {"init", "clean"}});
              }),
              "is the method itself");
  EXPECT_SAYS(error_of([] { spec_of({{"method", "clean"}, {"init", "publshed"}}); }), "did you mean \"published\"?");
  EXPECT_SAYS(error_of([] { spec_of({{"method", "clean"}, {"init", ""}}); }), "m.json: /methods/mine/init: is empty");

  const Json none = {{"epochs", 0}};
  EXPECT_EQ(spec_of({{"method", "clean"}, {"init", "published"}, {"train", none}}).train.epochs, 0);
  EXPECT_SAYS(error_of([&] { spec_of({{"method", "clean"}, {"train", none}}); }), "a network of random weights");
  EXPECT_SAYS(error_of([&] {
                spec_of({{"method", "augment"}, {"init", "published"}, {"train", none}});
              }),
              "0 epochs train no augment");
}

TEST(Catalogue, TestTimeMethodsAreTrainedAsTheirBase) {
  const Json train = {{"epochs", 0.5}};
  const auto trained = [&](const Json& method) { return spec_of(method, train).trained_spec().parameters(); };
  EXPECT_EQ(trained({{"method", "tent"}}), spec_of({{"method", "augment"}}, train).parameters());
  EXPECT_EQ(trained({{"method", "bn_adapt"}, {"base", "clean"}, {"test_batch", 1}}),
            spec_of({{"method", "clean"}}, train).parameters());
  EXPECT_EQ(trained({{"method", "prune"}}), spec_of({{"method", "prune"}}, train).parameters());
}

// The key of a training step must change with all that decides its result, and with nothing else.
TEST(Catalogue, ParametersHoldWhatDecidesTheResult) {
  const Json base = {{"method", "automask"}};
  const std::vector<std::pair<std::string, Json>> deciding = {{"epochs", 9},          {"batch", 9},
                                                              {"learning_rate", 0.9}, {"momentum", 0.1},
                                                              {"weight_decay", 0.1},  {"label_smoothing", 0.3},
                                                              {"warmup", 0.3},        {"threads", 9},
                                                              {"flip", 0.5},          {"crop", 4}};
  for (const auto& [key, value] : deciding)
    EXPECT_NE(spec_of({{"method", "automask"}, {"train", {{key, value}}}}).parameters(), spec_of(base).parameters())
        << key;
  for (const char* key : {"checkpoint_seconds", "workers", "picture_memory"})
    EXPECT_EQ(spec_of({{"method", "automask"}, {"train", {{key, 1}}}}).parameters(), spec_of(base).parameters()) << key;
}

TEST(Catalogue, RefusesWhatDoesNothing) {
  const auto says = [](const Json& json, const char* place, const char* hint) {
    const core::Error error = error_of([&] { spec_of(json); });
    EXPECT_EQ(error.code(), core::ExitCode::invalid_manifest);
    EXPECT_SAYS(error, place);
    EXPECT_SAYS(error, hint);
  };
  const Json of_masks = {{"consensus", 0.5}, {"scorer", "l1"}};
  for (const auto& [option, value] : of_masks.items())
    says({{"method", "automask"}, {option, value}}, option.c_str(), "does nothing without a budget");
  says({{"method", "prune"}, {"criterion", "l1"}}, "/criterion", "does nothing without a budget");
  says({{"method", "automask"}, {"consensus", "auto"}}, "/consensus", "does nothing without a budget");
  EXPECT_EQ(spec_of({{"method", "automask"}, {"normalisation", "shared"}, {"consensus", 0.5}}).consensus, 0.5);
  EXPECT_EQ(spec_of({{"method", "prune"}, {"criterion", "slimming"}}).scorer, "slimming") << "it has a loss";
  says({{"method", "prune"}, {"mac_budget", 0.5}, {"slimming_penalty", 0.5}}, "/slimming_penalty",
       "\"criterion\": \"slimming\"");
  says({{"method", "kill_test"}, {"mac_budget", 0.5}, {"slimming_penalty", 0.5}}, "/slimming_penalty",
       "\"scorer\": \"slimming\"");
  says({{"method", "augment"}, {"qat", {{"learning_rate", 0.5}}}}, "/qat/learning_rate", "no epochs");
  const Json of_teachers = {{"weight", 2}, {"temperature", 2}, {"train", {{"epochs", 9}}}};
  for (const auto& [part, value] : of_teachers.items())
    says({{"method", "augment"}, {"distillation", {{part, value}}}}, ("/distillation/" + part).c_str(), "no teacher");
  const Json without = {{"teacher", "none"}, {"weight", 2}};
  EXPECT_EQ(spec_of({{"method", "augment"}, {"distillation", without}}).distillation.weight, 2)
      << "as `--set methods.mine.distillation.teacher=none` leaves it";
  for (const char* method : {"automask", "kill_test", "dense_bn_k"})
    says({{"method", method}, {"normalisation", "shared"}, {"estimator", {{"hidden", 8}}}}, "/estimator",
         "nothing to choose from");
  says({{"method", "external"}, {"file", "all.pth"}, {"estimator", {{"hidden", 8}}}}, "/estimator", "one network");
  says({{"method", "external"}, {"file", "all.pth"}, {"init", "published"}}, "/init", "external trains nothing");
  const Json none = {{"epochs", 0}};
  says({{"method", "clean"}, {"init", "published"}, {"train", none}, {"qat", {{"epochs", 1}}}}, "/qat", "0 epochs");
  says({{"method", "clean"}, {"init", "published"}, {"train", none}, {"distillation", {{"teacher", "dense"}}}},
       "/distillation", "0 epochs");
  says({{"method", "prune"}, {"mac_budget", 0.5}, {"train", {{"warmup", 0.6}}}}, "/methods/mine", "within the warm-up");
  says({{"method", "automask"}, {"backbone", "frozen"}}, "/backbone", "no weights to start from");
}

// What a network lacks for a method.
TEST(Catalogue, NetworksThatAMethodCannotUseAreKnownBefore) {
  const auto check = [](const Json& method, const char* model) {
    const Json named = {{"name", model}};
    check_network(models::build_model({named, "m.json"}, {3, 224, 224}, 10), spec_of(method));
  };
  const auto of = [&](const Json& method, const char* model) { return error_of([&] { check(method, model); }); };
  for (const char* method : {"tent", "bn_adapt"}) {
    EXPECT_SAYS(of({{"method", method}}, "alexnet"), "no batch normalisation to adapt");
    EXPECT_NO_THROW(check({{"method", method}}, "resnet8"));
  }
  const Json slimming = {{"method", "prune"}, {"mac_budget", 0.5}, {"criterion", "slimming"}};
  EXPECT_SAYS(of(slimming, "alexnet"), "no batch_norm to slim");
  EXPECT_NO_THROW(check(slimming, "resnet8"));
  EXPECT_SAYS(of({{"method", "prune"}, {"criterion", "slimming"}}, "alexnet"), "no batch_norm to slim");
  Json affine = {{"method", "kill_test"}, {"normalisation", "affine_k"}};
  EXPECT_SAYS(of(affine, "resnet8"), "affine_k keeps the statistics");
  EXPECT_NO_THROW(check(affine, "alexnet")) << "it has none";
  affine["init"] = "clean";
  EXPECT_NO_THROW(check(affine, "resnet8"));
}

TEST(Catalogue, RefusesWithPlaceAndHint) {
  const auto says = [](const Json& json, const char* place, const char* hint, const Json& defaults = nullptr) {
    const core::Error error = error_of([&] { spec_of(json, defaults); });
    EXPECT_EQ(error.code(), core::ExitCode::invalid_manifest);
    EXPECT_SAYS(error, "m.json");
    EXPECT_SAYS(error, place);
    EXPECT_SAYS(error, hint);
  };
  says({{"method", "automsk"}}, "/methods/mine/method", "did you mean \"automask\"?");
  says(Json::object(), "/methods/mine", "\"method\" is missing");
  says("automask", "/methods/mine", "must be an object");
  says({{"method", "clean"}, {"mac_budget", 0.5}}, "/methods/mine/mac_budget", "prune, automask");
  says({{"method", "bn_adapt"}, {"base", "prune"}}, "/methods/mine/base", "augment");
  says({{"method", "tent"}, {"test_batch", 1}}, "/methods/mine/test_batch", "2");
  says({{"method", "external"}}, "/methods/mine", "file");
  says({{"method", "external"}, {"file", {{"claen", "a"}}}}, "/methods/mine/file/claen", "clean");
  says({{"method", "external"}, {"file", ""}}, "/methods/mine/file", "empty");
  says({{"method", "automask"}, {"mac_bugdet", 0.5}}, "/methods/mine", "did you mean \"mac_budget\"?");
  says({{"method", "automask"}, {"estimator", {{"hiden", 8}}}}, "/methods/mine/estimator", "did you mean \"hidden\"?");
  says({{"method", "automask"}, {"estimator", {{"hidden", 0}}}}, "/methods/mine/estimator/hidden", "1");
  says({{"method", "augment"}, {"estimator", {{"hidden", 8}}}}, "/methods/mine/estimator", "automask");
  says({{"method", "automask"}, {"mac_budget", 0}}, "/methods/mine/mac_budget", "above 0");
  says({{"method", "automask"}, {"mac_budget", 1.5}}, "/methods/mine/mac_budget", "1");
  says({{"method", "automask"}, {"consensus", -0.5}}, "/methods/mine/consensus", "0");
  says({{"method", "automask"}, {"consensus", "best"}}, "/methods/mine/consensus", "auto");
  says({{"method", "automask"}, {"normalisation", "bn"}}, "/methods/mine/normalisation", "bn_k");
  says({{"method", "slim"}, {"stem", "private"}}, "/methods/mine/stem", "bn_k");
  says({{"method", "automask"}, {"stem", "private"}, {"backbone", "frozen"}}, "/methods/mine/stem", "frozen");
  says({{"method", "slim"}, {"general_set", true}}, "/methods/mine/general_set", "bn_k");
  const Json deployed = {{"method", "automask"}, {"backbone", "deployed"}, {"init", "net.safetensors"}};
  EXPECT_EQ(spec_of(deployed).parameters()["backbone"], "deployed");
  Json step = spec_of(deployed).parameters();
  step["init"] = "net.safetensors";  // as a step says it; in the key it is a file, whose digest stands beside it
  EXPECT_EQ(spec_of(step).parameters(), spec_of(deployed).parameters());
  const auto with = [&](const char* option, const Json& value) {
    Json json = deployed;
    json[option] = value;
    return json;
  };
  says(with("init", "published"), "/methods/mine/backbone", "checkpoint of the deployed network");
  says(with("method", "prune"), "/methods/mine/backbone", "automask, kill_test and dense_bn_k");
  says(with("normalisation", "shared"), "/methods/mine/normalisation", "others have");
  says(with("consensus", "auto"), "/methods/mine/consensus", "number");
  says(with("byte_budget", 100000), "/methods/mine/byte_budget", "deployed");
  says(with("stem", "private"), "/methods/mine/stem", "frozen");
  says(with("frequencies", {{"clean", 3}, {"jpeg:q10", 1}}), "/methods/mine/frequencies", "only new ones");
  says(with("consistency", 0.5), "/methods/mine/consistency", "only new ones");
  says({{"method", "automask"}, {"train", {{"picture_memory", -1}}}}, "/methods/mine/train/picture_memory", "0");
  says({{"method", "separate"}, {"estimator", {{"others", {"fog:1"}}}}}, "/methods/mine/estimator/others", "separate");
  says({{"method", "kill_test"}, {"normalisation", "shared"}, {"estimator", {{"others", {"fog:1"}}}}},
       "/methods/mine/estimator/others", "nothing to choose from");
  says({{"method", "automask"}, {"estimator", {{"others", {"fog:1", "frog:1"}}}}}, "/methods/mine/estimator/others/1",
       "fog");
  says({{"method", "automask"}, {"estimator", {{"others", {"fog:1", "fog: 1"}}}}}, "/methods/mine/estimator/others/1",
       "stands twice");
  says({{"method", "automask"}, {"freeze_at", 0}}, "/methods/mine/freeze_at", "above 0");
  says({{"method", "automask"}, {"freeze_at", 0.3}}, "/methods/mine/freeze_at", "give mac_budget");
  says({{"method", "automask"}, {"mac_budget", 0.5}, {"freeze_at", 0.1}, {"train", {{"warmup", 0.1}}}},
       "/methods/mine/freeze_at", "warm-up");
  says({{"method", "denoise"}, {"mac_budget", 0.5}, {"freeze_at", 0.2}}, "/methods/mine", "denoiser.pretraining");
  says({{"method", "slim"}, {"freeze_at", 0.5}}, "/methods/mine/freeze_at", "prune, automask");
  says({{"method", "automask"}, {"union_penalty", 0.5}}, "/methods/mine/union_penalty", "lower consensus");
  const Json two = {"clean", "jpeg:q10"};
  says({{"method", "automask"}, {"mask_groups", Json::array({two})}}, "/methods/mine/mask_groups", "lower consensus");
  const auto groups = [](const Json& value) {
    return Json{{"method", "automask"}, {"consensus", 0.5}, {"mask_groups", value}};
  };
  says(groups("clean"), "/methods/mine/mask_groups", "array of arrays");
  says(groups(Json::array({Json::array({"clean"})})), "/methods/mine/mask_groups/0", "two conditions");
  says(groups(Json::array({two, two})), "/methods/mine/mask_groups/1/0", "\"clean\" stands twice");
  says(groups(Json::array({Json::array({"clean", "jpg"})})), "/methods/mine/mask_groups/0/1", "unknown corruption");
  says({{"method", "automask"}, {"consistency", 1}, {"normalisation", "shared"}, {"consensus", 0.5}},
       "/methods/mine/consistency", "\"consensus\": 1");
  says({{"method", "automask"}, {"consistency", 1}, {"scorer", "slimming"}}, "/methods/mine/consistency", "slimming");
  says({{"method", "kill_test"}, {"consistency", 1}, {"scorer", "hard_concrete"}}, "/methods/mine/consistency",
       "hard_concrete");
  says({{"method", "slim"}, {"estimator", {{"hidden", 8}}}}, "/methods/mine/estimator", "bn_k");
  says({{"method", "automask"}, {"estimator", {{"hysteresis", {{"frames", 1}, {"lead", 2}}}}}},
       "/methods/mine/estimator/hysteresis/lead", "raise frames");
  says({{"method", "clean"}, {"train", {{"flip", 1.5}}}}, "/methods/mine/train/flip", "1");
  says({{"method", "clean"}, {"train", {{"crop", -1}}}}, "/methods/mine/train/crop", "0");
  says({{"method", "kill_test"}, {"stem", "own"}}, "/methods/mine/stem", "private");
  says({{"method", "automask"}, {"scorer", "fischer"}}, "/methods/mine/scorer", "did you mean \"fisher\"?");
  says({{"method", "automask"}, {"frequencies", {{"claen", 1}}}}, "/methods/mine/frequencies/claen",
       "unknown corruption");
  says({{"method", "prune"}, {"distillation", {{"teacher", "big"}}}}, "/methods/mine/distillation/teacher", "dense");
  says({{"method", "prune"}, {"distillation", {{"model", "wide"}}}}, "/methods/mine/distillation/model",
       "is of no teacher");
  says({{"method", "prune"}, {"distillation", {{"seed", 0}}}}, "/methods/mine/distillation/seed", "is of no teacher");
  says({{"method", "prune"}, {"distillation", {{"teacher", "dense"}, {"seed", -1}}}}, "/methods/mine/distillation/seed",
       "0");
  says({{"method", "prune"}, {"distillation", {{"teacher", "dense"}, {"model", ""}}}},
       "/methods/mine/distillation/model", "is empty");
  says({{"method", "prune"}, {"init", "net.pth"}, {"distillation", {{"teacher", "dense"}, {"model", "wide"}}}},
       "/methods/mine/distillation/model", "init is one network's file");
  says({{"method", "prune"}, {"criterion", "l2"}}, "/methods/mine/criterion", "l1");
  says({{"method", "prune"}, {"scorer", "fisher"}}, "/methods/mine/scorer", "automask, kill_test");
  says({{"method", "augmix"}, {"augmix", {{"widht", 2}}}}, "/methods/mine/augmix", "did you mean \"width\"?");
  says({{"method", "augmix"}, {"augmix", {{"over", "noise"}}}}, "/methods/mine/augmix/over", "clean, conditions");
  says({{"method", "denoise"}, {"denoiser", {{"layers", 1}}}}, "/methods/mine/denoiser/layers", "2");
  says({{"method", "slimmable"}, {"widths", {1}}}, "/methods/mine/widths", "[1, 0.5, 0.25]");
  says({{"method", "slimmable"}, {"widths", {1, 0.5, 0.5}}}, "/methods/mine/widths/2", "twice");
  says({{"method", "slimmable"}, {"widths", {1, 1.5}}}, "/methods/mine/widths/1", "1");
  says({{"method", "prune"}, {"qat", {{"epochs", -1}}}}, "/methods/mine/qat/epochs", "0");
  says({{"method", "prune"}, {"lanes", 0}}, "/methods/mine/lanes", "1");
  says({{"method", "clean"}, {"train", {{"epoch", 3}}}}, "/methods/mine/train", "did you mean \"epochs\"?");
  says({{"method", "clean"}, {"train", {{"epochs", "3"}}}}, "/methods/mine/train/epochs", "number");
  says({{"method", "clean"}, {"train", {{"batch", 0}}}}, "/methods/mine/train/batch", "1");
  says({{"method", "clean"}, {"train", {{"learning_rate", 0}}}}, "/methods/mine/train/learning_rate", "above 0");
  says({{"method", "clean"}}, "/train/momentum", "0", {{"momentum", 1}});
}

}  // namespace
}  // namespace automask::methods
