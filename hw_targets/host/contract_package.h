#pragma once
// What the contract test loads: a small package whose outputs are known, and damaged ones. Inside this room only.
#include <cstddef>
#include <string>
#include <vector>

#include "hw_targets/package/package.h"

namespace automask::host {

constexpr std::size_t contract_height = 12, contract_width = 10, contract_channels = 3, contract_classes = 5;

// Two conditions, "clean" with every channel and "jpeg:q30" with half of them: convolution, affine, ReLU, depthwise
// convolution, sum, mean, linear layer. Each has a stem of its own. FP32.
package::Package contract_package();

// An FP32 package for runners that compute in this format: fp16 rounds its weights, int8 draws others (in_integers).
package::Package in_format(const package::Package& real, const std::string& format);

// Pictures u8 [H, W, C], all different, row-major.
std::vector<std::string> contract_pictures(std::size_t count);

// Logits [pictures, classes] of condition k, computed in double precision from materialise()'s network.
std::vector<double> contract_logits(const package::Package& package, int k, const std::vector<std::string>& pictures);

// A network whose activations take 8 TiB at once and whose file is small: no device here can execute it.
package::Package endless_package();

// The same file with one fault. All but the wrong hash have a right content hash.
std::string with_other_version(const std::string& package);
std::string with_wrong_hash(const std::string& package);
std::string with_empty_masks(const std::string& package);    // a mask that drops every channel
std::string with_shorter_masks(const std::string& package);  // rows for fewer channels than the graph has

}  // namespace automask::host
