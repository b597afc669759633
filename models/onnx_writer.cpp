#include "models/onnx_writer.h"

#include "core/error.h"

namespace automask::models {
namespace {

constexpr int ir_version = 7;                                      // ONNX 1.8, 2020
constexpr std::size_t largest_file = (std::size_t{1} << 31U) - 1;  // of any protobuf message

}  // namespace

OnnxWriter::OnnxWriter(const graph::Graph& graph, int operator_set, const std::map<std::string, std::string>& metadata)
    : graph_(graph), shapes_(graph::infer_shapes(graph)) {
  out_.set_ir_version(ir_version);
  out_.set_producer_name("automask");
  out_.add_opset_import()->set_version(operator_set);
  for (const auto& [key, value] : metadata) {
    auto* entry = out_.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  body().set_name(graph.name.empty() ? "network" : graph.name);
}

std::string OnnxWriter::finish() const {
  std::string bytes;
  if (out_.ByteSizeLong() > largest_file || !out_.SerializeToString(&bytes))
    throw core::Error(core::ExitCode::usage, graph_.name, "has more than 2 GiB of weights, the limit of ONNX files");
  return bytes;
}

void OnnxWriter::fail(int index, const std::string& fault) const {
  throw core::Error(core::ExitCode::usage, "node " + node(index).name, fault, "change the network");
}

void OnnxWriter::claim(const std::string& name) {
  if (!names_.insert(name).second)
    throw core::Error(core::ExitCode::usage, "node " + name, "two values would have this name in ONNX",
                      "give the node another name");
}

void OnnxWriter::describe(onnx::ValueInfoProto& info, const std::string& name, const std::vector<int>& sizes) {
  info.set_name(name);
  auto* tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx::TensorProto::FLOAT);
  tensor->mutable_shape()->add_dim()->set_dim_param("N");
  for (const int size : sizes) tensor->mutable_shape()->add_dim()->set_dim_value(size);
}

onnx::NodeProto& OnnxWriter::emit(const std::string& name, const char* type, const std::vector<std::string>& inputs) {
  claim(name);
  onnx::NodeProto& made = *body().add_node();
  made.set_name(name);
  made.set_op_type(type);
  for (const std::string& input : inputs) made.add_input(input);
  made.add_output(name);
  return made;
}

void OnnxWriter::set(onnx::NodeProto& made, const char* name, std::int64_t value) {
  auto* attribute = made.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}

void OnnxWriter::set(onnx::NodeProto& made, const char* name, std::initializer_list<std::int64_t> values) {
  auto* attribute = made.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute->add_ints(value);
}

void OnnxWriter::set_float(onnx::NodeProto& made, const char* name, double value) {
  auto* attribute = made.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::FLOAT);
  attribute->set_f(static_cast<float>(value));
}

void OnnxWriter::window(onnx::NodeProto& made, const graph::Attributes& a) {
  set(made, "kernel_shape", {a.kernel_h, a.kernel_w});
  set(made, "strides", {a.stride_h, a.stride_w});
  set(made, "pads", {a.pad_top, a.pad_left, a.pad_bottom, a.pad_right});
}

void OnnxWriter::convolution_attributes(onnx::NodeProto& made, const graph::Attributes& a) {
  window(made, a);
  set(made, "dilations", {a.dilation_h, a.dilation_w});
  set(made, "group", a.groups);
}

void OnnxWriter::pool_attributes(onnx::NodeProto& made, int index) {
  const graph::Attributes& a = node(index).attributes;
  const graph::Shape &in = shape(node(index).inputs[0]), &out = shape(index);
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
  window(made, a);
  set(made, "ceil_mode", up ? 1 : 0);
  if (node(index).op == graph::Op::avg_pool) set(made, "count_include_pad", a.count_include_pad ? 1 : 0);
}

}  // namespace automask::models
