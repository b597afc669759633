#pragma once
// Where a training computes: this processor, or an NVIDIA GPU where LibTorch was built for CUDA.
#include <torch/types.h>

#include "methods/catalogue.h"

namespace automask::models {
class Network;
}

namespace automask::methods {

// Error(steps_failed) where the options ask for a GPU that is not there, with what is missing. Tells cuDNN to be
// deterministic; docs/methods.md says what is not.
torch::Device training_device(const TrainOptions& train);

// A copy on the device; to a GPU from page-locked memory, so that the copy runs beside the computation.
torch::Tensor moved(const torch::Tensor& tensor, torch::Device device);

// A network with its masks, whose tensors lie where the network did when they were set.
void move(models::Network& network, torch::Device device);

// While it lives, operations on the GPU that gain from it compute in bfloat16, whose range needs no scaling of the
// loss.
class MixedPrecision {
 public:
  explicit MixedPrecision(bool on);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  bool on_;
};

}  // namespace automask::methods
