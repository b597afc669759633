#pragma once
// Losses that ask for like answers to several views of a picture. Logits are [N, classes]; each returns the sum over
// pictures, a scalar with gradients to all views.
#include <ATen/core/Tensor.h>

#include <vector>

namespace automask::methods {

// Jensen-Shannon divergence of the views' answers, in nats: the mean over views of KL(answer || mean answer)
// (Hendrycks et al., "AugMix", ICLR 2020, equation 1).
at::Tensor jensen_shannon(const std::vector<at::Tensor>& logits);

// Cross entropy of the answers to distorted pictures against those to the clean ones (Zheng et al., "Improving the
// Robustness of Deep Neural Networks via Stability Training", CVPR 2016, equation 7).
at::Tensor stability(const at::Tensor& clean, const at::Tensor& distorted);

}  // namespace automask::methods
