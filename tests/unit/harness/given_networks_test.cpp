#include "harness/given_networks.h"

#include <gmock/gmock.h>

#include <fstream>

#include "models/checkpoint.h"
#include "models/safetensors.h"
#include "support.h"

namespace automask::harness {
namespace {

using core::ExitCode;
using test::Json;
using test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Names = std::vector<std::string>;

const Json start = {{"method", "clean"}, {"init", "w.safetensors"}};
const Json external = {{"method", "external"}, {"file", "w.safetensors"}};
const Json deployed = {{"method", "kill_test"}, {"backbone", "deployed"}, {"init", "w.safetensors"}};

// Of a checkpoint what planning reads: the header.
std::string checkpoint(const Names& conditions, const Json& training = Json::object()) {
  models::SafetensorsFile file;
  file.metadata[models::checkpoint_key] = Json{{"conditions", conditions}, {"training", training}}.dump();
  return models::encode_safetensors(file);
}

class GivenNetworks : public testing::Test {
 protected:
  void given(const std::string& bytes) { folder_.write("w.safetensors", bytes); }
  Plan plan(const Json& method, const Names& held_out) const {
    Json json = test::small_manifest();
    json["methods"] = {{"mine", method}};
    if (!held_out.empty()) json["held_out"] = held_out;
    return test::plan_of(test::load(folder_, json));
  }
  std::string refused(const Json& method, const Names& held_out) const {
    return test::sentence_of([&] { plan(method, held_out); }, ExitCode::invalid_manifest);
  }
  bool planned(const Json& method, const Names& held_out) const { return plan(method, held_out).cells.size() == 1; }

