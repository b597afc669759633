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
constexpr double least_share = 1e-3;  // of a limit

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
  profile.shares = {number("compute", least_share, 1), number("memory", least_share, 1), number("layer_ms", 0, 1000)};
  const nlohmann::json execution = json.value("execution", nlohmann::json());
  if (execution != "kernels" && execution != "libraries")
    throw wrong("\"execution\" must be \"kernels\" or \"libraries\"");
  profile.execution = execution == "kernels" ? Execution::kernels : Execution::libraries;
  return profile;
}

namespace {

// The sum of the squared logarithms of modelled / published.
double misfit(const Shares& shares, const std::vector<Published>& networks) {
  double sum = 0;
  for (const Published& network : networks) {
    const double ratio = std::log(network_ms(tx2(network.half, shares), network.layers) / network.ms);
    sum += ratio * ratio;
  }
  return sum;
}

}  // namespace

Shares fit(const std::vector<Published>& networks) {
  Shares best;
  double least = INFINITY;
  const auto consider = [&](const Shares& shares) {
    const double error = misfit(shares, networks);
    if (!(error < least)) return false;
    least = error;
    best = shares;
    return true;
  };
  for (const double compute : {0.02, 0.06, 0.2, 0.5})
    for (const double memory : {0.02, 0.06, 0.2, 0.5})
      for (const double ms : {0.001, 0.004, 0.016, 0.064, 0.25}) consider({compute, memory, ms});
  for (double step = 0.2; step > 1e-5; step /= 2)
    for (bool better = true; better;) {
      better = false;
      const Shares centre = best;
      const auto share = [&](double value, int direction) {
        return std::min(std::max(value * std::exp(step * direction), least_share), 1.0);
      };
      for (int i = -1; i <= 1; ++i)
        for (int j = -1; j <= 1; ++j)
          for (int k = -1; k <= 1; ++k)
            better |=
                consider({share(centre.compute, i), share(centre.memory, j), centre.layer_ms * std::exp(step * k)});
    }
  return best;
}

Roofline tx2(bool half, const Shares& shares) {
  const double cores = 256, ghz = 1.3, bandwidth = 58.3;  // GB/s
  return {cores * ghz * 1e6 * (half ? 2 : 1) * shares.compute, bandwidth * 1e6 * shares.memory, shares.layer_ms};
}

}  // namespace cuda
}  // namespace automask
