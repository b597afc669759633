#include "hw_targets/cpu/energy.h"

#include <gtest/gtest.h>

#include <fstream>

#include "hw_targets/cpu/backend.h"
#include "hw_targets/protocol/server.h"

namespace automask::cpu {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A powercap tree of two packages, their parts, and what else stands there.
class EnergyMeterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_ = fs::path(::testing::TempDir()) /
            ("powercap-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(tree_);
    fs::create_directories(tree_ / "intel-rapl");
    domain("intel-rapl:1", "package-1", 262143328850, 5'000'000);
    domain("intel-rapl:0", "package-0", 65532610987, 65'532'000'000);
    domain("intel-rapl:0:0", "core", 65532610987, 1'000'000);
    domain("intel-rapl:2", "psys", 262143328850, 9'000'000);
    domain("dtpm", "package-9", 262143328850, 9'000'000);
  }
  void TearDown() override { fs::remove_all(tree_); }

  void domain(const std::string& folder, const std::string& name, std::uint64_t range, std::uint64_t energy) {
    fs::create_directories(tree_ / folder);
    std::ofstream(tree_ / folder / "name") << name << "\n";
    std::ofstream(tree_ / folder / "max_energy_range_uj") << range << "\n";
    count(folder, energy);
  }
  void count(const std::string& folder, std::uint64_t energy) {
    std::ofstream(tree_ / folder / "energy_uj") << energy << "\n";
  }
  EnergyMeter meter() {
    return {tree_, [this] { return now_; }};
  }

  fs::path tree_;
  double now_ = 100;
};

TEST_F(EnergyMeterTest, AddsThePackagesAndLeavesPartsAndTheMachineOut) {
  EnergyMeter meter = this->meter();
  EXPECT_EQ(meter.domains(), (std::vector<std::string>{"package-0", "package-1"}));
  EXPECT_EQ(meter.samples(), json::array());
  count("intel-rapl:0", 65'532'400'000);
  count("intel-rapl:1", 5'200'000);
  for (const char* other : {"intel-rapl:0:0", "intel-rapl:2", "dtpm"}) count(other, 99'000'000);
  now_ = 100.5;
  EXPECT_EQ(meter.samples(), (json{{100.0, 1.2}, {100.5, 1.2}}));
}

TEST_F(EnergyMeterTest, CountsOnWhenACounterStartsOver) {
  EnergyMeter meter = this->meter();
  meter.samples();
  count("intel-rapl:0", 389'013);  // 610,987 to the end of the range, and so much after it
  now_ = 102;
  EXPECT_EQ(meter.samples(), (json{{100.0, 0.5}, {102.0, 0.5}}));
}

TEST_F(EnergyMeterTest, EachCallTellsWhatCameSinceTheLast) {
  EnergyMeter meter = this->meter();
  now_ = 101;
  meter.samples();
  EXPECT_EQ(meter.samples(), json::array()) << "no time has passed";
  count("intel-rapl:1", 8'000'000);
  now_ = 102;
  EXPECT_EQ(meter.samples(), (json{{101.0, 3.0}, {102.0, 3.0}}));
  now_ = 104;
  EXPECT_EQ(meter.samples(), (json{{102.0, 0.0}, {104.0, 0.0}}));
}

int code_of(EnergyMeter& meter) {
  try {
    meter.samples();
  } catch (const protocol::Refusal& e) {
    return e.code();
  }
  ADD_FAILURE() << "gave samples";
  return protocol::internal_error;
}

TEST_F(EnergyMeterTest, IsNotThereWithoutReadableCounters) {
  const auto clock = [] { return 0.0; };
  EnergyMeter nowhere(tree_ / "nowhere", clock);
  EXPECT_EQ(nowhere.domains(), std::vector<std::string>());
  EXPECT_EQ(code_of(nowhere), protocol::unsupported);
  fs::remove(tree_ / "intel-rapl:0/energy_uj");
  EnergyMeter one(tree_, clock);
  EXPECT_EQ(one.domains(), std::vector<std::string>{"package-1"});
  fs::remove(tree_ / "intel-rapl:1/energy_uj");
  EXPECT_EQ(code_of(one), protocol::unsupported);
}

TEST_F(EnergyMeterTest, TheRunnerAnswersPowerFromIt) {
  CpuBackend backend(tree_);
  EXPECT_EQ(backend.describe()["energy"], (json{"package-0", "package-1"}));
  EXPECT_EQ(backend.power()["samples"], json::array());
  count("intel-rapl:1", 6'000'000);
  const json samples = backend.power()["samples"];
  ASSERT_EQ(samples.size(), 2u);
  const double seconds = samples[1][0].get<double>() - samples[0][0].get<double>();
  EXPECT_NEAR(samples[1][1].get<double>() * seconds, 1, 1e-9) << "joules";
  CpuBackend without(tree_ / "nowhere");
  EXPECT_FALSE(without.describe().contains("energy"));
  EXPECT_THROW(without.power(), protocol::Refusal);
}

}  // namespace
}  // namespace automask::cpu
