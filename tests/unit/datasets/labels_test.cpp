#include "datasets/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/throws.h"

namespace automask::datasets {
namespace {

using ::testing::ElementsAre;
using testing::error_of;

TEST(ClassList, ReadsIdsAndNames) {
  const auto list = parse_class_list("n01440764 tench, Tinca tinca\r\nn01443537\ngoldfish,a fish\t\n\n", "c.txt");
  EXPECT_THAT(list.ids, ElementsAre("n01440764", "n01443537", "goldfish"));
  EXPECT_THAT(list.names, ElementsAre("tench, Tinca tinca", "n01443537", "a fish"));
  EXPECT_EQ(list.find("goldfish"), 2);
  EXPECT_EQ(list.find("n0144"), -1);
  EXPECT_EQ(parse_class_list("\xef\xbb\xbf"
                             "a\nb",
                             "c.txt")
                .find("a"),
            0)
      << "with a byte order mark";
}

TEST(ClassList, NamesFileAndLineOfAFault) {
  const auto fault = [](const std::string& text) { return error_of([&] { parse_class_list(text, "d/c.txt"); }); };
  EXPECT_SAYS(fault(""), "d/c.txt: names no class; write one class a line, \"id\" or \"id name\"");
  EXPECT_SAYS(fault("\n\n"), "d/c.txt: names no class");
  EXPECT_SAYS(fault("a\n\nb\n"), "d/c.txt: line 2: names no class");
  EXPECT_SAYS(fault("a\nb\na again\n"), "d/c.txt: line 3: names the class \"a\" a second time; keep one of the lines");
  EXPECT_SAYS(fault("\x1b[2J\n\x1b[2J\n"), "\"\\u001b[2J\"");
}

class GroundTruthTest : public ::testing::Test {
 protected:
  std::vector<int> parse(const std::string& text) const {
    return parse_ground_truth(text, "d/gt.txt", paths_, classes_, ids_, ids_.empty() ? "" : "d/ids.txt");
  }
  core::Error fault(const std::string& text) const {
    auto error = error_of([&] { parse(text); });
    EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error;
  }
  std::vector<std::string> paths_ = {"v/a_1.JPEG", "v/a_2.JPEG", "v/a_3.JPEG"};
  ClassList classes_ = parse_class_list("n10\nn11\nn12\nn13\n", "classes");
  std::string ids_;
};

TEST_F(GroundTruthTest, TakesIdsInOrder) { EXPECT_THAT(parse("n12\nn10\r\nn12\n"), ElementsAre(2, 0, 2)); }

TEST_F(GroundTruthTest, TakesIlsvrcNumbersByTheirList) {
  // In an order of their own, from 1, and with inner nodes of the tree behind.
  ids_ = "1 n13\n2\tn11\n3 n10 more\n\n4 n12\n1001 n99\n";
  EXPECT_THAT(parse("1\n3\n4\n"), ElementsAre(3, 0, 2));
  EXPECT_SAYS(fault("1\n0\n4\n"), "d/gt.txt: line 2: ILSVRC id 0 is not in d/ids.txt");
  EXPECT_SAYS(fault("1\n2\n-4\n"), "d/gt.txt: line 3: ILSVRC id -4 is not in d/ids.txt");
  EXPECT_SAYS(fault("1\n2\n1001\n"), "d/gt.txt: line 3: ILSVRC id 1001 is no class of the class list");
  ids_ = "1 n13\n1 n12\n";
  EXPECT_SAYS(fault("1\n1\n1\n"), "d/ids.txt: line 2: names the ILSVRC id 1 a second time");
  ids_ = "1 n13\nn12\n";
  EXPECT_SAYS(fault("1\n1\n1\n"), "d/ids.txt: line 2: \"n12\" is no \"ILSVRC_ID WNID\"; write lines such as");
}

TEST_F(GroundTruthTest, NumbersAloneNeedTheList) {
  EXPECT_SAYS(fault("1\n2\n3\n"),
              "d/gt.txt: line 1: holds ILSVRC ids, which are in an order of their own; give the list");
}

TEST_F(GroundTruthTest, TakesPicturesByNameInAnyOrder) {
  EXPECT_THAT(parse("a_3.JPEG 3\na_1.JPEG 0\na_2.JPEG 1\n"), ElementsAre(0, 1, 3)) << "labels from 0";
  EXPECT_THAT(parse("v/a_1.JPEG n13\nv/a_2.JPEG n10\nv/a_3.JPEG n11\n"), ElementsAre(3, 0, 1));
  EXPECT_THAT(parse("ImageId,PredictionString\na_2,n11 85 1 499 272\na_1,n10 1 1 2 2\na_3,n12\n"), ElementsAre(0, 1, 2))
      << "without extension, with a header, further fields";
  EXPECT_THAT(parse("a_9.JPEG 77\na_3 0\nelsewhere/a_2.png 1\na_1 2\n"), ElementsAre(2, 1, 0));
}

TEST_F(GroundTruthTest, NamesFileAndLineOfAFault) {
  EXPECT_SAYS(fault("n10\nn11\n"),
              "d/gt.txt: has 2 lines for 3 pictures; give one line a picture, in the order of their names");
  EXPECT_SAYS(fault("n10\nn11\nn12\nn13\n"), "has 4 lines for 3 pictures");
  EXPECT_SAYS(fault(""), "has 0 lines for 3 pictures");
  EXPECT_SAYS(fault("n10\nn1\nn12\n"), "d/gt.txt: line 2: \"n1\" is no class of the class list");
  EXPECT_SAYS(fault("n10\n\nn12\n"), "d/gt.txt: line 2: \"\" is no class of the class list");
  EXPECT_SAYS(fault("a_1 0\na_2 4\na_3 1\n"), "d/gt.txt: line 2: \"4\" is no class of the class list");
  EXPECT_SAYS(fault("a_1 0\na_2 -1\na_3 1\n"), "d/gt.txt: line 2: \"-1\" is no class of the class list");
  EXPECT_SAYS(fault("a_1 0\na_3 1\n"), "d/gt.txt: has no line for \"v/a_2.JPEG\"; add it, or remove the picture");
  EXPECT_SAYS(fault("a_1 0\na_2 1\na_3 1\na_2.JPEG 2\n"),
              "d/gt.txt: line 4: names the picture \"v/a_2.JPEG\" a second time; keep one of the lines");
}

}  // namespace
}  // namespace automask::datasets