  TempFolder folder_;
};

TEST_F(GivenNetworks, AStartThatHasSeenAHeldOutConditionIsRefused) {
  given(checkpoint({"clean", "fog:1"}));
  const Json adapting = {{"method", "bn_adapt"}, {"init", "w.safetensors"}};
  for (const Json& method : {start, deployed, adapting}) {
    EXPECT_THAT(refused(method, {"jpeg:q10", "fog:1"}),
                AllOf(HasSubstr("manifest.json: /methods/mine/init: the network was trained on \"fog:1\", so it knows "
                                "something of \"fog:1\", which is held out"),
                      HasSubstr("remove \"fog:1\" from held_out, or name a network that has seen nothing of it")));
    EXPECT_THAT(refused(method, {"fog:3"}), HasSubstr("was trained on \"fog:1\", so it knows something of \"fog:3\""));
    EXPECT_THAT(refused(method, {"fog:3 > jpeg:q20"}), HasSubstr("something of \"fog:3 > jpeg:q20\""));
    EXPECT_TRUE(planned(method, {"jpeg:q10", "frost:3"})) << method;
    EXPECT_TRUE(planned(method, {})) << method;
  }
}

// As among an estimator's others.
TEST_F(GivenNetworks, AnotherSeverityOfATrainedCorruptionMayHaveBeenSeen) {
  given(checkpoint({"clean", "jpeg:q40"}));
  EXPECT_TRUE(planned(start, {"jpeg:q10"}));
  EXPECT_THAT(refused(start, {"jpeg:q40"}), HasSubstr("was trained on \"jpeg:q40\""));
}

TEST_F(GivenNetworks, WhatTheNetworkWasMadeFromCounts) {
  given(checkpoint({"clean", "jpeg:q20"}, {{"trained_on", {"clean", "fog:1"}}}));
  EXPECT_THAT(refused(deployed, {"fog:3"}), HasSubstr("/methods/mine/init: the network was trained on \"fog:1\""));
  given(checkpoint({"*"}, {{"trained_on", {"clean", "fog:1"}}}));
  EXPECT_THAT(refused(start, {"fog:3"}), HasSubstr("/methods/mine/init: the network was trained on \"fog:1\""));
}

TEST_F(GivenNetworks, ExternalOnesAreHeldToTheSame) {
  given(checkpoint({"clean", "fog:1"}));
  EXPECT_THAT(refused(external, {"fog:3"}), HasSubstr("/methods/mine/file: the network was trained on \"fog:1\""));
  EXPECT_TRUE(planned(external, {"frost:3"}));
  folder_.write("other.onnx", std::string("weights"));
  const Json each = {{"method", "external"}, {"file", {{"clean", "other.onnx"}, {"jpeg:q20", "w.safetensors"}}}};
  EXPECT_THAT(refused(each, {"fog:3"}), HasSubstr("/methods/mine/file/jpeg:q20: the network was trained on \"fog:1\""));
  // It comes with its estimator, which a training would replace.
  given(checkpoint({"clean", "jpeg:q20"}, {{"others", {{"fog:2", Json::object()}}}}));
  EXPECT_THAT(refused(external, {"fog:3"}), HasSubstr("was trained on \"fog:2\""));
  EXPECT_TRUE(planned(start, {"fog:3"}));
}

TEST_F(GivenNetworks, WhatNobodyKnowsIsAccepted) {
  for (const std::string& bytes : {std::string("weights"), models::encode_safetensors({}), checkpoint({"*"}),
                                   checkpoint({"width:1", "width:0.5"})})
    for (const Json& method : {start, external}) {
      given(bytes);
      EXPECT_TRUE(planned(method, {"fog:3"})) << bytes;
    }
}

TEST_F(GivenNetworks, OnlyThoseOfMethodsInTheMatrixCount) {
  given(checkpoint({"clean", "fog:1"}));
  Json json = test::small_manifest();
  json["held_out"] = {"fog:3"};
  json["methods"]["mine"] = start;
  json["matrix"]["method"] = {"plain"};
  EXPECT_EQ(test::plan_of(test::load(folder_, json)).cells.size(), 1U);
}

TEST_F(GivenNetworks, ADamagedRecordIsSaidInOneSentence) {
  const auto says = [&](const std::string& bytes) {
    given(bytes);
    return refused(start, {"fog:3"});
  };
  EXPECT_THAT(
      says(checkpoint({"*"}, {{"trained_on", 3}})),
      AllOf(HasSubstr("manifest.json: /methods/mine/init: the file's record of its training is damaged: "),
            HasSubstr("w.safetensors: structure: /training/trained_on: must be an array of strings, not number; export "
                      "the checkpoint again"),
            Not(HasSubstr("\n"))));
  EXPECT_THAT(says(checkpoint({"*"}, {{"trained_on", {"clean", 4}}})), HasSubstr("/training/trained_on/1"));
  EXPECT_THAT(says(checkpoint({"*"}, {{"trained_on", {"clean", "fag:1"}}})),
              AllOf(HasSubstr("condition \"fag:1\""), HasSubstr("unknown corruption or codec \"fag\"")));
  std::string cut = checkpoint({"clean", "fog:1"});
  cut.pop_back();
  EXPECT_THAT(says(cut), HasSubstr("reaches past the end of the file"));
  given(checkpoint({"clean", "jpeg:q20"}, {{"others", "fog:1"}}));
  EXPECT_THAT(refused(external, {"fog:3"}), HasSubstr("/training/others: must be an object"));
}

TEST_F(GivenNetworks, AFileThatCannotBeReadIsNotCalledDamaged) {
  given(checkpoint({"clean", "fog:1"}));
  const std::filesystem::path file = folder_.path() / "w.safetensors";
  std::filesystem::permissions(file, std::filesystem::perms::none);
  if (std::ifstream(file)) GTEST_SKIP() << "this user may read everything";
  EXPECT_THAT(refused(start, {"fog:3"}), AllOf(HasSubstr("w.safetensors cannot be read; correct its permissions")));
}

// What is held out is checked here, so it is not the training's business.
TEST_F(GivenNetworks, HeldOutConditionsDecideNoTraining) {
  given(checkpoint({"clean"}));
  for (const Json& method : {start, deployed, external}) {
    const Plan with = plan(method, {"fog:3"}), without = plan(method, {});
    const Step &step = with.steps[with.cells[0].train], &same = without.steps[without.cells[0].train];
    EXPECT_EQ(step.key, same.key) << method;
    EXPECT_EQ(step.parameters, same.parameters) << method;
  }
}

}  // namespace
}  // namespace automask::harness
