// A quantised graph as ONNX nodes. A node's output in steps is "NODE.q"; what real arithmetic makes of it before that
// has the node's own name.
#include "models/onnx_qdq.h"

#include <set>

#include "models/onnx_writer.h"

namespace automask::models {
namespace {

using graph::Attributes;
using graph::Op;

constexpr int operator_set = 13;  // the least with a scale per channel
// Values are u8 with this zero point, which is s8 with 0 moved up: onnxruntime executes s8 values in floating point on
// x86-64 unless a session option says otherwise, and u8 ones in INT8 everywhere.
constexpr std::uint8_t zero_point = 128;

class QdqExporter : OnnxWriter {
 public:
  explicit QdqExporter(const QuantisedModel& model)
      : OnnxWriter(model.graph, operator_set, model.metadata), in_(model) {}

  std::string run() {
    for (int i = 0; i <= last(); ++i) add(i);
    std::string logits = shaped(last(), Form::flat);
    if (!values_.back().real) logits = dequantised("logits", logits, last());
    describe(*body().add_output(), logits, {shape(last()).channels});
    return finish();
  }

 private:
  // Values of the graph are C x H x W; in ONNX they are [N, C, H, W] until a flatten and [N, C] from there on.
  enum class Form { picture, flat };
  struct Value {
    std::string name;
    Form form;
    bool real;
  };

  const std::string& name_of(int index) const { return node(index).name; }
  const Value& value(int index) const { return values_[static_cast<std::size_t>(index)]; }
  int input(int index, std::size_t k = 0) const { return node(index).inputs[k]; }
  bool first(const std::string& name) { return made_.insert(name).second; }

  std::string zero() {
    if (first("zero")) constant<std::uint8_t>("zero", onnx::TensorProto::UINT8, {}, {zero_point});
    return "zero";
  }
  std::string scale(int index) {
    const std::string name = name_of(index) + ".scale";
    if (first(name)) scalar(name, in_.scale.at(static_cast<std::size_t>(index)));
    return name;
  }
  std::string dequantised(const std::string& name, const std::string& steps, int index) {
    const std::string step = scale(index), nothing = zero();
    emit(name, "DequantizeLinear", {steps, step, nothing});
    return name;
  }
  std::string shaped(int index, Form form) {
    const Value& of = value(index);
    if (of.form == form) return of.name;
    const std::string name = of.name + (form == Form::flat ? ".flat" : ".picture");
    if (!first(name)) return name;
    if (form == Form::flat) {
      set(emit(name, "Flatten", {of.name}), "axis", 1);
    } else {
      const std::vector<std::int64_t> sizes = {-1, shape(index).channels, 1, 1};
      const std::string to = constant(name + ".shape", onnx::TensorProto::INT64, {4}, sizes);
      emit(name, "Reshape", {of.name, to});
    }
    return name;
  }
  // Input k of a node as real numbers: a DequantizeLinear of its own, since programs look for node and neighbours.
  std::string real_input(int index, std::size_t k, Form form) {
    const int from = input(index, k);
    return dequantised(name_of(index) + ".in" + std::to_string(k), shaped(from, form), from);
  }

  // The node's real value, rounded to its steps unless it is the logits'.
  void store(int index, Form form) {
    if (static_cast<std::size_t>(index) == in_.output && node(index).op != Op::avg_pool) {
      values_.push_back({name_of(index), form, true});
      return;
    }
    const std::string name = name_of(index) + ".q", step = scale(index), nothing = zero();
    emit(name, "QuantizeLinear", {name_of(index), step, nothing});
    values_.push_back({name, form, false});
  }

  // Weights and bias as real numbers.
  std::vector<std::string> parameters(int index, const std::vector<std::int64_t>& sizes) {
    const QuantisedModel::Layer& layer = in_.layers.at(name_of(index));
    const auto channels = static_cast<std::size_t>(sizes[0]);
    std::vector<float> bias_scale;
    for (const float scale : layer.weight_scale)
      bias_scale.push_back(scale * in_.scale.at(static_cast<std::size_t>(input(index))));
    std::vector<std::string> names;
    const auto emit_parameter = [&](const std::string& part, const std::string& steps, const std::vector<float>& scales,
                                    const std::string& zeros) {
      const std::string name = name_of(index) + part;
      const std::string scale = constant(name + ".scale", onnx::TensorProto::FLOAT, {sizes[0]}, scales);
      set(emit(name, "DequantizeLinear", {steps, scale, zeros}), "axis", 0);
      names.push_back(name);
    };
    const std::string name = name_of(index);
    const auto steps = constant(name + ".weight.q", onnx::TensorProto::INT8, sizes, layer.weight);
    emit_parameter(
        ".weight", steps, layer.weight_scale,
        constant(name + ".weight.zero", onnx::TensorProto::INT8, {sizes[0]}, std::vector<std::int8_t>(channels)));
    const auto bias = constant(name + ".bias.q", onnx::TensorProto::INT32, {sizes[0]}, layer.bias);
    emit_parameter(
        ".bias", bias, bias_scale,
        constant(name + ".bias.zero", onnx::TensorProto::INT32, {sizes[0]}, std::vector<std::int32_t>(channels)));
    return names;
  }

