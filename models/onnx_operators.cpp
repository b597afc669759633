// What each ONNX operator means as nodes of a graph. Source: the operator descriptions of github.com/onnx/onnx.
#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "models/onnx_reader.h"

namespace automask::models {
namespace {

using graph::Attributes;
using graph::Op;
using graph::Shape;

constexpr int largest_window = 1 << 14;

// Input, window, stride, dilation -> padding before and after so that ceil(size / stride) windows fit.
std::pair<int, int> same_padding(int size, int kernel, int stride, int dilation, bool upper) {
  const std::int64_t windows = (std::int64_t{size} + stride - 1) / stride;
  const std::int64_t covered = (windows - 1) * stride + std::int64_t{dilation} * (kernel - 1) + 1;
  const std::int64_t total = std::max<std::int64_t>(covered - size, 0);
  const auto less = static_cast<int>(total / 2), more = static_cast<int>(total - total / 2);
  return upper ? std::pair(less, more) : std::pair(more, less);
}

// strides, dilations, pads or auto_pad, with the kernel's size already in `a`.
void read_window(OnnxNode& node, const Shape& in, Attributes& a) {
  const auto strides = node.integers("strides", 2, 1, 1, largest_window);
  const auto dilations = node.integers("dilations", 2, 1, 1, largest_window);
  const auto pads = node.integers("pads", 4, 0, 0, largest_window);
  a.stride_h = strides[0];
  a.stride_w = strides[1];
  a.dilation_h = dilations[0];
  a.dilation_w = dilations[1];
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "NOTSET" || automatic.empty()) {
    a.pad_top = pads[0];
    a.pad_left = pads[1];
    a.pad_bottom = pads[2];
    a.pad_right = pads[3];
  } else if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    const bool upper = automatic == "SAME_UPPER";
    std::tie(a.pad_top, a.pad_bottom) = same_padding(in.height, a.kernel_h, a.stride_h, a.dilation_h, upper);
    std::tie(a.pad_left, a.pad_right) = same_padding(in.width, a.kernel_w, a.stride_w, a.dilation_w, upper);
  } else if (automatic != "VALID") {
    node.fail("auto_pad is none of NOTSET, SAME_UPPER, SAME_LOWER and VALID");
  }
}

void convolution(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.picture(node, 0, true);
  const OnnxConstant& weight = reader.weights(node, 1, 4);
  const Shape shape = reader.shape(in.node);
  Attributes a;
  a.out_channels = static_cast<int>(weight.shape[0]);
  a.kernel_h = static_cast<int>(weight.shape[2]);
  a.kernel_w = static_cast<int>(weight.shape[3]);
  if (a.kernel_h > largest_window || a.kernel_w > largest_window) node.fail("its kernel is too large");
  const auto kernel = node.all_integers("kernel_shape");
  if (!kernel.empty() && kernel != std::vector<std::int64_t>{a.kernel_h, a.kernel_w})
    node.fail("kernel_shape is not that of its weights");
  read_window(node, shape, a);
  if (node.text("auto_pad", "NOTSET").rfind("SAME", 0) == 0 && in.pads != OnnxValue().pads)
    node.fail("pads twice, by a Pad node and by auto_pad");
  a.pad_top += in.pads[0];
  a.pad_left += in.pads[1];
  a.pad_bottom += in.pads[2];
  a.pad_right += in.pads[3];
  a.groups = node.integer_in("group", 1, 1, 1 << 24);
  a.bias = !node.input(2).empty();
  // infer_shapes divides by groups; the weights' own second dimension must agree.
  if (weight.shape[1] * a.groups != shape.channels)
    node.fail("its weights take " + std::to_string(weight.shape[1] * a.groups) + " channels and are given " +
              std::to_string(shape.channels));
  const std::string name = reader.append(node, Op::conv2d, {in}, false, a, node.input(1)).name;
  if (a.bias) {
    const OnnxConstant& bias = reader.weights(node, 2, 1);
    reader.set_weights(name + ".bias", bias.shape, bias.floats, node);
  }
  reader.set_weights(name + ".weight", weight.shape, weight.floats, node);
}

