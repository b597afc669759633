// What the operators of ImageNet-C promise in every edition: sizes, determinism, and the quirks that tell them apart.
#include "corruptions/edition.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

#include "core/error.h"
#include "core/normal.h"
#include "corruptions/fields.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/corruptions/pictures.h"

namespace automask::corruptions {
namespace {

using testing::apply_operator;
using testing::difference;
using testing::error_of;
using testing::flat;
using testing::scene;
using testing::TemporaryFolder;

constexpr Edition editions[] = {Edition::fixed, Edition::compat, Edition::imagecorruptions};

// Six files of the published names.
void write_frost(const std::filesystem::path& folder) {
  int number = 0;
  for (const char* name : {"frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg", "frost6.jpg"})
    cv::imwrite((folder / name).string(), flat(300, 320, 3, 40 * ++number));
}

TEST(Edition, HasANameThatIsReadBack) {
  for (const Edition edition : editions) EXPECT_EQ(parse_edition(to_string(edition)), edition);
  const auto error = error_of([] { parse_edition("original"); });
  EXPECT_EQ(error.code(), core::ExitCode::usage);
  EXPECT_SAYS(error, "known: fixed, compat, imagecorruptions");
}

TEST(Editions, TakeAnySizeGrayOrColouredAndRepeatThemselves) {
  const TemporaryFolder folder;
  write_frost(folder / ".");
  for (const Edition edition : editions) {
    const OperatorSettings settings{edition, edition == Edition::fixed ? "" : (folder / ".").string()};
    for (const auto& info : operator_infos()) {
      if (info.kind == Kind::codec) continue;
      for (const cv::Size size : {cv::Size(1, 1), cv::Size(7, 1), cv::Size(1, 7), cv::Size(2, 3), cv::Size(33, 20),
                                  cv::Size(31, 65), cv::Size(400, 250)})
        for (const int channels : {1, 3}) {
          const cv::Mat picture = scene(size.height, size.width, channels), original = picture.clone();
          for (const int severity : {1, 5}) {
            const cv::Mat result = apply_operator(info.name, picture, severity, 3, nullptr, 0, {}, settings);
            ASSERT_EQ(result.size(), size) << info.name;
            ASSERT_EQ(result.type(), picture.type()) << info.name;
            ASSERT_EQ(difference(result, apply_operator(info.name, picture, severity, 3, nullptr, 0, {}, settings)), 0)
                << info.name;
          }
          ASSERT_EQ(difference(picture, original), 0) << info.name << " wrote to its input";
        }
    }
  }
}

TEST(Editions, TruncateWhereFixedRounds) {
  // Fog is not among them: its map has another side in compat.
  const cv::Mat picture = scene(64, 64, 3);
  for (const char* name : {"gaussian_noise", "speckle_noise", "gaussian_blur", "zoom_blur", "brightness", "contrast",
                           "motion_blur", "spatter"}) {
    const auto mean = [&](Edition edition) {
      return cv::mean(apply_operator(name, picture, 2, 5, nullptr, 0, {}, {edition, {}}).reshape(1))[0];
    };
    const double rounded = mean(Edition::fixed), truncated = mean(Edition::compat);
    EXPECT_GT(rounded, truncated) << name;
    EXPECT_LT(rounded, truncated + 0.7) << name;
  }
}

TEST(Blurs, KeepFlatPicturesFlatInFixed) {
  for (const char* name : {"glass_blur", "motion_blur", "zoom_blur", "gaussian_blur", "elastic_transform", "pixelate"})
    for (int severity = 1; severity <= 5; ++severity)
      for (const int value : {0, 77, 255})
        for (const cv::Size size : {cv::Size(40, 30), cv::Size(5, 9), cv::Size(1, 1)}) {
          const cv::Mat picture = flat(size.height, size.width, 3, value);
          EXPECT_EQ(difference(apply_operator(name, picture, severity), picture), 0)
              << name << " " << severity << " " << value << " " << size;
        }
}

TEST(GaussianBlur, EqualsOpenCvsInDouble) {
  const double sigmas[] = {1, 2, 3, 4, 6};
  for (const int channels : {1, 3})
    for (int severity = 1; severity <= 5; ++severity) {
      const cv::Mat picture = scene(50, 71, channels);
      const double sigma = sigmas[severity - 1];
      const int size = 2 * static_cast<int>(4 * sigma + 0.5) + 1;
      cv::Mat exact;
      picture.convertTo(exact, CV_64F);
      cv::GaussianBlur(exact, exact, {size, size}, sigma, sigma, cv::BORDER_REPLICATE);
      const cv::Mat blurred = apply_operator("gaussian_blur", picture, severity);
      for (std::size_t i = 0; i < blurred.total() * static_cast<std::size_t>(channels); ++i)
        ASSERT_NEAR(blurred.data[i], exact.ptr<double>()[i], 0.501) << severity;
    }
}

TEST(GlassBlur, MovesButKeepsPixelsInFixed) {
  // Moves without delta leave the two Gaussians; any others permute, so that the sum stays.
  const cv::Mat picture = scene(40, 50, 3);
  for (int severity = 1; severity <= 5; ++severity) {
    const cv::Mat one = apply_operator("glass_blur", picture, severity, 1);
    EXPECT_NE(difference(one, apply_operator("glass_blur", picture, severity, 2)), 0);
    EXPECT_NEAR(cv::mean(one.reshape(1))[0], cv::mean(picture.reshape(1))[0], 1.5) << severity;
  }
  EXPECT_THROW(glass_blur_of(picture, {}, 1, default_settings), core::Error);
}

TEST(MotionBlur, FollowsItsAngle) {
  // A bright point leaves its weights along the path: to the left for an angle of 0, as light is taken from the right.
  cv::Mat picture = flat(61, 61, 1, 0);
  picture.at<std::uint8_t>(30, 30) = 255;
  const auto at = [&](float degrees) { return motion_blur_of(picture, {&degrees, 1}, 3, default_settings); };
  const cv::Mat level = at(0), rising = at(45);
  EXPECT_GT(level.at<std::uint8_t>(30, 25), 10);
  EXPECT_EQ(level.at<std::uint8_t>(30, 31), 0);
  EXPECT_EQ(cv::countNonZero(level.rowRange(0, 30)) + cv::countNonZero(level.rowRange(31, 61)), 0);
  EXPECT_GT(rising.at<std::uint8_t>(26, 26), 10);
  for (const auto& m : {level, rising}) EXPECT_NEAR(cv::sum(m)[0], 255, 12);
}

TEST(MotionBlur, EndsAtTheBorderInImagecorruptions) {
  const cv::Mat picture = flat(8, 8, 1, 200);
  const float level = 0;
  EXPECT_EQ(difference(motion_blur_of(picture, {&level, 1}, 5, {Edition::compat, {}}), picture), 0);
  EXPECT_LT(cv::mean(motion_blur_of(picture, {&level, 1}, 5, {Edition::imagecorruptions, {}}))[0], 120);
}

TEST(ZoomBlur, LeavesTheCentreAndMovesTheRim) {
  // Two squares of 5 x 5: zooms up to 1.21 leave the middle of one alone and move the other by up to 6 pixels.
  cv::Mat picture = flat(65, 65, 1, 0);
  for (const int x : {32, 60}) picture(cv::Rect(x - 2, 30, 5, 5)) = 255;
  const cv::Mat zoomed = apply_operator("zoom_blur", picture, 3);
  EXPECT_GT(zoomed.at<std::uint8_t>(32, 32), 230);
  EXPECT_LT(zoomed.at<std::uint8_t>(32, 60), 180);
}

TEST(Saturate, KeepsGraysGrayInFixed) {
  const cv::Mat gray = flat(4, 4, 3, 130);
  for (int severity = 1; severity <= 5; ++severity)
    EXPECT_EQ(difference(apply_operator("saturate", gray, severity), gray), 0);
  const cv::Mat reddish = apply_operator("saturate", gray, 4, 1, nullptr, 0, {}, {Edition::compat, {}});
  EXPECT_EQ(reddish.at<cv::Vec3b>(0, 0), cv::Vec3b(130, 117, 117));
}

TEST(Saturate, ScalesTheHsvSaturation) {
  const double factor[] = {.3, .1, 2, 5, 20}, offset[] = {0, 0, 0, .1, .2};
  const cv::Mat picture = scene(40, 40, 3);
  for (int severity = 1; severity <= 5; ++severity) {
    cv::Mat expected, hsv;
    picture.convertTo(expected, CV_32F, 1 / 255.0);
    cv::cvtColor(expected, hsv, cv::COLOR_RGB2HSV);
    for (auto& p : cv::Mat_<cv::Vec3f>(hsv))
      p[1] = std::min(1.0F, p[1] * static_cast<float>(factor[severity - 1]) + static_cast<float>(offset[severity - 1]));
    cv::cvtColor(hsv, expected, cv::COLOR_HSV2RGB);
    const cv::Mat result = apply_operator("saturate", picture, severity);
    for (std::size_t i = 0; i < picture.total(); ++i) {
      const std::uint8_t* p = picture.data + 3 * i;
      if (p[0] == p[1] && p[1] == p[2]) continue;
      for (std::size_t c = 0; c < 3; ++c)
        ASSERT_NEAR(result.data[3 * i + c], 255 * expected.ptr<float>()[3 * i + c], 0.52) << severity;
    }
  }
}

TEST(Pixelate, ShowsMeansOfBoxes) {
  cv::Mat picture(8, 8, CV_8UC1);
  std::iota(picture.data, picture.data + 64, std::uint8_t{0});
  const cv::Mat halves = apply_operator("pixelate", picture, 2);  // boxes of 2 x 2
  EXPECT_EQ(halves.at<std::uint8_t>(0, 0), halves.at<std::uint8_t>(1, 1));
  EXPECT_NEAR(halves.at<std::uint8_t>(0, 0), (0 + 1 + 8 + 9) / 4.0, 1);
  EXPECT_NEAR(halves.at<std::uint8_t>(7, 7), (54 + 55 + 62 + 63) / 4.0, 1);
}

TEST(JpegCompression, IsTheCodecAtThePublishedQualities) {
  const int qualities[] = {25, 18, 15, 10, 7};
  const cv::Mat picture = scene(50, 40, 3);
  for (int severity = 1; severity <= 5; ++severity)
    EXPECT_EQ(difference(apply_operator("jpeg_compression", picture, severity),
                         apply_operator("jpeg", picture, qualities[severity - 1])),
              0);
}

TEST(Fog, DrawsOneNumberAHeight) {
  const cv::Mat picture = scene(30, 20, 3);
  std::vector<float> field(32 * 32 - 1, 0.25F);
  EXPECT_EQ(fog_of(picture, field, 2, default_settings).size(), picture.size());
  field.push_back(0);
  EXPECT_THROW(fog_of(picture, field, 2, default_settings), core::Error);
}

TEST(Fog, BrightensDarkPlacesOnAverage) {
  cv::Mat picture = flat(128, 128, 1, 10);
  picture.at<std::uint8_t>(0, 0) = 255;
  EXPECT_GT(cv::mean(apply_operator("fog", picture, 3))[0], 60);
}

TEST(Snow, BrightensAndFallsSteeply) {
  const cv::Mat picture = flat(128, 128, 1, 40);
  for (int severity = 1; severity <= 5; ++severity)
    EXPECT_GT(cv::mean(apply_operator("snow", picture, severity))[0], 60) << severity;
  // Flakes are longer along the fall than across it.
  const cv::Mat snowy = apply_operator("snow", picture, 5, 9);
  cv::Mat along, across;
  cv::absdiff(snowy.rowRange(0, 124), snowy.rowRange(4, 128), along);
  cv::absdiff(snowy.colRange(0, 124), snowy.colRange(4, 128), across);
  EXPECT_LT(cv::mean(along)[0], cv::mean(across)[0]);
}

TEST(Spatter, IsWaterThenMud) {
  const cv::Mat picture = flat(128, 128, 3, 120);
  for (int severity = 1; severity <= 5; ++severity) {
    const double mean = cv::mean(apply_operator("spatter", picture, severity).reshape(1))[0];
    if (severity <= 3) {
      EXPECT_GT(mean, 120) << severity;
    } else {
      EXPECT_LT(mean, 120) << severity;
    }
  }
}

TEST(ElasticTransform, WithoutFieldIsTheIdentity) {
  const cv::Mat picture = scene(40, 60, 3);
  for (int severity = 1; severity <= 5; ++severity)
    for (const Edition edition : editions) {
      const std::vector<float> still((edition == Edition::imagecorruptions ? 0 : 6) + 2 * picture.total(), 0.0F);
      EXPECT_LE(difference(elastic_transform_of(picture, still, severity, {edition, {}}), picture), 1);
    }
}

TEST(LowLight, DarkensAndAddsNoiseWithSeverity) {
  const cv::Mat picture = flat(200, 200, 1, 150);
  double mean_before = 150, relative_before = 0;
  for (int severity = 1; severity <= 5; ++severity) {
    cv::Scalar mean, deviation;
    cv::meanStdDev(apply_operator("low_light", picture, severity), mean, deviation);
    EXPECT_LT(mean[0], mean_before);
    EXPECT_GT(deviation[0] / mean[0], relative_before);
    mean_before = mean[0];
    relative_before = deviation[0] / mean[0];
  }
  EXPECT_LT(cv::mean(apply_operator("low_light", flat(100, 100, 1, 0), 1))[0], 8);
}

TEST(Frost, DrawnCoversThePictureAtAnySize) {
  for (const int side : {8, 28, 100, 224, 900}) {
    const cv::Mat icy = apply_operator("frost", flat(side, side, 3, 60), 5);
    cv::Scalar mean, deviation;
    cv::meanStdDev(icy.reshape(1), mean, deviation);
    EXPECT_GT(mean[0], 60) << side;
    EXPECT_GT(deviation[0], 5) << side;
  }
}

TEST(Frost, AsksForPhotographsWhereItNeedsThem) {
  const cv::Mat picture = scene(40, 40, 3);
  for (const Edition edition : {Edition::compat, Edition::imagecorruptions}) {
    const auto error = error_of([&] { apply_operator("frost", picture, 1, 1, nullptr, 0, {}, {edition, {}}); });
    EXPECT_EQ(error.code(), core::ExitCode::usage);
    EXPECT_SAYS(error, "needs photographs of frost");
    EXPECT_SAYS(error, "frost1.png");
  }
  const TemporaryFolder folder;
  EXPECT_SAYS(error_of([&] {
                apply_operator("frost", picture, 1, 1, nullptr, 0, {}, {Edition::fixed, folder / "."});
              }),
              "holds no photographs");
  write_frost(folder / ".");
  std::filesystem::remove(folder / "frost5.jpg");
  EXPECT_SAYS(error_of([&] {
                apply_operator("frost", picture, 1, 1, nullptr, 0, {}, {Edition::compat, folder / "."});
              }),
              "frost5.jpg");
}

TEST(Frost, NeverTakesTheSixthPhotographInCompat) {
  const TemporaryFolder folder;
  write_frost(folder / ".");
  const cv::Mat picture = flat(40, 40, 3, 0);
  for (const Edition edition : editions) {
    const OperatorSettings settings{edition, folder / "."};
    std::set<int> seen;
    for (std::uint64_t key = 0; key < 60; ++key)
      seen.insert(apply_operator("frost", picture, 5, key, nullptr, 0, {}, settings).data[0]);
    EXPECT_EQ(seen.size(), edition == Edition::fixed ? 6u : 5u) << to_string(edition);
  }
}

TEST(Fields, GiveWhatTheStreamGives) {
  // The Gaussian noise of a stream and of the quantiles of its words.
  const cv::Mat picture = scene(30, 30, 3);
  for (const Edition edition : editions) {
    std::vector<float> field(picture.total() * 3);
    core::RandomStream random(5);
    for (float& z : field) z = static_cast<float>(core::normal_quantile((random.next() + 0.5) * 0x1p-32));
    const cv::Mat given = gaussian_noise_of(picture, field, 3, {edition, {}});
    const cv::Mat drawn = apply_operator("gaussian_noise", picture, 3, 5, nullptr, 0, {}, {edition, {}});
    EXPECT_LE(difference(given, drawn), 1);
    EXPECT_LE(cv::countNonZero(cv::Mat(given != drawn).reshape(1)), 2);
  }
}

}  // namespace
}  // namespace automask::corruptions
