// The estimator's network, its decision over frames, and its way through files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "hw_targets/package/layout.h"
#include "tests/unit/package/damage.h"
#include "tests/unit/package/estimators.h"

namespace automask {
namespace {

using nlohmann::json;
using package::Estimate;
using package::Estimator;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

double requantised_slowly(double accumulator, const package::Requantisation& r, double most) {
  return std::min(most,
                  std::max(-most, std::floor((accumulator + r.bias) * r.multiplier / std::pow(2, r.shift) + 0.5)));
}

TEST(Estimator, ScoresAreTheirDefinition) {
  std::mt19937 random(4);
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Estimator e = estimators::make(5, 7, seed);
    std::vector<std::int32_t> statistics(package::statistic_count);
    for (std::int32_t& value : statistics) value = static_cast<std::int32_t>(random() % 8193) - 4096;
    std::vector<double> input, hidden;
    for (std::size_t j = 0; j < statistics.size(); ++j)
      input.push_back(requantised_slowly(statistics[j], e.input[j], 127));
    for (std::size_t i = 0; i < 7; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < input.size(); ++j) sum += e.hidden.weights[i * input.size() + j] * input[j];
      hidden.push_back(std::max(0.0, requantised_slowly(sum, e.hidden.requantisation[i], 127)));
    }
    const auto scores = package::estimator_scores(e, statistics);
    ASSERT_EQ(scores.size(), 5u);
    for (std::size_t k = 0; k < 5; ++k) {
      double sum = 0;
      for (std::size_t i = 0; i < 7; ++i) sum += e.output.weights[k * 7 + i] * hidden[i];
      EXPECT_EQ(scores[k], requantised_slowly(sum, e.output.requantisation[k], 32767));
    }
  }
  EXPECT_THROW(package::estimator_scores(estimators::make(2, 1, 0), {1, 2}), std::invalid_argument);
}

TEST(Estimator, DecidesByTheLargestScoreAndFallsBackBelowTheMargin) {
  Estimator e = estimators::make(3, 1, 1);
  e.fallback = 2;
  EXPECT_EQ(package::decide(e, {5, 9, 1}).condition, 1);
  EXPECT_EQ(package::decide(e, {5, 9, 1}).lead, 4);
  EXPECT_EQ(package::decide(e, {7, 7, 7}).condition, 0);
  EXPECT_EQ(package::decide(e, {7, 7, 7}).lead, 0);
  e.margin = 4;
  EXPECT_EQ(package::decide(e, {5, 9, 1}).condition, 1);
  EXPECT_EQ(package::decide(e, {6, 9, 1}).condition, 2);
  EXPECT_EQ(package::decide(e, {-32767, 32767, -32767}).lead, 65534);
}

TEST(Hysteresis, NeedsFramesInARowOrALargeLead) {
  package::Hysteresis hysteresis(3, 100);
  std::vector<int> taken;
  const auto show = [&](int condition, std::int32_t lead) { taken.push_back(hysteresis.next({condition, lead})); };
  show(1, 0);  // the first picture decides alone
  show(2, 5);
  show(2, 5);
  show(1, 5);  // the row is broken
  show(2, 5);
  show(2, 5);
  show(0, 5);  // and so by another rival
  show(2, 5);
  show(2, 5);
  show(2, 5);  // three in a row
  show(1, 99);
  show(0, 100);  // a large lead
  show(0, 0);
  EXPECT_THAT(taken, ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 0, 0));
}