// [rows, columns] -> [columns, rows]
std::vector<float> transposed(const std::vector<float>& from, std::int64_t rows, std::int64_t columns) {
  std::vector<float> to(from.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  return to;
}

// Appends a linear layer of `matrix`, [in, out] or, if `by_output`, [out, in].
std::string append_linear(OnnxReader& reader, OnnxNode& node, const OnnxConstant& matrix, bool by_output, double scale,
                          bool bias) {
  const OnnxValue in = reader.features(node, 0);
  const std::int64_t inputs = matrix.shape[by_output ? 1 : 0], outputs = matrix.shape[by_output ? 0 : 1];
  if (inputs != reader.shape(in.node).channels)
    node.fail("its weights take " + std::to_string(inputs) + " features and are given " +
              std::to_string(reader.shape(in.node).channels));
  Attributes a;
  a.out_channels = static_cast<int>(outputs);
  a.bias = bias;
  const std::string name = reader.append(node, Op::linear, {in}, true, a, node.input(1)).name;
  std::vector<float> weight = by_output ? matrix.floats : transposed(matrix.floats, inputs, outputs);
  if (scale != 1)
    for (float& value : weight) value = static_cast<float>(value * scale);
  reader.set_weights(name + ".weight", {outputs, inputs}, std::move(weight), node);
  return name;
}

void gemm(OnnxReader& reader, OnnxNode& node) {
  node.integer_in("transA", 0, 0, 0);
  const bool by_output = node.integer_in("transB", 0, 0, 1) == 1;
  const double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  node.integer("broadcast", 1);  // of operator sets before 7, which some programs still write
  const OnnxConstant& matrix = reader.weights(node, 1, 2);
  const auto outputs = static_cast<std::size_t>(matrix.shape[by_output ? 0 : 1]);
  const bool bias = !node.input(2).empty();
  std::vector<float> shift;
  if (bias) {
    const OnnxConstant* constant = reader.find_constant(node.input(2));
    if (constant == nullptr || constant->is_integer || (constant->size() != outputs && constant->size() != 1))
      node.fail("its bias is no constant of one number per output");
    if (constant->shape.size() > 2 || (constant->shape.size() == 2 && constant->shape[0] != 1))
      node.fail("its bias differs from picture to picture");
    if (constant->size() == 1)
      shift.assign(outputs, constant->floats[0]);
    else
      shift = constant->floats;
    if (beta != 1)
      for (float& value : shift) value = static_cast<float>(value * beta);
  }
  const std::string name = append_linear(reader, node, matrix, by_output, alpha, bias);
  if (bias) reader.set_weights(name + ".bias", {static_cast<std::int64_t>(outputs)}, std::move(shift), node);
}

void matmul(OnnxReader& reader, OnnxNode& node) {
  append_linear(reader, node, reader.weights(node, 1, 2), false, 1, false);
}

// The bias of the MatMul before it.
void add_bias(OnnxReader& reader, OnnxNode& node, std::size_t data_index) {
  const OnnxValue in = reader.data(node, data_index);
  const OnnxConstant& constant = *reader.find_constant(node.input(1 - data_index));
  graph::Node& linear = reader.graph_node(in.node);
  const int outputs = reader.shape(in.node).channels;
  const bool row = constant.shape.size() == 1 || (constant.shape.size() == 2 && constant.shape[0] == 1);
  if (linear.op != Op::linear || linear.attributes.bias || reader.readers(node.input(data_index)) != 1 || !in.flat ||
      constant.is_integer || !row || constant.size() != static_cast<std::size_t>(outputs))
    node.fail("adds a constant, which is read only as the bias of the MatMul before it");
  linear.attributes.bias = true;
  reader.set_weights(linear.name + ".bias", {outputs}, constant.floats, node);
  reader.alias(node, in);
}

void add(OnnxReader& reader, OnnxNode& node) {
  for (const std::size_t data_index : {std::size_t{0}, std::size_t{1}})
    if (reader.find_constant(node.input(1 - data_index)) != nullptr) return add_bias(reader, node, data_index);
  const OnnxValue a = reader.data(node, 0), b = reader.data(node, 1);
  if (a.flat != b.flat) node.fail("adds [N, C] to [N, C, H, W]");
  reader.append(node, Op::add, {a, b}, a.flat);
}

void concat(OnnxReader& reader, OnnxNode& node) {
  std::vector<OnnxValue> inputs;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    inputs.push_back(reader.data(node, i));
    if (inputs[i].flat != inputs[0].flat) node.fail("joins [N, C] with [N, C, H, W]");
  }
  if (inputs.empty()) node.fail("has no inputs");
  const std::int64_t axis = node.integer("axis", 1);
  if (axis != 1 && axis != (inputs[0].flat ? -1 : -3))
    node.fail("joins along axis " + std::to_string(axis) + ", read is 1, the channels");
  if (inputs.size() == 1) return reader.alias(node, inputs[0]);
  reader.append(node, Op::concat, inputs, inputs[0].flat);
}

