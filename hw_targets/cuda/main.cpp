// The runner for NVIDIA GPUs: docs/runner-protocol.md on standard input and output.
//
//   automask-runner-cuda [--device N | --device shim] [--cache FOLDER]
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "hw_targets/cuda/backend.h"
#include "hw_targets/cuda/gpu.h"
#include "hw_targets/package/sha256.h"
#ifdef AUTOMASK_CUDA_SHIM
#include "hw_targets/cuda/shim/shim_device.h"
#endif

namespace {

int refuse(const std::string& sentence) {
  std::cerr << "automask-runner-cuda: " << sentence << '\n';
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace automask;
  cuda::GpuOptions options;
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
    } else {
      return refuse(
          "the options are --device N, --device shim (the kernels on this processor, for tests) and --cache FOLDER");
    }
  }
  cuda::Backend::OpenDevice open = [&options] { return cuda::open_gpu(options); };
#ifdef AUTOMASK_CUDA_SHIM
  if (shim) open = [] { return cuda::shim_device(); };
#else
  if (shim) return refuse("this build has no launch shim; it belongs to the tests on a host");
#endif
  const int output = protocol::claim_standard_output();
  cuda::Backend backend(open);
  return protocol::serve(backend, STDIN_FILENO, output,
                         [](const std::string& bytes) { return package::sha256_hex(bytes); });
}
