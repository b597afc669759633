#pragma once
// The package that a job is about, in the number format that it asks for.
#include <string>

#include "harness/package_tool/subject.h"

namespace automask::harness::package_tool {

struct Made {
  package::Package package;
  std::string bytes;   // its file's
  bool found = false;  // it is the run's or the file's own, not made anew
};

// `job`: "numbers" ("", fp32, fp16 or int8; "" is what the package has, or `fallback`), "calibration" {"rule": "" or a
// rule, "pictures"}, "seed", "threads". A package that is there already is taken as it is, unless other numbers or a
// calibration are asked for; then the checkpoint is compiled, or the FP32 package converted.
Made make_package(const core::Json& job, const Subject& subject, const std::string& fallback);

}  // namespace automask::harness::package_tool
