#include "harness/steps/simulated.h"

#include <algorithm>
#include <stdexcept>

#include "hw_targets/cpu/integer_network.h"
#include "hw_targets/package/integer.h"
#include "hw_targets/package/reference.h"

namespace automask::harness::steps {

bool is_simulated(const host::Device& device, const package::Package& package) {
  return device.evidence != "measured" && package.format == package::Format::int8;
}

std::vector<std::uint32_t> simulated_share(std::size_t count) {
  const std::size_t share = std::min<std::size_t>(count, simulated_pictures);
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < share; ++i) numbers.push_back(static_cast<std::uint32_t>(i * count / share));
  return numbers;
}

Simulated hold_against_reference(const package::Package& package, int k, const datasets::PictureSet& pictures,
                                 const std::vector<float>& outputs) {
  const package::IntegerNetwork network = package::materialise_integers(package, k);
  const std::vector<std::uint32_t> share = simulated_share(pictures.size());
  Simulated result;
  result.executed = static_cast<int>(share.size());
  const std::size_t classes = share.empty() ? 0 : outputs.size() / share.size();
  for (std::size_t i = 0; i < share.size(); ++i) {
    const auto expected = package::reference_logits(network, pictures.picture(share[i]).data());
    const auto own = outputs.begin() + static_cast<std::ptrdiff_t>(i * classes);
    result.agreed += expected.size() == classes && std::equal(expected.begin(), expected.end(), own) ? 1 : 0;
  }
  if (result.agreed < result.executed) return result;
  // The fast form of the same arithmetic, which its own tests hold against the reference; here, too.
  cpu::IntegerNetwork fast(network);
  result.logits.resize(pictures.size() * classes);
  for (std::size_t p = 0; p < pictures.size(); ++p)
    fast.run(pictures.picture(p).data(), result.logits.data() + p * classes);
  for (std::size_t i = 0; i < share.size(); ++i)
    if (!std::equal(outputs.begin() + static_cast<std::ptrdiff_t>(i * classes),
                    outputs.begin() + static_cast<std::ptrdiff_t>((i + 1) * classes),
                    result.logits.begin() + static_cast<std::ptrdiff_t>(share[i] * classes)))
      throw std::logic_error("the fast integer network differs from the reference");
  return result;
}

}  // namespace automask::harness::steps
