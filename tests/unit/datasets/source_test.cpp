// Data sets as they are distributed, opened by location.
#include "datasets/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/compressed.h"
#include "tests/unit/datasets/idx_bytes.h"
#include "tests/unit/datasets/tar_bytes.h"

namespace automask::datasets {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::put;
using testing::tar_end;
using testing::tar_member;
using testing::TemporaryFolder;

// A picture of one value.
std::string pgm(int value) { return std::string("P5 1 1 255 ") + static_cast<char>(value); }

std::vector<std::string> ids(const Source& source) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < source.size(); ++i) all.push_back(source.id(i));
  return all;
}
std::vector<int> labels(const Source& source) {
  std::vector<int> all;
  for (std::size_t i = 0; i < source.size(); ++i) all.push_back(source.label(i));
  return all;
}
std::vector<int> values(const Source& source) {
  std::vector<int> all;
  for (std::size_t i = 0; i < source.size(); ++i) all.push_back(source.picture(i).at<std::uint8_t>(0, 0));
  return all;
}

class SourceTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  core::Error fault(const std::string& name, const SourceOptions& options = {}) const {
    return error_of([&] { open_source(path(name), options); });
  }
  TemporaryFolder folder_;
};

// ILSVRC2012_img_val.tar: flat, not in order; the ground truth has one ILSVRC id a line in the order of the names.
class IlsvrcTest : public SourceTest {
 protected:
  IlsvrcTest() {
    std::string tar;
    for (const int i : {3, 1, 4, 2})
      tar += tar_member({"ILSVRC2012_val_0000000" + std::to_string(i) + ".JPEG", pgm(i)});
    put(folder_ / "val.tar", tar + tar_end());
    put(folder_ / "classes.txt", "n01440764 tench\nn01443537 goldfish\nn01484850 great white shark\n");
    put(folder_ / "ids.txt", "1 n01484850\n2 n01440764\n3 n01443537\n");
    put(folder_ / "ilsvrc.txt", "3\n1\n2\n1\n");
    put(folder_ / "wnids.txt", "n01443537\nn01484850\nn01440764\nn01484850\n");
    put(folder_ / "caffe.txt",
        "ILSVRC2012_val_00000001.JPEG 1\nILSVRC2012_val_00000002.JPEG 2\nILSVRC2012_val_00000003.JPEG 0\n"
        "ILSVRC2012_val_00000004.JPEG 2\n");
    put(folder_ / "kaggle.csv",
        "ImageId,PredictionString\nILSVRC2012_val_00000004,n01484850 85 1 499 272\nILSVRC2012_val_00000003,n01440764 0 "
        "0 1 1 \n"
        "ILSVRC2012_val_00000001,n01443537 1 2 3 4\nILSVRC2012_val_00000002,n01484850 1 2 3 4 n01484850 5 6 7 8\n");
    options_.class_list = folder_ / "classes.txt";
  }
  SourceOptions options_;
};

