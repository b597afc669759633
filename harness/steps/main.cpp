#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "harness/environment.h"
#include "harness/launch.h"
#include "harness/steps/run_step.h"
#include "harness/steps/versions.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    fmt::print("{}\n", automask::harness::steps::version_line());
    return 0;
  }
  if (argc != 3) {
    fmt::print(stderr, "usage: automask-step STEP.json RESULT_FOLDER   (started by `automask run`)\n");
    return static_cast<int>(automask::core::ExitCode::usage);
  }
  automask::harness::keep_inheritance_here();
  return automask::harness::steps::run_step(argv[1], argv[2]);
}
