// The program itself, through the host: what the harness does with it.
#include <gmock/gmock.h>

#include <cstdlib>
#include <iterator>
#include <sstream>

#include "hw_targets/cuda/roofline.h"
#include "hw_targets/host/contract.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/plausibility.h"
#include "tests/unit/cuda/packages.h"
#include "tests/unit/host/refusals.h"
#include "tests/unit/package/estimators.h"

namespace automask::cuda {
namespace {

using cpu::Builder;
using testing::HasSubstr;

// AUTOMASK_CUDA_RUNNER: another build of the program and what starts it, e.g. "qemu-aarch64
// board/automask-runner-cuda".
host::RunnerSpec program(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {AUTOMASK_BIN_DIR "/automask-runner-cuda"};
  if (const char* other = std::getenv("AUTOMASK_CUDA_RUNNER")) {
    std::istringstream words(other);
    command.assign(std::istream_iterator<std::string>(words), {});
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {"cuda", command, {}, "built in"};
}
host::RunnerSpec shim() { return program({"--device", "shim"}); }

package::Package two_conditions(bool half) {
  Builder b({3, 16, 16});
  const int stem = b.relu(b.node(graph::Op::affine, {b.conv(0, 24, 3, 2, 1, 1, false)}));
  b.classify(b.relu(b.add({b.conv(b.relu(b.conv(stem, 20, 3, 1, 1)), 24, 3, 1, 1), stem})), 10);
  return random_package(b.network, {"clean", "jpeg:q30"}, half, 4);
}

TEST(CudaRunner, AnswersThePackagesLogitsAndTheModelsLatency) {
  for (const bool half : {false, true}) {
    const package::Package package = two_conditions(half);
    const auto session = host::Session::start(shim());
    const host::Device device = session->initialize();
    EXPECT_EQ(device.evidence, "modelled");
    EXPECT_EQ(device.formats, (std::vector<std::string>{"fp32", "fp16"}));
    session->load(package::encode(package));
    const core::Json prepared = session->prepare({{"format", half ? "fp16" : "fp32"}});
    EXPECT_EQ(prepared["modelled"][1]["evidence"], "modelled");
    EXPECT_EQ(prepared["macs"].size(), 2U);
    EXPECT_EQ(host::other_macs(package, prepared), "");
    EXPECT_THAT(prepared["operators"][1]["placement"].get<std::string>(), HasSubstr("convolution"));
    for (const int condition : {1, 0}) {
      session->select_condition(condition);
      const host::RunResult result =
          session->run({session->put_inputs(cpu::random_pictures(package.graph.input, 6)), 9, 3, 1, 0});
      for (unsigned p = 0; p < 6; ++p) {
        const auto expected = slow_logits(package, condition, cpu::random_picture(package.graph.input, p));
        EXPECT_LE(disagreement(result.outputs.data() + p * 10, expected), half ? 2e-2 : 1e-4);
      }
      EXPECT_NEAR(result.latencies_ms[0], prepared["modelled"][condition]["ms"].get<double>(), 1e-9);
    }
    session->shutdown();
  }
}

TEST(CudaRunner, PicksTheConditionThatTheEstimatorPicks) {
  package::Package package = two_conditions(false);
  package.estimator = estimators::make(2, 8, 9);
  const auto session = host::Session::start(shim());
  session->initialize();
  session->load(package::encode(package));
  session->prepare({{"tune", false}});
  ASSERT_TRUE(session->select_automatically());
  const host::RunResult result =
      session->run({session->put_inputs(cpu::random_pictures(package.graph.input, 12)), 9, 3, 1, 0});
  for (unsigned p = 0; p < 12; ++p) {
    const auto picture = cpu::random_picture(package.graph.input, p);
    const int expected = package::estimate(package.estimator, picture.data(), package.graph.input);
    EXPECT_EQ(result.conditions[p], expected);
    EXPECT_LE(disagreement(result.outputs.data() + p * 10, slow_logits(package, expected, picture)), 1e-4);
  }
  session->shutdown();
}

TEST(CudaRunner, RefusesByName) {
  std::string sentence;
  const std::string bytes = package::encode(two_conditions(false));
  EXPECT_EQ(host::refusal(shim(), bytes, {{"tiles", 3}}, sentence), host::FailureKind::refused);
  EXPECT_THAT(sentence, HasSubstr("format, layers_apart, power_mode, threads and tune, not \"tiles\""));
  EXPECT_EQ(host::refusal(shim(), bytes, {{"tune", 1}}, sentence), host::FailureKind::refused);
  EXPECT_EQ(host::refusal(shim(), bytes, {{"format", "int8"}}, sentence), host::FailureKind::unsupported);
}

TEST(CudaRunner, KeepsTheContract) {
  bool compared = false;
  for (const host::ClauseResult& result : host::check_contract(shim(), {}, {})) {
    EXPECT_NE(result.verdict, host::Verdict::failed) << result.name << ": " << result.finding;
    compared = compared || (result.name == "outputs" && result.verdict == host::Verdict::passed);
  }
  EXPECT_TRUE(compared) << "the outputs were not compared";
}

TEST(CudaRunner, SaysWhyThereIsNoGpu) {
  ::setenv("AUTOMASK_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
  const auto session = host::Session::start(program({}));
  try {
    session->initialize();
    ADD_FAILURE() << "there is no such driver";
  } catch (const host::RunnerFailure& e) {
    EXPECT_EQ(e.kind(), host::FailureKind::unsupported);
    EXPECT_THAT(e.what(), HasSubstr("no NVIDIA GPU can be used here"));
  }
  ::unsetenv("AUTOMASK_CUDA_DRIVER");
}

// The same program on a driver of the tests' own: the GPU's path from protocol to logits.
TEST(CudaRunner, ExecutesOnADriver) {
  ::setenv("AUTOMASK_CUDA_DRIVER", AUTOMASK_FAKE_CUDA, 1);
  ::setenv("AUTOMASK_NVRTC", AUTOMASK_FAKE_CUDA, 1);
  const package::Package package = two_conditions(true);
  const auto session = host::Session::start(program({"--cache", testing::TempDir() + "automask-cuda-cache"}));
  EXPECT_EQ(session->initialize().name, "Fake GPU");
  session->load(package::encode(package));
  EXPECT_EQ(session->prepare({{"format", "fp16"}})["tuned"], true);
  session->select_condition(1);
  const host::RunResult result =
      session->run({session->put_inputs(cpu::random_pictures(package.graph.input, 3)), 9, 3, 1, 0});
  const auto expected = slow_logits(package, 1, cpu::random_picture(package.graph.input, 2));
  EXPECT_LE(disagreement(result.outputs.data() + 20, expected), 2e-2);
  session->shutdown();
  ::unsetenv("AUTOMASK_CUDA_DRIVER");
  ::unsetenv("AUTOMASK_NVRTC");
}

}  // namespace
}  // namespace automask::cuda
