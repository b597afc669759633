#include "harness/weights.h"

#include <gtest/gtest.h>

#include "support.h"
#include "tests/unit/core/throws.h"

namespace automask::harness {
namespace {

using automask::testing::error_of;
using test::TempFolder;

TEST(PublishedWeights, AreFoundByTheNamesThatPeopleHave) {
  const TempFolder folder;
  const auto resnet = folder.write("hub/checkpoints/resnet18-f37072fd.pth", std::string("x"));
  folder.write("hub/checkpoints/vgg16_bn-6c64b313.pth", std::string("x"));
  const auto vgg = folder.write("hub/checkpoints/vgg16-397923af.pth", std::string("x"));
  const auto lite = folder.write("site/lite0/models/efficientnet-lite0-57934424.pth", std::string("x"));
  folder.write("hub/resnet18.txt", std::string("x"));
  EXPECT_EQ(published_weights("resnet18", {folder.path()}), resnet);
  EXPECT_EQ(published_weights("vgg16", {folder.path()}), vgg);
  EXPECT_EQ(published_weights("efficientnet_lite0", {folder / "none", folder / "site"}), lite);
  EXPECT_EQ(published_weights("efficientnet_lite0", {lite}), lite);  // a file in place of its folder

  const auto missing = error_of([&] { published_weights("resnet50", {folder.path(), folder / "x"}); });
  EXPECT_EQ(missing.code(), core::ExitCode::invalid_manifest);
  EXPECT_SAYS(missing, "published weights of resnet50: none in " + folder.path().string() + ", ");
  EXPECT_SAYS(missing, "--weights DIR");
  folder.write("other/resnet18.safetensors", std::string("x"));
  EXPECT_SAYS(error_of([&] { published_weights("resnet18", {folder.path()}); }), "several files have them");
}

TEST(PublishedWeights, AreLookedForWhereTheUserSays) {
  EXPECT_EQ(weight_folders({"a", "b"}), (std::vector<std::filesystem::path>{"a", "b"}));
  ::setenv("AUTOMASK_WEIGHTS", "/x:/y z", 1);
  EXPECT_EQ(weight_folders({}), (std::vector<std::filesystem::path>{"/x", "/y z"}));
  ::unsetenv("AUTOMASK_WEIGHTS");
  ::setenv("TORCH_HOME", "/t", 1);
  EXPECT_EQ(weight_folders({}).front(), "/t/hub/checkpoints");
  ::unsetenv("TORCH_HOME");
}

}  // namespace
}  // namespace automask::harness
