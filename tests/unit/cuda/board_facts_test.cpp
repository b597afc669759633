// A tree of files as a TX2 with JetPack 4.6 shows it.
#include "hw_targets/cuda/board_facts.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace automask::cuda {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Board : public testing::Test {
 protected:
  void SetUp() override {
    const std::string ina = "/sys/bus/i2c/drivers/ina3221x/";
    write(ina + "0-0040/iio:device0/rail_name_0", "VDD_SYS_GPU");
    write(ina + "0-0040/iio:device0/in_power0_input", "2500");
    write(ina + "0-0041/iio:device1/rail_name_0", "VDD_IN");
    write(ina + "0-0041/iio:device1/in_power0_input", "7250");
    write(ina + "0-0041/iio:device1/rail_name_1", "VDD_SYS_CPU");
    write(ina + "0-0041/iio:device1/in_power1_input", "1000");
    write(ina + "0-0041/iio:device1/in_power2_input", "9000");  // without a name
    write("/var/lib/nvpmodel/status", "pmode:0003 fmode:fanNull");
    write("/sys/class/devfreq/17000000.gp10b/cur_freq", "1122000000");
    write("/sys/class/devfreq/17000000.gp10b/max_freq", "1300500000");
    write("/sys/class/thermal/thermal_zone2/type", "GPU-therm");
    write("/sys/class/thermal/thermal_zone2/temp", "45500");
    write("/sys/class/thermal/thermal_zone2/trip_point_0_type", "passive");
    write("/sys/class/thermal/thermal_zone2/trip_point_0_temp", "95500");
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& file, const std::string& text) {
    const fs::path path = root_.string() + file;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  std::string program(const std::string& text) {
    write("/nvpmodel", "#!/bin/sh\n" + text);
    const std::string file = root_.string() + "/nvpmodel";
    ::chmod(file.c_str(), 0755);
    return file;
  }
  fs::path root_ = fs::temp_directory_path() / ("automask-board-test-" + std::to_string(::getpid()));
};

TEST_F(Board, ReadsRailsByTheirNames) {
  const BoardFacts board(root_.string());
  ASSERT_EQ(board.rails().size(), 3U);
  EXPECT_EQ(board.rails()[0].name, "VDD_SYS_GPU");
  EXPECT_DOUBLE_EQ(board.watts(), 7.25) << "the module's input, which holds the others";
  fs::remove(root_.string() + "/sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1/rail_name_0");
  EXPECT_DOUBLE_EQ(BoardFacts(root_.string()).watts(), 3.5) << "without it all others together";
}

TEST_F(Board, TellsModeClocksAndTemperatures) {
  const BoardFacts board(root_.string());
  nlohmann::json state = board.state();
  EXPECT_EQ(state["power_mode"], 3);
  EXPECT_EQ(state["clocks_mhz"]["gpu"], 1122.0);
  EXPECT_EQ(state["temperature_c"]["GPU-therm"], 45.5);
  EXPECT_EQ(state["throttled"], false);
  write("/sys/class/thermal/thermal_zone2/temp", "95500");
  EXPECT_EQ(board.state()["throttled"], true) << "at its trip point";
  write("/sys/class/thermal/thermal_zone2/temp", "45500");
  write("/sys/class/devfreq/17000000.gp10b/max_freq", "1122000000");
  EXPECT_EQ(board.state()["throttled"], true) << "its highest clock was lowered";
}

TEST_F(Board, SetsAModeOnlyWhenAskedAndLooksWhetherItTook) {
  const std::string status = root_.string() + "/var/lib/nvpmodel/status";
  const BoardFacts good(root_.string(), program("echo pmode:000$2 >" + status));
  EXPECT_EQ(good.power_mode(), 3);
  EXPECT_EQ(good.set_power_mode(0), "");
  EXPECT_EQ(good.power_mode(), 0);
  EXPECT_THAT(BoardFacts(root_.string(), program("exit 1")).set_power_mode(2), HasSubstr("nvpmodel -m 2 failed"));
  EXPECT_THAT(BoardFacts(root_.string(), program("exit 0")).set_power_mode(2), HasSubstr("but the mode is 0"));
  EXPECT_THAT(BoardFacts(root_.string(), "/nowhere/nvpmodel").set_power_mode(2), HasSubstr("not installed"));
}

TEST_F(Board, IsSilentElsewhere) {
  const BoardFacts nothing(root_.string() + "/empty");
  EXPECT_TRUE(nothing.rails().empty());
  EXPECT_LT(nothing.watts(), 0);
  EXPECT_EQ(nothing.power_mode(), -1);
  EXPECT_EQ(nothing.state(), (nlohmann::json{{"throttled", false}}));
}

TEST_F(Board, CountsPowerAboveIdle) {
  const BoardFacts board(root_.string());
  PowerMeter meter(board);
  EXPECT_DOUBLE_EQ(meter.measure_idle(0), 7.25);
  write("/sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1/in_power0_input", "10250");
  meter.samples();
  nlohmann::json samples = nlohmann::json::array();
  while (samples.size() < 5)
    for (const auto& sample : meter.samples()) samples.push_back(sample);
  double before = 0;
  for (const auto& sample : samples) {
    EXPECT_GT(sample[0].get<double>(), before);
    before = sample[0];
    EXPECT_DOUBLE_EQ(sample[1], 3.0);
  }
  write("/sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1/in_power0_input", "7000");
  while (samples.back()[1] != 0.0)
    for (const auto& sample : meter.samples()) samples.push_back(sample);
  SUCCEED() << "below idle is 0, not negative";
}

}  // namespace
}  // namespace automask::cuda
