// The fit of the TX2 model's shares, to times that the model itself gives for others, and to those of a driver of the
// tests' own.
#include "hw_targets/cuda/calibrate.h"

#include <gmock/gmock.h>

#include <fstream>

#include "hw_targets/host/host.h"
#include "tests/unit/cuda/packages.h"

namespace automask::cuda {
namespace {

using cpu::Builder;
using protocol::CalibrationError;
using protocol::LayerMeasurement;
using testing::HasSubstr;

// Convolutions that wait for arithmetic and others that wait for memory, a concatenation's copies, a large fully
// connected layer.
package::Package varied(bool half) {
  Builder b({3, 64, 64});
  int x = b.relu(b.conv(0, 64, 3, 1, 1));
  x = b.relu(b.conv(x, 128, 3, 2, 1));
  x = b.relu(b.conv(x, 128, 3, 1, 1, 128));
  x = b.node(graph::Op::concat, {b.pool(graph::Op::max_pool, x, 2, 2, 0), b.pool(graph::Op::avg_pool, x, 2, 2, 0)});
  x = b.relu(b.conv(x, 128, 3, 2, 1));
  x = b.linear(b.node(graph::Op::flatten, {x}), 400);
  b.linear(x, 10);
  return random_package(b.network, {"clean", "jpeg:q30"}, half, 3);
}

std::vector<LayerMeasurement> measured_by(const package::Package& package, const Shares& shares) {
  std::vector<LayerMeasurement> list;
  for (int k = 0; k < 2; ++k) {
    const Program program = lower(package, k);
    const auto names = step_names(program);
    const auto costs = costs_of(program, Execution::kernels);
    EXPECT_EQ(names.size(), costs.size());
    const Roofline model = tx2(package.format == package::Format::fp16, shares);
    for (std::size_t i = 0; i < names.size(); ++i)
      list.push_back({package.conditions[static_cast<std::size_t>(k)].name, names[i], layer_ms(model, costs[i])});
  }
  return list;
}

std::string fault(const package::Package& package, const std::vector<LayerMeasurement>& list) {
  try {
    calibrate(package, fitted_profile(), list);
  } catch (const CalibrationError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(CudaCalibrate, FindsTheSharesThatMeasurementsWereMadeWith) {
  for (const bool half : {true, false}) {
    const package::Package package = varied(half);
    const auto measured = measured_by(package, {0.21, 0.62, 0.011});
    const Calibration found = calibrate(package, fitted_profile(), measured);
    EXPECT_NEAR(found.profile.shares.compute, 0.21, 0.002);
    EXPECT_NEAR(found.profile.shares.memory, 0.62, 0.006);
    EXPECT_NEAR(found.profile.shares.layer_ms, 0.011, 0.0002);
    EXPECT_EQ(found.profile.execution, Execution::kernels);
    EXPECT_GT(found.error_before, 0.5);
    EXPECT_LT(found.error_after, 0.01);
    ASSERT_EQ(found.layers.size(), measured.size());
    for (const auto& constant : found.constants) EXPECT_TRUE(constant.fitted) << constant.name;
  }
}

TEST(CudaCalibrate, KeepsWhatNoLayerTells) {
  Builder b({3, 32, 32});
  int x = 0;
  for (int i = 0; i < 6; ++i) x = b.relu(b.conv(x, 8, 3, 1, 1, i == 0 ? 1 : 8));
  b.classify(x, 10);
  const package::Package package = random_package(b.network, {"clean", "jpeg:q30"}, true, 3);
  const Calibration found = calibrate(package, fitted_profile(), measured_by(package, {fitted_compute, 0.05, 0.001}));
  EXPECT_FALSE(found.constants[0].fitted) << "every layer waits for memory";
  EXPECT_EQ(found.profile.shares.compute, fitted_compute);
  EXPECT_TRUE(found.constants[1].fitted);
}

TEST(CudaCalibrate, RefusesWhatCannotBeFitted) {
  const package::Package package = varied(true);
  auto measured = measured_by(package, fitted_shares());
  EXPECT_THAT(fault(package, {measured.begin(), measured.begin() + 5}), HasSubstr("5 measured layers are too few"));
  measured[0].layer = "stem";
  EXPECT_THAT(fault(package, measured), HasSubstr("layer stem of \"clean\" is none of the package's"));
  measured[0].condition = "fog:3";
  EXPECT_THAT(fault(package, measured), HasSubstr("condition \"fog:3\" is none of the package's"));
}

TEST(CudaProfile, IsReadAsWritten) {
  const Profile profile{{0.3, 0.7, 0.02}, Execution::kernels};
  nlohmann::json json = to_json(profile);
  json["sources"] = {{"/compute", "fitted"}};
  const Profile read = profile_from_json(json, "p.json");
  EXPECT_EQ(to_json(read), to_json(profile));
  const auto fault_of = [](const nlohmann::json& changed) {
    try {
      profile_from_json(changed, "p.json");
    } catch (const CalibrationError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  for (const char* text : {"null", "[]", "{}", R"({"model": 3})"})
    EXPECT_THAT(fault_of(nlohmann::json::parse(text)), HasSubstr("p.json: is no profile of the model tx2_roofline"));
  for (const char* key : {"compute", "memory", "layer_ms"}) {
    json = to_json(profile);
    json[key] = -1;
    EXPECT_THAT(fault_of(json), HasSubstr(std::string("p.json: \"") + key + "\" must be a number from"));
  }
  json = to_json(profile);
  json.erase("execution");
  EXPECT_THAT(fault_of(json), HasSubstr("\"execution\" must be"));
}

// The tests' own driver, compiler and library, for programs that are started while it lives.
struct FakeCuda {
  FakeCuda() {
    for (const char* name : {"AUTOMASK_CUDA_DRIVER", "AUTOMASK_NVRTC", "AUTOMASK_CUDNN"})
      ::setenv(name, AUTOMASK_FAKE_CUDA, 1);
  }
  ~FakeCuda() {
    for (const char* name : {"AUTOMASK_CUDA_DRIVER", "AUTOMASK_NVRTC", "AUTOMASK_CUDNN"}) ::unsetenv(name);
  }
  FakeCuda(const FakeCuda&) = delete;
  FakeCuda& operator=(const FakeCuda&) = delete;
};

host::RunnerSpec runner(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {AUTOMASK_BIN_DIR "/automask-runner-cuda"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {"cuda", command, {}, "built in"};
}

// From a device that measures, through the program, to a profile that the modelled target takes.
TEST(CudaCalibrate, TakesWhatTheRunnerMeasures) {
  Builder b({3, 8, 8});
  int x = b.relu(b.conv(0, 8, 3, 1, 1));
  x = b.node(graph::Op::concat, {b.relu(b.conv(x, 8, 1)), b.relu(b.conv(x, 4, 1))});
  b.classify(b.relu(b.conv(x, 8, 3, 2, 1)), 10);
  const package::Package package = random_package(b.network, {"clean", "jpeg:q30"}, true, 3);
  auto fake = std::make_unique<FakeCuda>();
  nlohmann::json measured = {{"conditions", nlohmann::json::array()}};
  {
    const auto session = host::Session::start(runner({"--cache", testing::TempDir() + "automask-cuda-calibrate"}));
    session->initialize();
    session->load(package::encode(package));
    session->prepare({{"format", "fp16"}, {"tune", false}, {"layers_apart", true}});
    for (const int k : {0, 1}) {
      session->select_condition(k);
      const host::RunResult result =
          session->run({session->put_inputs(cpu::random_pictures(package.graph.input, 2)), 2, 2, 2, 0});
      const auto expected = slow_logits(package, k, cpu::random_picture(package.graph.input, 0));
      EXPECT_LE(disagreement(result.outputs.data(), expected), 2e-2) << "layer by layer the same comes out";
      measured["conditions"].push_back(session->state().at("measured"));
    }
    session->shutdown();
  }
  fake.reset();
  const auto list = protocol::measurements_from_json(measured, "the runner");
  EXPECT_EQ(list.size(), measured_by(package, fitted_shares()).size()) << "every step of every condition";
  const Calibration found = calibrate(package, fitted_profile(), list);

  const std::string file = testing::TempDir() + "automask-tx2-profile.json";
  std::ofstream(file) << to_json(found.profile);
  const auto session = host::Session::start(runner({"--device", "shim", "--model", file}));
  EXPECT_EQ(session->initialize().details.at("roofline"), to_json(found.profile));
  session->load(package::encode(package));
  const core::Json prepared = session->prepare({{"layers_apart", true}});
  const double ms = network_ms(tx2(true, found.profile.shares), costs_of(lower(package, 1), Execution::kernels));
  EXPECT_NEAR(prepared["modelled"][1]["ms"].get<double>(), ms, 1e-9);
  session->run({session->put_inputs(cpu::random_pictures(package.graph.input, 1)), 1, 1, 1, 0});
  EXPECT_FALSE(session->state().contains("measured")) << "the shim's times are no GPU's";
  session->shutdown();
}

}  // namespace
}  // namespace automask::cuda
