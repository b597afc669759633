#include "hw_targets/cuda/choice.h"

#include <algorithm>

#include "hw_targets/cuda/check.h"
#include "hw_targets/cuda/cudnn.h"
#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace cuda {
namespace {

constexpr std::size_t compared_outputs = 257;
constexpr int most_checked_rows = 64;  // of a linear layer, whose weights may fill the memory
constexpr int repetitions = 20, warm_up = 3;

// Data for fewer outputs than the kernel has: rows are independent of each other.
KernelKey checked_part(KernelKey key) {
  if (key.name == "linear") key.constants.out_channels = std::min(key.constants.out_channels, most_checked_rows);
  return key;
}

}  // namespace

std::vector<KernelKey> candidates_of(const Step& step, const WeightLayout& layout, bool library) {
  std::vector<KernelKey> keys;
  KernelKey key = step.key;
  if (key.name != "convolution") keys.push_back(key);
  for (const int indexed : {0, 1}) {
    if (key.name != "convolution" || (indexed == 1 && !step.masked())) break;
    key.constants.indexed = indexed;
    key.constants.weight_stride = indexed == 1 ? layout.stride : step.key.constants.weight_stride;
    for (const Tile& tile : tiles()) {
      // A tile that is more than half empty along the channels only repeats a smaller one's work.
      if (tile.m > 32 && tile.m >= 2 * ((key.constants.out_channels + 31) / 32 * 32)) continue;
      key.constants.tile_m = tile.m;
      key.constants.tile_n = tile.n;
      key.constants.tile_k = products_of_tile(key.half);
      keys.push_back(key);
    }
  }
  if (library && cudnn_can(step.key)) keys.push_back(cudnn_key(step.key));
  return keys;
}

Candidate Chooser::judge(const KernelKey& key, const std::string& layer) {
  for (const Candidate& known : judged_)
    if (known.key == key) return known;
  Candidate candidate;
  candidate.key = key;
  const KernelKey part = checked_part(key);
  const LayerData data = random_data(part, static_cast<unsigned>(judged_.size()) + 1);
  Agreement agreement;
  try {
    Bench bench(device_, key, part, data);
    bench.launch();
    agreement = compare(part, data, bench.outputs(), compared_outputs);
    candidate.agrees = agreement.holds();
    if (candidate.agrees && tune_) {
      bench.time(warm_up);
      candidate.ms = bench.time(repetitions) / repetitions;
    }
  } catch (const DeviceError& e) {
    if (key.name != "cudnn") throw;  // a layer that the library does not do is no fault of the device
    rejected_.push_back("layer " + layer + ": " + e.what() + "; the runner's own kernels are used");
    candidate.agrees = false;
    judged_.push_back(candidate);
    return candidate;
  }
  candidate.error = agreement.error;
  candidate.limit = agreement.limit;
  if (!candidate.agrees)
    rejected_.push_back("kernel " + key.name + " of layer " + layer +
                        (key.constants.tile_m > 0 ? " with tiles of " + std::to_string(key.constants.tile_m) + " x " +
                                                        std::to_string(key.constants.tile_n)
                                                  : std::string()) +
                        " differs from the reference by " + std::to_string(agreement.error) +
                        " of the largest output, " + std::to_string(agreement.limit) + " is allowed; it is not used");
  judged_.push_back(candidate);
  return candidate;
}

Candidate Chooser::choose(const Step& step, const WeightLayout& layout) {
  Candidate best;
  for (const KernelKey& key : candidates_of(step, layout, !device_.library().empty())) {
    const Candidate candidate = judge(key, step.layer);
    if (!candidate.agrees) continue;
    if (!best.agrees || candidate.ms < best.ms) best = candidate;
    if (!tune_) break;
  }
  if (!best.agrees)
    throw DeviceError(protocol::internal_error, "layer " + step.layer +
                                                    ": no kernel agrees with the reference on this device; " +
                                                    (rejected_.empty() ? "none was tried" : rejected_.back()));
  return best;
}

}  // namespace cuda
}  // namespace automask
