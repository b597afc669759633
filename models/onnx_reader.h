#pragma once
// An ONNX file on its way to a graph: what operators see of a node and of the graph so far.
#include <onnx/onnx_pb.h>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "models/onnx.h"
#include "models/onnx_tensor.h"

namespace automask::models {

// A node's attributes and inputs; every fault names the node and its operator.
class OnnxNode {
 public:
  OnnxNode(const onnx::NodeProto& node, int place, const std::string& file);

  const std::string& op() const { return node_->op_type(); }
  const std::string& name() const { return node_->name(); }  // may be empty
  int place() const { return place_; }
  const std::string& output() const;
  std::size_t inputs() const { return static_cast<std::size_t>(node_->input_size()); }
  std::string input(std::size_t index) const { return index < inputs() ? node_->input(static_cast<int>(index)) : ""; }

  [[noreturn]] void fail(const std::string& fault, const std::string& remedy = {}) const;

  std::int64_t integer(const char* name, std::int64_t fallback);
  // As above, and from low to high.
  int integer_in(const char* name, int fallback, int low, int high);
  double real(const char* name, double fallback);
  std::string text(const char* name, const std::string& fallback);
  // count numbers from low to high; `fallback` each where the attribute is absent.
  std::vector<int> integers(const char* name, std::size_t count, int fallback, int low, int high);
  // Of any length; empty where absent.
  std::vector<std::int64_t> all_integers(const char* name);
  const onnx::AttributeProto* find(const char* name);
  // Fails on an attribute that was not asked for: it might change the result.
  void expect_no_more() const;

 private:
  const onnx::NodeProto* node_;
  int place_;
  std::string file_;
  std::set<std::string> asked_;
};

// The output of a node of the graph, with what ONNX knows beyond it.
struct OnnxValue {
  int node = -1;
  bool flat = false;                       // [N, C] and not [N, C, H, W]
  std::array<int, 4> pads = {0, 0, 0, 0};  // top, left, bottom, right: zeros that a Pad node put around it
};

class OnnxReader {
 public:
  OnnxReader(const onnx::ModelProto& model, const std::string& file, std::size_t file_bytes);
  OnnxModel run();

  // For operators, which append to the graph.
  std::int64_t opset() const { return opset_; }
  graph::Shape shape(int node) const { return shapes_[static_cast<std::size_t>(node)]; }
  graph::Shape last_shape() const { return shapes_.back(); }
  // An input that must be data; `padded` where the operator takes a Pad node's zeros into account.
  OnnxValue data(const OnnxNode& node, std::size_t index, bool padded = false) const;
  OnnxValue picture(const OnnxNode& node, std::size_t index, bool padded = false) const;
  OnnxValue features(const OnnxNode& node, std::size_t index) const;
  // An input that is known before the network runs; nullptr where it is data or left out.
  const OnnxConstant* find_constant(const std::string& name) const;
  const OnnxConstant& weights(const OnnxNode& node, std::size_t index, std::size_t rank) const;
  std::vector<std::int64_t> numbers(const OnnxNode& node, std::size_t index) const;

  // Appends a node of the graph and makes it the ONNX node's output. Its name is that of the weights (an input's name
  // that ends in ".weight") or the ONNX node's.
  graph::Node& append(const OnnxNode& node, graph::Op op, const std::vector<OnnxValue>& inputs, bool flat,
                      const graph::Attributes& attributes = {}, const std::string& weights_name = {});
  // The ONNX node's output is a value that is there already.
  void alias(const OnnxNode& node, const OnnxValue& value);
  void alias_constant(const OnnxNode& node, const std::string& name);
  void define_constant(const OnnxNode& node, OnnxConstant constant);
  void set_weights(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> data,
                   const OnnxNode& node);
  graph::Node& graph_node(int index) { return result_.graph.nodes[static_cast<std::size_t>(index)]; }
  bool has_weights(const std::string& name) const { return result_.weights.count(name) != 0; }
  int readers(const std::string& value) const;
  std::int64_t declared_batch() const { return batch_; }

 private:
  void read_header();
  void read_constants();
  void read_input();
  void define(const OnnxNode& node, const OnnxValue& value);
  std::string unique_name(const OnnxNode& node, const std::string& weights_name);
  void keep_only_ancestors(int last);
  [[noreturn]] void fail(const std::string& fault, const std::string& remedy = {}) const;

  const onnx::ModelProto& model_;
  const std::string& file_;
  std::int64_t opset_ = 0, batch_ = 0;
  std::size_t memory_left_;
  std::map<std::string, std::shared_ptr<const OnnxConstant>> constants_;
  std::map<std::string, OnnxValue> values_;
  std::map<std::string, int> readers_;
  std::map<std::string, int> name_counts_;
  std::vector<graph::Shape> shapes_;
  OnnxModel result_;
};

// One ONNX operator: appends what it means. The table of all stands in onnx_operators.cpp.
using OnnxOperator = void (*)(OnnxReader& reader, OnnxNode& node);
OnnxOperator find_onnx_operator(const std::string& op);
std::string onnx_operator_names();

}  // namespace automask::models
