#include "harness/steps/spot_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "hw_targets/compiler/agreement.h"
#include "hw_targets/compiler/plain_network.h"
#include "hw_targets/host/contract.h"
#include "hw_targets/package/reference.h"

namespace automask::harness::steps {

namespace {

// Integers have no tolerance: every logit's bits.
SpotCheck integer_check(const package::Package& package, int k, const datasets::PictureSet& pictures,
                        const std::vector<float>& outputs, int count, std::int64_t classes) {
  const package::IntegerNetwork network = package::materialise_integers(package, k);
  SpotCheck check;
  check.exact = true;
  check.pictures = compiler::affordable_pictures(graph::cost(network.graph).macs, count);
  const auto n = static_cast<std::int64_t>(pictures.size());
  for (int i = 0; i < check.pictures; ++i) {
    const std::int64_t at = i * n / check.pictures;
    const auto expected = package::reference_logits(network, pictures.picture(static_cast<std::size_t>(at)).data());
    const float* actual = outputs.data() + at * classes;
    if (static_cast<std::int64_t>(expected.size()) != classes || !std::equal(expected.begin(), expected.end(), actual))
      check.largest_difference = std::numeric_limits<double>::infinity();
  }
  return check;
}

}  // namespace

SpotCheck spot_check(const package::Package& package, int k, const datasets::PictureSet& pictures,
                     const std::vector<float>& outputs, int count) {
  const auto n = static_cast<std::int64_t>(pictures.size());
  const auto classes = static_cast<std::int64_t>(outputs.size()) / std::max<std::int64_t>(n, 1);
  count = static_cast<int>(std::min<std::int64_t>(count, n));
  if (count == 0) return {};
  if (package.format == package::Format::int8) return integer_check(package, k, pictures, outputs, count, classes);

  const torch::InferenceMode guard;
  auto batch = torch::empty({count, pictures.height, pictures.width, pictures.channels}, torch::kUInt8);
  std::vector<std::int64_t> chosen;
  for (int i = 0; i < count; ++i) {
    chosen.push_back(i * n / count);
    const auto picture = pictures.picture(static_cast<std::size_t>(chosen.back()));
    std::copy(picture.begin(), picture.end(), batch[i].data_ptr<std::uint8_t>());
  }
  const auto expected = compiler::real_logits(package, k, batch).to(torch::kFloat32).contiguous();
  SpotCheck check;
  check.pictures = count;
  check.allowed = host::output_tolerance(package::to_string(package.format));
  if (expected.size(1) != classes) {
    check.largest_difference = std::numeric_limits<double>::infinity();
    return check;
  }
  const float* reference = expected.data_ptr<float>();
  double largest = 1e-12;
  for (std::int64_t i = 0; i < count * classes; ++i) largest = std::max(largest, std::fabs(double(reference[i])));
  for (int i = 0; i < count; ++i)
    for (std::int64_t c = 0; c < classes; ++c) {
      const double difference =
          std::fabs(double(outputs[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)] * classes + c)]) -
                    reference[i * classes + c]);
      // A NaN must fail, so no std::max here.
      if (!(difference / largest <= check.largest_difference)) check.largest_difference = difference / largest;
    }
  return check;
}

}  // namespace automask::harness::steps
