#include "datasets/imagenet.h"

#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

#include "datasets/dataset.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/idx_bytes.h"
#include "tests/unit/datasets/tar_bytes.h"

namespace automask::datasets {
namespace {

using core::ExitCode;
using testing::error_of;
using testing::put;
using testing::TemporaryFolder;

std::string png() {
  std::vector<std::uint8_t> bytes;
  cv::imencode(".png", cv::Mat(4, 4, CV_8UC3, cv::Scalar(1, 2, 3)), bytes);
  return {bytes.begin(), bytes.end()};
}

DatasetSpec spec_of(const std::filesystem::path& root) {
  DatasetSpec spec;
  spec.name = "imagenet";
  spec.reader = "imagenet";
  spec.root = root;
  spec.height = spec.width = 4;
  spec.channels = 3;
  return spec;
}

std::vector<std::string> ids(const Source& source) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < source.size(); ++i)
    all.push_back(source.id(i) + " " + source.classes().at(static_cast<std::size_t>(source.label(i))));
  return all;
}

TEST(ImageNet, IsFoundInValInClassFoldersAndInAnArchive) {
  const std::string first = "n01440764", second = "n01443537", picture = png();
  const TemporaryFolder folder;
  for (const char* below : {"tree/val/", "flat/"}) {
    put(folder / (below + first + "/a.png"), picture);
    put(folder / (below + second + "/b.png"), picture);
  }
  put(folder / "tars/imagenet_few.tar", testing::tar_member({first + "/a.png", picture}) +
                                            testing::tar_member({second + "/b.png", picture}) + testing::tar_end());
  put(folder / "tars/cifar.tar", testing::tar_member({"x", ""}));

  EXPECT_EQ(located(spec_of(folder / "tree")).reader, "image_folder");
  EXPECT_EQ(located(spec_of(folder / "flat")).reader, "image_folder");
  EXPECT_EQ(located(spec_of(folder / "tars")).reader, "tar");
  for (const char* root : {"tree", "flat", "tars", "tars/imagenet_few.tar"}) {
    const auto source = open(spec_of(folder / root), Split::test);
    ASSERT_EQ(source->size(), 2U) << root;
    EXPECT_EQ(source->classes(), (std::vector<std::string>{first, second})) << root;
    EXPECT_EQ(source->label(1), 1) << root;
    EXPECT_EQ(source->picture(0).cols, 4) << root;
    EXPECT_EQ(fingerprint(spec_of(folder / root), Split::test).size(), 64U) << root;
  }
}

TEST(ImageNet, LabelsFollowTheListOfClassesBesideThePictures) {
  const TemporaryFolder folder;
  put(folder / "n01443537/b.png", png());
  put(folder / "imagenet_synsets.txt", "n01440764\nn01443537\nn01484850\n");
  const auto source = open(spec_of(folder.path()), Split::test);
  EXPECT_EQ(source->classes().size(), 3U);
  EXPECT_EQ(ids(*source), (std::vector<std::string>{source->id(0) + " n01443537"}));
}

TEST(ImageNet, SaysWhatIsMissing) {
  const TemporaryFolder folder;
  const auto fault = [&](const std::filesystem::path& root) {
    const auto error = error_of([&] { open(spec_of(root), Split::test); });
    EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
    return error;
  };
  EXPECT_SAYS(fault(folder / "none"), "is missing");
  EXPECT_SAYS(fault(folder / "none"), "--data imagenet=DIR");
  put(folder / "empty/readme", "");
  EXPECT_SAYS(fault(folder / "empty"), "holds neither val/ nor class folders nor an archive");
  EXPECT_SAYS(fault(folder / "empty/readme"), "is neither a folder nor an archive");
  put(folder / "two/a.tar", "");
  put(folder / "two/b.tar", "");
  EXPECT_SAYS(fault(folder / "two"), "holds 2 archives; name one of them");
  EXPECT_SAYS(error_of([&] { open(spec_of(""), Split::test); }), "no path is given");
  put(folder / "flat/n01440764/a.png", png());
  EXPECT_SAYS(error_of([&] { open(spec_of(folder / "flat"), Split::train); }), "train: is missing");
}

}  // namespace
}  // namespace automask::datasets
