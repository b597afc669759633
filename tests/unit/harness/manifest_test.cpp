#include "harness/manifest.h"

#include <gmock/gmock.h>

#include <functional>

#include "corruptions/condition.h"
#include "harness/schema.h"
#include "harness/starter.h"
#include "methods/catalogue.h"
#include "methods/masks/scorer_names.h"
#include "methods/options.h"
#include "models/zoo.h"
#include "support.h"

namespace automask::harness {
namespace {

using core::ExitCode;
using test::Json;
using test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string fault_of(const std::function<void(Json&)>& change) {
  const TempFolder folder;
  Json json = test::small_manifest();
  change(json);
  return test::sentence_of([&] { test::load(folder, json); }, ExitCode::invalid_manifest);
}

TEST(Manifest, FillsInWhatIsLeftOut) {
  const TempFolder folder;
  const Manifest manifest = test::load(folder, test::small_manifest());
  EXPECT_EQ(manifest.name, "small");
  EXPECT_EQ(manifest.seeds, std::vector<std::int64_t>{0});
  EXPECT_EQ(manifest.targets[0].options(), (Json{{"threads", 1},
                                                 {"format", "fp32"},
                                                 {"warmup", 20},
                                                 {"repetitions", 1},
                                                 {"limit", 0},
                                                 {"min_latencies", 50},
                                                 {"min_seconds", 0.0},
                                                 {"interleave", 1}}));
  Json clocked = test::small_manifest();
  clocked["targets"]["host"]["clock_mhz"] = 100;
  EXPECT_EQ(test::load(folder, clocked).targets[0].options()["clock_mhz"], 100);
  EXPECT_EQ(manifest.matrix.method, (std::vector<std::string>{"masked", "plain"}));
  EXPECT_EQ(manifest.datasets[0].root, folder / "data");
  EXPECT_DOUBLE_EQ(manifest.methods[0].train.epochs, 1);
}

TEST(Manifest, RemarksDecideNothing) {
  const TempFolder folder;
  Json json = test::small_manifest();
  const std::string before = test::load(folder, json).sha256;
  json["datasets"]["toy"]["description"] = "a toy";
  json["methods"]["plain"]["description"] = "plain";
  json["train"]["description"] = "short";
  json["$schema"] = "manifest.schema.json";
  EXPECT_EQ(test::load(folder, json).sha256, before);
  json["train"]["epochs"] = 2;
  EXPECT_NE(test::load(folder, json).sha256, before);
}

// Each of these must also fail by the schema alone: editors go by it.
struct Bad {
  const char* name;
  std::function<void(Json&)> change;
  std::vector<std::string> words;
};

std::vector<Bad> bad_manifests() {
  return {
      {"unknown key at the top",
       [](Json& m) { m["tagets"] = 1; },
       {": /: ", "unknown key \"tagets\"", "did you mean \"targets\""}},
      {"unknown key of train", [](Json& m) { m["train"]["epoch"] = 1; }, {"/train", "\"epoch\"", "\"epochs\""}},
      {"wrong type", [](Json& m) { m["train"]["epochs"] = "three"; }, {"/train/epochs", "number"}},
      {"train is no object", [](Json& m) { m["train"] = 3; }, {"/train", "object"}},
      {"unknown method",
       [](Json& m) { m["methods"]["masked"]["method"] = "automsk"; },
       {"/methods/masked/method", "\"automask\""}},
      {"option of another method",
       [](Json& m) { m["methods"]["plain"]["mac_budget"] = 0.5; },
       {"/methods/plain/mac_budget", "automask"}},
      {"budget out of range",
       [](Json& m) { m["methods"]["masked"]["mac_budget"] = 1.5; },
       {"/methods/masked/mac_budget", "1.5"}},
      {"unknown model", [](Json& m) { m["models"]["tiny"]["name"] = "tinnet"; }, {"/models/tiny/name", "\"tinynet\""}},
      {"unknown model key", [](Json& m) { m["models"]["tiny"]["widht"] = 4; }, {"/models/tiny", "\"width\""}},
      {"unknown reader", [](Json& m) { m["datasets"]["toy"]["reader"] = "idz"; }, {"/datasets/toy/reader", "\"idx\""}},
      {"input too short",
       [](Json& m) {
         m["datasets"]["toy"]["input"] = {1, 28};
       },
       {"/datasets/toy/input"}},
      {"two channels", [](Json& m) { m["datasets"]["toy"]["input"][0] = 2; }, {"/datasets/toy/input/0"}},
      {"negative limit",
       [](Json& m) {
         m["datasets"]["toy"]["limit"] = {{"test", -1}};
       },
       {"/datasets/toy/limit/test", "-1"}},
      {"unknown corruption", [](Json& m) { m["conditions"][1] = "jpg:q20"; }, {"/conditions/1", "jpeg"}},
      {"severity out of range",
       [](Json& m) { m["conditions"][1] = "gaussian_noise:6"; },
       {"/conditions/1", "gaussian_noise"}},
      {"condition twice",
       [](Json& m) {
         m["conditions"] = {"clean", "clean"};
       },
       {"/conditions/1", "twice"}},
      {"no condition", [](Json& m) { m["conditions"] = Json::array(); }, {"/conditions"}},
      {"nothing held out", [](Json& m) { m["held_out"] = Json::array(); }, {"/held_out", "no condition"}},
      {"held out in another form", [](Json& m) { m["held_out"] = {"fog:9"}; }, {"/held_out/0", "fog"}},
      {"negative weight of a mix",
       [](Json& m) {
         m["mixes"] = {{"mine", {{"clean", -1}}}};
       },
       {"/mixes/mine/clean", "-1"}},
      {"mix without conditions",
       [](Json& m) {
         m["mixes"] = {{"mine", Json::object()}};
       },
       {"/mixes/mine"}},
      {"external without file",
       [](Json& m) {
         m["methods"]["theirs"] = {{"method", "external"}};
       },
       {"/methods/theirs", "file"}},
      {"tent on single pictures",
       [](Json& m) {
         m["methods"]["t"] = {{"method", "tent"}, {"test_batch", 1}};
       },
       {"/methods/t/test_batch", "2"}},
      {"no target", [](Json& m) { m["targets"] = Json::object(); }, {"/targets", "no entry"}},
      {"target without runner",
       [](Json& m) { m["targets"]["host"] = Json::object(); },
       {"/targets/host", "\"runner\" is missing"}},
      {"no clock", [](Json& m) { m["targets"]["host"]["clock_mhz"] = 0; }, {"/targets/host/clock_mhz"}},
      {"unknown target key", [](Json& m) { m["targets"]["host"]["thread"] = 1; }, {"/targets/host", "\"threads\""}},
      {"unknown format",
       [](Json& m) { m["targets"]["host"]["format"] = "fp23"; },
       {"/targets/host/format", "\"fp32\""}},
      {"seed below zero", [](Json& m) { m["seeds"] = {-1}; }, {"/seeds/0", "-1"}},
      {"seed is no integer", [](Json& m) { m["seeds"] = {1.5}; }, {"/seeds/0", "integer"}},
      {"no seed", [](Json& m) { m["seeds"] = Json::array(); }, {"/seeds"}},
      {"seed twice",
       [](Json& m) {
         m["seeds"] = {1, 1};
       },
       {"/seeds/1", "twice"}},
      {"no repetition", [](Json& m) { m["repetitions"] = 0; }, {"/repetitions", "0"}},
      {"unknown matrix key",
       [](Json& m) {
         m["matrix"] = {{"methods", {"plain"}}};
       },
       {"/matrix", "\"method\""}},
      {"empty include point",
       [](Json& m) {
         m["matrix"] = {{"include", {Json::object()}}};
       },
       {"/matrix/include/0"}},
      {"zip of one axis",
       [](Json& m) {
         m["matrix"] = {{"zip", {{"model"}}}};
       },
       {"/matrix/zip/0"}},
      {"gate without bound",
       [](Json& m) {
         m["gates"] = {{{"metric", "top1"}}};
       },
       {"/gates/0", "no bound"}},
      {"gate without metric",
       [](Json& m) {
         m["gates"] = {{{"min", 1}}};
       },
       {"/gates/0", "metric"}},
      {"missing name", [](Json& m) { m.erase("name"); }, {"\"name\" is missing"}},
      {"missing models", [](Json& m) { m.erase("models"); }, {"\"models\" is missing"}},
      {"name with a slash", [](Json& m) { m["name"] = "a/b"; }, {"/name", "a/b"}},
      {"entry with a blank",
       [](Json& m) {
         m["methods"]["my method"] = {{"method", "clean"}};
       },
       {"/methods", "my method"}},
      {"remark of the wrong type",
       [](Json& m) { m["targets"]["host"]["description"] = 1; },
       {"/targets/host/description", "string"}},
  };
}

TEST(Manifest, NamesEachFaultWithItsPlace) {
  for (const Bad& bad : bad_manifests()) {
    SCOPED_TRACE(bad.name);
    const std::string sentence = fault_of(bad.change);
    EXPECT_THAT(sentence, HasSubstr("manifest.json"));
    for (const std::string& word : bad.words) EXPECT_THAT(sentence, HasSubstr(word));
  }
}

TEST(Schema, RefusesWhatTheChecksRefuse) {
  EXPECT_FALSE(schema_fault(test::small_manifest()));
  for (const Bad& bad : bad_manifests()) {
    Json json = test::small_manifest();
    bad.change(json);
    EXPECT_TRUE(schema_fault(json)) << bad.name;
  }
}

TEST(Schema, NamesThePlace) {
  Json json = test::small_manifest();
  json["targets"]["host"]["threads"] = "many";
  const auto fault = schema_fault(json);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->pointer, "/targets/host/threads");
}

// These lie between members, where a schema does not reach.
TEST(Manifest, NamesFaultsBetweenMembers) {
  const auto with_matrix = [](const Json& matrix) { return fault_of([&](Json& m) { m["matrix"] = matrix; }); };
  EXPECT_THAT(with_matrix({{"method", {"plan"}}}), AllOf(HasSubstr("/matrix/method/0"), HasSubstr("\"plain\"")));
  EXPECT_THAT(with_matrix({{"method", {"plain", "plain"}}}), HasSubstr("/matrix/method/1"));
  EXPECT_THAT(with_matrix({{"zip", Json::parse("[[\"model\", \"method\"]]")}}),
              AllOf(HasSubstr("/matrix/zip/0"), HasSubstr("equally many")));
  EXPECT_THAT(with_matrix({{"include", {{{"method", "plan"}}}}}), HasSubstr("/matrix/include/0/method"));
  EXPECT_THAT(with_matrix({{"exclude", {{{"method", "plan"}}}}}), HasSubstr("/matrix/exclude/0/method"));
}

// Before anything is trained, of the methods that are used.
TEST(Manifest, NamesFaultsOfWhatMethodsSayOfConditions) {
  const auto with = [](const Json& options) {
    return fault_of([&](Json& m) {
      m["methods"]["mine"] = {{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", 0.5}};
      m["methods"]["mine"].update(options);
    });
  };
  EXPECT_THAT(with({{"frequencies", {{"clean", 0.5}, {"fog:3", 0.5}}}}),
              AllOf(HasSubstr("/methods/mine/frequencies"), HasSubstr("\"fog:3\" is no condition of the experiment")));
  EXPECT_THAT(with({{"frequencies", {{"clean", 1}}}}), HasSubstr("the condition \"jpeg:q20\" has none"));
  EXPECT_THAT(
      with({{"mask_groups", Json::array({Json::array({"clean", "jpeg:q20"}), Json::array({"fog:1", "fog:2"})})}}),
      AllOf(HasSubstr("/methods/mine/mask_groups/1"), HasSubstr("\"fog:1\" is no condition")));
  EXPECT_THAT(fault_of([](Json& m) {
                m["methods"]["mine"] = {{"method", "dense_bn_k"}, {"consistency", 1}};
                m["conditions"] = {"jpeg:q20"};
              }),
              AllOf(HasSubstr("/methods/mine/consistency"), HasSubstr("no condition is clean")));
  EXPECT_THAT(with({{"consensus", "auto"}}),
              AllOf(HasSubstr("/methods/mine/consensus"), HasSubstr("data set \"toy\" has none")));
  const TempFolder folder;
  Json good = test::small_manifest();
  good["datasets"]["toy"]["validation"] = 100;
  good["methods"]["mine"] = {{"method", "automask"}, {"mac_budget", 0.5}, {"consensus", "auto"}};
  EXPECT_EQ(test::load(folder, good).methods.size(), 3U);
  // What an included manifest has for conditions of its own does no harm where it is not used.
  good["methods"]["mine"]["frequencies"] = {{"fog:3", 1}};
  good["matrix"]["method"] = {"plain"};
  EXPECT_EQ(test::load(folder, good).methods.size(), 3U);
}

TEST(Manifest, NamesFaultsOfHeldOutConditionsMixesAndFiles) {
  EXPECT_THAT(fault_of([](Json& m) { m["held_out"] = {"jpeg:q20"}; }),
              AllOf(HasSubstr("/held_out/0"), HasSubstr("is trained on")));
  const auto with_others = [](const char* held_out, const char* other) {
    return fault_of([&](Json& m) {
      m["held_out"] = {held_out};
      m["methods"]["mine"] = {{"method", "automask"}, {"estimator", {{"others", {"brightness:2", other}}}}};
    });
  };
  EXPECT_THAT(with_others("fog:3", "fog:2"),
              AllOf(HasSubstr("/methods/mine/estimator/others/1"), HasSubstr("\"fog:3\", which is held out")));
  EXPECT_THAT(with_others("jpeg:q30", "jpeg:q30"), HasSubstr("which is held out"));
  EXPECT_THAT(with_others("fog:3", "fog:2 > jpeg:q20"), HasSubstr("\"fog:3\", which is held out"));
  EXPECT_THAT(with_others("fog:3 > jpeg:q20", "fog:1"), HasSubstr("which is held out"));
  EXPECT_THAT(with_others("fog:3", "jpeg:q20"), HasSubstr("is a condition of the experiment"));
  const TempFolder folder;
  Json good = test::small_manifest();  // another level of a trained corruption is unseen nevertheless
  good["held_out"] = {"jpeg:q30"};
  good["methods"]["mine"] = {{"method", "automask"}, {"estimator", {{"others", {"jpeg:q40"}}}}};
  EXPECT_EQ(test::load(folder, good).held_out.size(), 1U);
  const auto with_mix = [](const Json& mix) { return fault_of([&](Json& m) { m["mixes"] = {{"mine", mix}}; }); };
  EXPECT_THAT(with_mix({{"fog:3", 1}}), AllOf(HasSubstr("/mixes/mine/fog:3"), HasSubstr("none of /conditions")));
  EXPECT_THAT(with_mix({{"clean", 0}}), HasSubstr("no weight above 0"));
  EXPECT_THAT(with_mix({{"clean", 1}, {"jpeg:q20", 1}, {"*", 1}}), HasSubstr("/mixes/mine/*"));
  EXPECT_THAT(with_mix({{"jpeg: q20", 1}, {"jpeg:q20", 1}}), HasSubstr("stands twice"));
  const auto with_files = [](const Json& file) {
    return fault_of([&](Json& m) { m["methods"]["theirs"] = {{"method", "external"}, {"file", file}}; });
  };
  EXPECT_THAT(with_files({{"clean", "a.onnx"}}), AllOf(HasSubstr("/methods/theirs/file"), HasSubstr("jpeg:q20")));
  EXPECT_THAT(with_files({{"clean", "a"}, {"jpeg:q20", "b"}, {"fog:1", "c"}}), HasSubstr("none of /conditions"));
  EXPECT_THAT(with_files({{"clean", "a"}, {"*", "b"}}), HasSubstr("stands beside conditions"));
}

TEST(Manifest, AMixSharesTheRest) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["conditions"] = {"clean", "jpeg:q20", "fog:2"};
  json["mixes"] = {{"mostly_clean", {{"clean", 70}, {"*", 30}}}, {"two", {{"jpeg:q20", 1}, {"clean", 3}}}};
  const Manifest manifest = test::load(folder, json);
  ASSERT_EQ(manifest.mixes.size(), 2u);
  EXPECT_EQ(manifest.mixes[0].name, "mostly_clean");
  EXPECT_THAT(manifest.mixes[0].weights, testing::ElementsAre(0.7, 0.15, 0.15));
  EXPECT_THAT(manifest.mixes[1].weights, testing::ElementsAre(0.75, 0.25, 0));
}

TEST(Manifest, ShippedOnesPassBoth) {
  std::size_t seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(AUTOMASK_SOURCE_DIR) / "experiments")) {
    if (entry.path().extension() != ".json" || entry.path().filename() == "manifest.schema.json") continue;
    SCOPED_TRACE(entry.path());
    ++seen;
    const Document document = read_document(entry.path());
    EXPECT_NO_THROW(parse_manifest(document));
    EXPECT_FALSE(schema_fault(document.json));
  }
  EXPECT_GE(seen, 1u);
}