  void convolution(int index, const Attributes& a) {
    std::vector<std::string> inputs = {real_input(index, 0, Form::picture)};
    const std::int64_t out = shape(index).channels, in = shape(input(index)).channels;
    for (const std::string& each : parameters(index, {out, in / a.groups, a.kernel_h, a.kernel_w}))
      inputs.push_back(each);
    convolution_attributes(emit(name_of(index), "Conv", inputs), a);
    store(index, Form::picture);
  }
  void linear(int index) {
    std::vector<std::string> inputs = {real_input(index, 0, Form::flat)};
    for (const std::string& each : parameters(index, {shape(index).channels, shape(input(index)).channels}))
      inputs.push_back(each);
    set(emit(name_of(index), "Gemm", inputs), "transB", 1);
    store(index, Form::flat);
  }
  void sum(int index) {
    const Form form = common_form(index);
    const std::size_t count = node(index).inputs.size();
    std::string total = real_input(index, 0, form);
    for (std::size_t k = 1; k < count; ++k) {
      const std::string next = real_input(index, k, form);
      const std::string name = name_of(index) + (k + 1 == count ? "" : ".sum" + std::to_string(k));
      emit(name, "Add", {total, next});
      total = name;
    }
    store(index, form);
  }
  void average(int index, const char* type) {
    onnx::NodeProto& made = emit(name_of(index), type, {real_input(index, 0, Form::picture)});
    if (node(index).op == Op::avg_pool) pool_attributes(made, index);
    store(index, Form::picture);
  }

  Form common_form(int index) const {
    for (const int from : node(index).inputs)
      if (value(from).form == Form::flat) return Form::flat;
    return Form::picture;
  }
  // Of values in steps: min(max(x, 0), most).
  void limit(int index, int most) {
    const std::string name = name_of(index) + ".q";
    const Value from = value(input(index));
    const auto byte = [&](const char* what, int steps) {
      return constant<std::uint8_t>(name_of(index) + what, onnx::TensorProto::UINT8, {},
                                    {static_cast<std::uint8_t>(zero_point + steps)});
    };
    const std::string low = byte(".min", 0), high = byte(".max", most);
    emit(name, "Clip", {from.name, low, high});
    values_.push_back({name, from.form, false});
  }
  void maximum(int index) {
    const std::string from = shaped(input(index), Form::picture);
    pool_attributes(emit(name_of(index) + ".q", "MaxPool", {from}), index);
    values_.push_back({name_of(index) + ".q", Form::picture, false});
  }
  void concatenation(int index) {
    const Form form = common_form(index);
    std::vector<std::string> inputs;
    for (const int from : node(index).inputs) inputs.push_back(shaped(from, form));
    onnx::NodeProto& made = emit(name_of(index) + ".q", "Concat", inputs);
    set(made, "axis", 1);
    values_.push_back({name_of(index) + ".q", form, false});
  }
  void add_input(int index) {
    const graph::Shape& in = in_.graph.input;
    claim(name_of(index));
    describe(*body().add_input(), name_of(index), {in.channels, in.height, in.width});
    store(index, Form::picture);
  }

  void add(int index) {
    switch (node(index).op) {
      case Op::input:
        return add_input(index);
      case Op::conv2d:
        return convolution(index, node(index).attributes);
      case Op::affine: {
        Attributes depthwise;
        depthwise.groups = shape(index).channels;
        return convolution(index, depthwise);
      }
      case Op::linear:
        return linear(index);
      case Op::relu:
        return limit(index, 127);
      case Op::relu6:
        return limit(index, in_.six.at(name_of(index)));
      case Op::max_pool:
        return maximum(index);
      case Op::avg_pool:
        return average(index, "AveragePool");
      case Op::global_avg_pool:
        return average(index, "GlobalAveragePool");
      case Op::add:
        return sum(index);
      case Op::concat:
        return concatenation(index);
      case Op::flatten: {
        const std::string flat = shaped(input(index), Form::flat);
        values_.push_back({flat, Form::flat, value(input(index)).real});
        return;
      }
      case Op::dropout: {
        const Value same = value(input(index));
        values_.push_back(same);
        return;
      }
      case Op::softmax: {
        std::string from = shaped(input(index), Form::flat);
        if (!value(input(index)).real) from = dequantised(name_of(index) + ".in0", from, input(index));
        set(emit(name_of(index), "Softmax", {from}), "axis", 1);
        values_.push_back({name_of(index), Form::flat, true});
        return;
      }
      case Op::batch_norm:
        break;
    }
    fail(index, std::string("the operator ") + to_string(node(index).op) + " is not known among integers");
  }

  const QuantisedModel& in_;
  std::vector<Value> values_;
  std::set<std::string> made_;
};

}  // namespace

std::string encode_onnx_qdq(const QuantisedModel& model) { return QdqExporter(model).run(); }

}  // namespace automask::models
