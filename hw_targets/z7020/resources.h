#pragma once
// What the engine takes of the XC7Z020, counted from hls/parameters.h: evidence `modelled` until a synthesis report
// says otherwise. C++14.
#include <string>
#include <vector>

namespace automask {
namespace z7020 {

struct Resource {
  std::string part;  // of the engine
  int dsp48e1 = 0, ramb36 = 0;
};
std::vector<Resource> resources();  // the last is the sum, named "total"

// The device's: 220 and 140 (Xilinx DS190, table of the Zynq-7000 family).
constexpr int device_dsp48e1 = 220, device_ramb36 = 140;

}  // namespace z7020
}  // namespace automask