TEST(Hysteresis, IsWhatThePackageSays) {
  package::Estimator e = estimators::make(3, 4, 1);
  e.frames = 2;
  e.lead = 50;
  package::Hysteresis hysteresis(e);
  std::vector<int> taken;
  for (const package::Estimate estimate : {package::Estimate{0, 9}, {1, 9}, {1, 9}, {2, 50}})
    taken.push_back(hysteresis.next(estimate));
  EXPECT_THAT(taken, ElementsAre(0, 0, 1, 2));
  EXPECT_EQ(package::estimator_from_json(package::to_json(e), 3, "e"), e);
  package::Estimator alone = e;
  alone.frames = 1;
  EXPECT_FALSE(package::to_json(alone).contains("hysteresis"));
  for (const auto& [frames, lead] : {std::pair{0, 5}, {1001, 5}, {3, -1}, {3, 65535}}) {
    nlohmann::json changed = package::to_json(e);
    changed["hysteresis"] = {{"frames", frames}, {"lead", lead}};
    EXPECT_THROW(package::estimator_from_json(changed, 3, "e"), package::PackageError) << frames << " " << lead;
  }
}

package::Package tiny(unsigned seed = 3) {
  package::Package p = damage::tiny();
  p.estimator = estimators::make(2, 3, seed);
  p.estimator.margin = 17;
  p.estimator.fallback = 1;
  p.estimator.frames = 3;
  p.estimator.lead = 900;
  return p;
}

TEST(EstimatorFile, ComesBackAsItWas) {
  const package::Package p = tiny();
  const std::string bytes = package::encode(p);
  EXPECT_EQ(package::decode(bytes, "p").estimator, p.estimator);
  EXPECT_EQ(package::encode(package::decode(bytes, "p")), bytes);
  EXPECT_TRUE(package::decode(package::encode(damage::tiny()), "p").estimator.empty());
}

TEST(EstimatorFile, ItsBytesAreCounted) {
  const auto with = package::bytes_by_part(tiny()), without = package::bytes_by_part(damage::tiny());
  // 16 statistics, 3 hidden units, 2 conditions: 7 bytes of requantisation each, 1 per weight.
  EXPECT_EQ(with.at("estimator"), 7 * (16 + 3 + 2) + 3 * 16 + 2 * 3);
  EXPECT_EQ(without.at("estimator"), 0);
  for (const char* part : {"weights", "masks", "normalisation"}) EXPECT_EQ(with.at(part), without.at(part)) << part;
  std::int64_t sum = 0;
  for (const auto& [part, bytes] : with) sum += part == "total" ? 0 : bytes;
  EXPECT_EQ(sum, with.at("total"));
}

TEST(EstimatorFile, DamagedAnywhere) {
  const std::string bytes = package::encode(tiny());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string other = bytes;
    other[i] = static_cast<char>(other[i] ^ (1 << (i % 8)));
    ASSERT_THAT(damage::fault_of(other), StartsWith("p.amk: ")) << i;
    ASSERT_THAT(damage::fault_of(bytes.substr(0, i)), StartsWith("p.amk: ")) << i;
  }
}

std::string fault_after(const std::function<void(json&, package::Container&)>& change) {
  package::Container container = package::decode_container(package::encode(tiny()), "p");
  json structure = json::parse(container.metadata.at(package::structure_key));
  change(structure, container);
  container.metadata[package::structure_key] = structure.dump();
  container.metadata[package::hash_key] = package::content_hash(container);
  return damage::fault_of(package::encode_container(container));
}

TEST(EstimatorFile, InTheStructure) {
  const auto with = [](const char* key, const json& value) {
    return fault_after([&](json& s, package::Container&) { s["estimator"][key] = value; });
  };
  EXPECT_EQ(with("statistics", 1), "");
  EXPECT_EQ(with("statistics", 2),
            "p.amk: estimator/statistics: is 2, this program knows 1; compile the package again or update");
  EXPECT_EQ(with("hidden", 0), "p.amk: estimator/hidden: must have 1 to 1024 units");
  EXPECT_EQ(with("hidden", 4), "p.amk: tensor estimator.hidden.weight: has another shape than the estimator needs");
  EXPECT_EQ(with("hidden", 2.5), "p.amk: estimator/hidden: must be a whole number within 2^30");
  EXPECT_EQ(with("margin", -1), "p.amk: estimator/margin: must lie in [0, 65534]");
  EXPECT_EQ(with("margin", ~std::uint64_t(0)), "p.amk: estimator/margin: must be a whole number within 2^30");
  EXPECT_EQ(with("fallback", 2), "p.amk: estimator/fallback: must be the index of a condition");
  EXPECT_EQ(with("extra", 2), "p.amk: estimator: unknown key \"extra\"");
  EXPECT_THAT(fault_after([](json& s, package::Container&) { s.erase("estimator"); }),
              HasSubstr("tensor estimator.hidden.bias: nothing in the structure uses it"));
  EXPECT_EQ(fault_after([](json& s, package::Container&) { s["estimator"] = 1; }),
            "p.amk: estimator: must be an object");
}

