#include "hw_targets/cpu/integer_network.h"

#include <omp.h>

#include <algorithm>

#include "hw_targets/protocol/server.h"

namespace automask::cpu {

using graph::Op;

IntegerNetwork::IntegerNetwork(const package::IntegerNetwork& network, const Kernels& kernels)
    : kernels_(kernels),
      shapes_(graph::infer_shapes(network.graph)),
      slot_of_(shapes_.size(), -1),
      signed_(shapes_.size(), true),
      input_table_(network.input_table) {
  const IntegerFusion fusion = fuse(network, shapes_);
  storage_of_ = fusion.storage_of;
  const std::vector<graph::Node>& nodes = network.graph.nodes;
  int most_channels = 0;
  for (const graph::Shape& s : shapes_) most_channels = std::max(most_channels, s.channels);
  nothing_.assign(static_cast<std::size_t>(most_channels + overread), 0);
  lowest_.assign(nothing_.size(), -package::most_value);

  const auto stored = [&](int node) { return storage_of_[static_cast<std::size_t>(node)]; };
  const auto inputs_of = [&](std::size_t node) {
    const auto head = static_cast<std::size_t>(fusion.head[node]);
    std::vector<int> inputs;
    for (const int input : nodes[head].inputs) inputs.push_back(stored(input));
    if (fusion.fused[head].other >= 0) inputs.push_back(stored(fusion.fused[head].other));
    return inputs;
  };
  std::vector<std::size_t> last_reader(nodes.size(), 0);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (fusion.computed[i])
      for (const int input : inputs_of(i)) last_reader[static_cast<std::size_t>(input)] = i;
  output_ = stored(static_cast<int>(nodes.size()) - 1);
  last_reader[static_cast<std::size_t>(output_)] = nodes.size();
  scale_ = network.integers.scale.at(package::output_node(network.graph));

  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!fusion.computed[i]) continue;
    const int node = static_cast<int>(i);
    slot_of_[i] = take_slot(size(node) + overread);
    if (i == 0) {
      layers_.push_back(nodes[0].name);
      signed_[0] = std::any_of(input_table_.begin(), input_table_.end(), [](std::int8_t v) { return v < 0; });
    } else {
      place(node, fusion, network);
    }
    for (const int input : inputs_of(i))
      if (last_reader[static_cast<std::size_t>(input)] == i)
        slot_free_[static_cast<std::size_t>(slot_of_[static_cast<std::size_t>(input)])] = true;
  }
}

int IntegerNetwork::take_slot(std::size_t bytes) {
  std::size_t best = slots_.size();
  for (std::size_t s = 0; s < slots_.size(); ++s)
    if (slot_free_[s] && (best == slots_.size() || slots_[s].size() > slots_[best].size())) best = s;
  if (best == slots_.size()) {
    slots_.emplace_back();
    slot_free_.push_back(false);
  }
  slot_free_[best] = false;
  slots_[best].resize(std::max(bytes, slots_[best].size()));
  return static_cast<int>(best);
}

