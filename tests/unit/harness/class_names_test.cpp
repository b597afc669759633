#include "harness/class_names.h"

#include <gtest/gtest.h>

#include "tests/unit/core/throws.h"

namespace automask::harness {
namespace {

using Names = std::vector<std::string>;
using Outputs = std::vector<std::size_t>;

TEST(ClassNames, AreMatchedByNameInAnyOrder) {
  const ClassMatch match = match_classes({"dog", "bird"}, {"bird", "cat", "dog"}, 3, "photos");
  EXPECT_EQ(match.outputs, (Outputs{2, 0}));
  EXPECT_EQ(match.note, "");
}

TEST(ClassNames, ThatAreAllUnknownAreMatchedByPositionAndThatIsSaid) {
  const ClassMatch match = match_classes({"n01", "n02"}, {"tench", "goldfish"}, 2, "photos");
  EXPECT_EQ(match.outputs, (Outputs{0, 1}));
  EXPECT_NE(match.note.find("\"n01\" as \"tench\""), std::string::npos) << match.note;
}

TEST(ClassNames, ThatAreNumbersAreTheOutputsThemselves) {
  const ClassMatch match = match_classes({"0", "1"}, {"tench", "goldfish", "shark"}, 3, "shards");
  EXPECT_EQ(match.outputs, (Outputs{0, 1}));
  EXPECT_EQ(match.note, "");
  EXPECT_EQ(match_classes({"0", "1"}, {}, 3, "shards").outputs, (Outputs{0, 1}));
  // CIFAR's names may be numbers, too.
  EXPECT_EQ(match_classes({"0", "1"}, {"1", "0"}, 2, "shards").outputs, (Outputs{1, 0}));
}

TEST(ClassNames, ThatFitOnlyInPartAreRefused) {
  const core::Error error = testing::error_of([] {
    match_classes({"dog", "brid"}, {"bird", "cat", "dog"}, 3, "photos");
  });
  EXPECT_EQ(error.code(), core::ExitCode::usage);
  EXPECT_SAYS(error, "photos: has a class \"brid\", which the network has not");
  EXPECT_SAYS(error, "bird");
}

TEST(ClassNames, ThatCannotBeMatchedByPositionAreRefused) {
  EXPECT_SAYS(testing::error_of([] { match_classes({"a", "b"}, {"x", "y", "z"}, 3, "photos"); }), "--classes FILE");
  EXPECT_SAYS(testing::error_of([] { match_classes({"a", "b"}, {"x"}, 1, "photos"); }), "has 2 classes, the network 1");
  EXPECT_SAYS(testing::error_of([] { match_classes({"0", "1"}, {"x"}, 1, "photos"); }), "--classes FILE");
  // Names that do not go with the outputs say nothing of them.
  EXPECT_SAYS(testing::error_of([] { match_classes({"x"}, {"x"}, 1000, "photos"); }), "--classes FILE");
}

}  // namespace
}  // namespace automask::harness
