#include "hw_targets/cpu/network.h"

#include <algorithm>
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

struct Activation {
  dnnl::algorithm algorithm;
  float alpha, beta;
};

Activation activation_of(graph::Op op) {
  if (op == graph::Op::relu6) return {dnnl::algorithm::eltwise_clip, 0.f, 6.f};
  return {dnnl::algorithm::eltwise_relu, 0.f, 0.f};
}

const graph::Node& node_at(const graph::Graph& graph, int node) { return graph.nodes[static_cast<std::size_t>(node)]; }

// No Winograd, no reduced precision: the same sums as the reference but for their order.
dnnl::primitive_attr attributes(const Fused& fused, const graph::Graph& graph) {
  dnnl::post_ops operations;
  if (fused.sum >= 0) operations.append_sum(1.f);
  if (fused.activation >= 0) {
    const Activation a = activation_of(node_at(graph, fused.activation).op);
    operations.append_eltwise(1.f, a.algorithm, a.alpha, a.beta);
  }
  dnnl::primitive_attr result;
  result.set_post_ops(operations);
  result.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return result;
}

std::string fused_text(const Fused& fused, const graph::Graph& graph) {
  std::string text = fused.sum >= 0 ? " + add" : "";
  if (fused.activation >= 0) text += std::string(" + ") + graph::to_string(node_at(graph, fused.activation).op);
  return text;
}

// ceil_mode as padding: what the last of `out` windows needs, where rounding down would give another number.
std::int64_t padding_after(std::int64_t size, std::int64_t before, std::int64_t after, std::int64_t kernel,
                           std::int64_t stride, std::int64_t out) {
  if ((size + before + after - kernel) / stride + 1 == out) return after;
  return (out - 1) * stride + kernel - size - before;
}

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
      shapes_(graph::infer_shapes(network.graph)),
      levels_(scaled_levels(scaling)),
      values_(network.graph.nodes.size()),
      layers_{network.graph.nodes[0].name} {
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
  layers_.push_back(network.graph.nodes[index].name);
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
    case graph::Op::relu6:
      return place_activation(node, network.graph);
    case graph::Op::affine:
      return place_affine(node, network);
    case graph::Op::add:
      return place_add(node, network.graph);
    case graph::Op::concat:
      return place_concat(node, network.graph);
    case graph::Op::softmax:
      return place_softmax(node, network.graph);
    case graph::Op::flatten:
    case graph::Op::dropout:
      // Only a name: who reads a flatten takes [1, C, H, W] for [1, C * H * W].
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
  const dnnl::memory input = picture(source);
  const Dims in = input.get_desc().dims();
  const graph::Shape shape = shapes_[static_cast<std::size_t>(node)];
  const Dims out = {1, shape.channels, shape.height, shape.width};
  const Dims weight = a.groups == 1
                          ? Dims{a.out_channels, in[1], a.kernel_h, a.kernel_w}
                          : Dims{a.groups, a.out_channels / a.groups, in[1] / a.groups, a.kernel_h, a.kernel_w};
  const Dims bias = a.bias ? Dims{a.out_channels} : Dims{};
  // A sum is written over the other summand, in whatever layout that has.
  const Desc out_desc = fused.sum >= 0 ? picture(fused.sum).get_desc() : any(out);
  const dnnl::convolution_forward::desc desc(inference, dnnl::algorithm::convolution_direct, any(in), any(weight),
                                             a.bias ? any(bias) : Desc(), out_desc, {a.stride_h, a.stride_w},
                                             {a.dilation_h - 1, a.dilation_w - 1}, {a.pad_top, a.pad_left},
                                             {a.pad_bottom, a.pad_right});
  const dnnl::convolution_forward::primitive_desc chosen(desc, attributes(fused, network.graph), engine_);
  const dnnl::memory result = fused.sum >= 0 ? picture(fused.sum) : allocate(chosen.dst_desc());
  Arguments arguments = {{DNNL_ARG_SRC, in_layout(input, chosen.src_desc())},
                         {DNNL_ARG_WEIGHTS, pack(network.weights.at(layer.name + ".weight").data.data(), plain(weight),
                                                 chosen.weights_desc())},
                         {DNNL_ARG_DST, result}};
  if (a.bias)
    arguments[DNNL_ARG_BIAS] =
        pack(network.weights.at(layer.name + ".bias").data.data(), plain(bias), chosen.bias_desc());
  add_step(dnnl::convolution_forward(chosen), std::move(arguments));
  macs_ += static_cast<std::int64_t>(network.weights.at(layer.name + ".weight").data.size()) * out[2] * out[3];
  values_[static_cast<std::size_t>(node)] = result;
  describe(layer, chosen.impl_info_str() + fused_text(fused, network.graph));
}

