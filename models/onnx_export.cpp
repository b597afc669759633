// A graph as ONNX nodes. A node's output value has the node's name.
#include <onnx/onnx_pb.h>

#include <set>

#include "core/error.h"
#include "models/onnx.h"

namespace automask::models {
namespace {

using graph::Attributes;
using graph::Node;
using graph::Op;
using graph::Shape;

// The least that has Clip, Dropout and ReduceMean in their present forms for the tools of 2021 and later; ONNX 1.8.
constexpr int operator_set = 13;
constexpr int ir_version = 7;
constexpr std::size_t largest_file = (std::size_t{1} << 31U) - 1;  // of any protobuf message

class Exporter {
 public:
  explicit Exporter(const OnnxModel& model) : in_(model), shapes_(graph::infer_shapes(model.graph)) {}

  std::string run() {
    graph::check_weights(in_.graph, in_.weights);
    out_.set_ir_version(ir_version);
    out_.set_producer_name("automask");
    out_.add_opset_import()->set_version(operator_set);
    for (const auto& [key, value] : in_.metadata) {
      auto* entry = out_.add_metadata_props();
      entry->set_key(key);
      entry->set_value(value);
    }
    body().set_name(in_.graph.name.empty() ? "network" : in_.graph.name);
    for (std::size_t i = 0; i < in_.graph.nodes.size(); ++i) add(static_cast<int>(i));
    // Logits are [N, classes], whatever the last node.
    const int last = static_cast<int>(in_.graph.nodes.size()) - 1;
    const std::string output = flat(last);
    describe(*body().add_output(), output, {shapes_[last].channels});
    std::string bytes;
    if (out_.ByteSizeLong() > largest_file || !out_.SerializeToString(&bytes))
      throw core::Error(core::ExitCode::usage, in_.graph.name,
                        "has more than 2 GiB of weights, the limit of ONNX files");
    return bytes;
  }

 private:
  onnx::GraphProto& body() { return *out_.mutable_graph(); }
  const Node& node(int index) const { return in_.graph.nodes[index]; }

  [[noreturn]] void fail(int index, const std::string& fault) const {
    throw core::Error(core::ExitCode::usage, "node " + node(index).name, fault, "change the network");
  }

  // ONNX has one name space for values and weights.
  void claim(const std::string& name) {
    if (!names_.insert(name).second)
      throw core::Error(core::ExitCode::usage, "node " + name, "two values would have this name in ONNX",
                        "give the node another name");
  }

  static void describe(onnx::ValueInfoProto& info, const std::string& name, const std::vector<int>& sizes) {
    info.set_name(name);
    auto* tensor = info.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx::TensorProto::FLOAT);
    tensor->mutable_shape()->add_dim()->set_dim_param("N");
    for (const int size : sizes) tensor->mutable_shape()->add_dim()->set_dim_value(size);
  }

  onnx::NodeProto& emit(const std::string& name, const char* type, const std::vector<std::string>& inputs) {
    claim(name);
    onnx::NodeProto& made = *body().add_node();
    made.set_name(name);
    made.set_op_type(type);
    for (const std::string& input : inputs) made.add_input(input);
    made.add_output(name);
    return made;
  }
  static void set(onnx::NodeProto& made, const char* name, std::int64_t value) {
    auto* attribute = made.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(value);
  }
  static void set(onnx::NodeProto& made, const char* name, std::initializer_list<std::int64_t> values) {
    auto* attribute = made.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute->add_ints(value);
  }
  static void set_float(onnx::NodeProto& made, const char* name, double value) {
    auto* attribute = made.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::FLOAT);
    attribute->set_f(static_cast<float>(value));
  }

