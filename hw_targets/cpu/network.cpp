#include "hw_targets/cpu/network.h"

#include <cstring>
#include <utility>

#include "hw_targets/protocol/server.h"

namespace automask::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

constexpr auto f32 = dnnl::memory::data_type::f32;
constexpr auto inference = dnnl::prop_kind::forward_inference;

Tag plain_tag(std::size_t dimensions) {
  switch (dimensions) {
    case 1:
      return Tag::a;
    case 2:
      return Tag::ab;
    case 4:
      return Tag::abcd;
    default:
      return Tag::abcde;
  }
}

Desc plain(const Dims& dims) { return {dims, f32, plain_tag(dims.size())}; }
Desc any(const Dims& dims) { return {dims, f32, Tag::any}; }

// No Winograd, no reduced precision: the same sums as the reference but for their order.
dnnl::primitive_attr attributes(const Fused& fused) {
  dnnl::post_ops operations;
  if (fused.sum >= 0) operations.append_sum(1.f);
  if (fused.relu >= 0) operations.append_eltwise(1.f, dnnl::algorithm::eltwise_relu, 0.f, 0.f);
  dnnl::primitive_attr result;
  result.set_post_ops(operations);
  result.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return result;
}

std::string fused_text(const Fused& fused) {
  return std::string(fused.sum >= 0 ? " + add" : "") + (fused.relu >= 0 ? " + relu" : "");
}

const graph::Node& node_at(const graph::Graph& graph, int node) { return graph.nodes[static_cast<std::size_t>(node)]; }

std::vector<std::array<float, 256>> scaled_levels(const Scaling& scaling) {
  std::vector<std::array<float, 256>> levels(scaling.mean.size());
  for (std::size_t c = 0; c < levels.size(); ++c)
    for (std::size_t level = 0; level < 256; ++level)
      levels[c][level] = (static_cast<float>(level) / 255.f - scaling.mean[c]) / scaling.deviation[c];
  return levels;
}

}  // namespace

Network::Network(const package::PlainNetwork& network, const Scaling& scaling, const dnnl::engine& engine)
    : engine_(engine),
      stream_(engine),
      input_(network.graph.input),
      levels_(scaled_levels(scaling)),
      values_(network.graph.nodes.size()) {
  const Fusion fusion = fuse(network.graph);
  // Pictures come channels last; the first layer takes that as it is or asks for a reorder.
  values_[0] = allocate({{1, input_.channels, input_.height, input_.width}, f32, Tag::acdb});
  for (std::size_t i = 1; i < values_.size(); ++i) place(static_cast<int>(i), fusion, network);
  place_output(static_cast<int>(values_.size()) - 1);
}

void Network::place(int node, const Fusion& fusion, const package::PlainNetwork& network) {
  const auto index = static_cast<std::size_t>(node);
  if (fusion.absorbed[index]) {
    values_[index] = values_[static_cast<std::size_t>(fusion.storage_of[index])];
    return;
  }
  switch (network.graph.nodes[index].op) {
    case graph::Op::conv2d:
      return place_convolution(node, fusion.fused[index], network);
    case graph::Op::linear:
      return place_linear(node, fusion.fused[index], network);
    case graph::Op::max_pool:
    case graph::Op::avg_pool:
    case graph::Op::global_avg_pool:
      return place_pool(node, network.graph);
    case graph::Op::relu:
      return place_relu(node, network.graph);
    case graph::Op::affine:
      return place_affine(node, network);
    case graph::Op::add:
      return place_add(node, network.graph);
    case graph::Op::flatten:
      // Only a name: who reads it takes [1, C, H, W] for [1, C * H * W].
      values_[index] = values_[static_cast<std::size_t>(network.graph.nodes[index].inputs[0])];
      return;
    case graph::Op::input:
    case graph::Op::batch_norm:
      break;
  }
  throw protocol::Refusal(protocol::unsupported, "node " + network.graph.nodes[index].name +
                                                     ": this runner cannot execute " +
                                                     graph::to_string(network.graph.nodes[index].op) + " in a package");
}