TEST(Manifest, TheStarterPassesBoth) {
  const TempFolder folder;
  const Document document = read_document(folder.write("study.json", std::string(starter_manifest())));
  EXPECT_NO_THROW(parse_manifest(document));
  EXPECT_FALSE(schema_fault(document.json));
}

// The schema's lists of names are written by hand; they must be those of the catalogues.
TEST(Schema, TakesWhateverReadersTake) {
  const Json input = {3, 224, 224};
  for (const Json& dataset : {Json{{"reader", "tar"},
                                   {"path", "d"},
                                   {"input", input},
                                   {"resize", 256},
                                   {"test", "val.tar"},
                                   {"train", "train-{00..09}.tar"},
                                   {"subfolder", "noise"},
                                   {"class_list", "synsets.txt"},
                                   {"ground_truth", "val.txt"},
                                   {"ilsvrc_ids", "ids.txt"}},
                              Json{{"reader", "webdataset"}, {"path", "d"}, {"input", input}, {"train", "a.tar"}},
                              Json{{"reader", "cifar"}, {"path", "d"}, {"input", {3, 32, 32}}, {"classes", {"a", "b"}}},
                              Json{{"reader", "image_folder"}, {"path", "d"}, {"input", input}, {"class_list", "l"}}}) {
    EXPECT_NO_THROW(datasets::DatasetSpec::from_json({dataset, "test"}, "d")) << dataset;
    Json json = test::small_manifest();
    json["datasets"]["d"] = dataset;
    const auto fault = schema_fault(json);
    EXPECT_FALSE(fault) << dataset;
  }
}

