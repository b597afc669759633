#pragma once
// An ONNX file on its way out: what the exporters of real and of quantised networks share. A node's output value has
// the node's name. Inside this room only.
#include <onnx/onnx_pb.h>

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace automask::models {

class OnnxWriter {
 protected:
  OnnxWriter(const graph::Graph& graph, int operator_set, const std::map<std::string, std::string>& metadata);

  // The file's bytes; Error(usage) beyond protobuf's limit.
  std::string finish() const;

  onnx::GraphProto& body() { return *out_.mutable_graph(); }
  const graph::Node& node(int index) const { return graph_.nodes[static_cast<std::size_t>(index)]; }
  const graph::Shape& shape(int index) const { return shapes_[static_cast<std::size_t>(index)]; }
  int last() const { return static_cast<int>(graph_.nodes.size()) - 1; }
  [[noreturn]] void fail(int index, const std::string& fault) const;

  // ONNX has one name space for values and weights.
  void claim(const std::string& name);
  // FP32 [N, sizes], N free.
  static void describe(onnx::ValueInfoProto& info, const std::string& name, const std::vector<int>& sizes);

  onnx::NodeProto& emit(const std::string& name, const char* type, const std::vector<std::string>& inputs);
  static void set(onnx::NodeProto& made, const char* name, std::int64_t value);
  static void set(onnx::NodeProto& made, const char* name, std::initializer_list<std::int64_t> values);
  static void set_float(onnx::NodeProto& made, const char* name, double value);

  // An initialiser under `name`; returns the name. `type`: of onnx::TensorProto.
  template <class Value>
  std::string constant(const std::string& name, int type, const std::vector<std::int64_t>& sizes,
                       const std::vector<Value>& data) {
    claim(name);
    onnx::TensorProto& tensor = *body().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t size : sizes) tensor.add_dims(size);
    tensor.set_raw_data(data.data(), data.size() * sizeof(Value));
    return name;
  }
  std::string scalar(const std::string& name, float value) {
    return constant<float>(name, onnx::TensorProto::FLOAT, {}, {value});
  }

  // Attributes of conv2d and of pools. A pool that rounds up along one axis only is refused.
  static void window(onnx::NodeProto& made, const graph::Attributes& a);
  static void convolution_attributes(onnx::NodeProto& made, const graph::Attributes& a);
  void pool_attributes(onnx::NodeProto& made, int index);

 private:
  const graph::Graph& graph_;
  const std::vector<graph::Shape> shapes_;
  onnx::ModelProto out_;
  std::set<std::string> names_;
};

}  // namespace automask::models