void Network::place_linear(int node, const Fused& fused, const package::PlainNetwork& network) {
  const graph::Node& layer = node_at(network.graph, node);
  const graph::Attributes& a = layer.attributes;
  const int source = layer.inputs[0];
  // As it is, flattened or not: the weights are packed for the layout that the value has.
  const dnnl::memory input = values_[static_cast<std::size_t>(source)];
  const Dims in = input.get_desc().dims();
  Dims weight = in;
  weight[0] = a.out_channels;
  const Dims bias = {a.out_channels};
  const dnnl::inner_product_forward::desc desc(inference, any(in), any(weight), a.bias ? any(bias) : Desc(),
                                               plain({1, a.out_channels}));
  const dnnl::inner_product_forward::primitive_desc chosen(desc, attributes(fused, network.graph), engine_);
  const dnnl::memory result = allocate(chosen.dst_desc());
  Arguments arguments = {{DNNL_ARG_SRC, in_layout(input, chosen.src_desc())},
                         {DNNL_ARG_WEIGHTS, pack(network.weights.at(layer.name + ".weight").data.data(), plain(weight),
                                                 chosen.weights_desc())},
                         {DNNL_ARG_DST, result}};
  if (a.bias)
    arguments[DNNL_ARG_BIAS] =
        pack(network.weights.at(layer.name + ".bias").data.data(), plain(bias), chosen.bias_desc());
  add_step(dnnl::inner_product_forward(chosen), std::move(arguments));
  values_[static_cast<std::size_t>(node)] = result;
  macs_ += static_cast<std::int64_t>(network.weights.at(layer.name + ".weight").data.size());
  describe(layer, chosen.impl_info_str() + fused_text(fused, network.graph));
}

void Network::place_pool(int node, const graph::Graph& graph) {
  const graph::Node& pool = node_at(graph, node);
  graph::Attributes a = pool.attributes;
  const dnnl::memory source = picture(pool.inputs[0]);
  const Dims in = source.get_desc().dims();
  if (pool.op == graph::Op::global_avg_pool) {
    a = graph::Attributes();
    a.kernel_h = static_cast<int>(in[2]);
    a.kernel_w = static_cast<int>(in[3]);
  }
  const auto average =
      a.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding : dnnl::algorithm::pooling_avg_exclude_padding;
  const auto algorithm = pool.op == graph::Op::max_pool ? dnnl::algorithm::pooling_max : average;
  const graph::Shape shape = shapes_[static_cast<std::size_t>(node)];
  const Dims out = {1, shape.channels, shape.height, shape.width};
  const std::int64_t below = padding_after(in[2], a.pad_top, a.pad_bottom, a.kernel_h, a.stride_h, shape.height);
  const std::int64_t right = padding_after(in[3], a.pad_left, a.pad_right, a.kernel_w, a.stride_w, shape.width);
  const dnnl::pooling_forward::desc desc(inference, algorithm, source.get_desc(), any(out), {a.stride_h, a.stride_w},
                                         {a.kernel_h, a.kernel_w}, {a.pad_top, a.pad_left}, {below, right});
  const dnnl::pooling_forward::primitive_desc chosen(desc, engine_);
  dnnl::memory result = allocate(chosen.dst_desc());
  add_step(dnnl::pooling_forward(chosen), {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, result}});
  if (a.count_include_pad && (below > a.pad_bottom || right > a.pad_right)) result = mend_average(a, source, result);
  values_[static_cast<std::size_t>(node)] = result;
  describe(pool, chosen.impl_info_str());
}

// oneDNN divides by the whole window where it reaches beyond the padding, ceil_mode by the part that doesn't.
dnnl::memory Network::mend_average(const graph::Attributes& a, const dnnl::memory& source,
                                   const dnnl::memory& averages) {
  const Dims in = source.get_desc().dims(), out = averages.get_desc().dims();
  const auto counted = [](std::int64_t at, int kernel, int stride, int before, int after, std::int64_t size) {
    const std::int64_t first = at * stride - before;
    return std::min<std::int64_t>(first + kernel, size + after) - first;
  };
  std::vector<float> factors;
  for (std::int64_t y = 0; y < out[2]; ++y)
    for (std::int64_t x = 0; x < out[3]; ++x)
      factors.push_back(static_cast<float>(a.kernel_h * a.kernel_w) /
                        static_cast<float>(counted(y, a.kernel_h, a.stride_h, a.pad_top, a.pad_bottom, in[2]) *
                                           counted(x, a.kernel_w, a.stride_w, a.pad_left, a.pad_right, in[3])));
  const Desc per_pixel = plain({1, 1, out[2], out[3]}), desc = averages.get_desc();
  const dnnl::memory factor = pack(factors.data(), per_pixel, per_pixel);
  const dnnl::binary::primitive_desc chosen({dnnl::algorithm::binary_mul, desc, per_pixel, desc}, engine_);
  const dnnl::memory result = allocate(desc);
  add_step(dnnl::binary(chosen), {{DNNL_ARG_SRC_0, averages}, {DNNL_ARG_SRC_1, factor}, {DNNL_ARG_DST, result}});
  return result;
}

