#include "results/robustness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/error.h"

namespace automask::results {
namespace {

using core::Json;

// `wrong` of `pictures` answers are wrong, the first ones.
Wrongs wrongs(const std::string& condition, std::size_t wrong, std::size_t pictures) {
  Wrongs result{condition, std::vector<std::uint8_t>(pictures)};
  std::fill_n(result.wrong.begin(), wrong, std::uint8_t{1});
  return result;
}

// Every severity of the 15 with `wrong` errors of 10.
std::vector<Wrongs> all_with(std::size_t wrong, std::size_t clean) {
  std::vector<Wrongs> conditions = {wrongs("clean", clean, 10)};
  for (const std::string& corruption : benchmark_corruptions())
    for (int s = 1; s <= 5; ++s) conditions.push_back(wrongs(corruption + ":" + std::to_string(s), wrong, 10));
  return conditions;
}

TEST(Robustness, FollowsTheDefinition) {
  // Errors of fog by severity: 1/4 1/4 2/4 3/4 3/4, mean 1/2; clean 1/4. Divisor .8, clean .3:
  // CE = .5 / .8 = 62.5 %, relative CE = (.5 - .25) / (.8 - .3) = 50 %.
  std::vector<Wrongs> conditions = {wrongs("clean", 1, 4)};
  const std::size_t fog[] = {1, 1, 2, 3, 3};
  for (int s = 1; s <= 5; ++s) conditions.push_back(wrongs("fog:" + std::to_string(s), fog[s - 1], 4));
  const Normaliser normaliser{"by hand", .3, {{"fog", .8}}};
  const Robustness result = robustness(conditions, normaliser);
  ASSERT_EQ(result.rows.size(), 1u);
  EXPECT_EQ(result.rows[0].corruption, "fog");
  EXPECT_DOUBLE_EQ(result.rows[0].error.value, 50);
  EXPECT_DOUBLE_EQ(result.rows[0].ce.value, 62.5);
  EXPECT_DOUBLE_EQ(result.rows[0].relative_ce.value().value, 50);
  EXPECT_DOUBLE_EQ(result.clean_error.value().value, 25);
  EXPECT_EQ(result.normaliser, "by hand");
  EXPECT_EQ(result.pictures, 4u);
  EXPECT_FALSE(result.mce);
  EXPECT_FALSE(result.relative_mce);
  EXPECT_EQ(result.missing.size(), 14u);
}

TEST(Robustness, IsTheMeanOverTheFifteen) {
  const std::vector<Wrongs> conditions = all_with(6, 3);
  double mce = 0, relative = 0;
  for (const std::string& corruption : benchmark_corruptions()) {
    mce += 100 * .6 / alexnet_normaliser().mean_error.at(corruption) / 15;
    relative += 100 * (.6 - .3) / (alexnet_normaliser().mean_error.at(corruption) - .435) / 15;
  }
  const Robustness result = robustness(conditions);
  EXPECT_NEAR(result.mce.value().value, mce, 1e-9);
  EXPECT_NEAR(result.relative_mce.value().value, relative, 1e-9);
  EXPECT_TRUE(result.missing.empty());
  EXPECT_EQ(result.rows.size(), 15u);
}

// D. Hendrycks, T. Dietterich, ICLR 2019, table 1 (clean) and google-research/augmix, imagenet.py (CORRUPTIONS and
// ALEXNET_ERR); the four extra ones to three digits from the paper's appendix.
TEST(Robustness, KnowsAlexNetAsPublished) {
  const Normaliser& alexnet = alexnet_normaliser();
  EXPECT_DOUBLE_EQ(alexnet.clean.value(), .435);
  const std::map<std::string, double> published = {{"gaussian_noise", .886428},
                                                   {"shot_noise", .894468},
                                                   {"impulse_noise", .922640},
                                                   {"defocus_blur", .819880},
                                                   {"glass_blur", .826268},
                                                   {"motion_blur", .785948},
                                                   {"zoom_blur", .798360},
                                                   {"snow", .866816},
                                                   {"frost", .826572},
                                                   {"fog", .819324},
                                                   {"brightness", .564592},
                                                   {"contrast", .853204},
                                                   {"elastic_transform", .646056},
                                                   {"pixelate", .717840},
                                                   {"jpeg_compression", .606500},
                                                   {"speckle_noise", .845},
                                                   {"gaussian_blur", .787},
                                                   {"spatter", .718},
                                                   {"saturate", .658}};
  EXPECT_EQ(alexnet.mean_error, published);
  for (const std::string& corruption : benchmark_corruptions()) EXPECT_TRUE(published.contains(corruption));
}

TEST(Robustness, OfAlexNetIsAHundred) {
  // A million pictures carry six digits of each error; the severities share the mean.
  constexpr std::size_t pictures = 1'000'000;
  const Normaliser& alexnet = alexnet_normaliser();
  std::vector<Wrongs> conditions = {wrongs("clean", 435'000, pictures)};
  for (const auto& [corruption, error] : alexnet.mean_error) {
    conditions.resize(1);
    for (int s = 1; s <= 5; ++s)
      conditions.push_back(wrongs(corruption + ":" + std::to_string(s),
                                  static_cast<std::size_t>(std::llround(error * pictures)), pictures));
    const Robustness result = robustness(conditions);
    ASSERT_EQ(result.rows.size(), 1u);
    EXPECT_NEAR(result.rows[0].ce.value, 100, 1e-6) << corruption;
    EXPECT_NEAR(result.rows[0].relative_ce.value().value, 100, 1e-4) << corruption;
  }
}

TEST(Robustness, LeavesOutWhatIsIncomplete) {
  std::vector<Wrongs> conditions = all_with(5, 2);
  std::erase_if(conditions, [](const Wrongs& w) { return w.condition == "snow:4" || w.condition == "clean"; });
  conditions.push_back(wrongs("snow:4 > jpeg:q30", 5, 10));  // a chain is no severity
  conditions.push_back(wrongs("jpeg:q30", 5, 10));
  for (int s = 1; s <= 5; ++s) conditions.push_back(wrongs("low_light:" + std::to_string(s), 5, 10));
  const Robustness result = robustness(conditions);
  EXPECT_EQ(result.missing, std::vector<std::string>{"snow"});
  EXPECT_EQ(result.rows.size(), 14u);  // without low_light, which has no normaliser
  EXPECT_FALSE(result.mce);
  EXPECT_FALSE(result.clean_error);
  EXPECT_FALSE(result.rows[0].relative_ce);
  const Json json = to_json(result);
  EXPECT_TRUE(json.at("mce").is_null());
  EXPECT_TRUE(json.at("corruptions").at(0).at("relative_ce").is_null());
  EXPECT_TRUE(robustness({}).rows.empty());
}

TEST(Robustness, RefusesOtherNumbersOfPictures) {
  const std::vector<Wrongs> conditions = {wrongs("clean", 1, 10), wrongs("fog:1", 1, 9)};
  EXPECT_THROW(robustness(conditions), core::Error);
}

TEST(Robustness, IntervalsAreThoseOfABootstrapOverPictures) {
  // Hard pictures are hard under every condition: conditions that were independent would give half the width.
  constexpr std::size_t pictures = 400;
  std::mt19937_64 random(7);
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  std::vector<double> hardness(pictures);
  for (double& h : hardness) h = uniform();
  std::vector<Wrongs> conditions = {{"clean", {}}};
  for (const std::string& corruption : benchmark_corruptions())
    for (int s = 1; s <= 5; ++s) conditions.push_back({corruption + ":" + std::to_string(s), {}});
  for (Wrongs& condition : conditions) {
    const double shift = condition.condition == "clean" ? -.2 : .05 * (condition.condition.back() - '3');
    for (const double h : hardness) condition.wrong.push_back(uniform() < h + shift ? 1 : 0);
  }
  const Robustness result = robustness(conditions);
  const auto half_width = [](const Score& score) { return (score.hi - score.lo) / 2; };

  std::vector<double> mces, relatives, errors;
  for (int round = 0; round < 400; ++round) {
    std::vector<std::size_t> drawn(pictures);
    for (std::size_t& i : drawn) i = random() % pictures;
    std::vector<Wrongs> sample = conditions;
    for (std::size_t c = 0; c < sample.size(); ++c)
      for (std::size_t i = 0; i < pictures; ++i) sample[c].wrong[i] = conditions[c].wrong[drawn[i]];
    const Robustness one = robustness(sample);
    mces.push_back(one.mce->value);
    relatives.push_back(one.relative_mce->value);
    errors.push_back(one.rows[2].error.value);
  }
  const auto percentile_half_width = [](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return (values[values.size() * 39 / 40] - values[values.size() / 40]) / 2;
  };
  // 400 rounds know their quantiles to about a tenth.
  EXPECT_NEAR(half_width(*result.mce) / percentile_half_width(mces), 1, .2);
  EXPECT_NEAR(half_width(*result.relative_mce) / percentile_half_width(relatives), 1, .2);
  EXPECT_NEAR(half_width(result.rows[2].error) / percentile_half_width(errors), 1, .2);
  EXPECT_GT(half_width(*result.mce), 0);
  EXPECT_NEAR(result.mce->value, (result.mce->lo + result.mce->hi) / 2, 1e-9);
}

TEST(Normaliser, OfOnesOwnDataGivesAHundredAndSurvivesJson) {
  const std::vector<Wrongs> conditions = all_with(6, 3);
  const Normaliser own = normaliser_from(conditions, "mine");
  const Json json = to_json(own);
  const Normaliser read = normaliser_from_json(core::JsonCursor(json, "mine.json"));
  EXPECT_EQ(read.name, "mine");
  EXPECT_EQ(read.clean, own.clean);
  EXPECT_EQ(read.mean_error, own.mean_error);
  const Robustness result = robustness(conditions, read);
  EXPECT_DOUBLE_EQ(result.mce.value().value, 100);
  EXPECT_DOUBLE_EQ(result.relative_mce.value().value, 100);
  EXPECT_EQ(result.normaliser, "mine");
}

TEST(Normaliser, WithoutCleanHasNothingToBeRelativeTo) {
  std::vector<Wrongs> conditions = all_with(6, 3);
  const std::vector<Wrongs> with_clean = conditions;
  conditions.erase(conditions.begin());
  const Json json = to_json(normaliser_from(conditions, "mine"));
  EXPECT_TRUE(json.at("clean").is_null());
  const Robustness result = robustness(with_clean, normaliser_from_json(core::JsonCursor(json, "mine.json")));
  EXPECT_TRUE(result.mce);
  EXPECT_FALSE(result.relative_mce);
  EXPECT_FALSE(result.rows[0].relative_ce);
}

TEST(Normaliser, LeavesOutCorruptionsWithoutErrorsOrSeverities) {
  std::vector<Wrongs> conditions = all_with(6, 3);
  for (Wrongs& w : conditions)
    if (w.condition.starts_with("fog:")) std::fill(w.wrong.begin(), w.wrong.end(), std::uint8_t{0});
  std::erase_if(conditions, [](const Wrongs& w) { return w.condition == "snow:4"; });
  const Normaliser own = normaliser_from(conditions, "mine");
  EXPECT_EQ(own.mean_error.size(), 13u);
  EXPECT_FALSE(own.mean_error.contains("fog"));
  EXPECT_FALSE(own.mean_error.contains("snow"));
}

TEST(Normaliser, InPercentIsRefused) {
  for (const char* text : {R"({"name": "x", "clean": 43.5, "mean_error": {"fog": 0.8}})",
                           R"({"name": "x", "clean": 0.4, "mean_error": {"fog": 81.9}})",
                           R"({"name": "x", "clean": 0.4, "mean_error": {"fog": 0}})"}) {
    const Json json = Json::parse(text);
    EXPECT_THROW(normaliser_from_json(core::JsonCursor(json, "mine.json")), core::Error) << text;
  }
}

}  // namespace
}  // namespace automask::results
