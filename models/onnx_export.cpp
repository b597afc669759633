// A graph as ONNX nodes. A node's output value has the node's name.
#include <set>

#include "models/onnx.h"
#include "models/onnx_writer.h"

namespace automask::models {
namespace {

using graph::Attributes;
using graph::Node;
using graph::Op;
using graph::Shape;

// The least that has Clip, Dropout and ReduceMean in their present forms for the tools of 2021 and later; ONNX 1.8.
constexpr int operator_set = 13;

class Exporter : OnnxWriter {
 public:
  explicit Exporter(const OnnxModel& model) : OnnxWriter(model.graph, operator_set, model.metadata), in_(model) {}

  std::string run() {
    graph::check_weights(in_.graph, in_.weights);
    for (int i = 0; i <= last(); ++i) add(i);
    // Logits are [N, classes], whatever the last node.
    const std::string output = flat(last());
    describe(*body().add_output(), output, {shape(last()).channels});
    return finish();
  }

 private:
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
      const std::vector<std::int64_t> sizes = {-1, shape(index).channels, 1, 1};
      emit(name, "Reshape", {value(index), constant(name + ".shape", onnx::TensorProto::INT64, {4}, sizes)});
    }
    return name;
  }

  void convolution(int index) {
    const Attributes& a = node(index).attributes;
    const std::string& name = node(index).name;
    std::vector<std::string> inputs = {picture(node(index).inputs[0]), weight(name + ".weight")};
    if (a.bias) inputs.push_back(weight(name + ".bias"));
    convolution_attributes(emit(name, "Conv", inputs), a);
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
      const auto channels = static_cast<std::size_t>(shape(index).channels);
      for (const auto& [tensor, fill] : {std::pair(".running_mean", 0.0F), std::pair(".running_var", 1.0F)})
        inputs.push_back(constant(name + tensor, onnx::TensorProto::FLOAT, {shape(index).channels},
                                  std::vector<float>(channels, fill)));
    }
    set_float(emit(name, "BatchNormalization", inputs), "epsilon", measured ? node(index).attributes.eps : 0.0);
  }
  void pool(int index) {
    const bool average = node(index).op == Op::avg_pool;
    pool_attributes(emit(node(index).name, average ? "AveragePool" : "MaxPool", {picture(node(index).inputs[0])}),
                    index);
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
        const Shape& in = in_.graph.input;
        claim(name);
        return describe(*body().add_input(), name, {in.channels, in.height, in.width});
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
  std::vector<bool> flat_;  // per node: its value is [N, C]
  std::set<std::string> made_;
};

}  // namespace

std::string encode_onnx(const OnnxModel& model) { return Exporter(model).run(); }

}  // namespace automask::models