void batch_normalization(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.data(node, 0);
  Attributes a;
  a.eps = node.real("epsilon", 1e-5);
  node.real("momentum", 0.9);  // of training
  node.integer_in("spatial", 1, 1, 1);
  node.integer_in("training_mode", 0, 0, 0);
  node.integer("is_test", 1);
  const std::vector<std::int64_t> channels = {reader.shape(in.node).channels};
  for (std::size_t i = 1; i <= 4; ++i)
    if (reader.weights(node, i, 1).shape != channels)
      node.fail("has not one number per channel in input " + std::to_string(i));
  const std::string name = reader.append(node, Op::batch_norm, {in}, in.flat, a, node.input(1)).name;
  const char* tensors[] = {".weight", ".bias", ".running_mean", ".running_var"};
  for (std::size_t i = 0; i < 4; ++i)
    reader.set_weights(name + tensors[i], channels, reader.weights(node, i + 1, 1).floats, node);
}

void relu(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.data(node, 0);
  reader.append(node, Op::relu, {in}, in.flat);
}

// min and max: attributes before operator set 11, inputs since.
double bound(OnnxReader& reader, OnnxNode& node, std::size_t index, const char* name, double fallback) {
  if (reader.opset() < 11) return node.real(name, fallback);
  if (node.input(index).empty()) return fallback;
  const OnnxConstant* constant = reader.find_constant(node.input(index));
  if (constant == nullptr || constant->is_integer || constant->size() != 1)
    node.fail(std::string(name) + " is no constant number");
  return static_cast<double>(constant->floats[0]);
}

void clip(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.data(node, 0);
  constexpr double largest = std::numeric_limits<float>::max();
  const double low = bound(reader, node, 1, "min", -largest), high = bound(reader, node, 2, "max", largest);
  if (low != 0 || (high != 6 && high < largest))
    node.fail("clips to other bounds than 0 and 6 (relu6) or 0 and infinity (relu)");
  reader.append(node, high == 6 ? Op::relu6 : Op::relu, {in}, in.flat);
}

void pool(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.picture(node, 0);
  const Shape shape = reader.shape(in.node);
  const bool average = node.op() == "AveragePool";
  Attributes a;
  if (node.find("kernel_shape") == nullptr) node.fail("has no kernel_shape");
  const auto kernel = node.integers("kernel_shape", 2, 1, 1, largest_window);
  a.kernel_h = kernel[0];
  a.kernel_w = kernel[1];
  read_window(node, shape, a);
  if (a.dilation_h != 1 || a.dilation_w != 1) node.fail("pools with dilations, which no graph has");
  a.ceil_mode = node.integer_in("ceil_mode", 0, 0, 1) == 1;
  if (average)
    a.count_include_pad = node.integer_in("count_include_pad", 0, 0, 1) == 1;
  else
    node.integer("storage_order", 0);  // of the indices, which nobody reads
  reader.append(node, average ? Op::avg_pool : Op::max_pool, {in}, false, a);
  if (!a.ceil_mode) return;
  const Shape out = reader.last_shape();
  const auto rounded_up = [](std::int64_t room, int stride) { return (room + stride - 1) / stride + 1; };
  if (out.height != rounded_up(std::int64_t{shape.height} + a.pad_top + a.pad_bottom - a.kernel_h, a.stride_h) ||
      out.width != rounded_up(std::int64_t{shape.width} + a.pad_left + a.pad_right - a.kernel_w, a.stride_w))
    node.fail("has windows that begin in the padding behind the picture, which programs read in two ways");
}