TEST_F(IlsvrcTest, IsReadAsDistributedWithEveryGroundTruth) {
  for (const std::string truth : {"ilsvrc.txt", "wnids.txt", "caffe.txt", "kaggle.csv"}) {
    SCOPED_TRACE(truth);
    options_.ground_truth = folder_ / truth;
    options_.ilsvrc_ids = truth == "ilsvrc.txt" ? folder_ / "ids.txt" : std::filesystem::path();
    const auto source = open_source(path("val.tar"), options_);
    EXPECT_THAT(ids(*source), ElementsAre("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG",
                                          "ILSVRC2012_val_00000003.JPEG", "ILSVRC2012_val_00000004.JPEG"));
    EXPECT_THAT(labels(*source), ElementsAre(1, 2, 0, 2));
    EXPECT_THAT(values(*source), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(source->classes(), ElementsAre("tench", "goldfish", "great white shark"));
    EXPECT_EQ(source->where(2), path("val.tar") + ": ILSVRC2012_val_00000003.JPEG");
    EXPECT_EQ(source->read(3), pgm(4));
    EXPECT_TRUE(source->skipped().empty());
  }
}

TEST_F(IlsvrcTest, NamesWhatIsMissing) {
  EXPECT_SAYS(fault("val.tar"), "val.tar: ILSVRC2012_val_00000001.JPEG: lies in no class folder; give a ground truth");
  options_.ground_truth = folder_ / "ilsvrc.txt";
  EXPECT_SAYS(fault("val.tar", options_), "ilsvrc.txt: line 1: holds ILSVRC ids");
  options_.class_list.clear();
  EXPECT_SAYS(fault("val.tar", options_),
              "ilsvrc.txt: says labels without a list of classes; give the class list as well");
  options_.class_list = folder_ / "none.txt";
  EXPECT_SAYS(fault("val.tar", options_), "none.txt: ");
  options_.class_list = folder_ / "classes.txt";
  options_.classes = {"a", "b"};
  options_.ground_truth = folder_ / "wnids.txt";
  EXPECT_SAYS(fault("val.tar", options_), "val.tar: has 3 classes, but 2 names are given; name every class");
}

TEST_F(IlsvrcTest, AlsoLiesInAFlatFolder) {
  for (const int i : {1, 2, 3, 4}) put(folder_ / "val" / ("x" + std::to_string(i) + ".JPEG"), pgm(i));
  options_.ground_truth = folder_ / "wnids.txt";
  const auto source = open_source(path("val"), options_);
  EXPECT_THAT(ids(*source), ElementsAre("x1.JPEG", "x2.JPEG", "x3.JPEG", "x4.JPEG"));
  EXPECT_THAT(labels(*source), ElementsAre(1, 2, 0, 2));
}

// ImageNet-C's noise.tar: corruption/severity/class/picture.
class NoiseTarTest : public SourceTest {
 protected:
  NoiseTarTest() {
    int value = 0;
    for (const std::string corruption : {"gaussian_noise", "shot_noise"})
      for (const std::string severity : {"1", "10", "5"})
        for (const std::string wnid : {"n01443537", "n01440764"})
          tar_ +=
              tar_member({"./" + corruption + "/" + severity + "/" + wnid + "/ILSVRC2012_val_1.JPEG", pgm(++value)});
    tar_ += tar_member({"gaussian_noise/1/n01440764/._ILSVRC2012_val_1.JPEG", "of macOS"}) +
            tar_member({"gaussian_noise/1/n01440764/link.JPEG", "", '2', "x"}) + tar_end();
    put(folder_ / "noise.tar", tar_);
  }
  std::string tar_;
};

TEST_F(NoiseTarTest, IsReadInPlaceBelowASubfolder) {
  for (const std::string name : {"noise.tar", "noise.tar.gz"}) {
    if (name.ends_with("gz")) put(folder_ / name, testing::compressed(tar_, "gzip"));
    for (const std::string subfolder : {"gaussian_noise/1", "gaussian_noise/1/"}) {
      const auto source = open_source(path(name), {.subfolder = subfolder});
      EXPECT_THAT(ids(*source), ElementsAre("n01440764/ILSVRC2012_val_1.JPEG", "n01443537/ILSVRC2012_val_1.JPEG"));
      EXPECT_THAT(labels(*source), ElementsAre(0, 1));
      EXPECT_THAT(values(*source), ElementsAre(2, 1));
      EXPECT_THAT(source->classes(), ElementsAre("n01440764", "n01443537"));
      EXPECT_EQ(source->where(0), path(name) + ": gaussian_noise/1/n01440764/ILSVRC2012_val_1.JPEG");
      ASSERT_EQ(source->skipped().size(), 1U);
      EXPECT_TRUE(testing::contains(source->skipped()[0], "link.JPEG\" is a link and is left out"));
    }
  }
  EXPECT_THAT(values(*open_source(path("noise.tar"), {.subfolder = "shot_noise/5"})), ElementsAre(12, 11));
}

TEST_F(NoiseTarTest, TakesLabelsFromAList) {
  put(folder_ / "classes.txt", "n01443537 goldfish\nn09999999 one that is not here\nn01440764 tench\n");
  const auto source =
      open_source(path("noise.tar"), {.class_list = folder_ / "classes.txt", .subfolder = "shot_noise/1"});
  EXPECT_THAT(labels(*source), ElementsAre(2, 0));
  EXPECT_THAT(source->classes(), ElementsAre("goldfish", "one that is not here", "tench"));
  put(folder_ / "classes.txt", "n01443537\n");
  EXPECT_SAYS(fault("noise.tar", {.class_list = folder_ / "classes.txt", .subfolder = "shot_noise/1"}),
              "noise.tar: shot_noise/1/n01440764: is no known class; add it to " + path("classes.txt"));
  EXPECT_SAYS(
      fault("noise.tar", {.class_list = folder_ / "classes.txt"}),
      "noise.tar: gaussian_noise: is no known class; add it to " + path("classes.txt") + ", or give the subfolder");
}

TEST_F(NoiseTarTest, SuggestsTheSubfolder) {
  EXPECT_SAYS(fault("noise.tar", {.subfolder = "gausian_noise/1"}),
              "noise.tar: holds no pictures below the folder \"gausian_noise/1\"; did you mean \"gaussian_noise/1\"?");
}

TEST_F(SourceTest, OpensFoldersOfClasses) {
  put(folder_ / "d/n2/deep/b.png", pgm(20));
  put(folder_ / "d/n2/A.JPEG", pgm(10));
  put(folder_ / "d/n10/a.ppm", pgm(30));
  put(folder_ / "d/n10/notes.txt", "x");
  std::filesystem::create_directory(folder_ / "d/empty");
  const auto source = open_source(path("d"));
  EXPECT_THAT(ids(*source), ElementsAre("n10/a.ppm", "n2/A.JPEG", "n2/deep/b.png"));
  EXPECT_THAT(labels(*source), ElementsAre(0, 1, 1));
  EXPECT_THAT(values(*source), ElementsAre(30, 10, 20));
  put(folder_ / "list.txt", "n2\nn10\nn3\n");
  EXPECT_THAT(labels(*open_source(path("d"), {.class_list = folder_ / "list.txt"})), ElementsAre(1, 0, 0));
  put(folder_ / "list.txt", "n2\n");
  EXPECT_SAYS(fault("d", {.class_list = folder_ / "list.txt"}), path("d/n10") + ": is no known class; add it to");
  put(folder_ / "d/loose.png", "x");
  EXPECT_SAYS(fault("d"), path("d/loose.png") + ": lies in no class folder");
}

TEST_F(SourceTest, FollowsLinksButNotInCircles) {
  put(folder_ / "elsewhere/1.png", pgm(1));
  std::filesystem::create_directory(folder_ / "d");
  std::filesystem::create_directory_symlink(folder_ / "elsewhere", folder_ / "d/a");
  std::filesystem::create_directory_symlink("../elsewhere", folder_ / "d/b");
  std::filesystem::create_symlink(folder_ / "nowhere.png", folder_ / "elsewhere/2.png");
  EXPECT_THAT(ids(*open_source(path("d"))), ElementsAre("a/1.png", "b/1.png"));
  std::filesystem::create_directory_symlink(folder_ / "d", folder_ / "elsewhere/round");
  EXPECT_SAYS(fault("d"), "round: is a link to a folder that it lies in; remove the link");
}

TEST_F(SourceTest, LimitsPicturesThatDecodePictureLimits) {
  put(folder_ / "d/a/b.png", "P5 3 2 255 abcdef");
  const auto source = open_source(path("d"), {.decode = {.max_pixels = 5}});
  EXPECT_SAYS(error_of([&] { source->picture(0); }),
              path("d/a/b.png") + ": has 3 x 2 pixels, more than the limit of 5");
  std::filesystem::remove(folder_ / "d/a/b.png");
  EXPECT_SAYS(error_of([&] { source->picture(0); }), path("d/a/b.png"));
}

TEST_F(SourceTest, RefusesLocationsByName) {
  EXPECT_SAYS(fault("none"), path("none") + ": is missing; name a folder, tar archives, CIFAR batches or an IDX file");
  EXPECT_SAYS(fault("s-{0..2}.tar"), path("s-0.tar") + ": is missing");
  EXPECT_SAYS(fault("s-{0..2.tar"), "has braces that don't match");
  put(folder_ / "a.zip", "x");
  EXPECT_SAYS(fault("a.zip"), "a.zip: is no data set that is known by its name; name a folder, .tar archives");
  std::filesystem::create_directory(folder_ / "nothing");
  EXPECT_SAYS(fault("nothing"),
              path("nothing") + ": holds no pictures; expected .jpg, .jpeg, .png, .webp, .ppm or .pgm");
  put(folder_ / "links.tar", tar_member({"a.jpg", "", '2', "b.jpg"}) + tar_end());
  EXPECT_SAYS(fault("links.tar"), "holds no pictures; expected .jpg, .jpeg, .png, .webp, .ppm or .pgm; " +
                                      path("links.tar") + ": member \"a.jpg\" is a link and is left out");
  // A file may have braces in its name.
  put(folder_ / "x{1.tar", tar_member({"a/b.jpg", pgm(1)}) + tar_end());
  EXPECT_EQ(open_source(path("x{1.tar"))->size(), 1U);
}

}  // namespace
}  // namespace automask::datasets