TEST(Schema, HasTheDefaultsOfTheSchedule) {
  const Json schema = core::parse_json(schema_text(), "manifest.schema.json");
  const Json &definitions = schema["definitions"], &train = definitions["train"]["properties"];
  const methods::TrainOptions usual;
  Json defaults = methods::to_json(usual);
  defaults.update({{"flip", usual.augmentation.flip},
                   {"crop", usual.augmentation.crop},
                   {"checkpoint_seconds", usual.checkpoint_seconds},
                   {"workers", usual.workers},
                   {"device", "cpu"},
                   {"mixed_precision", usual.mixed_precision}});
  for (const auto& [key, option] : train.items())
    if (key != "description" && key != "picture_memory") {  // of which the default is what is free
      EXPECT_TRUE(defaults.contains(key)) << key;
      EXPECT_EQ(option.value("default", Json()), defaults.value(key, Json())) << key;
    }
  EXPECT_EQ(definitions["mac_budget"]["default"], methods::MethodSpec().mac_budget);
  EXPECT_EQ(definitions["lanes"]["default"], methods::MethodSpec().lanes);
}

TEST(Schema, KnowsTheCatalogues) {
  const Json schema = core::parse_json(schema_text(), "manifest.schema.json");
  const Json& definitions = schema["definitions"];
  EXPECT_EQ(definitions["dataset"]["properties"]["reader"]["enum"], Json(datasets::known_readers()));
  std::vector<std::string> models, methods;
  for (const auto& entry : models::zoo()) models.push_back(entry.name);
  EXPECT_EQ(definitions["model"]["properties"]["name"]["enum"], Json(models));
  for (const Json& variant : definitions["method"]["oneOf"])
    for (const Json& name : variant["properties"]["method"]["enum"]) methods.push_back(name);
  for (const auto& info : methods::method_infos()) {
    EXPECT_EQ(std::count(methods.begin(), methods.end(), info.name), 1) << info.name;
    for (const Json& variant : definitions["method"]["oneOf"]) {
      const Json& names = variant["properties"]["method"]["enum"];
      if (std::find(names.begin(), names.end(), info.name) == names.end()) continue;
      for (const std::string& option : info.options) EXPECT_TRUE(variant["properties"].contains(option)) << option;
      // Besides: description, method, train and init.
      EXPECT_EQ(variant["properties"].size(), info.options.size() + 4) << info.name << ": an option it has not";
    }
  }
  EXPECT_EQ(methods.size(), methods::method_infos().size());
  EXPECT_EQ(definitions["scorer"]["enum"], Json(methods::scorer_names()));
  for (const auto& info : corruptions::operator_infos()) {
    for (const auto& [level, good] :
         {std::pair{info.low, true}, {info.high, true}, {info.low - 1, false}, {info.high + 1, false}}) {
      Json json = test::small_manifest();
      json["conditions"] = {info.name + ":" + info.prefix + std::to_string(level)};
      EXPECT_EQ(!schema_fault(json).has_value(), good) << json["conditions"];
    }
    for (const auto& group : info.options)
      for (const auto& choice : group.choices) {
        Json json = test::small_manifest();
        json["conditions"] = {info.name + ":1KiB," + choice + " > " + info.name + ":4096B > contrast:1"};
        EXPECT_FALSE(schema_fault(json)) << json["conditions"];
      }
  }
  for (const char* wrong : {"jpeg:q30 contrast:1", "jpeg:q30 >", "> jpeg:q30", "jpeg:q30,crf", "webp:q30,444",
                            "contrast:1,444", "contrast:4KiB", "jpeg:4GB", "jpeg:0B", "clean > jpeg:q30", ""}) {
    Json json = test::small_manifest();
    json["conditions"] = {wrong};
    EXPECT_TRUE(schema_fault(json)) << wrong;
  }
}

}  // namespace
}  // namespace automask::harness
