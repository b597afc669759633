// The GPU's device on a driver and a compiler of the test's own (fake/driver.cpp), which run the shim's kernels: whole
// networks, and one clear sentence for each thing that can be missing.
#include "hw_targets/cuda/gpu.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "hw_targets/cuda/network.h"
#include "hw_targets/protocol/protocol.h"
#include "tests/unit/cuda/packages.h"

namespace automask::cuda {
namespace {

namespace fs = std::filesystem;
using cpu::Builder;
using testing::AllOf;
using testing::HasSubstr;

class GpuDevice : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    ::setenv("FAKE_CUDA_COUNT", (folder_ / "count").c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("FAKE_CUDA");
    ::unsetenv("FAKE_CUDA_COUNT");
    fs::remove_all(folder_);
  }
  GpuOptions options() const {
    return {0, AUTOMASK_FAKE_CUDA, AUTOMASK_FAKE_CUDA, "/nowhere/libcudnn.so", (folder_ / "cache").string()};
  }
  GpuOptions with_cudnn() const {
    GpuOptions all = options();
    all.cudnn = AUTOMASK_FAKE_CUDA;
    return all;
  }
  std::unique_ptr<Device> open() const { return open_gpu(options()); }
  int compiled() const {
    std::ifstream in(folder_ / "count");
    int lines = 0;
    for (std::string line; std::getline(in, line);) ++lines;
    return lines;
  }
  // The sentence, and that it is the protocol's `unsupported`.
  std::string refusal(const GpuOptions& options) const {
    try {
      open_gpu(options);
      return "";
    } catch (const DeviceError& e) {
      EXPECT_EQ(e.code(), protocol::unsupported);
      return e.what();
    }
  }
  std::string refusal_with(const char* fault) const {
    ::setenv("FAKE_CUDA", fault, 1);
    return refusal(options());
  }
  static package::Package network(bool half = false, int channels = 40) {
    Builder b({3, 12, 12});
    int x = b.relu(b.conv(0, channels, 3, 1, 1));
    x = b.relu(b.add({b.conv(x, channels, 3, 1, 1), x}));
    b.classify(x, 10);
    return random_package(b.network, {"clean", "jpeg:q30"}, half, 2);
  }
  static double error_of(Network& network, const package::Package& package, int condition) {
    const auto picture = cpu::random_picture(package.graph.input, 5);
    network.select(condition);
    network.put(picture.data());
    network.run();
    std::vector<float> logits(package.classes.size());
    network.logits(logits.data());
    return disagreement(logits, slow_logits(package, condition, picture));
  }

