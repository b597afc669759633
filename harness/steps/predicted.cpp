#include "harness/steps/predicted.h"

#include <fmt/format.h>

#include <algorithm>

namespace automask::harness::steps {

std::optional<std::string> wrong_condition(const package::Package& package, const datasets::PictureSet& pictures,
                                           const std::vector<int>& taken) {
  if (taken.size() != pictures.size()) return "it told no condition for some pictures";
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const int expected = package::estimate(package.estimator, pictures.picture(i).data(), package.graph.input);
    if (taken[i] != expected)
      return fmt::format("it took condition {} for picture {}, the package's estimator picks {}", taken[i], i,
                         expected);
  }
  return std::nullopt;
}

SpotCheck predicted_check(const package::Package& package, const std::vector<int>& taken,
                          const datasets::PictureSet& pictures, const std::vector<float>& outputs, int count) {
  const std::size_t classes = taken.empty() ? 0 : outputs.size() / taken.size();
  SpotCheck all;
  for (int k = 0; k < static_cast<int>(package.conditions.size()); ++k) {
    std::vector<std::uint32_t> own;
    std::vector<float> rows;
    for (std::size_t i = 0; i < taken.size() && own.size() < static_cast<std::size_t>(count); ++i) {
      if (taken[i] != k) continue;
      own.push_back(static_cast<std::uint32_t>(i));
      const auto row = outputs.begin() + static_cast<std::ptrdiff_t>(i * classes);
      rows.insert(rows.end(), row, row + static_cast<std::ptrdiff_t>(classes));
    }
    const SpotCheck check = spot_check(package, k, datasets::subset(pictures, own), rows, count);
    all.pictures += check.pictures;
    all.exact = all.exact || check.exact;
    all.allowed = std::max(all.allowed, check.allowed);
    if (!(check.largest_difference <= all.largest_difference)) all.largest_difference = check.largest_difference;
  }
  return all;
}

}  // namespace automask::harness::steps
