#pragma once
// Runs a callable that must throw core::Error, and hands the error over for a closer look.
#include <gtest/gtest.h>

#include "core/error.h"

namespace automask::testing {

template <class Callable>
core::Error error_of(Callable&& callable) {
  try {
    callable();
  } catch (const core::Error& error) {
    return error;
  }
  ADD_FAILURE() << "expected a core::Error";
  return core::Error(core::ExitCode::ok, "", "nothing was thrown");
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace automask::testing

// The sentence of `error` holds `part`; shows the sentence where it does not.
#define EXPECT_SAYS(error, part) EXPECT_PRED2(::automask::testing::contains, std::string((error).what()), part)
