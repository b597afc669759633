#include "hw_targets/cuda/roofline.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "hw_targets/protocol/calibration.h"

namespace automask {
namespace cuda {
namespace {

constexpr const char* model_name = "tx2_roofline";

// Of a convolution: whole tiles of 64 channels x 64 pixels; by NVIDIA's libraries 3 x 3 windows of stride 1 are
// computed with Winograd's F(2 x 2, 3 x 3), which needs 16 products where there are 36 (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2015, section 4.1).
double executed_macs(const Step& step, Execution execution) {
  const Constants& c = step.key.constants;
  double macs = static_cast<double>(step.macs);
  if (step.key.name != "convolution") return macs;
  const auto whole = [](int count) { return (count + 63) / 64 * 64.0 / count; };
  macs *= whole(c.out_channels) * whole(c.out_height * c.out_width);
  const bool winograd = execution == Execution::libraries && c.kernel_h == 3 && c.kernel_w == 3 && c.stride_h == 1 &&
                        c.stride_w == 1 && c.dilation_h == 1 && c.dilation_w == 1;
  return winograd ? macs * 16 / 36 : macs;
}

}  // namespace

double misfit(const Shares& shares, const std::vector<Published>& networks) {
  double sum = 0;
  for (const Published& network : networks) {
    const double ratio = std::log(network_ms(tx2(network.half, shares), network.layers) / network.ms);
    sum += ratio * ratio;
  }
  return sum;
}

double layer_ms(const Roofline& model, const LayerCost& cost) {
  return std::max(cost.macs / model.macs_per_ms, cost.bytes / model.bytes_per_ms) + model.layer_ms;
}

double network_ms(const Roofline& model, const std::vector<LayerCost>& layers) {
  double ms = 0;
  for (const LayerCost& layer : layers) ms += layer_ms(model, layer);
  return ms;
}

namespace {

struct Launches {
  std::vector<LayerCost> costs;
  std::vector<std::size_t> of_step;  // index into costs
};

Launches launches(const Program& program, Execution execution) {
  Launches all;
  std::map<std::pair<int, std::size_t>, std::size_t> pointwise;  // by what they read: their place in `costs`
  for (const Step& step : program.steps) {
    const Constants& c = step.key.constants;
    const double value = step.key.half ? 2 : 4;
    const double in = static_cast<double>(values_in(c)) * (step.op == graph::Op::input ? 1 : value);
    const double out = step.key.name == "copy" ? in : static_cast<double>(values_out(c)) * value;
    LayerCost cost;
    cost.macs = executed_macs(step, execution);
    cost.bytes = in + out * (c.residual != 0 ? 2 : 1);
    if (step.weights >= 0) cost.bytes += static_cast<double>(weight_values(step.key)) * value;
    all.of_step.push_back(all.costs.size());
    if (execution == Execution::libraries && step.key.name == "convolution" && c.kernel_h * c.kernel_w == 1 &&
        c.stride_h * c.stride_w == 1) {
      const auto same = pointwise.emplace(std::make_pair(step.x.buffer, step.x.first), all.costs.size());
      if (!same.second) {
        all.of_step.back() = same.first->second;
        all.costs[same.first->second].macs += cost.macs;
        all.costs[same.first->second].bytes += cost.bytes - in;
        continue;
      }
    }
    all.costs.push_back(cost);
  }
  return all;
}

}  // namespace

std::vector<LayerCost> costs_of(const Program& program, Execution execution) {
  return launches(program, execution).costs;
}

std::vector<double> step_ms(const Roofline& model, const Program& program, Execution execution) {
  const Launches all = launches(program, execution);
  std::vector<double> ms;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const LayerCost& cost = all.costs[all.of_step[i]];
    const double part = cost.macs > 0 ? executed_macs(program.steps[i], execution) / cost.macs : 1;
    ms.push_back(layer_ms(model, cost) * part);
  }
  return ms;
}

nlohmann::json to_json(const Profile& profile) {
  return {{"schema_version", 1},
          {"model", model_name},
          {"compute", profile.shares.compute},
          {"memory", profile.shares.memory},
          {"layer_ms", profile.shares.layer_ms},
          {"execution", profile.execution == Execution::kernels ? "kernels" : "libraries"}};
}

Profile profile_from_json(const nlohmann::json& json, const std::string& file) {
  const auto wrong = [&](const std::string& what) {
    return protocol::CalibrationError(file + ": " + what + "; give what `automask runners calibrate --output` wrote");
  };
  if (!json.is_object() || json.value("model", nlohmann::json()) != model_name)
    throw wrong(std::string("is no profile of the model ") + model_name);
  const auto number = [&](const char* key, double low, double high) {
    const nlohmann::json value = json.value(key, nlohmann::json());
    if (!value.is_number() || !(value.get<double>() >= low) || !(value.get<double>() <= high))
      throw wrong(std::string("\"") + key + "\" must be a number from " + nlohmann::json(low).dump() + " to " +
                  nlohmann::json(high).dump());
    return value.get<double>();
  };
  Profile profile;
  profile.shares = {number("compute", 1e-3, 1), number("memory", 1e-3, 1), number("layer_ms", 0, 1000)};
  const nlohmann::json execution = json.value("execution", nlohmann::json());
  if (execution != "kernels" && execution != "libraries")
    throw wrong("\"execution\" must be \"kernels\" or \"libraries\"");
  profile.execution = execution == "kernels" ? Execution::kernels : Execution::libraries;
  return profile;
}

Shares fit(const std::vector<Published>& networks) {
  // First over all there may be, then ever closer around the best.
  const Shares least{0.05, 0.05, 0.0}, most{1.0, 1.0, 0.5};
  double low[3] = {least.compute, least.memory, least.layer_ms}, high[3] = {most.compute, most.memory, most.layer_ms};
  constexpr int points = 21, rounds = 12;
  Shares best;
  double error_of_best = INFINITY;
  for (int round = 0; round < rounds; ++round) {
    const auto at = [&](int axis, int point) { return low[axis] + (high[axis] - low[axis]) * point / (points - 1); };
    Shares found = best;
    for (int i = 0; i < points; ++i)
      for (int j = 0; j < points; ++j)
        for (int k = 0; k < points; ++k) {
          const Shares shares{at(0, i), at(1, j), at(2, k)};
          const double error = misfit(shares, networks);
          if (error >= error_of_best) continue;
          error_of_best = error;
          found = shares;
        }
    best = found;
    const double centre[3] = {best.compute, best.memory, best.layer_ms};
    const double floor[3] = {least.compute, least.memory, least.layer_ms},
                 top[3] = {most.compute, most.memory, most.layer_ms};
    for (int axis = 0; axis < 3; ++axis) {
      const double reach = (high[axis] - low[axis]) / 4;
      low[axis] = std::max(centre[axis] - reach, floor[axis]);
      high[axis] = std::min(centre[axis] + reach, top[axis]);
    }
  }
  return best;
}

Roofline tx2(bool half, const Shares& shares) {
  const double cores = 256, ghz = 1.3, bandwidth = 58.3;  // GB/s
  return {cores * ghz * 1e6 * (half ? 2 : 1) * shares.compute, bandwidth * 1e6 * shares.memory, shares.layer_ms};
}

}  // namespace cuda
}  // namespace automask
