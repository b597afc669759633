#include "corruptions/corruption.h"

#include "corruptions/operators.h"

namespace automask::corruptions {

const std::vector<Operator>& operators() {
  static const std::vector<Operator> table = {
      gaussian_noise, shot_noise, impulse_noise, defocus_blur, brightness, contrast, jpeg,
  };
  return table;
}

}  // namespace automask::corruptions
