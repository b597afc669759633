#pragma once
// How a runner refuses, for the tests of our own.
#include <gtest/gtest.h>

#include <string>

#include "hw_targets/host/host.h"

namespace automask::host {

// The failure of a conversation up to `prepare` with this package and these options.
inline FailureKind refusal(const RunnerSpec& runner, const std::string& package, const core::Json& options,
                           std::string& sentence) {
  const auto session = Session::start(runner);
  session->initialize();
  try {
    session->load(package);
    session->prepare(options);
  } catch (const RunnerFailure& e) {
    sentence = e.what();
    return e.kind();
  }
  ADD_FAILURE() << "was accepted";
  return FailureKind::died;
}

}  // namespace automask::host
