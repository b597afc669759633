// The model's formula on designs that others have published for this device; docs/z7020.md shows the arithmetic.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "hw_targets/z7020/board.h"

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

// yolov2_xilinx_fpga, as its source says (branch 150MHzTn4Tm32Tr26Tc26Cin4Cout2, hls/src/cnn.cpp): 4 input and 32
// output channels a cycle, INT16, 150 MHz, tiles of 26 x 26 outputs. Four ports of 32 bits each load a channel of a
// tile row by row, with one burst under way at a time; a fifth loads a kernel position's weights likewise; two store
// rows of outputs. Loading the next 4 channels overlaps with computing, and so does storing the last tile: the larger
// counts. Nothing is fitted to it: bursts cost what the boards' profiles assume.
struct HlsDesign {
  Bandwidth ddr;
  bool overlaps = true;

  double burst(double words, double at_once) const {
    return ddr.latency_cycles + std::max(words, at_once * (4 * words + ddr.burst_bytes) / ddr.bytes_per_cycle);
  }
  double both(double a, double b) const { return overlaps ? std::max(a, b) : a + b; }

  double cycles(const Convolution& c) const {
    const int size = std::min(26, c.size), cols = size + c.kernel - 1, taps = c.kernel * c.kernel;
    const double tiles = std::pow(std::ceil(c.size / 26.0), 2), outputs = std::ceil(c.outputs / 32.0);
    const double rounds = std::ceil(c.channels / 4.0);
    // Rows, and kernel positions, go through a buffer each: one more than there are.
    const double inputs = (cols + 1) * std::max<double>(cols, burst(std::ceil(cols / 2.0), 4));
    const double weights = (taps + 1) * std::max(128.0, burst(64, 1));
    const double load = std::max(inputs, weights),
                 compute = start_cycles + loop_cycles({4, 32, 1}, 4, 32, taps, size, size);
    const double tile = load + (rounds - 1) * both(load, compute) + compute;
    // 16 channels by each of the two ports: row by row, or for maps of 13 x 13 half a map at a time.
    const double store = size == 26 ? 16 * (size + 1) * std::max<double>(size, burst(13, 2)) : 16 * 3 * burst(85, 2);
    return tiles * ((outputs - 1) * both(tile, store) + tile + store);
  }
  // Of 2 x 2 to `size` x `size`: 4 channels at a time, loaded row by row.
  double pool_cycles(int channels, int size) const {
    const int out = std::min(26, size);
    const double load = (2 * out + 1) * std::max<double>(2 * out, burst(out, 4));
    return std::pow(std::ceil(size / 26.0), 2) * channels / 4 * both(load, 4.0 * out * out);
  }
  double gops() const {
    double sum = 0;
    for (const Convolution& c : yolo_v2()) sum += cycles(c);
    for (const auto& [channels, size] : {std::pair{32, 208}, {64, 104}, {128, 52}, {256, 26}, {512, 13}})
      sum += pool_cycles(channels, size);
    return 29.47e9 / (sum / 150e6) / 1e9;  // the operations that are published
  }
};

TEST(Published, HlsDesignOnYoloV2) {
  EXPECT_NEAR(macs(yolo_v2()) / 1e9, 29.47 / 2, 0.3);
  const auto gops = [&](const char* board, bool overlaps) {
    const Board profile = read_board(std::string(AUTOMASK_SOURCE_DIR "/hw_targets/z7020/boards/") + board + ".json");
    const double result = HlsDesign{profile.bandwidth(150), overlaps}.gops();
    std::cout << board << (overlaps ? ", overlapped: " : ", not overlapped: ") << result << " GOP/s\n";
    return result;
  };
  EXPECT_NEAR(gops("zedboard", true), 30.15, 0.15 * 30.15);
  EXPECT_NEAR(gops("pynq_z2", true), 25.98, 0.15 * 25.98);
  // The other end of the band: its double buffers do overlap.
  EXPECT_LT(gops("zedboard", false), 0.85 * 30.15);
  EXPECT_LT(gops("pynq_z2", false), 0.85 * 25.98);
}

}  // namespace
}  // namespace automask::z7020
