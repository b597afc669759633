// What holds for every codec: sizes from one pixel, both colour types, budgets, the same bytes on every thread.
#include "corruptions/codec.h"

#include <gtest/gtest.h>

#include <set>

#include "core/hash.h"
#include "core/parallel.h"
#include "corruptions/yuv.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/corruptions/pictures.h"

namespace automask::corruptions {
namespace {

using testing::apply_operator;
using testing::difference;
using testing::level_at;
using testing::scene;

std::vector<OperatorInfo> codecs() {
  std::vector<OperatorInfo> found;
  for (const auto& info : operator_infos())
    if (info.kind == Kind::codec) found.push_back(info);
  return found;
}

double error_of_coding(const cv::Mat& a, const cv::Mat& b) {
  return std::sqrt(std::pow(cv::norm(a, b, cv::NORM_L2), 2) / static_cast<double>(a.total() * a.elemSize()));
}

TEST(Codecs, TakePicturesOfEverySizeGrayAndColoured) {
  for (const auto& info : codecs())
    for (const int channels : {1, 3})
      for (const cv::Size size : {cv::Size(1, 1), cv::Size(2, 1), cv::Size(1, 17), cv::Size(15, 16), cv::Size(31, 33),
                                  cv::Size(65, 63), cv::Size(100, 3)}) {
        const cv::Mat picture = scene(size.height, size.width, channels);
        std::int64_t bytes = 0;
        const cv::Mat result = apply_operator(info.name, picture, level_at(info, 1), 1, &bytes);
        ASSERT_EQ(result.size(), size) << info.name;
        ASSERT_EQ(result.type(), picture.type()) << info.name;
        EXPECT_GT(bytes, 10) << info.name << size;
        if (size.width > 30 && size.height > 30) {
          EXPECT_LT(error_of_coding(result, picture), 14) << info.name << size;
        }
      }
}

TEST(Codecs, KeepFlatPicturesFlat) {
  // A wrong range, matrix or offset would shift every level.
  for (const auto& info : codecs())
    for (const int channels : {1, 3})
      for (const int value : {0, 7, 128, 200, 255}) {
        const cv::Mat picture = testing::flat(40, 40, channels, value);
        EXPECT_LE(difference(apply_operator(info.name, picture, level_at(info, 1)), picture), 2)
            << info.name << " " << channels << " " << value;
      }
}

TEST(Codecs, KeepColours) {
  const cv::Scalar colours[] = {{200, 60, 60}, {60, 180, 70}, {50, 60, 210}, {220, 220, 40}};
  for (const auto& info : codecs())
    for (const auto& colour : colours) {
      const cv::Mat picture(40, 40, CV_8UC3, colour);
      EXPECT_LE(difference(apply_operator(info.name, picture, level_at(info, 1)), picture), 4) << info.name << colour;
      if (info.prefix != "crf") continue;
      for (const char* option : {"full", "601"})
        EXPECT_LE(difference(apply_operator(info.name, picture, level_at(info, 1), 1, nullptr, 0, {option}), picture),
                  4)
            << info.name << colour << option;
    }
}

TEST(Codecs, SpendFewerBytesAtLowerQuality) {
  const cv::Mat picture = scene(128, 128, 3);
  for (const auto& info : codecs()) {
    std::int64_t before = INT64_MAX;
    double error_before = 0;
    for (const int strength : {1, 3, 5}) {
      std::int64_t bytes = 0;
      const double error =
          error_of_coding(apply_operator(info.name, picture, level_at(info, strength), 1, &bytes), picture);
      EXPECT_LT(bytes, before) << info.name << " " << strength;
      EXPECT_GT(error, error_before) << info.name << " " << strength;
      before = bytes;
      error_before = error;
    }
  }
}

TEST(Codecs, StayWithinABudgetAndUseIt) {
  for (const int channels : {1, 3}) {
    const cv::Mat picture = scene(96, 120, channels);
    for (const auto& info : codecs())
      for (const std::int64_t budget : {1500, 2500, 4000}) {
        std::int64_t bytes = 0;
        const cv::Mat result = apply_operator(info.name, picture, 0, 1, &bytes, budget);
        EXPECT_EQ(result.type(), picture.type());
        EXPECT_LE(bytes, budget) << info.name;
        EXPECT_GT(bytes, budget * 3 / 4)  // WebP has jumps on pictures made by formula
            << info.name << " " << channels;
      }
  }
}

TEST(Codecs, TakeTheBestLevelThatFits) {
  const cv::Mat picture = scene(64, 64, 3);
  std::int64_t bytes = 0, better = 0;
  const cv::Mat by_budget = apply_operator("jpeg", picture, 0, 1, &bytes, 1800);
  int quality = 1;
  for (; quality <= 100; ++quality)
    if (difference(apply_operator("jpeg", picture, quality), by_budget) == 0) break;
  ASSERT_LT(quality, 100);
  apply_operator("jpeg", picture, quality + 1, 1, &better);
  EXPECT_GT(better, 1800);
}

TEST(Codecs, GiveTheLowestQualityWhereNothingFits) {
  const cv::Mat picture = scene(64, 64, 3);
  for (const auto& info : codecs()) {
    std::int64_t bytes = 0, lowest = 0;
    const cv::Mat result = apply_operator(info.name, picture, 0, 1, &bytes, 20);
    const cv::Mat worst = apply_operator(info.name, picture, info.prefix == "crf" ? info.high : info.low, 1, &lowest);
    EXPECT_EQ(bytes, lowest) << info.name;
    EXPECT_GT(bytes, 20) << info.name;
    EXPECT_EQ(difference(result, worst), 0) << info.name;
  }
}

TEST(Codecs, GiveTheBestQualityWhereTheBudgetIsAmple) {
  const cv::Mat picture = scene(32, 32, 3);
  for (const auto& info : codecs()) {
    const cv::Mat best = apply_operator(info.name, picture, info.prefix == "crf" ? info.low : info.high);
    EXPECT_EQ(difference(apply_operator(info.name, picture, 0, 1, nullptr, 1 << 20), best), 0) << info.name;
  }
}

TEST(Codecs, GiveTheSameBytesOnEveryThread) {
  for (const auto& info : codecs())
    for (const char* budget : {"", ":900B"}) {
      const Condition condition =
          Condition::parse(*budget == 0 ? testing::link_at(info, 3) : info.name + std::string(budget));
      const auto digests = [&](int threads) {
        std::vector<std::string> found(24);
        core::parallel_for(found.size(), threads, [&](std::size_t i) {
          std::int64_t bytes = 0;
          const int side = 20 + 5 * static_cast<int>(i % 4);
          const cv::Mat result =
              apply(condition, scene(side, side, i % 2 == 0 ? 3 : 1, static_cast<int>(i)), {}, &bytes);
          found[i] =
              core::sha256_hex({reinterpret_cast<const char*>(result.data), result.total() * result.elemSize()}) +
              std::to_string(bytes);
        });
        return found;
      };
      EXPECT_EQ(digests(1), digests(5)) << condition.canonical();
    }
}

TEST(Codecs, DescribeOptionsBudgetAndLibrary) {
  const auto described = [](const char* text) { return parameters(Condition::parse(text).links()[0]); };
  const auto plain = described("jpeg:q30");
  EXPECT_EQ(plain.at("quality"), 30);
  EXPECT_EQ(plain.at("chroma"), "420");
  EXPECT_EQ(plain.at("scan"), "baseline");
  const auto budget = described("jpeg:4KiB,444,progressive");
  EXPECT_EQ(budget.at("max_bytes"), 4096);
  EXPECT_FALSE(budget.contains("quality"));
  EXPECT_EQ(budget.at("chroma"), "444");
  EXPECT_EQ(budget.at("scan"), "progressive");
  EXPECT_EQ(described("contrast:3"), core::Json({{"factor", .2}}));
  for (const auto& [text, library] : {std::pair{"jpeg:q3", "libjpeg"},
                                      {"webp:q3", "libwebp 1."},
                                      {"jpeg2000:psnr30", "OpenJPEG 2."},
                                      {"h264:crf30", "x264 - core 1"},
                                      {"h265:crf30", "x265 (build 1"}})
    EXPECT_TRUE(described(text).at("library").get<std::string>().starts_with(library)) << described(text);
}

TEST(WebP, SaysWhenAPictureIsTooLarge) {
  const cv::Mat wide(1, 17000, CV_8UC1, cv::Scalar(3));
  EXPECT_SAYS(testing::error_of([&] { apply_operator("webp", wide, 50); }),
              "webp:q50: a picture of 17000 x 1 cannot be coded: WebP pictures have at most 16383 x 16383 pixels");
  EXPECT_SAYS(testing::error_of([&] { apply_operator("webp", wide, 0, 1, nullptr, 99); }), "webp:99B: a picture");
}

TEST(EncodeWithin, FindsTheBestLevelInBothDirections) {
  std::vector<std::uint8_t> bytes;
  for (const Ladder ladder : {Ladder{1, 100}, Ladder{51, 1}, Ladder{7, 7}})
    for (int budget = 0; budget < 120; ++budget) {
      const int direction = ladder.best > ladder.worst ? 1 : -1;
      const auto found = encode_within(budget, ladder, [&](int level) {
        bytes.assign(static_cast<std::size_t>(5 + direction * (level - ladder.worst)), std::uint8_t(level));
        return std::span<const std::uint8_t>(bytes);
      });
      const int most = 5 + std::abs(ladder.best - ladder.worst);
      ASSERT_EQ(static_cast<int>(found.size()), std::clamp(budget, 5, most));
      ASSERT_EQ(found[0], ladder.worst + direction * (static_cast<int>(found.size()) - 5));
    }
}

TEST(Yuv, GoesThereAndBack) {
  for (const bool full : {false, true})
    for (const bool bt601 : {false, true}) {
      const YuvFormat format{full, bt601};
      for (int value = 0; value < 256; ++value) {
        cv::Mat back(3, 5, CV_8UC1);
        from_yuv(to_yuv(testing::flat(3, 5, 1, value), 6, 4, format), format, back);
        ASSERT_LE(difference(back, testing::flat(3, 5, 1, value)), full ? 0 : 1) << value;
      }
      // Smooth colour survives 4:2:0 within the rounding of two conversions.
      cv::Mat smooth(32, 32, CV_8UC3), back(32, 32, CV_8UC3);
      for (int y = 0; y < 32; ++y)
        for (int x = 0; x < 32; ++x)
          smooth.at<cv::Vec3b>(y, x) = {std::uint8_t(60 + 2 * x), std::uint8_t(200 - 3 * y), std::uint8_t(90 + x + y)};
      from_yuv(to_yuv(smooth, 32, 32, format), format, back);
      EXPECT_LE(difference(back, smooth), 5);
    }
}

TEST(Yuv, KnowsReferenceColours) {
  // BT.709 limited: red is Y 63, Cb 102, Cr 240; BT.601 full: Y 76, Cb 85, Cr 255 (rounded).
  const cv::Mat red(2, 2, CV_8UC3, cv::Scalar(255, 0, 0));
  const Yuv limited = to_yuv(red, 2, 2, {false, false}), full = to_yuv(red, 2, 2, {true, true});
  EXPECT_EQ(limited.y[0], 63);
  EXPECT_EQ(limited.cb[0], 102);
  EXPECT_EQ(limited.cr[0], 240);
  EXPECT_EQ(full.y[0], 76);
  EXPECT_EQ(full.cb[0], 85);
  EXPECT_EQ(full.cr[0], 255);
}

}  // namespace
}  // namespace automask::corruptions