void global_average_pool(OnnxReader& reader, OnnxNode& node) {
  reader.append(node, Op::global_avg_pool, {reader.picture(node, 0)}, false);
}

// Axes are an attribute before operator set 18, an input since.
void reduce_mean(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.picture(node, 0);
  std::vector<std::int64_t> axes = node.all_integers("axes");
  if (!node.input(1).empty()) axes = reader.numbers(node, 1);
  for (std::int64_t& axis : axes) axis += axis < 0 && axis >= -4 ? 4 : 0;
  std::sort(axes.begin(), axes.end());
  if (axes != std::vector<std::int64_t>{2, 3}) node.fail("averages over other axes than 2 and 3, height and width");
  node.integer_in("noop_with_empty_axes", 0, 0, 1);
  const bool keeps = node.integer_in("keepdims", 1, 0, 1) == 1;
  reader.append(node, Op::global_avg_pool, {in}, !keeps);
}

void flatten(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.data(node, 0);
  const std::int64_t axis = node.integer("axis", 1);
  if (axis != 1 && axis != (in.flat ? -1 : -3)) node.fail("flattens from axis " + std::to_string(axis) + ", read is 1");
  if (in.flat) return reader.alias(node, in);
  reader.append(node, Op::flatten, {in}, true);
}

void reshape(OnnxReader& reader, OnnxNode& node) {
  OnnxValue in = reader.data(node, 0);
  const Shape shape = reader.shape(in.node);
  const std::int64_t features = std::int64_t{shape.channels} * shape.height * shape.width;
  const bool copies = node.integer_in("allowzero", 0, 0, 1) == 0;
  const std::vector<std::int64_t> target = reader.numbers(node, 1);
  const bool two = target.size() == 2, four = target.size() == 4;
  bool batch = false, rest = false;
  if (two || four) {
    batch = target[0] == -1 || (target[0] == 0 && copies) || (target[0] > 0 && target[0] == reader.declared_batch());
    const bool channels = target[1] == features || (target[1] == -1 && target[0] != -1) ||
                          (target[1] == 0 && copies && features == shape.channels);
    rest = channels && (two || (target[2] == 1 && target[3] == 1));
  }
  if (!batch || !rest || (four && !in.flat)) node.fail("reshapes to another form than [N, features]");
  if (two && !in.flat) {
    reader.append(node, Op::flatten, {in}, true);
    return;
  }
  in.flat = two;
  reader.alias(node, in);
}

void pad(OnnxReader& reader, OnnxNode& node) {
  OnnxValue in = reader.picture(node, 0, true);
  const bool inputs = reader.opset() >= 11;
  std::vector<std::int64_t> pads = node.all_integers("pads");
  if (inputs) pads = reader.numbers(node, 1);
  double fill = node.real("value", 0);
  if (inputs && !node.input(2).empty()) {
    const OnnxConstant* constant = reader.find_constant(node.input(2));
    if (constant == nullptr || constant->is_integer || constant->size() != 1) node.fail("pads with no constant number");
    fill = static_cast<double>(constant->floats[0]);
  }
  if (!node.input(3).empty()) node.fail("pads given axes, which are not read");
  if (node.text("mode", "constant") != "constant" || fill != 0) node.fail("pads with something else than zeros");
  if (pads.size() != 8 || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0)
    node.fail("pads other axes than height and width");
  const std::size_t places[] = {2, 3, 6, 7};
  for (std::size_t side = 0; side < 4; ++side) {
    const std::int64_t more = pads[places[side]];
    if (more < 0 || more > largest_window || in.pads[side] + more > largest_window)
      node.fail("pads by " + std::to_string(more) + ", read is 0 to " + std::to_string(largest_window));
    in.pads[side] += static_cast<int>(more);
  }
  reader.alias(node, in);
}

