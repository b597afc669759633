#pragma once
// Which kernel does a step: candidates are held against the reference, the fastest of those that agree is taken. C++14.
#include <string>
#include <vector>

#include "hw_targets/cuda/lowering.h"

namespace automask {
namespace cuda {

struct Candidate {
  KernelKey key;
  double error = 0, limit = 0;
  bool agrees = false;
  double ms = 0;  // 0: not timed
};

// The keys that could do this step: a convolution's tiles, weights read through lists or gathered beforehand, and the
// library's convolution where the device has one.
std::vector<KernelKey> candidates_of(const Step& step, const WeightLayout& layout, bool library);

class Chooser {
 public:
  // `tune`: time the candidates where the device's times mean anything; else the first that agrees is taken.
  Chooser(Device& device, bool tune) : device_(device), tune_(tune && device.measures()) {}

  // Throws DeviceError(internal_error) when none agrees with the reference.
  Candidate choose(const Step& step, const WeightLayout& layout);
  // Held against the reference and, where it agrees and times mean anything, timed; once for each key.
  Candidate judge(const KernelKey& key, const std::string& layer);
  const std::vector<std::string>& rejected() const { return rejected_; }  // one sentence each

 private:
  Device& device_;
  bool tune_;
  std::vector<Candidate> judged_;
  std::vector<std::string> rejected_;
};

}  // namespace cuda
}  // namespace automask