void Network::place_convolution(int node, const Fused& fused, const package::PlainNetwork& network) {
  const graph::Node& layer = node_at(network.graph, node);
  const graph::Attributes& a = layer.attributes;
  const int source = layer.inputs[0];
  const Dims in = values_[static_cast<std::size_t>(source)].get_desc().dims();
  const auto out_size = [&](std::int64_t size, int before, int after, int kernel, int stride) {
    return (size + before + after - (a.dilation * (kernel - 1) + 1)) / stride + 1;
  };
  const Dims out = {1, a.out_channels, out_size(in[2], a.pad_top, a.pad_bottom, a.kernel_h, a.stride_h),
                    out_size(in[3], a.pad_left, a.pad_right, a.kernel_w, a.stride_w)};
  const Dims weight = a.groups == 1
                          ? Dims{a.out_channels, in[1], a.kernel_h, a.kernel_w}
                          : Dims{a.groups, a.out_channels / a.groups, in[1] / a.groups, a.kernel_h, a.kernel_w};
  const Dims bias = a.bias ? Dims{a.out_channels} : Dims{};
  // A sum is written over the other summand, in whatever layout that has.
  const Desc out_desc = fused.sum >= 0 ? values_[static_cast<std::size_t>(fused.sum)].get_desc() : any(out);
  const dnnl::convolution_forward::desc desc(
      inference, dnnl::algorithm::convolution_direct, any(in), any(weight), a.bias ? any(bias) : Desc(), out_desc,
      {a.stride_h, a.stride_w}, {a.dilation - 1, a.dilation - 1}, {a.pad_top, a.pad_left}, {a.pad_bottom, a.pad_right});
  const dnnl::convolution_forward::primitive_desc chosen(desc, attributes(fused), engine_);
  const dnnl::memory result =
      fused.sum >= 0 ? values_[static_cast<std::size_t>(fused.sum)] : allocate(chosen.dst_desc());
  Arguments arguments = {{DNNL_ARG_SRC, in_layout(source, chosen.src_desc())},
                         {DNNL_ARG_WEIGHTS, pack(network.weights.at(layer.name + ".weight").data.data(), plain(weight),
                                                 chosen.weights_desc())},
                         {DNNL_ARG_DST, result}};
  if (a.bias)
    arguments[DNNL_ARG_BIAS] =
        pack(network.weights.at(layer.name + ".bias").data.data(), plain(bias), chosen.bias_desc());
  add_step(dnnl::convolution_forward(chosen), std::move(arguments));
  values_[static_cast<std::size_t>(node)] = result;
  describe(layer, chosen.impl_info_str() + fused_text(fused));
}

void Network::place_linear(int node, const Fused& fused, const package::PlainNetwork& network) {
  const graph::Node& layer = node_at(network.graph, node);
  const graph::Attributes& a = layer.attributes;
  const int source = layer.inputs[0];
  const Dims in = values_[static_cast<std::size_t>(source)].get_desc().dims();
  Dims weight = in;
  weight[0] = a.out_channels;
  const Dims bias = {a.out_channels};
  const dnnl::inner_product_forward::desc desc(inference, any(in), any(weight), a.bias ? any(bias) : Desc(),
                                               plain({1, a.out_channels}));
  const dnnl::inner_product_forward::primitive_desc chosen(desc, attributes(fused), engine_);
  const dnnl::memory result = allocate(chosen.dst_desc());
  Arguments arguments = {{DNNL_ARG_SRC, in_layout(source, chosen.src_desc())},
                         {DNNL_ARG_WEIGHTS, pack(network.weights.at(layer.name + ".weight").data.data(), plain(weight),
                                                 chosen.weights_desc())},
                         {DNNL_ARG_DST, result}};
  if (a.bias)
    arguments[DNNL_ARG_BIAS] =
        pack(network.weights.at(layer.name + ".bias").data.data(), plain(bias), chosen.bias_desc());
  add_step(dnnl::inner_product_forward(chosen), std::move(arguments));
  values_[static_cast<std::size_t>(node)] = result;
  describe(layer, chosen.impl_info_str() + fused_text(fused));
}

void Network::place_pool(int node, const graph::Graph& graph) {
  const graph::Node& pool = node_at(graph, node);
  graph::Attributes a = pool.attributes;
  const dnnl::memory source = values_[static_cast<std::size_t>(pool.inputs[0])];
  const Dims in = source.get_desc().dims();
  if (pool.op == graph::Op::global_avg_pool) {
    a = graph::Attributes();
    a.kernel_h = static_cast<int>(in[2]);
    a.kernel_w = static_cast<int>(in[3]);
  }
  const auto algorithm =
      pool.op == graph::Op::max_pool ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
  const Dims out = {1, in[1], (in[2] + a.pad_top + a.pad_bottom - a.kernel_h) / a.stride_h + 1,
                    (in[3] + a.pad_left + a.pad_right - a.kernel_w) / a.stride_w + 1};
  const dnnl::pooling_forward::desc desc(inference, algorithm, source.get_desc(), any(out), {a.stride_h, a.stride_w},
                                         {a.kernel_h, a.kernel_w}, {a.pad_top, a.pad_left},
                                         {a.pad_bottom, a.pad_right});
  const dnnl::pooling_forward::primitive_desc chosen(desc, engine_);
  const dnnl::memory result = allocate(chosen.dst_desc());
  add_step(dnnl::pooling_forward(chosen), {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, result}});
  values_[static_cast<std::size_t>(node)] = result;
  describe(pool, chosen.impl_info_str());
}