  fs::path folder_ = fs::temp_directory_path() / ("automask-cuda-test-" + std::to_string(::getpid()));
};

TEST_F(GpuDevice, TellsWhatIsMissing) {
  GpuOptions absent = options();
  absent.driver = "/nowhere/libcuda.so.1";
  EXPECT_THAT(refusal(absent), AllOf(HasSubstr("no NVIDIA GPU can be used here"), HasSubstr("/nowhere/libcuda.so.1")));
  absent = options();
  absent.nvrtc = "/nowhere/libnvrtc.so";
  EXPECT_THAT(refusal(absent), AllOf(HasSubstr("libnvrtc, does not load"), HasSubstr("AUTOMASK_NVRTC")));
  absent = options();
  absent.index = 3;
  EXPECT_THAT(refusal(absent), HasSubstr("there is no GPU 3: the driver finds 1"));
  absent = options();
  absent.driver = "libm.so.6";
  EXPECT_THAT(refusal(absent), HasSubstr("driver is too old: libm.so.6 lacks cuInit"));
  EXPECT_THAT(refusal_with("no_gpu"), HasSubstr("the driver finds none"));
  EXPECT_THAT(refusal_with("no_driver"), HasSubstr("no CUDA-capable device is detected (100)"));
  EXPECT_THAT(refusal_with("old_driver"), HasSubstr("it supports CUDA 9.2, this runner needs 10.0"));
  EXPECT_THAT(refusal_with("new_nvrtc"), HasSubstr("of CUDA 13.0, newer than the driver, which supports CUDA 12"));
  EXPECT_THAT(refusal_with("foreign_architecture"), HasSubstr("does not compile for sm_992"));
}

TEST_F(GpuDevice, DescribesItself) {
  const nlohmann::json device = open()->describe();
  EXPECT_EQ(device["name"], "Fake GPU");
  EXPECT_EQ(device["evidence"], "measured");
  EXPECT_EQ(device["compute_capability"], "sm_62");
  EXPECT_EQ(device["toolchain"].get<std::string>().substr(0, 16), "CUDA driver 12.2");
}

TEST_F(GpuDevice, ExecutesNetworksAndTunesThem) {
  for (const char* fault : {"", "no_graphs"})
    for (const bool half : {false, true}) {
      ::setenv("FAKE_CUDA", fault, 1);
      const package::Package package = network(half);
      const auto device = open();
      Network placed(*device, package, true);
      for (const int k : {1, 0, 1}) EXPECT_LE(error_of(placed, package, k), half ? 2e-2 : 1e-4) << fault;
      bool timed = false;
      for (const auto& entry : placed.placement(0)) timed = timed || entry.contains("ms");
      EXPECT_TRUE(timed) << "candidates are timed on a device that measures";
    }
}

// Convolutions with and without groups, masked and whole, by the library where it is the fastest.
TEST_F(GpuDevice, TakesTheLibrarysConvolutions) {
  ::setenv("FAKE_CUDA", "no_cudnn_start", 1);
  EXPECT_EQ(open_gpu(with_cudnn())->library(), "");
  EXPECT_EQ(open_gpu(with_cudnn())->describe()["library"], "cuDNN 8.2.1 does not start here (status 1001)");
  for (const char* how : {"fast_cudnn", "cudnn_unrecorded"})
    for (const bool half : {false, true}) {
      ::setenv("FAKE_CUDA", how, 1);
      Builder b({3, 20, 20});
      int x = b.relu(b.conv(0, 40, 3, 2, 1));
      x = b.relu(b.conv(x, 40, 3, 1, 1, 40));
      x = b.relu(b.add({b.conv(x, 40, 1), x}));
      b.classify(b.relu(b.conv(x, 33, 3, 2, 1)), 10);
      const package::Package package = random_package(b.network, {"clean", "jpeg:q30"}, half, 2);
      const auto device = open_gpu(with_cudnn());
      EXPECT_EQ(device->library(), "cuDNN 8.2.1");
      Network placed(*device, package, true);
      for (const int k : {1, 0, 1}) EXPECT_LE(error_of(placed, package, k), half ? 2e-2 : 1e-4) << how;
      int taken = 0;
      for (const auto& entry : placed.placement(1))
        taken += entry["placement"].get<std::string>().find("cuDNN") != std::string::npos;
      EXPECT_GE(taken, 3) << placed.placement(1);
      EXPECT_THAT(placed.warnings(), testing::IsEmpty());
    }
}

TEST_F(GpuDevice, DoesWithoutALibraryThatErrs) {
  const package::Package package = network(false, 40);
  for (const auto& [how, sentence] :
       {std::pair{"wrong_cudnn", "kernel cudnn of layer"}, {"no_algorithm", "has no algorithm"}}) {
    ::setenv("FAKE_CUDA", how, 1);
    const auto device = open_gpu(with_cudnn());
    Network placed(*device, package, true);
    EXPECT_THAT(placed.warnings(), testing::Contains(HasSubstr(sentence)));
    for (const auto& entry : placed.placement(0))
      EXPECT_THAT(entry["placement"].get<std::string>(), testing::Not(HasSubstr("cuDNN")));
    EXPECT_LE(error_of(placed, package, 1), 1e-4);
  }
}

TEST_F(GpuDevice, NeverUsesAKernelThatDisagrees) {
  ::setenv("FAKE_CUDA", "wrong_kernel", 1);
  const package::Package package = network(false, 120);
  const auto device = open();
  Network placed(*device, package, true);
  EXPECT_THAT(placed.warnings(), testing::Contains(AllOf(HasSubstr("kernel convolution"), HasSubstr("tiles of 64 x 64"),
                                                         HasSubstr("it is not used"))));
  for (const auto& entry : placed.placement(0))
    EXPECT_THAT(entry["placement"].get<std::string>(), testing::Not(HasSubstr("tiles 64")));
  EXPECT_LE(error_of(placed, package, 1), 1e-4);
}

TEST_F(GpuDevice, CompilesAKernelOnce) {
  const KernelKey key{"copy", false, {}};
  open()->kernel(key);
  EXPECT_EQ(compiled(), 1);
  open()->kernel(key);
  EXPECT_EQ(compiled(), 1) << "the second time it is on disk";
  KernelKey other = key;
  other.constants.in_width = 7;
  open()->kernel(other);
  EXPECT_EQ(compiled(), 2);
  // A damaged file is no kernel.
  for (const auto& entry : fs::directory_iterator(folder_ / "cache")) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('#');
  }
  open()->kernel(key);
  EXPECT_EQ(compiled(), 3);
}

TEST_F(GpuDevice, SaysHowMuchMemoryIsMissing) {
  const auto device = open();
  ::setenv("FAKE_CUDA", "no_memory", 1);
  try {
    Network placed(*device, network(), false);
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_EQ(e.code(), protocol::out_of_memory);
    EXPECT_THAT(e.what(), HasSubstr("bytes of the GPU's memory: out of memory (2)"));
  }
}

TEST_F(GpuDevice, HasNoHalfBefore53) {
  EXPECT_TRUE(open()->has_half());
  ::setenv("FAKE_CUDA", "no_half", 1);
  EXPECT_FALSE(open()->has_half());
}

}  // namespace
}  // namespace automask::cuda
