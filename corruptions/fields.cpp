#include "corruptions/fields.h"

#include <string>

#include "core/error.h"

namespace automask::corruptions {

const std::vector<FieldOperator>& field_operators() {
  static const std::vector<FieldOperator> table = {
      {"gaussian_noise", gaussian_noise_of},
      {"speckle_noise", speckle_noise_of},
      {"impulse_noise", impulse_noise_of},
      {"glass_blur", glass_blur_of},
      {"motion_blur", motion_blur_of},
      {"snow", snow_of},
      {"frost", frost_of},
      {"fog", fog_of},
      {"spatter", spatter_of},
      {"elastic_transform", elastic_transform_of},
  };
  return table;
}

void expect_numbers(std::span<const float> field, std::size_t number, std::string_view name) {
  if (field.size() != number)
    throw core::Error(core::ExitCode::internal, std::string(name),
                      "takes " + std::to_string(number) + " random numbers, not " + std::to_string(field.size()));
}

}  // namespace automask::corruptions
