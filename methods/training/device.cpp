#include "methods/training/device.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <torch/cuda.h>

#include "core/error.h"
#include "models/network.h"

namespace automask::methods {

torch::Device training_device(const TrainOptions& train) {
  if (train.device == Processor::cpu) return torch::kCPU;
  const auto missing = [](const std::string& what, const std::string& remedy) {
    return core::Error(core::ExitCode::steps_failed, "train.device \"cuda\"", what, remedy);
  };
  if (!at::hasCUDA())
    throw missing("this program's LibTorch computes on processors alone",
                  "build against PyTorch's LibTorch for CUDA (docs/methods.md), or train on \"cpu\"");
  if (!torch::cuda::is_available())
    throw missing("no NVIDIA GPU is to be had here", "look at nvidia-smi, or train on \"cpu\"");
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
  return torch::kCUDA;
}

torch::Tensor moved(const torch::Tensor& tensor, torch::Device device) {
  if (!tensor.defined() || tensor.device() == device) return tensor;
  return device.is_cuda() ? tensor.pin_memory().to(device, /*non_blocking=*/true) : tensor.to(device);
}

void move(models::Network& network, torch::Device device) {
  if (network.device() == device) return;
  network.to(device);
  for (int k = 0; k < network.conditions(); ++k) network.set_mask(k, graph::Mask(network.mask(k)));
}

MixedPrecision::MixedPrecision(bool on) : on_(on) {
  if (!on_) return;
  at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
  at::autocast::set_enabled(true);
  at::autocast::increment_nesting();
}

MixedPrecision::~MixedPrecision() {
  if (!on_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_enabled(false);
}

}  // namespace automask::methods
