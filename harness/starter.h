#pragma once
// What `automask init` writes.
#include <string_view>

namespace automask::harness {

std::string_view starter_manifest();
std::string_view starter_readme();

}  // namespace automask::harness
