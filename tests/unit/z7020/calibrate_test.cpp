// The fit of a board's constants, to times that the model itself gives for other constants.
#include "hw_targets/z7020/calibrate.h"

#include <gmock/gmock.h>

#include "hw_targets/z7020/model.h"
#include "tests/unit/z7020/agreement.h"

namespace automask::z7020 {
namespace {

using cpu::Builder;
using protocol::CalibratedConstant;
using protocol::CalibratedLayer;
using protocol::CalibrationError;
using protocol::LayerMeasurement;
using protocol::measurements_from_json;
using testing::HasSubstr;

constexpr double mhz = 150;

Board zedboard() { return read_board(AUTOMASK_SOURCE_DIR "/hw_targets/z7020/boards/zedboard.json"); }

// Convolutions that wait for the array and others that wait for DDR, in long bursts and in short ones; fully connected
// layers; a sum of three, which the ARM cores execute.
package::Package varied() {
  Builder b({3, 64, 64});
  int x = b.relu(b.conv(0, 32, 3, 1, 1));
  x = b.relu(b.conv(x, 48, 1));
  x = b.relu(b.conv(x, 48, 3, 1, 1, 48));
  const int left = b.relu(b.conv(x, 64, 3, 2, 1)), right = b.conv(x, 64, 1, 2);
  x = b.node(graph::Op::add, {left, right, b.conv(x, 64, 3, 2, 1)});
  x = b.relu(b.conv(x, 96, 3, 2, 1));
  x = b.pool(graph::Op::max_pool, x, 2, 2, 0);
  x = b.linear(b.node(graph::Op::flatten, {x}), 700);
  b.linear(b.linear(x, 500), 10);
  return masked_package(b.network, 2, 0.6, 4);
}

// What a board with these constants would have taken, up to 1 % more or less.
std::vector<LayerMeasurement> measured_on(const Image& image, const Board& board, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<LayerMeasurement> list;
  for (int k = 0; k < static_cast<int>(image.programs.size()); ++k)
    for (const LayerTime& layer : model(image, k, board, mhz).layers)
      list.push_back({image.programs[static_cast<std::size_t>(k)].condition, layer.name,
                      layer.ms * (1 + (static_cast<double>(random() % 2001) - 1000) * 1e-5)});
  return list;
}

TEST(Calibrate, FindsTheConstantsThatMeasurementsWereMadeWith) {
  const Board assumed = zedboard();
  const Image image = compile(varied(), assumed.bandwidth(mhz), Layers::apart);
  Board real = assumed;
  real.effective_bytes_per_second = 1.55e9;
  real.burst_overhead_bytes = 40;
  real.latency_ns = 420;
  real.arm_us_per_stream = 31;
  real.arm_ns_per_operation = 8.5;
  const auto measurements = measured_on(image, real, 1);
  ASSERT_GE(measurements.size(), 20U);
  const Calibration found = calibrate(image, assumed, mhz, measurements);
  EXPECT_GT(found.error_before, 0.1);
  EXPECT_LT(found.error_after, 0.01);
  EXPECT_NEAR(found.board.effective_bytes_per_second, 1.55e9, 0.05 * 1.55e9);
  EXPECT_NEAR(found.board.burst_overhead_bytes, 40, 10);
  EXPECT_NEAR(found.board.latency_ns, 420, 60);
  EXPECT_NEAR(found.board.arm_us_per_stream, 31, 2);
  EXPECT_NEAR(found.board.arm_ns_per_operation, 8.5, 0.5);
  ASSERT_EQ(found.layers.size(), measurements.size());
  for (const CalibratedLayer& layer : found.layers)
    EXPECT_NEAR(layer.after_ms / layer.measured.ms, 1, 0.03) << layer.measured.layer;
  for (const CalibratedConstant& constant : found.constants) EXPECT_TRUE(constant.fitted) << constant.name;
}

TEST(Calibrate, LeavesTrueConstantsAlone) {
  const Image image = compile(varied(), zedboard().bandwidth(mhz), Layers::apart);
  std::vector<LayerMeasurement> exact;
  for (const LayerTime& layer : model(image, 0, zedboard(), mhz).layers)
    exact.push_back({image.programs[0].condition, layer.name, layer.ms});
  const Calibration found = calibrate(image, zedboard(), mhz, exact);
  EXPECT_LT(found.error_after, 1e-9);
  EXPECT_NEAR(found.board.effective_bytes_per_second, 2.2e9, 1e3);
}

TEST(Calibrate, KeepsWhatNoLayerTells) {
  Builder b({3, 40, 40});
  int x = 0;
  for (const int channels : {16, 24, 40, 64, 96, 130, 90, 70, 50, 30}) x = b.relu(b.conv(x, channels, 1));
  b.classify(x, 10);
  const Image image = compile(cpu::random_integers(b.network, 1, false), zedboard().bandwidth(mhz), Layers::apart);
  const auto measurements = measured_on(image, zedboard(), 2);
  const Calibration found = calibrate(image, zedboard(), mhz, measurements);
  for (const CalibratedConstant& constant : found.constants) {
    if (constant.name != "/arm/ns_per_operation") continue;
    EXPECT_FALSE(constant.fitted) << "no layer is the ARM cores'";
    EXPECT_EQ(constant.after, 5);
  }
}

TEST(Calibrate, RefusesWhatCannotBeFitted) {
  const Image image = compile(varied(), zedboard().bandwidth(mhz), Layers::apart);
  auto measurements = measured_on(image, zedboard(), 1);
  const auto fault = [&](const std::vector<LayerMeasurement>& list) {
    try {
      calibrate(image, zedboard(), mhz, list);
    } catch (const CalibrationError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(fault({measurements.begin(), measurements.begin() + 5}),
              HasSubstr("5 measured layers are too few to fit"));
  measurements[0].layer = "stem";
  EXPECT_THAT(fault(measurements), HasSubstr("layer stem of \"clean\" is none of the package's"));
  measurements[0].condition = "fog:3";
  EXPECT_THAT(fault(measurements), HasSubstr("condition \"fog:3\" is none of the package's"));
  const auto read = [](const char* text) {
    try {
      measurements_from_json(nlohmann::json::parse(text), "m.json");
    } catch (const CalibrationError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(read(R"({"layers": []})"), HasSubstr("m.json: has no array \"conditions\""));
  EXPECT_THAT(read(R"({"conditions": [{"condition": "clean", "layers": [{"name": "a"}]}]})"),
              HasSubstr("a layer of \"clean\" lacks its name or its time"));
  EXPECT_THAT(read(R"({"conditions": [{"condition": "clean", "layers": [{"name": "a", "ms": 0}]}]})"),
              HasSubstr("layer a of \"clean\": its time must be a number above 0"));
  EXPECT_THAT(read(R"({"conditions": []})"), HasSubstr("there are no measurements"));
}

}  // namespace
}  // namespace automask::z7020
