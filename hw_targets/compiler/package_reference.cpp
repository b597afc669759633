#include "hw_targets/compiler/package_reference.h"

#include <torch/torch.h>

#include "core/parallel.h"
#include "hw_targets/compiler/plain_network.h"
#include "hw_targets/package/reference.h"

namespace automask::compiler {

PackageReference::PackageReference(const package::Package& package, int condition)
    : scaling_{package.input_mean, package.input_deviation} {
  if (package.format == package::Format::int8) {
    integers_ = std::make_unique<package::IntegerNetwork>(package::materialise_integers(package, condition));
  } else {
    const package::PlainNetwork plain = package::materialise(package, condition);
    network_ = std::make_unique<models::Network>(plain_network(plain.graph, plain.weights));
  }
}

torch::Tensor PackageReference::logits(const torch::Tensor& pictures, int threads) {
  if (network_) return network_->forward(models::to_input(pictures, scaling_)).to(torch::kFloat32).contiguous();
  const torch::Tensor bytes = pictures.contiguous();
  const std::int64_t count = bytes.size(0), stride = bytes[0].numel();
  std::vector<std::vector<float>> answers(static_cast<std::size_t>(count));
  core::parallel_for(answers.size(), threads, [&](std::size_t i) {
    answers[i] =
        package::reference_logits(*integers_, bytes.data_ptr<std::uint8_t>() + static_cast<std::int64_t>(i) * stride);
  });
  const auto classes = static_cast<std::int64_t>(answers.front().size());
  torch::Tensor result = torch::empty({count, classes});
  for (std::int64_t i = 0; i < count; ++i)
    std::copy_n(answers[static_cast<std::size_t>(i)].data(), classes, result.data_ptr<float>() + i * classes);
  return result;
}

}  // namespace automask::compiler
