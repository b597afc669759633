#include "hw_targets/z7020/model.h"

#include <algorithm>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/hls/parameters.h"

namespace automask {
namespace z7020 {
namespace {

// Products, comparisons or copies of a layer on the ARM cores.
double arm_operations(const Program& program, const Layer& layer) {
  const Map& out = program.lowered.maps[index(layer.output)];
  const double values = double(out.channel_of_lane.size()) * out.height * out.width;
  double each = std::max<double>(1, double(layer.inputs.size()));
  if (layer.op == graph::Op::conv2d || layer.op == graph::Op::max_pool || layer.op == graph::Op::avg_pool)
    each = layer.attributes.kernel_h * layer.attributes.kernel_w;
  if (layer.op == graph::Op::conv2d) {
    const Map& in = program.lowered.maps[index(layer.inputs[0])];
    each *= std::max<double>(1, double(in.channel_of_lane.size()) / layer.attributes.groups);
  }
  if (layer.op == graph::Op::global_avg_pool) {
    const Map& in = program.lowered.maps[index(layer.inputs[0])];
    each = double(in.height) * in.width;
  }
  return values * each;
}

}  // namespace

double Modelled::convolution_utilisation() const {
  return convolution_cycles > 0 ? double(convolution_macs) / (hls::lanes * hls::outputs * convolution_cycles) : 0;
}

StreamWork stream_work(const Image& image, int condition) {
  const Program& program = image.programs.at(index(condition));
  StreamWork work;
  std::size_t step_number = 0;
  for (const Segment& segment : program.segments) {
    if (segment.count == 0) {
      work.arm.push_back({segment.layer, arm_operations(program, program.lowered.layers[index(segment.layer)])});
      continue;
    }
    StepWork step;
    step.begins = true;
    for (std::uint32_t n = 0; n < segment.count; ++n) {
      const Instruction i = instruction_at(image.words.data() + segment.commands + n * instruction_words);
      const auto opcode = static_cast<Opcode>(opcode_byte(i));
      step.load += Traffic{4.0 * instruction_words, 0};
      (opcode == Opcode::store ? step.store : step.load) += traffic(i);
      (opcode == Opcode::convolve || opcode == Opcode::window ? step.unit
       : opcode == Opcode::store                              ? step.storing_unit
                                                              : step.loading_unit) += unit_cycles(i);
      if (opcode != Opcode::step) continue;
      step.layer = program.layer_of_step.at(step_number++);
      work.steps.push_back(step);
      step = StepWork();
    }
  }
  return work;
}

Modelled model(const Image& image, int condition, const StreamWork& work, const Board& board, double mhz) {
  const Program& program = image.programs.at(index(condition));
  const Bandwidth bandwidth = board.bandwidth(mhz);
  Modelled result;
  result.mhz = mhz;
  const std::vector<graph::Cost> costs = graph::node_costs(program.network->graph);
  for (const Layer& layer : program.lowered.layers) {
    LayerTime time;
    time.name = layer.name;
    time.op = layer.op;
    time.unit = layer.unit;
    const bool multiplies = layer.op == graph::Op::conv2d || layer.op == graph::Op::linear;
    time.macs = multiplies ? costs[index(layer.node)].macs : 0;
    result.layers.push_back(time);
  }
  for (const ArmWork& arm : work.arm)
    result.layers[index(arm.layer)].ms += arm.operations * board.arm_ns_per_operation / 1e6;
  for (const StepWork& step : work.steps) {
    LayerTime& layer = result.layers[index(step.layer)];
    if (step.begins) layer.ms += board.arm_us_per_stream / 1e3;
    const double load = step.load.cycles(bandwidth), store = step.store.cycles(bandwidth);
    const double ddr = std::max({load + store, step.loading_unit, step.storing_unit}) + bandwidth.latency_cycles;
    const double cycles = std::max(step.unit, ddr);
    layer.unit_cycles += step.unit;
    layer.load_cycles += load;
    layer.store_cycles += store;
    layer.cycles += cycles;
    layer.stalls += cycles - step.unit;
    layer.serial_cycles += step.unit + ddr;
    layer.bytes += step.load.bytes + step.store.bytes;
  }
  for (LayerTime& layer : result.layers) {
    result.serial_ms += layer.ms + layer.serial_cycles / mhz / 1e3;
    layer.ms += layer.cycles / mhz / 1e3;
    result.ms += layer.ms;
    result.cycles += layer.cycles;
    result.serial_cycles += layer.serial_cycles;
    result.bytes += layer.bytes;
    result.macs += layer.macs;
    if (layer.op != graph::Op::conv2d) continue;
    result.convolution_macs += layer.macs;
    result.convolution_cycles += layer.cycles;
  }
  return result;
}

Modelled model(const Image& image, int condition, const Board& board, double mhz) {
  return model(image, condition, stream_work(image, condition), board, mhz);
}

}  // namespace z7020
}  // namespace automask