void Network::place_activation(int node, const graph::Graph& graph) {
  const graph::Node& activation = node_at(graph, node);
  const Activation a = activation_of(activation.op);
  const dnnl::memory source = picture(activation.inputs[0]);
  const dnnl::eltwise_forward::desc desc(inference, a.algorithm, source.get_desc(), a.alpha, a.beta);
  const dnnl::eltwise_forward::primitive_desc chosen(desc, engine_);
  const dnnl::memory result = allocate(chosen.dst_desc());
  add_step(dnnl::eltwise_forward(chosen), {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, result}});
  values_[static_cast<std::size_t>(node)] = result;
  describe(activation, chosen.impl_info_str());
}

// Channels last, where any numbers of channels lie behind each other; blocks of 16 channels would have to be cut.
void Network::place_concat(int node, const graph::Graph& graph) {
  const graph::Node& concat = node_at(graph, node);
  Arguments arguments;
  std::vector<Desc> sources;
  for (std::size_t i = 0; i < concat.inputs.size(); ++i) {
    const dnnl::memory source = picture(concat.inputs[i]);
    sources.emplace_back(source.get_desc().dims(), f32, Tag::acdb);
    arguments[DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i)] = in_layout(source, sources.back());
  }
  const graph::Shape shape = shapes_[static_cast<std::size_t>(node)];
  const Desc desc({1, shape.channels, shape.height, shape.width}, f32, Tag::acdb);
  const dnnl::concat::primitive_desc chosen(desc, 1, sources, engine_);
  const dnnl::memory result = allocate(desc);
  arguments[DNNL_ARG_DST] = result;
  add_step(dnnl::concat(chosen), std::move(arguments));
  values_[static_cast<std::size_t>(node)] = result;
  describe(concat, chosen.impl_info_str());
}

void Network::place_softmax(int node, const graph::Graph& graph) {
  const graph::Node& softmax = node_at(graph, node);
  const dnnl::memory value = picture(softmax.inputs[0]);
  const Desc desc = plain(value.get_desc().dims());
  const dnnl::memory source = in_layout(value, desc);
  const dnnl::softmax_forward::primitive_desc chosen({inference, desc, 1}, engine_);
  const dnnl::memory result = allocate(desc);
  add_step(dnnl::softmax_forward(chosen), {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, result}});
  values_[static_cast<std::size_t>(node)] = result;
  describe(softmax, chosen.impl_info_str());
}

// An affine that could not be folded into a layer: multiply, then add, one value per channel.
void Network::place_affine(int node, const package::PlainNetwork& network) {
  const graph::Node& affine = node_at(network.graph, node);
  dnnl::memory value = picture(affine.inputs[0]);
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
  dnnl::memory value = picture(add.inputs[0]);
  for (std::size_t i = 1; i < add.inputs.size(); ++i) {
    const dnnl::memory other = in_layout(picture(add.inputs[i]), value.get_desc());
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
  const dnnl::memory value = values_[static_cast<std::size_t>(last)];
  output_ = in_layout(value, plain(value.get_desc().dims()));
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

dnnl::memory Network::picture(int value) {
  const dnnl::memory& have = values_[static_cast<std::size_t>(value)];
  const graph::Shape shape = shapes_[static_cast<std::size_t>(value)];
  const Dims dims = {1, shape.channels, shape.height, shape.width};
  if (have.get_desc().dims() == dims) return have;
  const dnnl::memory unfolded = in_layout(have, plain(have.get_desc().dims()));
  return {plain(dims), engine_, unfolded.get_data_handle()};  // the same values under other dimensions
}

dnnl::memory Network::in_layout(const dnnl::memory& have, const Desc& wanted) {
  if (have.get_desc() == wanted) return have;
  const dnnl::memory result = allocate(wanted);
  add_step(dnnl::reorder(have, result), {{DNNL_ARG_FROM, have}, {DNNL_ARG_TO, result}});
  return result;
}

void Network::describe(const graph::Node& node, const std::string& placement) {
  placement_.push_back({{"name", node.name}, {"op", graph::to_string(node.op)}, {"placement", placement}});
}

void Network::run(const std::uint8_t* picture, float* logits, Laps* laps) {
  auto* input = static_cast<float*>(values_[0].get_data_handle());
  const std::size_t channels = levels_.size();
  const std::size_t pixels = static_cast<std::size_t>(input_.height) * static_cast<std::size_t>(input_.width);
  for (std::size_t c = 0; c < channels; ++c) {
    const std::array<float, 256>& level = levels_[c];
    for (std::size_t p = 0; p < pixels; ++p) input[p * channels + c] = level[picture[p * channels + c]];
  }
  if (laps != nullptr) laps->lap(0);
  for (const Step& step : steps_) {
    step.primitive.execute(stream_, step.arguments);
    if (laps == nullptr) continue;
    stream_.wait();
    laps->lap(step.layer);
  }
  stream_.wait();
  std::memcpy(logits, output_.get_data_handle(), output_.get_desc().get_size());
  if (laps != nullptr) laps->lap(layers_.size() - 1);
}

}  // namespace automask::cpu
