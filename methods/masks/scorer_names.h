#pragma once
// The estimators of a channel's worth that the option `scorer` may name. No LibTorch here.
#include <string>
#include <vector>

namespace automask::methods {

const std::vector<std::string>& scorer_names();

}  // namespace automask::methods
