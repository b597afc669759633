// The model's formula on designs that others have published for this device; docs/z7020.md shows the arithmetic.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <vector>

#include "hw_targets/z7020/costs.h"

namespace automask::z7020 {
namespace {

struct Convolution {
  int channels, outputs, kernel, size;  // of the output, square
};

// YOLOv3 at 416 x 416 (Redmon and Farhadi 2018: Darknet-53 and three heads).
std::vector<Convolution> yolo_v3() {
  std::vector<Convolution> net = {{3, 32, 3, 416}};
  const auto stage = [&](int channels, int size, int blocks) {
    net.push_back({channels / 2, channels, 3, size});
    for (int i = 0; i < blocks; ++i) {
      net.push_back({channels, channels / 2, 1, size});
      net.push_back({channels / 2, channels, 3, size});
    }
  };
  stage(64, 208, 1);
  stage(128, 104, 2);
  stage(256, 52, 8);
  stage(512, 26, 8);
  stage(1024, 13, 4);
  const auto head = [&](int from, int channels, int size) {
    for (int i = 0; i < 3; ++i) {
      net.push_back({i == 0 ? from : 2 * channels, channels, 1, size});
      net.push_back({channels, 2 * channels, 3, size});
    }
    net.push_back({2 * channels, 255, 1, size});
  };
  head(1024, 512, 13);
  net.push_back({512, 256, 1, 13});
  head(256 + 512, 256, 26);
  net.push_back({256, 128, 1, 26});
  head(128 + 256, 128, 52);
  return net;
}

// YOLOv2 at 416 x 416 (Redmon and Farhadi 2016: Darknet-19 and its detector).
std::vector<Convolution> yolo_v2() {
  return {{3, 32, 3, 416},    {32, 64, 3, 208},    {64, 128, 3, 104},  {128, 64, 1, 104},   {64, 128, 3, 104},
          {128, 256, 3, 52},  {256, 128, 1, 52},   {128, 256, 3, 52},  {256, 512, 3, 26},   {512, 256, 1, 26},
          {256, 512, 3, 26},  {512, 256, 1, 26},   {256, 512, 3, 26},  {512, 1024, 3, 13},  {1024, 512, 1, 13},
          {512, 1024, 3, 13}, {1024, 512, 1, 13},  {512, 1024, 3, 13}, {1024, 1024, 3, 13}, {1024, 1024, 3, 13},
          {512, 64, 1, 26},   {1280, 1024, 3, 13}, {1024, 425, 1, 13}};
}

double macs(const std::vector<Convolution>& net) {
  double sum = 0;
  for (const Convolution& c : net) sum += double(c.channels) * c.outputs * c.kernel * c.kernel * c.size * c.size;
  return sum;
}

double cycles(const std::vector<Convolution>& net, const Parallel& p) {
  double sum = 0;
  for (const Convolution& c : net) sum += loop_cycles(p, c.channels, c.outputs, c.kernel * c.kernel, c.size, c.size);
  return sum;
}

// AMD PG338: B1152 takes 12 input channels, 12 output channels and 4 pixels a cycle. About 450 ms are reported for a
// PYNQ-Z2 whose DSPs run at 300 MHz, twice the rest's clock (YOLO-on-PYNQ-Z2, issue 26).
TEST(Published, DpuB1152OnYoloV3) {
  EXPECT_NEAR(macs(yolo_v3()) / 1e9, 32.8, 0.4) << "65.9 billion operations are published";
  const double ms = cycles(yolo_v3(), {12, 12, 4}) / 150e3;
  std::cout << "B1152 on YOLOv3: " << ms << " ms\n";
  EXPECT_NEAR(ms, 450, 0.15 * 450);
}

// yolov2_xilinx_fpga: 4 input and 32 output channels a cycle, INT16, 150 MHz; 30.2 GOP/s on the ZedBoard, 26.0 on the
// PYNQ board. Every input is read again for each 32 outputs. Its loads and computing overlap badly: the sum of both is
// within 15 %, the larger of both is not.
TEST(Published, HlsDesignOnYoloV2) {
  const std::vector<Convolution> net = yolo_v2();
  EXPECT_NEAR(macs(net) / 1e9, 14.7, 0.3) << "29.5 billion operations are published";
  const auto gops = [&](double bytes_per_second, bool overlaps) {
    Bandwidth b;
    b.bytes_per_cycle = bytes_per_second / 150e6;
    double sum = 0;
    for (const Convolution& c : net) {
      const double unit = loop_cycles({4, 32, 1}, c.channels, c.outputs, c.kernel * c.kernel, c.size, c.size);
      const double pixels = double(c.size) * c.size;
      Traffic t;
      t.bytes = 2.0 * (c.channels * pixels * std::ceil(c.outputs / 32.0) + c.outputs * pixels +
                       double(c.channels) * c.outputs * c.kernel * c.kernel);
      t.bursts = t.bytes / 256;
      sum += overlaps ? std::max(unit, t.cycles(b)) : unit + t.cycles(b);
    }
    const double result = 2 * macs(net) / (sum / 150e6) / 1e9;
    std::cout << bytes_per_second / 1e9 << " GB/s, " << (overlaps ? "overlapped: " : "not overlapped: ") << result
              << " GOP/s\n";
    return result;
  };
  EXPECT_NEAR(gops(2.2e9, false), 30.2, 0.15 * 30.2);
  EXPECT_NEAR(gops(1.1e9, false), 26.0, 0.15 * 26.0);
  EXPECT_GT(gops(2.2e9, true), 1.15 * 30.2);
  EXPECT_GT(gops(1.1e9, true), 1.15 * 26.0);
}

}  // namespace
}  // namespace automask::z7020
