#include "hw_targets/cuda/network.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "hw_targets/cuda/half.h"
#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace cuda {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Values of a kernel's weights once they are gathered: rows of the condition, in the kernel's own stride.
struct Gathered {
  std::size_t rows = 0, width = 0, stride = 0;
  std::size_t values() const { return rows * stride; }
};
Gathered gathered(const KernelKey& key) {
  const Constants& c = key.constants;
  Gathered g;
  g.stride = at(c.weight_stride);
  if (key.name == "convolution") {
    g.rows = at(c.in_channels * c.kernel_h * c.kernel_w);
    g.width = at(c.out_channels);
  } else {
    g.rows = at(c.out_channels);
    g.width = at(c.in_channels / std::max(c.groups, 1) * c.kernel_h * c.kernel_w);
  }
  return g;
}

// Whether a kernel reads a convolution's weights by rows of output channels, although they lie in columns for others.
bool by_rows(const KernelKey& key, const WeightLayout& layout) { return key.name == "cudnn" && layout.transposed; }

// Each of these rows or columns is `taps` neighbouring ones.
std::vector<std::int32_t> expanded(const std::vector<std::int32_t>& list, int taps) {
  std::vector<std::int32_t> all;
  for (const std::int32_t first : list)
    for (int tap = 0; tap < taps; ++tap) all.push_back(first * taps + tap);
  return all;
}

std::string mebibytes(double bytes) { return std::to_string(static_cast<long long>(bytes / (1 << 20)) + 1) + " MiB"; }

std::string placement_text(const Step& step, const Candidate& chosen) {
  const Constants& c = chosen.key.constants;
  std::string text = (chosen.key.name == "cudnn" ? "cuDNN" : chosen.key.name) + (chosen.key.half ? " fp16" : " fp32");
  if (chosen.key.name == "convolution")
    text += ", tiles " + std::to_string(c.tile_m) + " x " + std::to_string(c.tile_n);
  if (step.weights >= 0 && step.masked()) text += c.indexed != 0 ? ", weights through lists" : ", weights gathered";
  return text + " (" + step.text + ")";
}

}  // namespace

std::vector<float> level_table(const package::Package& package) {
  std::vector<float> table;
  for (std::size_t c = 0; c < package.input_mean.size(); ++c)
    for (int level = 0; level < 256; ++level)
      table.push_back((static_cast<float>(level) / 255.F - package.input_mean[c]) / package.input_deviation[c]);
  return table;
}

Network::Network(Device& device, const package::Package& package, bool tune)
    : device_(device), half_(package.format == package::Format::fp16), input_(package.graph.input) {
  check_memory(package);
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    conditions_.emplace_back();
    conditions_.back().program = lower(package, static_cast<int>(k));
  }
  lay_out(package);
  Chooser chooser(device, tune);
  for (Placed& placed : conditions_) choose(placed, chooser, package);
  warnings_ = chooser.rejected();
  upload_weights(package);

  // One place for each layer's gathered weights, as large as the largest condition needs; one arena for all.
  std::map<int, std::size_t> largest;
  std::size_t arena = 1;
  for (const Placed& placed : conditions_) {
    arena = std::max(arena, placed.program.arena_values);
    classes_ = placed.program.classes;
    for (std::size_t i = 0; i < placed.program.steps.size(); ++i) {
      const Step& step = placed.program.steps[i];
      if (step.weights < 0 || !step.masked() || placed.chosen[i].key.constants.indexed != 0) continue;
      largest[step.weights] = std::max(largest[step.weights], gathered(placed.chosen[i].key).values());
    }
  }
  packed_.assign(package.graph.nodes.size(), 0);
  for (const auto& layer : largest) packed_[at(layer.first)] = keep(Memory(device_, layer.second * value_bytes()));
  arena_ = keep(Memory(device_, arena * value_bytes()));
  picture_ = keep(Memory(device_, at(input_.channels) * at(input_.height) * at(input_.width)));
  logits_ = keep(Memory(device_, at(classes_) * sizeof(float)));
  table_ = keep(on_device(device_, level_table(package)));
  repack_ = &device_.kernel({"repack", half_, Constants()});
  for (std::size_t k = 0; k < conditions_.size(); ++k) place(k, package);
}

Address Network::keep(Memory memory) {
  memory_bytes_ += memory.bytes();
  memory_.push_back(std::move(memory));
  return memory_.back().address();
}

