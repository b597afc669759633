#pragma once
// A simulated engine takes seconds for a picture where the device takes a moment, and computes what the integer
// reference does. So it executes some pictures of a condition, which are held against the reference bit for bit, and
// the accuracy over all pictures is the reference's.
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/picture_set.h"
#include "harness/steps/run_step.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/interleave.h"
#include "hw_targets/package/package.h"

namespace automask::harness::steps {

constexpr int simulated_pictures = 16;  // of each condition; all where there are fewer
std::string simulated_accuracy();       // whose the accuracy is, for the record

// An INT8 package on a runner whose latencies are not measured.
bool is_simulated(const host::Device& device, const package::Package& package);

// The pictures that are executed, spread over a set of `count`.
std::vector<std::uint32_t> simulated_share(std::size_t count);

// Each of them once: latencies are the model's, the same whatever came before.
void visit_once(host::BlockPlan& plan);

struct Simulated {
  int agreed = 0, executed = 0;  // pictures whose logits are the reference's, bit for bit
  std::vector<float> logits;     // [pictures, classes], the reference's, where all agreed
};
// `outputs` [share, classes]: the runner's of condition `k`, for simulated_share() of these pictures.
Simulated hold_against_reference(const package::Package& package, int k, const datasets::PictureSet& pictures,
                                 const std::vector<float>& outputs);
// Records how many pictures agreed; RunnerFailure(mistrusted) unless all did.
void add_agreement(Outcome& outcome, const std::string& runner, const std::string& condition,
                   const Simulated& simulated, const std::string& evidence);

// The reference's logits [pictures, classes] under condition `k`, by the fast form of its arithmetic.
std::vector<float> reference_outputs(const package::Package& package, int k, const datasets::PictureSet& pictures);
// What a runner that picks each picture's condition would answer, without latencies. `run` has the reference's logits
// under condition `k`.
host::CellResult predicted_by_reference(const package::Package& package, int k, const datasets::PictureSet& pictures,
                                        const host::CellResult& run);

}  // namespace automask::harness::steps
