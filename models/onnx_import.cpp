// ONNX file -> graph: constants, the one input, node after node, the one output.
#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "models/onnx_reader.h"

namespace automask::models {
namespace {

constexpr std::int64_t first_opset = 7, last_opset = 21;
constexpr int most_nodes = 5000;
constexpr std::size_t longest_name = 100;
constexpr int largest_attribute = 1 << 30;
// FP16 weights become twice as large, and some are read by several nodes.
constexpr std::size_t memory_per_byte = 8;

// Names of the graph go into JSON and into names of weights: plain characters only.
std::string plain(const std::string& name) {
  std::string text;
  for (const char c : name.substr(0, longest_name)) {
    const bool keep =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (c == '/')
      text += text.empty() ? "" : ".";
    else
      text += keep ? c : '_';
  }
  return text;
}

// The decimal number that was meant: 0.001, and not the double nearest to the FP32 number nearest to it.
double as_written(float value) {
  char digits[32];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  double number = 0;
  return std::from_chars(digits, end, number).ec == std::errc() ? number : static_cast<double>(value);
}

// What a fault shows of a name in a file that may hold anything.
std::string shown(const std::string& name) {
  std::string text;
  for (const char c : name.substr(0, longest_name)) text += c >= ' ' && c <= '~' ? c : '?';
  return "\"" + text + "\"";
}

}  // namespace

OnnxNode::OnnxNode(const onnx::NodeProto& node, int place, const std::string& file)
    : node_(&node), place_(place), file_(file) {}

const std::string& OnnxNode::output() const {
  if (node_->output_size() == 0 || node_->output(0).empty()) fail("gives no output");
  return node_->output(0);
}

void OnnxNode::fail(const std::string& fault, const std::string& remedy) const {
  const std::string who = node_->name().empty() ? "node " + std::to_string(place_) : "node " + shown(node_->name());
  throw core::Error(core::ExitCode::corrupt, file_ + ": " + who + " (" + shown(node_->op_type()) + ")", fault,
                    remedy.empty() ? "change the network or how it is exported" : remedy);
}

const onnx::AttributeProto* OnnxNode::find(const char* name) {
  asked_.insert(name);
  for (const auto& attribute : node_->attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

std::int64_t OnnxNode::integer(const char* name, std::int64_t fallback) {
  const auto* attribute = find(name);
  if (attribute == nullptr) return fallback;
  if (!attribute->has_i()) fail(std::string("the attribute ") + name + " is no integer");
  return attribute->i();
}

int OnnxNode::integer_in(const char* name, int fallback, int low, int high) {
  const std::int64_t value = integer(name, fallback);
  if (value < low || value > high)
    fail(std::string(name) + " is " + std::to_string(value) + ", read is " + std::to_string(low) +
         (low == high ? "" : " to " + std::to_string(high)));
  return static_cast<int>(value);
}

double OnnxNode::real(const char* name, double fallback) {
  const auto* attribute = find(name);
  if (attribute == nullptr) return fallback;
  if (!attribute->has_f()) fail(std::string("the attribute ") + name + " is no number");
  return as_written(attribute->f());
}

std::string OnnxNode::text(const char* name, const std::string& fallback) {
  const auto* attribute = find(name);
  return attribute == nullptr ? fallback : attribute->s();
}

std::vector<std::int64_t> OnnxNode::all_integers(const char* name) {
  const auto* attribute = find(name);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<int> OnnxNode::integers(const char* name, std::size_t count, int fallback, int low, int high) {
  const auto* attribute = find(name);
  if (attribute == nullptr) return std::vector<int>(count, fallback);
  if (static_cast<std::size_t>(attribute->ints_size()) != count)
    fail(std::string(name) + " has " + std::to_string(attribute->ints_size()) +
         " numbers, read are those of pictures: " + std::to_string(count));
  std::vector<int> values;
  for (const std::int64_t value : attribute->ints()) {
    if (value < low || value > high)
      fail(std::string(name) + " holds " + std::to_string(value) + ", which is not read");
    values.push_back(static_cast<int>(value));
  }
  return values;
}

void OnnxNode::expect_no_more() const {
  for (const auto& attribute : node_->attribute())
    if (asked_.count(attribute.name()) == 0) fail("the attribute " + shown(attribute.name()) + " is not known");
}

OnnxReader::OnnxReader(const onnx::ModelProto& model, const std::string& file, std::size_t file_bytes)
    : model_(model), file_(file), memory_left_(memory_per_byte * file_bytes) {}

void OnnxReader::fail(const std::string& fault, const std::string& remedy) const {
  throw core::Error(core::ExitCode::corrupt, file_, fault,
                    remedy.empty() ? "change the network or how it is exported" : remedy);
}

OnnxModel OnnxReader::run() {
  read_header();
  read_constants();
  read_input();
  const auto& nodes = model_.graph().node();
  for (const auto& node : nodes)
    for (const std::string& input : node.input()) ++readers_[input];
  for (const auto& output : model_.graph().output()) ++readers_[output.name()];
  for (int i = 0; i < nodes.size(); ++i) {
    OnnxNode node(nodes[i], i, file_);
    const bool standard = nodes[i].domain().empty() || nodes[i].domain() == "ai.onnx";
    const OnnxOperator read = standard ? find_onnx_operator(node.op()) : nullptr;
    if (read == nullptr)
      node.fail("no graph has this operator" + (standard ? "" : " of " + shown(nodes[i].domain())),
                "read are " + onnx_operator_names());
    read(*this, node);
    node.expect_no_more();
  }
  const auto& outputs = model_.graph().output();
  if (outputs.size() != 1)
    fail("the network has " + std::to_string(outputs.size()) + " outputs, read is one, the logits");
  const auto output = values_.find(outputs[0].name());
  if (output == values_.end()) fail("the output " + shown(outputs[0].name()) + " is given by no node");
  const graph::Shape logits = shape(output->second.node);
  if (logits.height != 1 || logits.width != 1 || output->second.pads != OnnxValue().pads)
    fail("the output " + shown(outputs[0].name()) + " is a picture, read are logits, one number a class");
  keep_only_ancestors(output->second.node);
  graph::check_weights(result_.graph, result_.weights);
  return std::move(result_);
}

void OnnxReader::read_header() {
  for (const auto& set : model_.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx") opset_ = set.version();
  if (opset_ < first_opset || opset_ > last_opset)
    fail("uses operator set " + std::to_string(opset_) + ", read are " + std::to_string(first_opset) + " to " +
             std::to_string(last_opset),
         "export it with opset_version=13");
  if (model_.functions_size() > 0) fail("defines functions of its own, which are not read");
  if (model_.graph().sparse_initializer_size() > 0) fail("holds sparse weights, which are not read");
  if (model_.graph().node_size() > most_nodes) fail("has more than " + std::to_string(most_nodes) + " nodes");
  for (const auto& entry : model_.metadata_props()) result_.metadata[entry.key()] = entry.value();
  result_.graph.name = plain(model_.graph().name());
}

void OnnxReader::read_constants() {
  for (const auto& tensor : model_.graph().initializer()) {
    auto constant =
        std::make_shared<const OnnxConstant>(onnx_constant(tensor, file_ + ": initializer " + shown(tensor.name())));
    if (!constants_.emplace(tensor.name(), std::move(constant)).second)
      fail("the initializer " + shown(tensor.name()) + " stands there twice");
  }
}

void OnnxReader::read_input() {
  const onnx::ValueInfoProto* input = nullptr;
  // Files of old list initializers among the inputs.
  for (const auto& candidate : model_.graph().input()) {
    if (constants_.count(candidate.name()) != 0) continue;
    if (input != nullptr)
      fail("has two inputs, " + shown(input->name()) + " and " + shown(candidate.name()) + ", read is one");
    input = &candidate;
  }
  if (input == nullptr) fail("has no input");
  const auto& type = input->type().tensor_type();
  if (type.elem_type() != onnx::TensorProto::FLOAT)
    fail("the input " + shown(input->name()) + " is not FP32", "export it in FP32");
  if (type.shape().dim_size() != 4)
    fail("the input " + shown(input->name()) + " has " + std::to_string(type.shape().dim_size()) +
         " dimensions, read is [N, C, H, W]");
  batch_ = type.shape().dim(0).dim_value();
  int sizes[3];
  for (int d = 0; d < 3; ++d) {
    const std::int64_t size = type.shape().dim(d + 1).dim_value();
    if (size < 1 || size > largest_attribute)
      fail("the input " + shown(input->name()) + " has no fixed number of channels, height or width",
           "export it for one picture size");
    sizes[d] = static_cast<int>(size);
  }
  result_.graph.input.channels = sizes[0];
  result_.graph.input.height = sizes[1];
  result_.graph.input.width = sizes[2];
  OnnxValue value;
  value.node = result_.graph.add(plain(input->name()).empty() ? "input" : plain(input->name()), graph::Op::input, {});
  shapes_ = graph::infer_shapes(result_.graph);
  values_[input->name()] = value;
}

OnnxValue OnnxReader::data(const OnnxNode& node, std::size_t index, bool padded) const {
  const std::string name = node.input(index);
  const auto found = values_.find(name);
  if (found != values_.end()) {
    if (!padded && found->second.pads != OnnxValue().pads)
      node.fail("reads what a Pad node gave, which is read before a convolution only");
    return found->second;
  }
  if (constants_.count(name) != 0) node.fail("input " + std::to_string(index) + ", " + shown(name) + ", is a constant");
  node.fail("reads " + shown(name) + ", which no node before it gives");
}

OnnxValue OnnxReader::picture(const OnnxNode& node, std::size_t index, bool padded) const {
  const OnnxValue value = data(node, index, padded);
  if (value.flat) node.fail("takes [N, C, H, W] and is given [N, C]");
  return value;
}

OnnxValue OnnxReader::features(const OnnxNode& node, std::size_t index) const {
  const OnnxValue value = data(node, index);
  if (!value.flat) node.fail("takes [N, C] and is given [N, C, H, W]");
  return value;
}

const OnnxConstant* OnnxReader::find_constant(const std::string& name) const {
  const auto found = constants_.find(name);
  return found == constants_.end() ? nullptr : found->second.get();
}

const OnnxConstant& OnnxReader::weights(const OnnxNode& node, std::size_t index, std::size_t rank) const {
  const OnnxConstant* constant = find_constant(node.input(index));
  if (constant == nullptr) node.fail("its weights " + shown(node.input(index)) + " are no constant");
  if (constant->is_integer) node.fail("its weights " + shown(node.input(index)) + " are integers");
  if (constant->shape.size() != rank)
    node.fail("its weights " + shown(node.input(index)) + " have " + std::to_string(constant->shape.size()) +
              " dimensions, read are " + std::to_string(rank));
  if (constant->size() == 0) node.fail("its weights " + shown(node.input(index)) + " are empty");
  for (const std::int64_t size : constant->shape)
    if (size > largest_attribute) node.fail("its weights " + shown(node.input(index)) + " are too large");
  return *constant;
}

std::vector<std::int64_t> OnnxReader::numbers(const OnnxNode& node, std::size_t index) const {
  const OnnxConstant* constant = find_constant(node.input(index));
  if (constant == nullptr || !constant->is_integer)
    node.fail("input " + std::to_string(index) + ", " + shown(node.input(index)) + ", is no constant of integers",
              "export it for one picture size, and fold constants");
  return constant->integers;
}

int OnnxReader::readers(const std::string& value) const {
  const auto found = readers_.find(value);
  return found == readers_.end() ? 0 : found->second;
}

void OnnxReader::define(const OnnxNode& node, const OnnxValue& value) {
  if (constants_.count(node.output()) != 0 || !values_.emplace(node.output(), value).second)
    node.fail("gives " + shown(node.output()) + ", which is there already");
}

void OnnxReader::alias(const OnnxNode& node, const OnnxValue& value) { define(node, value); }

void OnnxReader::alias_constant(const OnnxNode& node, const std::string& name) {
  const auto constant = constants_.at(name);
  if (values_.count(node.output()) != 0 || !constants_.emplace(node.output(), constant).second)
    node.fail("gives " + shown(node.output()) + ", which is there already");
}

void OnnxReader::define_constant(const OnnxNode& node, OnnxConstant constant) {
  if (values_.count(node.output()) != 0 ||
      !constants_.emplace(node.output(), std::make_shared<const OnnxConstant>(std::move(constant))).second)
    node.fail("gives " + shown(node.output()) + ", which is there already");
}

void OnnxReader::set_weights(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> data,
                             const OnnxNode& node) {
  const std::size_t bytes = data.size() * sizeof(float);
  if (bytes > memory_left_) node.fail("the weights, read by so many nodes, would take 8 times the memory of the file");
  memory_left_ -= bytes;
  result_.weights[name] = {std::move(shape), std::move(data)};
}

std::string OnnxReader::unique_name(const OnnxNode& node, const std::string& weights_name) {
  constexpr std::string_view ending = ".weight";
  std::string name;
  if (weights_name.size() > ending.size() &&
      weights_name.compare(weights_name.size() - ending.size(), ending.size(), ending) == 0)
    name = plain(weights_name.substr(0, weights_name.size() - ending.size()));
  if (name.empty()) name = plain(node.name());
  if (name.empty()) name = plain(node.output());
  if (name.empty()) name = plain(node.op()) + "_" + std::to_string(node.place());
  const std::string wanted = name;
  for (int& count = name_counts_[wanted]; result_.graph.find(name) >= 0;) name = wanted + "_" + std::to_string(++count);
  return name;
}

graph::Node& OnnxReader::append(const OnnxNode& node, graph::Op op, const std::vector<OnnxValue>& inputs, bool flat,
                                const graph::Attributes& attributes, const std::string& weights_name) {
  std::vector<int> indices;
  for (const OnnxValue& input : inputs) indices.push_back(input.node);
  OnnxValue value;
  value.flat = flat;
  value.node = result_.graph.add(unique_name(node, weights_name), op, indices, attributes);
  try {
    shapes_ = graph::infer_shapes(result_.graph);
  } catch (const graph::GraphError& error) {
    node.fail(error.what());
  }
  define(node, value);
  return graph_node(value.node);
}

// The output must be the last node, and nodes that it doesn't need are in the way of everything else.
void OnnxReader::keep_only_ancestors(int last) {
  graph::Graph& whole = result_.graph;
  std::vector<bool> needed(whole.nodes.size(), false);
  needed[0] = needed[static_cast<std::size_t>(last)] = true;
  for (auto i = static_cast<std::size_t>(last) + 1; i-- > 0;)
    if (needed[i])
      for (const int input : whole.nodes[i].inputs) needed[static_cast<std::size_t>(input)] = true;
  graph::Graph kept;
  kept.name = whole.name;
  kept.input = whole.input;
  std::vector<int> place(whole.nodes.size(), -1);
  for (std::size_t i = 0; i < whole.nodes.size(); ++i) {
    graph::Node& node = whole.nodes[i];
    if (!needed[i]) {
      for (const char* tensor : {".weight", ".bias", ".running_mean", ".running_var"})
        result_.weights.erase(node.name + tensor);
      continue;
    }
    for (int& input : node.inputs) input = place[static_cast<std::size_t>(input)];
    place[i] = static_cast<int>(kept.nodes.size());
    kept.nodes.push_back(std::move(node));
  }
  whole = std::move(kept);
}

OnnxModel decode_onnx(std::string_view bytes, const std::string& file) {
  const auto corrupt = [&](const std::string& fault) {
    throw core::Error(core::ExitCode::corrupt, file, fault, "the file is damaged or foreign: export it again");
  };
  onnx::ModelProto model;
  constexpr std::size_t largest_file = (std::size_t{1} << 31U) - 1;  // of any protobuf message
  if (bytes.empty() || bytes.size() > largest_file) corrupt("is empty or larger than 2 GiB, the limit of ONNX files");
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph())
    corrupt("is no ONNX file");
  try {
    return OnnxReader(model, file, bytes.size()).run();
  } catch (const graph::GraphError& error) {
    corrupt(error.what());
  }
  return {};
}

}  // namespace automask::models