// Twice the union's weights (gathered ones beside them) and the activations, without what the driver takes.
void Network::check_memory(const package::Package& package) const {
  double values = static_cast<double>(graph::peak_activation_values(package.graph));
  const auto add = [&](const graph::TensorMap& weights) {
    for (const auto& tensor : weights) values += static_cast<double>(tensor.second.data.size());
  };
  add(package.weights);
  for (const package::Condition& condition : package.conditions) add(condition.weights);
  const double needed = values * static_cast<double>(value_bytes());
  if (needed > static_cast<double>(device_.free_bytes()))
    throw DeviceError(protocol::out_of_memory, "the network needs " + mebibytes(needed) + " of the device's memory, " +
                                                   mebibytes(static_cast<double>(device_.free_bytes())) + " are free");
}

void Network::lay_out(const package::Package& package) {
  layouts_.resize(package.graph.nodes.size());
  for (std::size_t i = 0; i < package.graph.nodes.size(); ++i)
    if (package.graph.nodes[i].op == graph::Op::conv2d || package.graph.nodes[i].op == graph::Op::linear)
      layouts_[i] = layout_of(package.graph, static_cast<int>(i));
}

std::pair<int, int> Network::place_of(const package::Package& package, int layer, std::size_t condition) {
  const bool own = package.conditions[condition].weights.count(package.graph.nodes[at(layer)].name + ".weight") != 0;
  return {layer, own ? static_cast<int>(condition) : -1};
}

// The weights of the union and of private stems, in each of the layouts that some condition's kernel reads.
void Network::upload_weights(const package::Package& package) {
  const auto upload = [&](const std::vector<float>& values) {
    if (!half_) return keep(on_device(device_, values));
    std::vector<std::uint16_t> halves(values.size());
    std::transform(values.begin(), values.end(), halves.begin(), half_of);
    return keep(on_device(device_, halves));
  };
  for (std::size_t k = 0; k < conditions_.size(); ++k)
    for (std::size_t i = 0; i < conditions_[k].program.steps.size(); ++i) {
      const int layer = conditions_[k].program.steps[i].weights;
      if (layer < 0) continue;
      const graph::Tensor& tensor = package::weight_of(package, k, package.graph.nodes[at(layer)].name);
      const bool rows = by_rows(conditions_[k].chosen[i].key, layouts_[at(layer)]);
      Address& address = (rows ? rows_ : weights_)[place_of(package, layer, k)];
      // By rows is how a package has them.
      if (address == 0) address = upload(rows ? tensor.data : laid_out(layouts_[at(layer)], tensor));
    }
}

void Network::choose(Placed& placed, Chooser& chooser, const package::Package&) {
  for (const Step& step : placed.program.steps)
    placed.chosen.push_back(chooser.choose(step, step.weights < 0 ? WeightLayout() : layouts_[at(step.weights)]));
}

