// 500 photographs of ImageNet with their classes, where ../shared/data has them.
#include <gtest/gtest.h>

#include <set>

#include "core/parallel.h"
#include "datasets/dataset.h"

namespace automask::datasets {
namespace {

const std::filesystem::path data = std::filesystem::path(AUTOMASK_SOURCE_DIR).parent_path() / "shared/data";

class RealPictures : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"imagenet_samples_500.tar", "imagenet_synsets.txt"})
      if (!std::filesystem::exists(data / name)) GTEST_SKIP() << (data / name) << " is not there";
  }
};

TEST_F(RealPictures, AreReadInPlaceWithTheirLabels) {
  const auto source =
      open_source((data / "imagenet_samples_500.tar").string(), {.class_list = data / "imagenet_synsets.txt"});
  ASSERT_EQ(source->size(), 500U);
  ASSERT_EQ(source->classes().size(), 1000U);
  EXPECT_TRUE(source->skipped().empty());
  EXPECT_EQ(source->id(0), "n01440764/n01440764_tench.JPEG");
  std::set<int> labels;
  for (std::size_t i = 0; i < source->size(); ++i) {
    labels.insert(source->label(i));
    // The class's wnid is the folder's name and the beginning of the file's.
    const std::string wnid = source->classes()[static_cast<std::size_t>(source->label(i))];
    ASSERT_TRUE(source->id(i).starts_with(wnid + "/" + wnid + "_")) << source->id(i);
  }
  EXPECT_EQ(labels.size(), 500U) << "one of each class";
}

// Real files are odd in ways that no test foresees.
TEST_F(RealPictures, AllDecode) {
  const auto source =
      open_source((data / "imagenet_samples_500.tar").string(), {.class_list = data / "imagenet_synsets.txt"});
  core::parallel_for(source->size(), 2, [&](std::size_t i) {
    const cv::Mat picture = source->picture(i);
    const cv::Mat small = resize_and_centre_crop(picture);
    ASSERT_EQ(small.size(), cv::Size(224, 224)) << source->id(i);
  });
}

}  // namespace
}  // namespace automask::datasets
