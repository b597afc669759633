#pragma once
// A temporary folder with a database, and records with invented numbers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "core/error.h"
#include "results/query.h"
#include "results/store.h"

namespace automask::results {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "automask-results-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    file = folder / "results.db";
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  std::filesystem::path folder, file;
};

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A passed run of `method` under clean and one corruption.
inline RunRecord invented_run(const std::string& key, const std::string& method = "clean_only", std::int64_t seed = 0,
                              double top1 = 80) {
  RunRecord run;
  run.key = key;
  run.experiment = "invented";
  run.manifest = {{"name", "invented"}};
  run.dataset = "invented_set";
  run.model = "resnet8";
  run.method = method;
  run.target = "cpu";
  run.method_parameters = {{"method", method}};
  run.seed = seed;
  run.state = "passed";
  run.started = "2026-01-01T00:00:00Z";
  run.finished = "2026-01-01T00:01:00Z";
  run.metrics = {
      {"top1", "clean", top1, top1 - 1, top1 + 1, "measured", 1000},
      {"top1", "gaussian_noise:3", top1 - 20, top1 - 21.5, top1 - 18.5, "measured", 1000},
      {"latency_median", "clean", 0.5, 0.4, 0.6, "measured", 1000},
      {"latency_p90", "clean", 0.8, nan, nan, "measured", 1000},
      {"latency_p99", "clean", 1.5, nan, nan, "measured", 1000},
      {"package_bytes", "", 100'000, nan, nan, "counted", 1},
      {"dense_bytes", "", 400'000, nan, nan, "counted", 1},
      {"macs", "clean", 5e6, nan, nan, "counted", 1},
  };
  run.samples = {{"clean", {0.5, 0.25, 1.5}}};
  run.artifacts = {{"aa", "package", "packages/" + key + ".ampkg", 100'000}};
  run.environment = {{"cpu", "invented"}};
  run.build = {{"version", "0"}};
  return run;
}

// A run whose sets are widths, of which the first serves all pictures.
inline RunRecord invented_widths(const std::string& key) {
  RunRecord run = invented_run(key, "slimmable");
  run.metrics.pop_back();  // the macs of a condition
  for (const auto& [width, macs] : {std::pair("width:0.7", 3e6), {"width:1", 6.4e6}, {"width:0.5", 1.6e6}}) {
    run.metrics.push_back({"macs", width, macs, nan, nan, "counted", 1});
    run.metrics.push_back({"macs_share", width, macs / 6.4e6, nan, nan, "counted", 1});
  }
  for (const auto& [name, value] :
       {std::pair("mean_macs", 3e6), {"macs_dense", 6.4e6}, {"condition_sets", 3}, {"estimator_macs", 0}})
    run.metrics.push_back({name, "", value, nan, nan, "counted", 1});
  return run;
}

// What the call throws as core::Error; a failed test when it doesn't.
template <class Call>
core::Error error_of(Call&& call) {
  try {
    call();
  } catch (const core::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {core::ExitCode::ok, "", ""};
}

inline core::Json value_of(const Store& store, const std::string& sql) {
  const Table table = query(store, sql);
  return table.rows.size() == 1 && table.rows[0].size() == 1 ? table.rows[0][0] : core::Json("not one value");
}

}  // namespace automask::results
