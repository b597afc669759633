#include "hw_targets/z7020/backend.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "hw_targets/protocol/calibration.h"
#include "hw_targets/z7020/check.h"
#include "hw_targets/z7020/placed_macs.h"

namespace automask {
namespace z7020 {
namespace {

using nlohmann::json;
using protocol::Refusal;

json layer_json(const LayerTime& layer) {
  return {{"name", layer.name},
          {"op", graph::to_string(layer.op)},
          {"unit", to_string(layer.unit)},
          {"macs", layer.macs},
          {"cycles", layer.cycles},
          {"compute_cycles", layer.unit_cycles},
          {"load_cycles", layer.load_cycles},
          {"store_cycles", layer.store_cycles},
          {"stall_cycles", layer.stalls},
          {"ms", layer.ms},
          {"ddr_bytes", layer.bytes}};
}

json condition_json(const std::string& name, const Modelled& m) {
  json layers = json::array();
  for (const LayerTime& layer : m.layers) layers.push_back(layer_json(layer));
  return {{"condition", name},      {"ms", m.ms},      {"ms_without_overlap", m.serial_ms},
          {"ddr_bytes", m.bytes},   {"macs", m.macs},  {"convolution_utilisation", m.convolution_utilisation()},
          {"evidence", "modelled"}, {"layers", layers}};
}

}  // namespace

Backend::Backend(Board board, std::unique_ptr<Port> port, BackendOptions options)
    : board_(std::move(board)), port_(std::move(port)), options_(std::move(options)), power_(options_.power_file) {
  if (options_.clock_mhz > 0) board_.clocks_mhz = {options_.clock_mhz};
}

json Backend::describe() {
  const bool measures = port_->measures();
  return {{"name", "Z7020 engine, " + (measures ? board_.name : port_->name() + ", as on the " + board_.name)},
          {"serial", ""},
          {"toolchain", std::string("g++ ") + __VERSION__},
          {"evidence", measures ? "measured" : "modelled"},
          {"formats", {"int8"}},
          {"port", port_->name()},
          {"board", board_.name},
          {"board_profile", to_json(board_)},
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
  apart_ = false;
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
    } else if (option.key() == "layers_apart") {
      if (!option.value().is_boolean()) throw Refusal(protocol::invalid_params, "layers_apart must be true or false");
      apart_ = option.value().get<bool>();
    } else {
      throw Refusal(protocol::invalid_params,
                    "the z7020 runner knows the options clock_mhz, format, layers_apart and threads, not \"" +
                        option.key() + "\"");
    }
  }
  if (package_.format != package::Format::int8)
    throw Refusal(protocol::unsupported, std::string("the engine computes in int8, the package is for ") +
                                             package::to_string(package_.format));
  try {
    // Tiles are chosen for the memory at hand.
    image_ = compile(package_, board_.bandwidth(mhz), apart_ ? Layers::apart : Layers::together);
    executor_.reset(new Executor(image_, *port_));
  } catch (const CompileError& e) {
    throw Refusal(protocol::unsupported, std::string("the engine cannot execute this network: ") + e.what());
  } catch (const PortError& e) {
    throw Refusal(protocol::out_of_memory, e.what());
  } catch (const StreamError& e) {
    throw Refusal(protocol::internal_error, e.what());
  }
  mhz_ = mhz;
  selected_ = 0;
  layer_ms_.clear();
  modelled_.clear();
  json conditions = json::array(), operators = json::array(), warnings = json::array(), macs = json::array();
  for (int k = 0; k < static_cast<int>(image_.programs.size()); ++k) {
    modelled_.push_back(model(image_, k, board_, mhz));
    conditions.push_back(condition_json(image_.programs[static_cast<std::size_t>(k)].condition, modelled_.back()));
    macs.push_back(placed_macs(image_, k));
  }
  for (const Layer& layer : image_.programs[0].lowered.layers) {
    const std::string place = layer.unit == Unit::arm ? "ARM cores: " + layer.reason : to_string(layer.unit);
    operators.push_back({{"name", layer.name}, {"op", graph::to_string(layer.op)}, {"placement", place}});
    if (layer.unit == Unit::arm)
      warnings.push_back("layer " + layer.name + " is executed by the ARM cores: " + layer.reason);
  }
  return {{"threads", 1},
          {"format", "int8"},
          {"memory_bytes", 4.0 * image_.memory_words},
          {"operators", operators},
          {"warnings", warnings},
          {"clock_mhz", mhz},
          {"board", board_.name},
          {"layers_apart", apart_},
          {"modelled", conditions},
          {"macs", macs}};
}

json Backend::select_condition(int index) {
  selected_ = index;
  layer_ms_.clear();
  // Lists and commands of every condition are there already.
  return {{"bytes_moved", 0}};
}

double Backend::infer(const std::uint8_t* picture, float* logits) {
  power_.look();
  const auto begin = std::chrono::steady_clock::now();
  executor_->run(selected_, picture, logits);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  if (apart_) {
    const std::vector<double>& times = executor_->segment_ms();
    layer_ms_.resize(times.size());
    for (std::size_t s = 0; s < times.size(); ++s) layer_ms_[s].push_back(times[s]);
  }
  return port_->measures() ? taken.count() : modelled_[static_cast<std::size_t>(selected_)].ms;
}

// Of the selected condition, since it was selected: the median of its runs.
json Backend::layer_times() const {
  const Program& program = image_.programs[static_cast<std::size_t>(selected_)];
  std::vector<std::string> layers;
  for (std::size_t s = 0; s < layer_ms_.size(); ++s)
    layers.push_back(program.lowered.layers[static_cast<std::size_t>(program.segments[s].layer)].name);
  return protocol::measured_layers(program.condition, layers, layer_ms_);
}

json Backend::state() {
  json state = {{"throttled", false}};
  if (mhz_ > 0) state["clocks_mhz"] = {mhz_};
  // A simulated engine takes this machine's time, which tells nothing about the board's.
  if (apart_ && port_->measures() && !layer_ms_.empty()) state["measured"] = layer_times();
  return state;
}

json Backend::power() {
  if (!power_.there()) return protocol::Backend::power();
  return {{"samples", power_.take()}};
}

}  // namespace z7020
}  // namespace automask
