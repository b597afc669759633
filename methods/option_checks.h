#pragma once
// What a method's options, each well written, say together: that some contradict each other, or do nothing. No LibTorch
// here.
#include "methods/catalogue.h"

namespace automask::methods {

// Fails at the option that is at fault. `cursor`: the method's entry, of which `spec` was read.
void check_options(const core::JsonCursor& cursor, const MethodSpec& spec, const MethodInfo& info);

}  // namespace automask::methods
