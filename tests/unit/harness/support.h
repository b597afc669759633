#pragma once
// What the harness's tests share: a folder of their own, a small manifest, pictures that no one reads, and a step
// program without LibTorch.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "harness/cache.h"
#include "harness/manifest.h"
#include "harness/plan.h"

namespace automask::harness::test {

using core::Json;

// A folder that goes with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::filesystem::path write(const std::string& name, const std::string& text) const;
  std::filesystem::path write(const std::string& name, const Json& json) const { return write(name, json.dump(2)); }

 private:
  std::filesystem::path path_;
};

// Two methods on one data set (whose files lie in <folder>/data), two conditions, one target.
Json small_manifest();
void write_data(const TempFolder& folder);

Manifest load(const std::filesystem::path& file);
// Writes `json` as manifest.json with its data and loads it.
Manifest load(const TempFolder& folder, const Json& json);

// Fingerprints of real files, a runner "cpu", an environment and published weights that can be changed.
struct World {
  std::string environment = "this machine", weights = ".pth";
  int fingerprints_taken = 0;
  PlanContext context();
};
Plan plan_of(const Manifest& manifest, World& world);
Plan plan_of(const Manifest& manifest);

// What `body` throws as an Error; fails the test when it throws nothing.
template <class Body>
std::string sentence_of(Body&& body, core::ExitCode code) {
  try {
    body();
  } catch (const core::Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

// A result.json as automask-step leaves it, with one artifact; `top1` is a metric where the step executes.
void write_result(const Cache& cache, const Step& step, double top1 = 80, double seconds = 2);

// A shell script in place of automask-step. It appends "begin LABEL" and "end LABEL" to `log`, and does as told for the
// labels that match: see the functions below.
class FakeSteps {
 public:
  explicit FakeSteps(const TempFolder& folder);
  const std::filesystem::path& program() const { return program_; }

  void fail(const std::string& glob) { order("fail", glob); }             // failure.json, exit code 4
  void fail_silently(const std::string& glob) { order("silent", glob); }  // stderr and exit code 3 only
  void die(const std::string& glob) { order("die", glob); }               // SIGSEGV
  void no_result(const std::string& glob) { order("noresult", glob); }    // exit code 0 without result.json
  void hang(const std::string& glob) { order("hang", glob); }             // until SIGTERM, then exit code 130
  void ignore_stop(const std::string& glob) { order("deaf", glob); }      // until SIGKILL
  // kill -9 of the harness when the step begins, half-way with a partial file, or after result.json.
  void kill_harness(const std::string& when, const std::string& glob) { order("kill-" + when, glob); }
  void obey_no_more() const;

  // Lines of the log, in order.
  std::vector<std::string> log() const;
  std::size_t count(const std::string& line) const;

 private:
  void order(const std::string& what, const std::string& glob) const;

  std::filesystem::path folder_, program_, log_;
};

}  // namespace automask::harness::test
