#include "hw_targets/cuda/backend.h"

#include <chrono>
#include <numeric>

#include "hw_targets/protocol/calibration.h"

namespace automask {
namespace cuda {
namespace {

using nlohmann::json;
using protocol::Refusal;

constexpr double idle_seconds = 0.5;

// A device's failure as the protocol's answer.
template <class Work>
auto answered(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const DeviceError& e) {
    throw Refusal(e.code(), e.what());
  } catch (const graph::GraphError& e) {
    throw Refusal(protocol::unsupported, e.what());
  }
}

double milliseconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

json Backend::describe() {
  if (!device_) device_ = answered(open_);
  json device = device_->describe();
  device["formats"] = device_->has_half() ? json::array({"fp32", "fp16"}) : json::array({"fp32"});
  device["roofline"] = to_json(model_);
  return device;
}

json Backend::load(const std::string& bytes) {
  layer_ms_.clear();
  network_.reset();
  try {
    package_ = package::decode(bytes, "package");
  } catch (const package::PackageError& e) {
    throw Refusal(protocol::bad_package, e.what());
  } catch (const graph::GraphError& e) {
    throw Refusal(protocol::bad_package, std::string("package: ") + e.what());
  }
  return package::loaded_answer(package_);
}

json Backend::prepare(const json& options) {
  bool tune = true, apart = false;
  int power_mode = -1;
  for (const auto& option : options.items()) {
    if (option.key() == "threads") {
      if (!option.value().is_number_integer() || option.value() < 0)
        throw Refusal(protocol::invalid_params, "threads must be a whole number from 0; a GPU has threads of its own");
    } else if (option.key() == "format") {
      const std::string has = package::to_string(package_.format);
      if (option.value() != has)
        throw Refusal(protocol::unsupported, "the package is for " + has + ", not for " + option.value().dump());
    } else if (option.key() == "tune") {
      if (!option.value().is_boolean()) throw Refusal(protocol::invalid_params, "tune must be true or false");
      tune = option.value().get<bool>();
    } else if (option.key() == "layers_apart") {
      if (!option.value().is_boolean()) throw Refusal(protocol::invalid_params, "layers_apart must be true or false");
      apart = option.value().get<bool>();
    } else if (option.key() == "power_mode") {
      if (!option.value().is_number_integer() || option.value() < 0 || option.value() > 99)
        throw Refusal(protocol::invalid_params, "power_mode must be a number of nvpmodel's, 0 to 99");
      power_mode = option.value().get<int>();
    } else {
      throw Refusal(protocol::invalid_params,
                    "the cuda runner knows the options format, layers_apart, power_mode, threads and tune, not \"" +
                        option.key() + "\"");
    }
  }
  const bool half = package_.format == package::Format::fp16;
  if (package_.format == package::Format::int8)
    throw Refusal(protocol::unsupported, "this runner computes in fp32 and fp16; export the package in one of them");
  if (half && !device_->has_half())
    throw Refusal(protocol::unsupported,
                  "this GPU has no half arithmetic (it begins with sm_53); export the package in "
                  "fp32");
  if (power_mode >= 0) {
    const std::string fault = board_.set_power_mode(power_mode);
    if (!fault.empty()) throw Refusal(protocol::unsupported, fault);
  }
  network_.reset();
  network_ = answered([&] { return std::unique_ptr<Network>(new Network(*device_, package_, tune)); });
  automatic_ = false;
  apart_ = apart;
  layer_ms_.clear();
  json warnings = json::array();
  for (const std::string& warning : network_->warnings()) warnings.push_back(warning);
  if (half && !device_->fast_half())
    warnings.push_back("this GPU executes half arithmetic slower than float; fp32 is the faster format here");
  json answer = {{"threads", 1},
                 {"format", package::to_string(package_.format)},
                 {"memory_bytes", network_->memory_bytes()},
                 {"operators", network_->placement(0)},
                 {"tuned", tune && device_->measures()}};
  for (std::size_t k = 0; k < package_.conditions.size(); ++k) {
    std::int64_t macs = 0;
    for (const Step& step : network_->program(static_cast<int>(k)).steps) macs += step.macs;
    answer["macs"].push_back(macs);
  }
  if (!board_.rails().empty() && device_->measures()) answer["idle_watts"] = power_.measure_idle(idle_seconds);
  modelled_.clear();
  modelled_switch_.clear();
  if (!device_->measures()) {
    const Roofline model = tx2(half, model_.shares);
    json modelled = json::array();
    for (std::size_t k = 0; k < package_.conditions.size(); ++k) {
      const double bytes = static_cast<double>(network_->switch_bytes(static_cast<int>(k)));
      modelled_switch_.push_back(bytes / model.bytes_per_ms + model.layer_ms);
      const Program& program = network_->program(static_cast<int>(k));
      const std::vector<std::string> names = step_names(program);
      const std::vector<double> ms = step_ms(model, program, model_.execution);
      modelled_.push_back(std::accumulate(ms.begin(), ms.end(), 0.0));
      json layers = json::array();
      for (std::size_t i = 0; i < ms.size(); ++i) layers.push_back({{"name", names[i]}, {"ms", ms[i]}});
      modelled.push_back({{"condition", package_.conditions[k].name},
                          {"ms", modelled_.back()},
                          {"switch_ms", modelled_switch_.back()},
                          {"layers", layers},
                          {"evidence", "modelled"}});
    }
    answer["modelled"] = modelled;
    warnings.push_back("latencies are the TX2 model's (docs/tx2.md), not measured");
  }
  answer["warnings"] = warnings;
  return answer;
}

json Backend::select_condition(int index) {
  automatic_ = false;
  layer_ms_.clear();
  return answered([&] {
    const std::size_t bytes = network_->select(index);
    device_->synchronise();
    return json{{"bytes_moved", bytes}};
  });
}

json Backend::select_automatically() {
  if (package_.estimator.empty())
    throw Refusal(protocol::unsupported, "the package has no estimator, nothing picks a picture's condition");
  automatic_ = true;
  return json::object();
}

double Backend::infer(const std::uint8_t* picture, float* logits) {
  return answered([&] {
    network_->put(picture);
    device_->synchronise();
    const auto begin = std::chrono::steady_clock::now();
    bool switched = false;
    if (automatic_)
      switched = network_->select(package::estimate(package_.estimator, picture, package_.graph.input)) > 0;
    if (apart_) {
      const std::vector<double> times = network_->run_apart();
      if (switched) layer_ms_.clear();
      layer_ms_.resize(times.size());
      for (std::size_t i = 0; i < times.size(); ++i) layer_ms_[i].push_back(times[i]);
    } else {
      network_->run();
    }
    const double ms = milliseconds_since(begin);
    network_->logits(logits);
    if (modelled_.empty()) return ms;
    const auto k = static_cast<std::size_t>(network_->selected());
    return modelled_[k] + (switched ? modelled_switch_[k] : 0.0);
  });
}

json Backend::state() {
  json state = board_.state();
  if (!apart_ || layer_ms_.empty() || !device_->measures()) return state;
  const int k = network_->selected();
  state["measured"] = protocol::measured_layers(package_.conditions[static_cast<std::size_t>(k)].name,
                                                step_names(network_->program(k)), layer_ms_);
  return state;
}

json Backend::power() {
  // A modelled latency and a measured power make no energy.
  if (board_.rails().empty() || !device_->measures())
    throw Refusal(protocol::unsupported, "no power rails (INA3221) are to be read here");
  return {{"samples", power_.samples()}, {"idle_watts", power_.idle_watts()}};
}

}  // namespace cuda
}  // namespace automask
