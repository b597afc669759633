#include <gtest/gtest.h>

#include <set>

#include "methods/catalogue.h"
#include "results/published.h"

namespace automask {
namespace {

// A key that changes unnoticed would have every published cell trained again.
TEST(PublishedCells, ParametersAreWrittenAsTheyWere) {
  std::set<core::Json> seen;
  for (const auto& run : results::read_published(AUTOMASK_SOURCE_DIR "/experiments/published")) {
    if (!seen.insert(run.method_parameters).second) continue;
    const auto spec =
        methods::MethodSpec::from_json({run.method_parameters, run.origin, "/parameters"}, run.method, {});
    EXPECT_EQ(spec.parameters(), run.method_parameters) << run.origin;
  }
  EXPECT_GT(seen.size(), 20U);
}

}  // namespace
}  // namespace automask
