#include "hw_targets/z7020/backend.h"

#include <algorithm>

#include "hw_targets/z7020/check.h"

namespace automask {
namespace z7020 {
namespace {

using nlohmann::json;
using protocol::Refusal;

json layer_json(const LayerTime& layer, double mhz) {
  return {{"name", layer.name},
          {"op", graph::to_string(layer.op)},
          {"unit", to_string(layer.unit)},
          {"macs", layer.macs},
          {"cycles", layer.cycles},
          {"compute_cycles", layer.unit_cycles},
          {"load_cycles", layer.load_cycles},
          {"store_cycles", layer.store_cycles},
          {"stall_cycles", layer.stalls},
          {"ms", layer.cycles / mhz / 1e3},
          {"ddr_bytes", layer.bytes}};
}

json condition_json(const std::string& name, const Modelled& m) {
  json layers = json::array();
  for (const LayerTime& layer : m.layers) layers.push_back(layer_json(layer, m.mhz));
  return {{"condition", name},      {"ms", m.ms},      {"ms_without_overlap", m.serial_ms},
          {"ddr_bytes", m.bytes},   {"macs", m.macs},  {"convolution_utilisation", m.convolution_utilisation()},
          {"evidence", "modelled"}, {"layers", layers}};
}

}  // namespace

json Backend::describe() {
  return {{"name", "Z7020 engine, C simulation, as on the " + board_.name},
          {"serial", ""},
          {"toolchain", std::string("g++ ") + __VERSION__},
          {"evidence", "modelled"},
          {"formats", {"int8"}},
          {"board", board_.name},
          {"part", board_.part},
          {"clocks_mhz", board_.clocks_mhz},
          {"ddr_effective_bytes_per_second", board_.effective_bytes_per_second}};
}

json Backend::load(const std::string& bytes) {
  executor_.reset();
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
  executor_.reset();
  double mhz = board_.clocks_mhz.back();
  for (const auto& option : options.items()) {
    if (option.key() == "threads") {
      if (!option.value().is_number_integer() || option.value() < 0)
        throw Refusal(protocol::invalid_params, "threads must be a whole number from 0; the engine has one");
    } else if (option.key() == "format") {
      if (option.value() != "int8")
        throw Refusal(protocol::unsupported, "the engine computes in int8, not in " + option.value().dump());
    } else if (option.key() == "clock_mhz") {
      const auto& clocks = board_.clocks_mhz;
      if (!option.value().is_number() ||
          std::find(clocks.begin(), clocks.end(), option.value().get<double>()) == clocks.end())
        throw Refusal(protocol::invalid_params,
                      "clock_mhz must be one of " + json(clocks).dump() + ", not " + option.value().dump());
      mhz = option.value().get<double>();
    } else {
      throw Refusal(protocol::invalid_params,
                    "the z7020 runner knows the options clock_mhz, format and threads, not \"" + option.key() + "\"");
    }
  }
  if (package_.format != package::Format::int8)
    throw Refusal(protocol::unsupported, std::string("the engine computes in int8, the package is for ") +
                                             package::to_string(package_.format));
  try {
    // Tiles are chosen for the memory at hand.
    image_ = compile(package_, board_.bandwidth(mhz));
    executor_.reset(new Executor(image_, *port_));
  } catch (const CompileError& e) {
    throw Refusal(protocol::unsupported, std::string("the engine cannot execute this network: ") + e.what());
  } catch (const StreamError& e) {
    throw Refusal(protocol::internal_error, e.what());
  }
  mhz_ = mhz;
  selected_ = 0;
  modelled_.clear();
  json conditions = json::array(), operators = json::array(), warnings = json::array();
  for (int k = 0; k < static_cast<int>(image_.programs.size()); ++k) {
    modelled_.push_back(model(image_, k, board_, mhz));
    conditions.push_back(condition_json(image_.programs[static_cast<std::size_t>(k)].condition, modelled_.back()));
  }
  for (const Layer& layer : image_.programs[0].lowered.layers) {
    const std::string place = layer.unit == Unit::arm ? "ARM cores: " + layer.reason : to_string(layer.unit);
    operators.push_back({{"name", layer.name}, {"op", graph::to_string(layer.op)}, {"placement", place}});
    if (layer.unit == Unit::arm)
      warnings.push_back("layer " + layer.name + " is executed by the ARM cores: " + layer.reason);
  }
  return {{"threads", 1},           {"format", "int8"},      {"memory_bytes", 4.0 * image_.memory_words},
          {"operators", operators}, {"warnings", warnings},  {"clock_mhz", mhz},
          {"board", board_.name},   {"modelled", conditions}};
}

json Backend::select_condition(int index) {
  selected_ = index;
  // Lists and commands of every condition are there already.
  return {{"bytes_moved", 0}};
}

double Backend::infer(const std::uint8_t* picture, float* logits) {
  executor_->run(selected_, picture, logits);
  return modelled_[static_cast<std::size_t>(selected_)].ms;
}

json Backend::state() {
  json state = {{"throttled", false}};
  if (mhz_ > 0) state["clocks_mhz"] = {mhz_};
  return state;
}

}  // namespace z7020
}  // namespace automask