void Network::place(std::size_t condition, const package::Package& package) {
  Placed& placed = conditions_[condition];
  std::vector<RepackJob> jobs;
  std::vector<RepackBlock> blocks;
  const auto value_at = [&](const Place& p) {
    if (p.buffer < 0) return Address(0);
    return arena_ + (placed.program.buffers[at(p.buffer)].offset + p.first) * value_bytes();
  };
  for (std::size_t i = 0; i < placed.program.steps.size(); ++i) {
    const Step& step = placed.program.steps[i];
    const KernelKey& key = placed.chosen[i].key;
    Operands o;
    o.x = step.op == graph::Op::input ? picture_ : value_at(step.x);
    o.y = value_at(step.y);
    o.residual = value_at(step.residual);
    if (step.op == graph::Op::input) o.scale = table_;
    if (!step.scale.empty()) o.scale = keep(on_device(device_, step.scale));
    if (!step.bias.empty()) o.bias = keep(on_device(device_, step.bias));
    const Address in_list = step.in_list.empty() ? 0 : keep(on_device(device_, step.in_list));
    const Address out_list = step.out_list.empty() ? 0 : keep(on_device(device_, step.out_list));
    const bool rows = step.weights >= 0 && by_rows(key, layouts_[at(step.weights)]);
    if (step.weights >= 0) o.weights = (rows ? rows_ : weights_).at(place_of(package, step.weights, condition));
    if (key.constants.indexed != 0) {
      // The kernel reads both lists; one of them may be whole.
      const auto whole = [&](int count) {
        std::vector<std::int32_t> all(at(count));
        for (std::size_t c = 0; c < all.size(); ++c) all[c] = static_cast<std::int32_t>(c);
        return keep(on_device(device_, all));
      };
      o.in_list = in_list != 0 ? in_list : whole(key.constants.in_channels);
      o.out_list = out_list != 0 ? out_list : whole(key.constants.out_channels);
    } else if (step.weights >= 0 && step.masked()) {
      const WeightLayout& layout = layouts_[at(step.weights)];
      const Gathered g = gathered(key);
      RepackJob job;
      job.from = o.weights;
      job.to = o.weights = packed_[at(step.weights)];
      job.height = static_cast<std::int64_t>(g.rows);
      job.width = static_cast<std::int64_t>(g.width);
      job.to_stride = static_cast<std::int64_t>(g.stride);
      if (rows) {
        job.rows = out_list;
        if (!step.in_list.empty()) job.columns = keep(on_device(device_, expanded(step.in_list, layout.taps)));
        job.from_stride = layout.rows;
      } else {
        job.rows = layout.transposed ? in_list : out_list;
        job.columns = layout.transposed ? out_list : in_list;
        job.from_stride = layout.stride;
        job.taps = layout.taps;
      }
      for (std::size_t first = 0; first < g.values(); first += repack_values_per_block)
        blocks.push_back({static_cast<std::int32_t>(jobs.size()), static_cast<std::int32_t>(first)});
      jobs.push_back(job);
      placed.switch_bytes +=
          (g.rows * g.width + g.values()) * value_bytes() +
          (step.in_list.size() * (rows ? at(layout.taps) : 1) + step.out_list.size()) * sizeof(std::int32_t);
    }
    placed.launches.push_back({&device_.kernel(key), grid_of(key), arguments_of(key, o)});
    Kernel* const kernel = placed.launches.back().kernel;
    if (counted_.insert(kernel).second) memory_bytes_ += kernel->workspace_bytes();
  }
  KernelKey last{"logits", half_, Constants()};
  last.constants.out_channels = classes_;
  Operands o;
  o.x = value_at(placed.program.output);
  o.y = logits_;
  placed.launches.push_back({&device_.kernel(last), grid_of(last), arguments_of(last, o)});
  placed.block_count = static_cast<unsigned>(blocks.size());
  placed.jobs = on_device(device_, jobs);
  placed.blocks = on_device(device_, blocks);
  memory_bytes_ += placed.jobs.bytes() + placed.blocks.bytes();
  record(placed);
}

// All launches as one. Where something in them cannot be recorded they stay single ones.
void Network::record(Placed& placed) {
  if (!device_.begin_recording()) return;
  bool whole = true;
  try {
    for (const Launch& launch : placed.launches) device_.launch(*launch.kernel, launch.grid, launch.arguments);
  } catch (const DeviceError&) {
    whole = false;
  }
  placed.recording = device_.end_recording();
  if (!whole) placed.recording.reset();
}

std::size_t Network::select(int condition) {
  if (condition == selected_) return 0;
  Placed& placed = conditions_[at(condition)];
  if (placed.block_count > 0)
    device_.launch(*repack_, {placed.block_count, 1, repack_threads}, {placed.jobs.address(), placed.blocks.address()});
  selected_ = condition;
  return placed.switch_bytes;
}

void Network::put(const std::uint8_t* picture) {
  device_.to_device(picture_, picture, at(input_.channels) * at(input_.height) * at(input_.width));
}

void Network::run() {
  Placed& placed = conditions_[at(selected_)];
  if (placed.recording) {
    device_.launch(*placed.recording);
  } else {
    for (const Launch& launch : placed.launches) device_.launch(*launch.kernel, launch.grid, launch.arguments);
  }
  device_.synchronise();
}

std::vector<double> Network::run_apart() {
  Placed& placed = conditions_[at(selected_)];
  std::vector<double> ms;
  for (const Launch& launch : placed.launches)
    ms.push_back(device_.time_launches(*launch.kernel, launch.grid, launch.arguments, 1));
  ms.resize(placed.program.steps.size());  // without the logits' copy, which is no layer
  device_.synchronise();
  return ms;
}

void Network::logits(float* to) { device_.from_device(to, logits_, at(classes_) * sizeof(float)); }

nlohmann::json Network::placement(int condition) const {
  const Placed& placed = conditions_[at(condition)];
  nlohmann::json operators = nlohmann::json::array();
  for (std::size_t i = 0; i < placed.program.steps.size(); ++i) {
    const Step& step = placed.program.steps[i];
    const Candidate& chosen = placed.chosen[i];
    nlohmann::json entry = {{"name", step.layer},
                            {"op", graph::to_string(step.op)},
                            {"placement", placement_text(step, chosen)},
                            {"error", chosen.error}};
    if (chosen.ms > 0) entry["ms"] = chosen.ms;
    operators.push_back(entry);
  }
  return operators;
}

}  // namespace cuda
}  // namespace automask
