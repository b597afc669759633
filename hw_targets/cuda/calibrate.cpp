#include "hw_targets/cuda/calibrate.h"

#include <cmath>
#include <map>

namespace automask {
namespace cuda {
namespace {

using protocol::LayerMeasurement;

struct Constant {
  const char* name;
  double Shares::*value;
};
const Constant constants[] = {
    {"/compute", &Shares::compute}, {"/memory", &Shares::memory}, {"/layer_ms", &Shares::layer_ms}};

// By condition and the step's name.
using Costs = std::map<std::string, std::map<std::string, LayerCost>>;

Costs costs_by_name(const package::Package& package) {
  Costs all;
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    const Program program = lower(package, static_cast<int>(k));
    const std::vector<LayerCost> costs = costs_of(program, Execution::kernels);
    auto& of_condition = all[package.conditions[k].name];
    const std::vector<std::string> names = step_names(program);
    for (std::size_t i = 0; i < costs.size(); ++i) of_condition[names[i]] = costs[i];
  }
  return all;
}

const LayerCost& cost_of(const Costs& costs, const LayerMeasurement& m) {
  const auto condition = costs.find(m.condition);
  if (condition == costs.end()) throw protocol::unknown_condition(m);
  const auto layer = condition->second.find(m.layer);
  if (layer == condition->second.end()) throw protocol::unknown_layer(m);
  return layer->second;
}

std::vector<double> modelled(const std::vector<Published>& layers, const Shares& shares) {
  std::vector<double> ms;
  for (const Published& layer : layers) ms.push_back(network_ms(tx2(layer.half, shares), layer.layers));
  return ms;
}

double error_of(const std::vector<Published>& layers, const Shares& shares) {
  const std::vector<double> ms = modelled(layers, shares);
  double sum = 0;
  for (std::size_t i = 0; i < ms.size(); ++i) sum += (ms[i] / layers[i].ms - 1) * (ms[i] / layers[i].ms - 1);
  return std::sqrt(sum / static_cast<double>(ms.size()));
}

// Whether a tenth more or less of a constant changes any layer's time by more than a thousandth.
bool matters(const std::vector<Published>& layers, const Shares& shares, double Shares::*constant) {
  const std::vector<double> now = modelled(layers, shares);
  for (const double factor : {0.9, 1.1}) {
    Shares other = shares;
    other.*constant *= factor;
    const std::vector<double> then = modelled(layers, other);
    for (std::size_t i = 0; i < now.size(); ++i)
      if (std::fabs(then[i] / now[i] - 1) > 1e-3) return true;
  }
  return false;
}

}  // namespace

Calibration calibrate(const package::Package& package, const Profile& before,
                      const std::vector<LayerMeasurement>& measurements) {
  const Costs costs = costs_by_name(package);
  const bool half = package.format == package::Format::fp16;
  std::vector<Published> layers;
  for (const LayerMeasurement& m : measurements) layers.push_back({half, {cost_of(costs, m)}, m.ms});
  protocol::require_enough(measurements.size(), sizeof(constants) / sizeof(constants[0]));

  Calibration result;
  result.profile = {fit(layers), Execution::kernels};
  for (const Constant& constant : constants) {
    double& value = result.profile.shares.*constant.value;
    const double was = before.shares.*constant.value;
    bool fitted = matters(layers, result.profile.shares, constant.value);
    Shares kept = result.profile.shares;
    kept.*constant.value = was;
    // Nothing depends on it where it was found, but where it was it would be in the way: it is at least this.
    if (!fitted) fitted = error_of(layers, kept) > error_of(layers, result.profile.shares) + 1e-6;
    if (!fitted) value = was;
    result.constants.push_back({constant.name, was, value, fitted});
  }
  result.error_before = error_of(layers, before.shares);
  result.error_after = error_of(layers, result.profile.shares);
  const std::vector<double> first = modelled(layers, before.shares), last = modelled(layers, result.profile.shares);
  for (std::size_t i = 0; i < layers.size(); ++i) result.layers.push_back({measurements[i], first[i], last[i]});
  return result;
}

}  // namespace cuda
}  // namespace automask