TEST(EstimatorFile, InTheTensors) {
  const auto with = [](const char* name, std::size_t byte, char value) {
    return fault_after([&](json&, package::Container& c) { c.tensors.at(name).bytes[byte] = value; });
  };
  EXPECT_EQ(with("estimator.hidden.weight", 5, '\x80'), "p.amk: estimator/hidden: weights must lie in [-127, 127]");
  EXPECT_EQ(with("estimator.output.shift", 1, 47), "p.amk: estimator/output: a shift is above 46");
  EXPECT_EQ(with("estimator.input.bias", 3, 0x7f), "p.amk: estimator/input: a bias is beyond 2^30");
  EXPECT_EQ(with("estimator.input.multiplier", 1, 1), "p.amk: estimator/input: a multiplier must be 0 or have 15 bits");
  EXPECT_EQ(fault_after([](json&, package::Container& c) { c.tensors.at("estimator.input.bias").dtype = "F32"; }),
            "p.amk: tensor estimator.input.bias: has dtype F32, must have I32");
  EXPECT_EQ(fault_after([](json&, package::Container& c) { c.tensors.erase("estimator.output.weight"); }),
            "p.amk: tensor estimator.output.weight: is missing");
}

TEST(EstimatorFile, WritersCheckToo) {
  package::Package p = tiny();
  p.conditions.resize(1);
  p.conditions[0].mask[1] = {1, 1, 1};
  EXPECT_THROW(package::encode(p), package::PackageError);
  p = tiny();
  p.estimator.hidden.weights.pop_back();
  EXPECT_THROW(package::encode(p), package::PackageError);
}

TEST(EstimatorJson, ComesBackAsItWas) {
  const Estimator e = tiny().estimator;
  const json text = package::to_json(e);
  EXPECT_EQ(package::estimator_from_json(text, 2, "c"), e);
  const auto fault = [&](const char* pointer, const json& value, std::size_t conditions = 2) -> std::string {
    json changed = text;
    changed[json::json_pointer(pointer)] = value;
    try {
      package::estimator_from_json(changed, conditions, "c");
    } catch (const package::PackageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(fault("/margin", 0), "");
  EXPECT_EQ(fault("/margin", 0, 3), "c: estimator/output: must have 3 outputs and 3 inputs");
  EXPECT_EQ(fault("/margin", 0, 1), "c: estimator: there must be two conditions at least to choose from");
  EXPECT_EQ(fault("/statistics", nullptr),
            "c: estimator/statistics: is no integer, this program knows 1; compile the package again or update");
  EXPECT_EQ(fault("/input", 1), "c: estimator/input: must be an array");
  EXPECT_EQ(fault("/input/3", {1, 2}), "c: estimator/input: must hold [bias, multiplier, shift]");
  EXPECT_EQ(fault("/input/3/1", 40000), "c: estimator/input: a multiplier or shift is out of range");
  EXPECT_EQ(fault("/hidden/weights/0", -128), "c: estimator/hidden: weights must lie in [-127, 127]");
  EXPECT_EQ(fault("/hidden/weights/48", 1), "c: estimator/hidden: must have 3 outputs and 16 inputs");
  EXPECT_EQ(fault("/output", 7), "c: estimator/output: must be an object");
}

}  // namespace
}  // namespace automask
