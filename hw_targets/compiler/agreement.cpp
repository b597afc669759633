#include "hw_targets/compiler/agreement.h"

#include <torch/torch.h>

#include <algorithm>

#include "hw_targets/compiler/plain_network.h"
#include "hw_targets/package/reference.h"

namespace automask::compiler {
int affordable_pictures(std::int64_t macs, int most) {
  constexpr std::int64_t budget = 2'000'000'000;  // some ten seconds
  return static_cast<int>(std::clamp<std::int64_t>(budget / std::max<std::int64_t>(macs, 1), 1, most));
}

Agreement agreement(const package::Package& real, const package::Package& other,
                    const std::vector<std::uint8_t>& pictures, int count, int threads) {
  const Threads set_threads(threads);
  const torch::InferenceMode guard;
  const graph::Shape in = real.graph.input;
  const bool integers = other.format == package::Format::int8;
  if (integers)
    count =
        affordable_pictures(graph::cost(real.graph).macs * static_cast<std::int64_t>(real.conditions.size()), count);
  const torch::Tensor batch = torch::from_blob(const_cast<std::uint8_t*>(pictures.data()),
                                               {count, in.height, in.width, in.channels}, torch::kByte);
  Agreement result;
  for (std::size_t k = 0; k < real.conditions.size(); ++k) {
    const torch::Tensor expected = real_logits(real, static_cast<int>(k), batch).argmax(1).contiguous();
    torch::Tensor actual;
    if (integers) {
      const package::IntegerNetwork network = package::materialise_integers(other, static_cast<int>(k));
      actual = torch::empty({count}, torch::kLong);
      for (int i = 0; i < count; ++i) {
        const auto logits = package::reference_logits(network, batch[i].data_ptr<std::uint8_t>());
        actual[i] = std::max_element(logits.begin(), logits.end()) - logits.begin();
      }
    } else {
      actual = real_logits(other, static_cast<int>(k), batch).argmax(1);
    }
    result.pictures += count;
    result.same += expected.eq(actual).sum().item<std::int64_t>();
  }
  return result;
}

}  // namespace automask::compiler
