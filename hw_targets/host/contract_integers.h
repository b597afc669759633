#pragma once
// The contract's packages for runners that compute in INT8. Inside this room only.
#include <string>
#include <vector>

#include "hw_targets/package/package.h"

namespace automask::host {

// An INT8 package of the same structure, conditions and input scaling; weights and requantisations are drawn anew, so
// that values use the range and no condition's logits are another's.
package::Package in_integers(const package::Package& real);

// Logits [pictures, classes] of condition k: the integer reference's, which a runner must give bit for bit.
std::vector<double> integer_logits(const package::Package& package, int k, const std::vector<std::string>& pictures);

}  // namespace automask::host