void Network::place_relu(int node, const graph::Graph& graph) {
  const graph::Node& relu = node_at(graph, node);
  const dnnl::memory source = values_[static_cast<std::size_t>(relu.inputs[0])];
  const dnnl::eltwise_forward::desc desc(inference, dnnl::algorithm::eltwise_relu, source.get_desc(), 0.f, 0.f);
  const dnnl::eltwise_forward::primitive_desc chosen(desc, engine_);
  const dnnl::memory result = allocate(chosen.dst_desc());
  add_step(dnnl::eltwise_forward(chosen), {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, result}});
  values_[static_cast<std::size_t>(node)] = result;
  describe(relu, chosen.impl_info_str());
}

// An affine that could not be folded into a layer: multiply, then add, one value per channel.
void Network::place_affine(int node, const package::PlainNetwork& network) {
  const graph::Node& affine = node_at(network.graph, node);
  dnnl::memory value = values_[static_cast<std::size_t>(affine.inputs[0])];
  const Desc desc = value.get_desc();
  Dims per_channel(desc.dims().size(), 1);
  per_channel[1] = desc.dims()[1];
  const std::pair<const char*, dnnl::algorithm> parts[] = {{".weight", dnnl::algorithm::binary_mul},
                                                           {".bias", dnnl::algorithm::binary_add}};
  for (const auto& part : parts) {
    const dnnl::memory factor =
        pack(network.weights.at(affine.name + part.first).data.data(), plain(per_channel), plain(per_channel));
    const dnnl::binary::primitive_desc chosen({part.second, desc, factor.get_desc(), desc}, engine_);
    const dnnl::memory result = allocate(desc);
    add_step(dnnl::binary(chosen), {{DNNL_ARG_SRC_0, value}, {DNNL_ARG_SRC_1, factor}, {DNNL_ARG_DST, result}});
    value = result;
  }
  values_[static_cast<std::size_t>(node)] = value;
  describe(affine, "binary_mul + binary_add");
}

void Network::place_add(int node, const graph::Graph& graph) {
  const graph::Node& add = node_at(graph, node);
  dnnl::memory value = values_[static_cast<std::size_t>(add.inputs[0])];
  for (std::size_t i = 1; i < add.inputs.size(); ++i) {
    const dnnl::memory other = in_layout(add.inputs[i], value.get_desc());
    const dnnl::binary::primitive_desc chosen(
        {dnnl::algorithm::binary_add, value.get_desc(), other.get_desc(), value.get_desc()}, engine_);
    const dnnl::memory result = allocate(value.get_desc());
    add_step(dnnl::binary(chosen), {{DNNL_ARG_SRC_0, value}, {DNNL_ARG_SRC_1, other}, {DNNL_ARG_DST, result}});
    value = result;
  }
  values_[static_cast<std::size_t>(node)] = value;
  describe(add, "binary_add");
}

void Network::place_output(int last) {
  output_ = in_layout(last, plain(values_[static_cast<std::size_t>(last)].get_desc().dims()));
}

dnnl::memory Network::allocate(const Desc& desc) {
  memory_bytes_ += desc.get_size();
  dnnl::memory memory(desc, engine_);
  // Blocked layouts pad channels; what pads must be zero, and stays so.
  std::memset(memory.get_data_handle(), 0, desc.get_size());
  return memory;
}

dnnl::memory Network::pack(const float* data, const Desc& from, const Desc& to) {
  dnnl::memory packed = allocate(to);
  dnnl::memory unpacked(from, engine_);
  std::memcpy(unpacked.get_data_handle(), data, from.get_size());
  dnnl::reorder(unpacked, packed).execute(stream_, unpacked, packed);
  stream_.wait();
  return packed;
}

dnnl::memory Network::in_layout(int value, const Desc& wanted) {
  const dnnl::memory& have = values_[static_cast<std::size_t>(value)];
  if (have.get_desc() == wanted) return have;
  const dnnl::memory result = allocate(wanted);
  add_step(dnnl::reorder(have, result), {{DNNL_ARG_FROM, have}, {DNNL_ARG_TO, result}});
  return result;
}

void Network::describe(const graph::Node& node, const std::string& placement) {
  placement_.push_back({{"name", node.name}, {"op", graph::to_string(node.op)}, {"placement", placement}});
}

void Network::run(const std::uint8_t* picture, float* logits) {
  auto* input = static_cast<float*>(values_[0].get_data_handle());
  const std::size_t channels = levels_.size();
  const std::size_t pixels = static_cast<std::size_t>(input_.height) * static_cast<std::size_t>(input_.width);
  for (std::size_t c = 0; c < channels; ++c) {
    const std::array<float, 256>& level = levels_[c];
    for (std::size_t p = 0; p < pixels; ++p) input[p * channels + c] = level[picture[p * channels + c]];
  }
  for (const Step& step : steps_) step.primitive.execute(stream_, step.arguments);
  stream_.wait();
  std::memcpy(logits, output_.get_data_handle(), output_.get_desc().get_size());
}

}  // namespace automask::cpu
