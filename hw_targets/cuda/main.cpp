// The runner for NVIDIA GPUs: docs/runner-protocol.md on standard input and output.
//
//   automask-runner-cuda [--device N | --device shim] [--cache FOLDER] [--model PROFILE]
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

#include "hw_targets/cuda/backend.h"
#include "hw_targets/cuda/gpu.h"
#include "hw_targets/package/sha256.h"
#include "hw_targets/protocol/calibration.h"
#ifdef AUTOMASK_CUDA_SHIM
#include "hw_targets/cuda/shim/shim_device.h"
#endif

namespace {

int refuse(const std::string& sentence) {
  std::cerr << "automask-runner-cuda: " << sentence << '\n';
  return 2;
}

automask::cuda::Profile read_model(const std::string& file) {
  std::ifstream stream(file);
  const nlohmann::json json = nlohmann::json::parse(stream, nullptr, false);
  return automask::cuda::profile_from_json(json, file);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace automask;
  cuda::GpuOptions options;
  cuda::Profile model = cuda::fitted_profile();
  bool shim = false;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--device") == 0 && has_value) {
      const std::string device = argv[++i];
      shim = device == "shim";
      if (!shim && (device.empty() || device.size() > 3 || device.find_first_not_of("0123456789") != std::string::npos))
        return refuse("--device takes a GPU's number, counted from 0, or shim, not " + device);
      if (!shim) options.index = std::atoi(device.c_str());
    } else if (std::strcmp(argv[i], "--cache") == 0 && has_value) {
      options.cache_folder = argv[++i];
    } else if (std::strcmp(argv[i], "--model") == 0 && has_value) {
      try {
        model = read_model(argv[++i]);
      } catch (const protocol::CalibrationError& e) {
        return refuse(e.what());
      }
    } else {
      return refuse(
          "the options are --device N, --device shim (the kernels on this processor, for tests), --cache FOLDER and "
          "--model PROFILE (what `automask runners calibrate --output` wrote, for modelled latencies)");
    }
  }
  cuda::Backend::OpenDevice open = [&options] { return cuda::open_gpu(options); };
#ifdef AUTOMASK_CUDA_SHIM
  if (shim) open = [] { return cuda::shim_device(); };
#else
  if (shim) return refuse("this build has no launch shim; it belongs to the tests on a host");
#endif
  const int output = protocol::claim_standard_output();
  cuda::Backend backend(open, cuda::BoardFacts(), model);
  return protocol::serve(backend, STDIN_FILENO, output,
                         [](const std::string& bytes) { return package::sha256_hex(bytes); });
}
