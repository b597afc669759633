#pragma once
// What the tests of damaged packages share: a package small enough to damage at every byte, and what a reader says.
#include <string>

#include "tests/unit/package/packages.h"

namespace automask::damage {

inline std::string fault_of(const std::string& bytes) {
  try {
    package::decode(bytes, "p.amk");
  } catch (const package::PackageError& e) {
    return e.what();
  }
  return "";
}

inline std::string encoding_fault(const package::Package& package) {
  try {
    package::encode(package);
  } catch (const package::PackageError& e) {
    return e.what();
  }
  return "";
}

inline package::Package tiny() {
  graph::Graph net = networks::start("tiny", 1, 3, 3);
  const int at = networks::conv_bn(net, "conv", "bn", 0, networks::conv(3, 3, 1, 1), true);
  networks::head(net, at, 2);
  package::Package p = packages::make(net, {"clean", "jpeg:q10"}, 3);
  p.conditions[0].mask[1] = {1, 1, 0};
  p.conditions[1].mask[1] = {0, 1, 1};
  for (auto& condition : p.conditions) packages::drop_masked(p.graph, condition);
  return p;
}

}  // namespace automask::damage
