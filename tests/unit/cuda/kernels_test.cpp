// Every kernel, by its own source behind the launch shim, against plain loops. AddressSanitizer sees each access: the
// shim's buffers and shared arrays are exactly as large as on a GPU (cuda.kernels_sanitized). Where there is a GPU, the
// same kernels on it (cuda.kernels_on_gpu, under compute-sanitizer where that is installed).
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <tuple>

#include "hw_targets/cuda/check.h"
#ifndef AUTOMASK_WITHOUT_GPU
#include "hw_targets/cuda/gpu.h"
#endif
#include "hw_targets/cuda/half.h"
#include "hw_targets/cuda/shim/grid.h"
#include "hw_targets/cuda/shim/shim_device.h"
#include "tests/unit/cuda/layers.h"

namespace automask::cuda {
namespace {

enum class On { shim, gpu };

class Kernels : public testing::TestWithParam<std::tuple<On, bool>> {  // on what, half?
 protected:
  void SetUp() override {
    if (std::get<0>(GetParam()) == On::shim) {
      device_ = shim_device();
      return;
    }
#ifndef AUTOMASK_WITHOUT_GPU
    try {
      device_ = open_gpu({});
    } catch (const DeviceError& e) {
      GTEST_SKIP() << e.what();
    }
    std::cout << "on " << device_->describe()["name"] << "\n";
    if (half_ && !device_->has_half()) GTEST_SKIP() << "this GPU has no half arithmetic";
#endif
  }
  void expect(const KernelKey& key, unsigned seed = 1) {
    const Agreement agreement = check_kernel(*device_, key, seed, 0);
    EXPECT_TRUE(agreement.holds()) << "error " << agreement.error << " of " << agreement.limit << " in "
                                   << agreement.compared << " outputs of " << key.name << "\n"
                                   << defines(key.constants);
  }
  std::unique_ptr<Device> device_;
  bool half_ = std::get<1>(GetParam());
};

TEST_P(Kernels, ConvolveAnyShape) {
  std::mt19937 random(11);
  for (unsigned i = 0; i < 120; ++i) expect(any_convolution(random, half_), i);
}

TEST_P(Kernels, ConvolveExtremeShapes) {
  for (const Tile& tile : tiles()) {
    expect(convolution(1, 1, 1, 1, 1, 0, half_, tile));
    expect(convolution(3, 64, 17, 7, 2, 3, half_, tile));
    expect(convolution(65, 129, 9, 3, 1, 1, half_, tile));
  }
  // Thousands of products: what a sum in half would lose.
  expect(convolution(512, 40, 7, 3, 1, 1, half_));
  KernelKey row = convolution(5, 7, 1, 1, 1, 0, half_);
  row.constants.in_width = row.constants.out_width = 300;
  expect(row);
}

TEST_P(Kernels, ConvolveThroughListsAsIfTheWeightsHadBeenGathered) {
  KernelKey key = convolution(24, 40, 8, 3, 1, 1, half_);
  key.constants.indexed = 1;
  key.constants.weight_stride = 48;
  expect(key);
  key = grouped(24, 1, 1, 8, 3, 1, half_);
  key.constants.indexed = 1;
  expect(key);
  key = linear(100, 24, half_);
  key.constants.indexed = 1;
  key.constants.weight_stride = 104;
  expect(key);
}

TEST_P(Kernels, ConvolveInGroups) {
  for (const int kernel : {1, 3, 5, 7})
    for (const int stride : {1, 2}) {
      KernelKey key = grouped(13, 1, 1, 15, kernel, stride, half_);
      key.constants.activation = 2;
      expect(key);
      expect(grouped(4, 6, 3, 12, kernel, stride, half_));
      expect(grouped(3, 1, 4, 12, kernel, stride, half_));
    }
  KernelKey key = grouped(8, 1, 1, 30, 3, 1, half_);
  key.constants.residual = 1;
  key.constants.activation = 1;
  expect(key);
}

TEST_P(Kernels, Multiply) {
  for (const int in : {1, 31, 32, 33, 512, 4096})
    for (const int out : {1, 3, 4, 5, 10, 1000}) {
      if (in * out > 600000) continue;
      KernelKey key = linear(in, out, half_);
      key.constants.activation = in % 3;
      expect(key);
    }
}

TEST_P(Kernels, Pool) {
  for (const char* name : {"max_pool", "avg_pool"})
    for (const bool ceil : {false, true})
      for (const int counted : {0, 1}) {
        KernelKey key = pool(name, 6, 13, 3, 2, 1, half_, ceil);
        key.constants.count_padding = counted;
        expect(key);
        expect(pool(name, 3, 16, 2, 2, 0, half_, ceil));
        expect(pool(name, 1, 1, 1, 1, 0, half_, ceil));
      }
  for (const int size : {1, 4, 7, 12}) expect(plain("global_avg_pool", 70, size, size, half_));
}

TEST_P(Kernels, DoTheRest) {
  for (const int activation : {0, 1, 2})
    for (const int residual : {0, 1}) {
      KernelKey key = plain("affine", 5, 11, 13, half_);
      key.constants.activation = activation;
      key.constants.residual = residual;
      expect(key);
    }
  expect(plain("copy", 3, 10, 30, half_));
  expect(plain("picture", 3, 20, 31, half_));
  expect(plain("picture", 1, 1, 1, half_));
  for (const int classes : {1, 2, 31, 1000}) {
    expect(plain("softmax", classes, 1, 1, half_));
    expect(plain("logits", classes, 1, 1, half_));
  }
}

TEST_P(Kernels, RepackWhatTheListsName) {
  const int rows = 7, columns = 11, taps = 3, stride = 16, kept_rows = 3, kept_columns = 5, to_stride = 8;
  const std::size_t size = half_ ? 2 : 4;
  std::vector<unsigned char> from(static_cast<std::size_t>(rows * taps * stride) * size);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i * 37 % 251);
  const std::vector<std::int32_t> row_list = {0, 4, 6}, column_list = {1, 2, 5, 9, columns - 1};
  const Memory source = on_device(*device_, from), listed_rows = on_device(*device_, row_list),
               listed_columns = on_device(*device_, column_list);
  const Memory to(*device_, static_cast<std::size_t>(kept_rows * taps * to_stride) * size);
  RepackJob job;
  job.from = source.address();
  job.to = to.address();
  job.rows = listed_rows.address();
  job.columns = listed_columns.address();
  job.height = kept_rows * taps;
  job.width = kept_columns;
  job.from_stride = stride;
  job.to_stride = to_stride;
  job.taps = taps;
  const Memory jobs = on_device(*device_, std::vector<RepackJob>{job});
  const Memory blocks = on_device(*device_, std::vector<RepackBlock>{{0, 0}});
  device_->launch(device_->kernel({"repack", half_, {}}), {1, 1, repack_threads}, {jobs.address(), blocks.address()});
  std::vector<unsigned char> result(to.bytes());
  device_->from_device(result.data(), to.address(), result.size());
  for (int r = 0; r < kept_rows * taps; ++r)
    for (int c = 0; c < to_stride; ++c)
      for (std::size_t b = 0; b < size; ++b) {
        const int row = row_list[static_cast<std::size_t>(r / taps)] * taps + r % taps;
        const unsigned char expected =
            c < kept_columns
                ? from[static_cast<std::size_t>(row * stride + column_list[static_cast<std::size_t>(c)]) * size + b]
                : 0;
        ASSERT_EQ(result[static_cast<std::size_t>(r * to_stride + c) * size + b], expected) << r << ", " << c;
      }
}

std::string name_of(const testing::TestParamInfo<Kernels::ParamType>& info) {
  return std::get<1>(info.param) ? "half" : "float";
}
INSTANTIATE_TEST_SUITE_P(OnShim, Kernels, testing::Combine(testing::Values(On::shim), testing::Bool()), name_of);
#ifndef AUTOMASK_WITHOUT_GPU
INSTANTIATE_TEST_SUITE_P(OnGpu, Kernels, testing::Combine(testing::Values(On::gpu), testing::Bool()), name_of);
#endif

TEST(Check, SeesAKernelThatIsWrong) {
  const auto device = shim_device();
  const KernelKey key = convolution(8, 8, 6, 3, 1, 1, false);
  const LayerData data = random_data(key, 1);
  Bench bench(*device, key, data);
  bench.launch();
  std::vector<float> outputs = bench.outputs();
  EXPECT_TRUE(compare(key, data, outputs, 0).holds());
  LayerData other = data;
  other.weights[17] += 0.1F;
  EXPECT_FALSE(compare(key, other, outputs, 0).holds());
  outputs.back() = NAN;
  EXPECT_FALSE(compare(key, data, outputs, 2).holds()) << "the last output is always compared";
}

TEST(Half, RoundsAsTheProcessorDoes) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = float_of(half);
    if (!std::isnan(value)) {
      ASSERT_EQ(half_of(value), half);
    }
  }
  std::mt19937 random(5);
  for (int i = 0; i < 200000; ++i) {
    const std::uint32_t bits = random();
    float value;
    std::memcpy(&value, &bits, 4);
    if (std::isnan(value)) continue;
    const auto expected = static_cast<_Float16>(value);
    std::uint16_t expected_bits;
    std::memcpy(&expected_bits, &expected, 2);
    ASSERT_EQ(half_of(value), expected_bits) << value;
  }
}

TEST(Grid, ReportsBarriersThatSomeThreadsNeverReach) {
  using namespace shim;
  EXPECT_THROW(run_grid({1, 1, 1}, 64,
                        [] {
                          if (thread_index().x < 32) {
                            wait_for_block(1);
                          } else {
                            lane_value(0, 0, 2);
                            wait_for_block(3);
                          }
                        }),
               std::logic_error);
  int reached = 0;
  run_grid({2, 3, 1}, 40, [&] {
    wait_for_block(1);
    const float sum = lane_value(static_cast<float>(own_lane()), own_lane() ^ 1, 2);
    if (static_cast<int>(sum) == (own_lane() ^ 1)) ++reached;
    wait_for_block(3);
  });
  EXPECT_EQ(reached, 2 * 3 * 40);
}

}  // namespace
}  // namespace automask::cuda
