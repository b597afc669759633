#include "harness/fingerprints.h"

#include <gtest/gtest.h>

#include "support.h"

namespace automask::harness {
namespace {

using datasets::Split;
using test::TempFolder;

class FingerprintsTest : public testing::Test {
 protected:
  TempFolder folder;
  Manifest manifest = test::load(folder, test::small_manifest());
  const datasets::DatasetSpec& spec = manifest.datasets.front();
  std::filesystem::path file = folder / "store/fingerprints.json";

  std::string ask(Split split) {
    Fingerprints fingerprints(file);
    const std::string answer = fingerprints.of(spec, split);
    fingerprints.save();
    return answer;
  }
};

TEST_F(FingerprintsTest, AreThoseOfTheData) {
  EXPECT_EQ(ask(Split::train), datasets::fingerprint(spec, Split::train));
  EXPECT_EQ(ask(Split::test), datasets::fingerprint(spec, Split::test));
  EXPECT_NE(ask(Split::train), ask(Split::test));
}

TEST_F(FingerprintsTest, ComeFromTheStoreWhileFilesAreAsTheyWere) {
  const std::string before = ask(Split::train);
  core::Json stored = core::read_json_file(file);
  const std::string planted(64, 'a');
  for (auto& [name, entry] : stored["entries"].items()) entry["fingerprint"] = planted;
  folder.write("store/fingerprints.json", stored);
  EXPECT_EQ(ask(Split::train), planted);  // not read again
  const auto labels = folder / "data/train-labels-idx1-ubyte";
  std::filesystem::last_write_time(labels, std::filesystem::last_write_time(labels) + std::chrono::nanoseconds(1000));
  EXPECT_EQ(ask(Split::train), before);  // touched, so read again
}

TEST_F(FingerprintsTest, SayThatNoPathIsGiven) {
  for (const char* reader : {"image_folder", "idx", "cifar"}) {
    const core::Json json = {{"reader", reader}, {"input", {3, 32, 32}}};
    const auto without = datasets::DatasetSpec::from_json({json, "m.json"}, "photos");
    try {
      Fingerprints(file).of(without, Split::train);
      ADD_FAILURE() << reader;
    } catch (const core::Error& e) {
      EXPECT_NE(std::string(e.what()).find("--data photos=DIR"), std::string::npos) << e.what();
    }
  }
}

TEST_F(FingerprintsTest, ADamagedFileIsAnEmptyOne) {
  const std::string before = ask(Split::train);
  for (const char* text : {"", "{", "[]", "{\"schema_version\": 1, \"entries\": 3}", "{\"schema_version\": 9}"}) {
    folder.write("store/fingerprints.json", std::string(text));
    EXPECT_EQ(ask(Split::train), before) << text;
  }
}

}  // namespace
}  // namespace automask::harness