  // An initialiser under `name`; returns the name.
  template <class Value>
  std::string constant(const std::string& name, int type, const std::vector<std::int64_t>& shape,
                       const std::vector<Value>& data) {
    claim(name);
    onnx::TensorProto& tensor = *body().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t size : shape) tensor.add_dims(size);
    tensor.set_raw_data(data.data(), data.size() * sizeof(Value));
    return name;
  }
  std::string scalar(const std::string& name, float value) {
    return constant<float>(name, onnx::TensorProto::FLOAT, {}, {value});
  }
  std::string weight(const std::string& name) {
    const graph::Tensor& tensor = in_.weights.at(name);
    return constant(name, onnx::TensorProto::FLOAT, tensor.shape, tensor.data);
  }

  // Values of the graph are C x H x W; in ONNX they are [N, C, H, W] until a flatten and [N, C] from there on.
  std::string value(int index) const { return node(index).name; }
  std::string flat(int index) {
    if (flat_[index]) return value(index);
    const std::string name = value(index) + ".flat";
    if (made_.insert(name).second) set(emit(name, "Flatten", {value(index)}), "axis", 1);
    return name;
  }
  std::string picture(int index) {
    if (!flat_[index]) return value(index);
    const std::string name = value(index) + ".picture";
    if (made_.insert(name).second) {
      const std::vector<std::int64_t> sizes = {-1, shapes_[index].channels, 1, 1};
      emit(name, "Reshape", {value(index), constant(name + ".shape", onnx::TensorProto::INT64, {4}, sizes)});
    }
    return name;
  }

  void window(onnx::NodeProto& made, const Attributes& a) {
    set(made, "kernel_shape", {a.kernel_h, a.kernel_w});
    set(made, "strides", {a.stride_h, a.stride_w});
    set(made, "pads", {a.pad_top, a.pad_left, a.pad_bottom, a.pad_right});
  }
  void convolution(int index) {
    const Attributes& a = node(index).attributes;
    const std::string& name = node(index).name;
    std::vector<std::string> inputs = {picture(node(index).inputs[0]), weight(name + ".weight")};
    if (a.bias) inputs.push_back(weight(name + ".bias"));
    onnx::NodeProto& made = emit(name, "Conv", inputs);
    window(made, a);
    set(made, "dilations", {a.dilation_h, a.dilation_w});
    set(made, "group", a.groups);
  }
  void linear(int index) {
    const std::string& name = node(index).name;
    std::vector<std::string> inputs = {flat(node(index).inputs[0]), weight(name + ".weight")};
    if (node(index).attributes.bias) inputs.push_back(weight(name + ".bias"));
    set(emit(name, "Gemm", inputs), "transB", 1);
  }
  void normalisation(int index, const std::string& from) {
    const std::string& name = node(index).name;
    const bool measured = node(index).op == Op::batch_norm;
    std::vector<std::string> inputs = {from, weight(name + ".weight"), weight(name + ".bias")};
    if (measured) {
      inputs.push_back(weight(name + ".running_mean"));
      inputs.push_back(weight(name + ".running_var"));
    } else {
      const auto channels = static_cast<std::size_t>(shapes_[index].channels);
      for (const auto& [tensor, fill] : {std::pair(".running_mean", 0.0F), std::pair(".running_var", 1.0F)})
        inputs.push_back(constant(name + tensor, onnx::TensorProto::FLOAT, {shapes_[index].channels},
                                  std::vector<float>(channels, fill)));
    }
    set_float(emit(name, "BatchNormalization", inputs), "epsilon", measured ? node(index).attributes.eps : 0.0);
  }
  void pool(int index) {
    const Attributes& a = node(index).attributes;
    const int from = node(index).inputs[0];
    const Shape &in = shapes_[from], &out = shapes_[index];
    // PyTorch drops a window that would begin in the padding behind the picture, ONNX does not: then rounding down
    // gives the same windows.
    const auto rounded = [&](bool up) {
      const auto count = [&](int size, int pads, int kernel, int stride) {
        return (size + pads - kernel + (up ? stride - 1 : 0)) / stride + 1;
      };
      return count(in.height, a.pad_top + a.pad_bottom, a.kernel_h, a.stride_h) == out.height &&
             count(in.width, a.pad_left + a.pad_right, a.kernel_w, a.stride_w) == out.width;
    };
    const bool up = !rounded(false);
    if (up && !rounded(true)) fail(index, "rounds up along one axis only, which ONNX cannot say");
    const bool average = node(index).op == Op::avg_pool;
    onnx::NodeProto& made = emit(node(index).name, average ? "AveragePool" : "MaxPool", {picture(from)});
    window(made, a);
    set(made, "ceil_mode", up ? 1 : 0);
    if (average) set(made, "count_include_pad", a.count_include_pad ? 1 : 0);
  }
  // add and concat: all inputs in the same form.
  std::vector<std::string> alike(int index) {
    std::vector<std::string> values;
    for (const int input : node(index).inputs) flat_[index] = flat_[index] || flat_[input];
    for (const int input : node(index).inputs) values.push_back(flat_[index] ? flat(input) : value(input));
    return values;
  }
  void add_sum(int index) {
    const std::vector<std::string> terms = alike(index);
    std::string sum = terms[0];
    for (std::size_t i = 1; i < terms.size(); ++i) {
      const bool last = i + 1 == terms.size();
      const std::string name = node(index).name + (last ? "" : ".sum" + std::to_string(i));
      emit(name, "Add", {sum, terms[i]});
      sum = name;
    }
  }

  void add(int index) {
    const std::string& name = node(index).name;
    const std::vector<int>& inputs = node(index).inputs;
    flat_.push_back(!inputs.empty() && flat_[inputs[0]]);
    const std::string from = inputs.empty() ? "" : value(inputs[0]);
    switch (node(index).op) {
      case Op::input: {
        const Shape& shape = in_.graph.input;
        claim(name);
        return describe(*body().add_input(), name, {shape.channels, shape.height, shape.width});
      }
      case Op::conv2d:
        flat_[index] = false;
        return convolution(index);
      case Op::linear:
        flat_[index] = true;
        return linear(index);
      case Op::batch_norm:
      case Op::affine:
        return normalisation(index, from);
      case Op::relu:
        emit(name, "Relu", {from});
        return;
      case Op::relu6:
        emit(name, "Clip", {from, scalar(name + ".min", 0), scalar(name + ".max", 6)});
        return;
      case Op::max_pool:
      case Op::avg_pool:
        flat_[index] = false;
        return pool(index);
      case Op::global_avg_pool:
        flat_[index] = false;
        emit(name, "GlobalAveragePool", {picture(inputs[0])});
        return;
      case Op::add:
        return add_sum(index);
      case Op::concat: {
        const std::vector<std::string> values = alike(index);
        return set(emit(name, "Concat", values), "axis", 1);
      }
      case Op::flatten:
        flat_[index] = true;
        return set(emit(name, "Flatten", {from}), "axis", 1);
      case Op::dropout:
        emit(name, "Dropout", {from, scalar(name + ".ratio", static_cast<float>(node(index).attributes.probability))});
        return;
      case Op::softmax:
        flat_[index] = true;
        return set(emit(name, "Softmax", {flat(inputs[0])}), "axis", 1);
    }
    fail(index, std::string("the operator ") + to_string(node(index).op) + " is not known here");
  }

  const OnnxModel& in_;
  const std::vector<Shape> shapes_;
  onnx::ModelProto out_;
  std::vector<bool> flat_;  // per node: its value is [N, C]
  std::set<std::string> names_, made_;
};

}  // namespace

std::string encode_onnx(const OnnxModel& model) { return Exporter(model).run(); }

}  // namespace automask::models
