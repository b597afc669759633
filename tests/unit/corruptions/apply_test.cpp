// Chains, tables and random streams.
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/corruptions/pictures.h"

namespace automask::corruptions {
namespace {

using testing::difference;
using testing::flat;
using testing::scene;

std::string digest(const cv::Mat& picture) {
  return core::sha256_hex({reinterpret_cast<const char*>(picture.data), picture.total() * picture.elemSize()});
}

TEST(Operators, MatchTheCatalogue) {
  std::vector<std::string> catalogue, table;
  for (const auto& info : operator_infos()) catalogue.push_back(info.name);
  for (const auto& op : operators()) table.emplace_back(op.name);
  EXPECT_EQ(table, catalogue);
}

TEST(Operators, KeepSizeAndTypeAndChangeThePictureAtEveryLevel) {
  for (const auto& info : operator_infos())
    for (const int channels : {1, 3}) {
      if (info.name == "saturate" && channels == 1) continue;  // a gray picture has no saturation
      const cv::Mat picture = scene(64, 64, channels), original = picture.clone();
      std::set<std::string> results = {digest(picture)};
      for (int strength = 1; strength <= 5; ++strength) {
        const int level = testing::level_at(info, strength);
        const cv::Mat result = testing::apply_operator(info.name, picture, level);
        EXPECT_EQ(result.size(), picture.size()) << info.name;
        EXPECT_EQ(result.type(), picture.type()) << info.name;
        EXPECT_TRUE(results.insert(digest(result)).second) << info.name << " " << level << " repeats another level";
        EXPECT_EQ(difference(picture, original), 0) << info.name << " wrote to its input";
      }
      for (const cv::Size size : {cv::Size(1, 1), cv::Size(1, 9), cv::Size(9, 1)})
        EXPECT_EQ(testing::apply_operator(info.name, scene(size.height, size.width, channels), info.low).size(), size);
    }
}

TEST(Operators, NameTheirParametersPerLevel) {
  for (const auto& op : operators()) {
    EXPECT_TRUE(op.parameters(1, Edition::fixed).is_object());
    EXPECT_NE(op.parameters(1, Edition::fixed), op.parameters(2, Edition::fixed)) << op.name;
  }
}

TEST(Operators, DrawRandomNumbersOnlyIfTheCatalogueSaysSo) {
  for (const auto& info : operator_infos()) {
    const cv::Mat picture = scene(64, 64, 1);
    const auto one = testing::apply_operator(info.name, picture, info.low, 1);
    const auto other = testing::apply_operator(info.name, picture, info.low, 2);
    EXPECT_EQ(difference(one, other) != 0, info.stochastic) << info.name;
  }
}

TEST(Apply, RunsTheChainInOrder) {
  const cv::Mat picture = scene(28, 28, 1);
  const StreamContext context{1, "test", 5, 0};
  const auto run = [&](const char* text) { return apply(Condition::parse(text), picture, context); };
  const cv::Mat both = run("defocus_blur:2 > contrast:1");
  const cv::Mat steps = testing::apply_operator("contrast", testing::apply_operator("defocus_blur", picture, 2), 1);
  EXPECT_EQ(difference(both, steps), 0);
  EXPECT_NE(difference(run("defocus_blur:2 > gaussian_noise:3"), run("gaussian_noise:3 > defocus_blur:2")), 0);
  EXPECT_NE(difference(run("brightness:5 > contrast:1"), run("contrast:1 > brightness:5")), 0);
}

TEST(Apply, OfCleanIsACopy) {
  const cv::Mat picture = scene(28, 28, 3);
  const cv::Mat result = apply(Condition(), picture, {});
  EXPECT_EQ(difference(result, picture), 0);
  EXPECT_NE(result.data, picture.data);
}

TEST(Apply, TakesWindowsOfLargerPictures) {
  const cv::Mat large = scene(60, 60, 3);
  const cv::Mat window = large(cv::Rect(7, 9, 28, 28));
  for (const auto& info : operator_infos()) {
    const auto condition = Condition::parse(testing::link_at(info, 4));
    EXPECT_EQ(difference(apply(condition, window, {}), apply(condition, window.clone(), {})), 0) << info.name;
  }
}

TEST(Apply, GivesTheBytesOfTheLastCodec) {
  const cv::Mat picture = scene(28, 28, 1);
  std::int64_t bytes = -1, alone = -1;
  apply(Condition::parse("jpeg:q90"), picture, {}, &alone);
  apply(Condition::parse("jpeg:q90 > contrast:2"), picture, {}, &bytes);
  EXPECT_EQ(bytes, alone);
  EXPECT_GT(bytes, 100);
  apply(Condition::parse("jpeg:q90 > jpeg:q10"), picture, {}, &bytes);
  EXPECT_LT(bytes, alone);
}

TEST(Apply, RefusesOtherPixelTypes) {
  EXPECT_THROW(apply(Condition(), cv::Mat(4, 4, CV_32F, cv::Scalar(0)), {}), core::Error);
  EXPECT_THROW(apply(Condition(), cv::Mat(), {}), core::Error);
}

TEST(Streams, DifferInEverythingThatKeysThem) {
  const cv::Mat picture = flat(28, 28, 1, 128);
  const auto run = [&](const StreamContext& context, const char* text = "gaussian_noise:1") {
    return digest(apply(Condition::parse(text), picture, context));
  };
  const std::set<std::string> digests = {
      run({1, "test", 5, 0}), run({2, "test", 5, 0}), run({1, "train", 5, 0}),       run({1, "test", 6, 0}),
      run({1, "test", 5, 1}), run({1, "test", 5, 2}), run({1u << 31, "test", 5, 0}), run({1, "test", 5ull << 40, 0}),
  };
  EXPECT_EQ(digests.size(), 8u);
  EXPECT_EQ(run({1, "test", 5, 3}), run({1, "test", 5, 3}));
}

double variance(const cv::Mat& picture) {
  cv::Scalar mean, deviation;
  cv::meanStdDev(picture, mean, deviation);
  return deviation[0] * deviation[0];
}

TEST(Streams, OfOneChainAreIndependent) {
  // The same noise twice would double its standard deviation; independent noise doubles the variance.
  const cv::Mat picture = flat(300, 300, 1, 128);
  const double once = variance(apply(Condition::parse("gaussian_noise:1"), picture, {}));
  const double twice = variance(apply(Condition::parse("gaussian_noise:1 > gaussian_noise:1"), picture, {}));
  EXPECT_NEAR(twice / once, 2, 0.06);
}

TEST(Streams, OfNeighbouringPicturesAreUncorrelated) {
  const cv::Mat picture = flat(200, 200, 1, 128);
  cv::Mat first;
  for (std::uint64_t id = 0; id < 4; ++id)
    for (std::uint32_t view = 0; view < 3; ++view) {
      cv::Mat noise;
      apply(Condition::parse("gaussian_noise:1"), picture, {0, "train", id, view}).convertTo(noise, CV_64F);
      noise -= cv::mean(noise);
      if (first.empty()) {
        first = noise;
      } else {
        EXPECT_LT(std::abs(first.dot(noise) / std::sqrt(first.dot(first) * noise.dot(noise))), 5 / 200.0)
            << id << " " << view;
      }
    }
}

// Guards the version number of the stages that corrupt pictures: where these digests change on purpose, raise it, so
// that no cache mixes old and new pictures. Codecs are left out, since their bytes belong to the library. The first six
// came first, and keep their bytes.
TEST(Golden, BytesOfEveryOperatorStayAsTheyAre) {
  std::string all;
  const auto append = [&](const std::string& name) {
    for (const int channels : {1, 3})
      for (int severity = 1; severity <= 5; ++severity)
        all += digest(apply(Condition::parse(name + ":" + std::to_string(severity)), scene(28, 28, channels),
                            {7, "test", 11, 2}));
  };
  for (const char* name : {"gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "brightness", "contrast"})
    append(name);
  EXPECT_EQ(core::sha256_hex(all), "55348e2416927b95ddd94de7a6d1c576b230b8555057e78527114dbae2b9f4e3");
  for (const char* name : {"speckle_noise", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur", "snow", "frost",
                           "fog", "spatter", "low_light", "saturate", "pixelate", "elastic_transform"})
    append(name);
  EXPECT_EQ(core::sha256_hex(all), "52306635c43b3314db0fa43af0fd394df9a2d60e2fbdc9166f54bfb2adbc12f7");
}

}  // namespace
}  // namespace automask::corruptions
