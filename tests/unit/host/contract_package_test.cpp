// What the contract's clauses rely on.
#include "hw_targets/host/contract_package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace automask::host {
namespace {

TEST(ContractPackage, ItsEstimatorPicksEitherConditionAndHearsEveryStatistic) {
  const package::Package package = contract_package();
  std::vector<int> taken;
  std::vector<std::int32_t> statistics;
  for (const std::string& picture : contract_pictures(8)) {
    const auto* pixels = reinterpret_cast<const std::uint8_t*>(picture.data());
    statistics = package::statistics(pixels, package.graph.input);
    taken.push_back(package::estimate(package.estimator, pixels, package.graph.input));
    for (std::size_t j = 0; j < statistics.size(); ++j)
      EXPECT_LT(std::abs(package::requantised(statistics[j], package.estimator.input[j], package::most_value)), 127)
          << "a statistic out of range would go unheard: " << j;
  }
  EXPECT_THAT(taken, testing::Contains(0));
  EXPECT_THAT(taken, testing::Contains(1));
}

TEST(ContractPackage, DamagedOnesKeepTheirEstimator) {
  const std::string bytes = package::encode(contract_package());
  try {
    package::decode(with_empty_masks(bytes), "p");
    FAIL();
  } catch (const package::PackageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("for its mask"));  // and not that a tensor is missing
  }
}

}  // namespace
}  // namespace automask::host