void IntegerNetwork::place(int node, const IntegerFusion& fusion, const package::IntegerNetwork& network) {
  const auto index = static_cast<std::size_t>(node);
  const int head = fusion.head[index];
  const graph::Node& layer = network.graph.nodes[static_cast<std::size_t>(head)];
  const IntegerFused& fused = fusion.fused[static_cast<std::size_t>(head)];
  bool any_signed = false;
  for (const int input : layer.inputs)
    any_signed = any_signed || is_signed(storage_of_[static_cast<std::size_t>(input)]);
  Step step;
  switch (layer.op) {
    case Op::conv2d: {
      const int channels = shape(layer.inputs[0]).channels;
      const bool one_by_one = layer.attributes.groups == channels && layer.attributes.out_channels == channels;
      const bool wide = package::most_of_node(network.graph, static_cast<std::size_t>(head)) != package::most_value;
      step = one_by_one && !wide ? depthwise(node, head, fused, network) : convolution(node, head, fused, network);
      any_signed = (fused.other >= 0 ? fused.residual.low : fused.low) < 0;
      break;
    }
    case Op::linear:
      step = linear(node, head, fused, network);
      any_signed = (fused.other >= 0 ? fused.residual.low : fused.low) < 0;
      break;
    case Op::max_pool:
    case Op::avg_pool:
      step = pool(node, layer);
      break;
    case Op::global_avg_pool:
      step = global_mean(node, network);
      any_signed = any_signed || network.integers.of_node.at(layer.name).at(0).multiplier < 0;
      break;
    case Op::relu:
    case Op::relu6:
      step = activation(node, network);
      any_signed = false;
      break;
    case Op::affine:
      step = affine(node, network);
      any_signed = true;
      break;
    case Op::add:
      step = add(node, network);
      any_signed = true;
      break;
    case Op::concat:
      step = concat(node, layer);
      break;
    case Op::flatten:
      step = flatten(node, layer.inputs[0]);
      break;
    default:
      throw protocol::Refusal(protocol::unsupported, "node " + layer.name + ": this runner cannot execute " +
                                                         graph::to_string(layer.op) + " on integers");
  }
  if (const auto weights = network.weights.find(layer.name); weights != network.weights.end())
    macs_ += static_cast<std::int64_t>(weights->second.size()) * pixels(head);
  steps_.push_back(std::move(step));
  layers_.push_back(layer.name);
  signed_[index] = any_signed;
  std::string placement = kernels_.name;
  if (head != node) placement += fused.other >= 0 ? " + add" : " + activation";
  placement_.push_back({{"name", layer.name}, {"op", graph::to_string(layer.op)}, {"placement", placement}});
}

std::size_t IntegerNetwork::memory_bytes() const {
  std::size_t bytes = packed_bytes_ + arranged_.size() + wide_.size() * sizeof(std::int32_t);
  for (const auto& slot : slots_) bytes += slot.size();
  return bytes;
}

void IntegerNetwork::quantise(const std::uint8_t* picture, const Member& member) {
  const std::ptrdiff_t channels = shape(0).channels;
  const Member::Part part = member.part(pixels(0));
  std::int8_t* input = at(0);
  const std::int8_t* table = input_table_.data();
  std::ptrdiff_t i = part.first * channels;
  if (channels == 3)  // some 150,000 look-ups: worth their own loop
    for (; i < part.end * 3; i += 3) {
      input[i] = table[picture[i]];
      input[i + 1] = table[256 + picture[i + 1]];
      input[i + 2] = table[512 + picture[i + 2]];
    }
  while (i < part.end * channels)
    for (std::ptrdiff_t c = 0; c < channels; ++c, ++i) input[i] = table[c * 256 + picture[i]];
}

void IntegerNetwork::run(const std::uint8_t* picture, float* logits, Laps* laps) {
#pragma omp parallel
  {
    const Member member{omp_get_thread_num(), omp_get_num_threads(), &meeting_};
    const auto lap = [&](std::size_t layer) {
      if (laps != nullptr && omp_get_thread_num() == 0) laps->lap(layer);
    };
    quantise(picture, member);
    member.wait();
    lap(0);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      steps_[i](member);
      member.wait();
      lap(i + 1);
    }
  }

  const auto places = static_cast<std::size_t>(pixels(output_)), values = size(output_) / places;
  const std::int8_t* narrow = at(output_);
  for (std::size_t c = 0; c < values; ++c)
    for (std::size_t p = 0; p < places; ++p) {
      const std::size_t from = p * values + c;
      const std::int32_t value = wide_.empty() ? narrow[from] : wide_[from];
      logits[c * places + p] = static_cast<float>(value) * scale_;
    }
  if (laps != nullptr) laps->lap(layers_.size() - 1);
}

}  // namespace automask::cpu