// Of weights only, as PyTorch writes it before a MatMul.
void transpose(OnnxReader& reader, OnnxNode& node) {
  const OnnxConstant& matrix = reader.weights(node, 0, 2);
  const auto order = node.all_integers("perm");
  if (!order.empty() && order != std::vector<std::int64_t>{1, 0}) node.fail("does not swap the two axes of its matrix");
  OnnxConstant turned;
  turned.shape = {matrix.shape[1], matrix.shape[0]};
  turned.floats = transposed(matrix.floats, matrix.shape[0], matrix.shape[1]);
  reader.define_constant(node, std::move(turned));
}

void dropout(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.data(node, 0);
  Attributes a;
  a.probability = node.real("ratio", 0.5);
  node.integer("seed", 0);
  node.integer("is_test", 1);
  if (!node.input(1).empty()) {
    const OnnxConstant* ratio = reader.find_constant(node.input(1));
    if (ratio == nullptr || ratio->is_integer || ratio->size() != 1) node.fail("its ratio is no constant number");
    a.probability = static_cast<double>(ratio->floats[0]);
  }
  if (!node.input(2).empty() && reader.numbers(node, 2) != std::vector<std::int64_t>{0})
    node.fail("is in training mode", "export the network in evaluation mode");
  reader.append(node, Op::dropout, {in}, in.flat, a);
}

void softmax(OnnxReader& reader, OnnxNode& node) {
  const OnnxValue in = reader.data(node, 0);
  const std::int64_t axis = node.integer("axis", reader.opset() < 13 ? 1 : -1);
  const Shape shape = reader.shape(in.node);
  const bool last = axis == -1 && in.flat;
  if ((axis != 1 && !last) || shape.height != 1 || shape.width != 1) node.fail("is taken over another axis than 1");
  reader.append(node, Op::softmax, {in}, in.flat);
}

void identity(OnnxReader& reader, OnnxNode& node) {
  if (reader.find_constant(node.input(0)) != nullptr) return reader.alias_constant(node, node.input(0));
  reader.alias(node, reader.data(node, 0, true));
}

void constant(OnnxReader& reader, OnnxNode& node) {
  OnnxConstant made;
  if (const auto* value = node.find("value"); value != nullptr) {
    made = onnx_constant(value->t(), "the constant of node " + std::to_string(node.place()));
  } else if (const auto* number = node.find("value_float"); number != nullptr) {
    made.floats = {number->f()};
  } else if (const auto* numbers = node.find("value_floats"); numbers != nullptr) {
    made.floats.assign(numbers->floats().begin(), numbers->floats().end());
    made.shape = {static_cast<std::int64_t>(made.floats.size())};
  } else {
    made.is_integer = true;
    if (const auto* integer = node.find("value_int"); integer != nullptr) {
      made.integers = {integer->i()};
    } else if (node.find("value_ints") != nullptr) {
      made.integers = node.all_integers("value_ints");
      made.shape = {static_cast<std::int64_t>(made.integers.size())};
    } else {
      node.fail("holds no tensor and no numbers");
    }
  }
  reader.define_constant(node, std::move(made));
}

constexpr std::pair<const char*, OnnxOperator> table[] = {
    {"Add", add},
    {"AveragePool", pool},
    {"BatchNormalization", batch_normalization},
    {"Clip", clip},
    {"Concat", concat},
    {"Constant", constant},
    {"Conv", convolution},
    {"Dropout", dropout},
    {"Flatten", flatten},
    {"Gemm", gemm},
    {"GlobalAveragePool", global_average_pool},
    {"Identity", identity},
    {"MatMul", matmul},
    {"MaxPool", pool},
    {"Pad", pad},
    {"ReduceMean", reduce_mean},
    {"Relu", relu},
    {"Reshape", reshape},
    {"Softmax", softmax},
    {"Transpose", transpose},
};

}  // namespace

OnnxOperator find_onnx_operator(const std::string& op) {
  for (const auto& [name, read] : table)
    if (op == name) return read;
  return nullptr;
}

std::string onnx_operator_names() {
  std::string names;
  for (const auto& [name, read] : table) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

}  // namespace automask::models
