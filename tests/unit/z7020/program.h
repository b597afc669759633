#pragma once
// The runner as a program, and a package for it.
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "hw_targets/host/host.h"
#include "tests/unit/z7020/agreement.h"

namespace automask::z7020 {

// AUTOMASK_Z7020_RUNNER: another build of the program and what starts it, e.g. "qemu-arm
// build/arm/automask-runner-z7020".
inline host::RunnerSpec program(const std::vector<std::string>& arguments = {}) {
  std::vector<std::string> command = {AUTOMASK_BIN_DIR "/automask-runner-z7020"};
  if (const char* other = std::getenv("AUTOMASK_Z7020_RUNNER")) {
    std::istringstream words(other);
    command.assign(std::istream_iterator<std::string>(words), {});
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {"z7020", command, {}, "z7020.json"};
}

inline package::Package two_conditions() {
  cpu::Builder b({3, 20, 20});
  const int stem = b.relu(b.conv(0, 24, 3, 2, 1));
  const int block = b.relu(b.add({b.conv(b.relu(b.conv(stem, 30, 3, 1, 1)), 24, 3, 1, 1), stem}));
  b.classify(block, 10);
  return masked_package(b.network, 2, 0.6, 3);
}

}  // namespace automask::z7020
