#include "models/checkpoint.h"

#include <algorithm>

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "models/safetensors.h"

namespace automask::models {
namespace {

constexpr int format_version = 1;
constexpr const char* bicubic = "bicubic";  // bilinear is the default and not written

[[noreturn]] void corrupt(const std::filesystem::path& path, const std::string& place, const std::string& fault) {
  throw core::Error(core::ExitCode::corrupt, path.string() + (place.empty() ? "" : ": " + place), fault,
                    "remove the file and train again");
}

// A mask as text, one string of 0 and 1 per group: short and readable in the header.
std::vector<std::string> mask_to_text(const graph::Mask& mask) {
  std::vector<std::string> rows;
  for (const auto& group : mask) {
    std::string row;
    for (const std::uint8_t keep : group) row += keep ? '1' : '0';
    rows.push_back(row);
  }
  return rows;
}

graph::Mask mask_from_text(const core::JsonCursor& cursor, const graph::ChannelGroups& groups) {
  const std::vector<std::string> rows = cursor.strings();
  if (rows.size() != groups.groups.size())
    cursor.fail("has " + std::to_string(rows.size()) + " groups, the graph " + std::to_string(groups.groups.size()));
  graph::Mask mask;
  for (std::size_t g = 0; g < rows.size(); ++g) {
    const graph::ChannelGroup& group = groups.groups[g];
    const std::string& row = rows[g];
    if (row.size() != static_cast<std::size_t>(group.channels) || row.find_first_not_of("01") != std::string::npos)
      cursor.at(g).fail("is no mask of " + std::to_string(group.channels) + " channels");
    if (row.find('1') == std::string::npos) cursor.at(g).fail("keeps no channel of group " + group.name);
    if (!group.maskable && row.find('0') != std::string::npos) cursor.at(g).fail("masks the fixed group " + group.name);
    mask.emplace_back();
    for (const char c : row) mask.back().push_back(c == '1');
  }
  return mask;
}

std::vector<float> floats(const core::JsonCursor& cursor) {
  std::vector<float> values;
  if (!cursor.value().is_array()) cursor.fail("must be an array of numbers");
  for (std::size_t i = 0; i < cursor.size(); ++i) values.push_back(static_cast<float>(cursor.at(i).number()));
  return values;
}

std::string condition_tensor(std::size_t k, const std::string& name) {
  return "conditions." + std::to_string(k) + "." + name;
}

// The parameters of every batch_norm and affine node, by full name.
std::vector<std::string> normalisation_names(const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const graph::Node& node : graph.nodes) {
    if (node.op != graph::Op::batch_norm && node.op != graph::Op::affine) continue;
    for (const char* tensor : {".weight", ".bias"}) names.push_back(node.name + tensor);
    if (node.op == graph::Op::batch_norm)
      for (const char* tensor : {".running_mean", ".running_var"}) names.push_back(node.name + tensor);
  }
  return names;
}

std::vector<std::string> stem_weights(const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const int node : graph::stem_nodes(graph))
    names.push_back(graph.nodes[static_cast<std::size_t>(node)].name + ".weight");
  return names;
}

bool of_affine(const graph::Graph& graph, const std::string& tensor) {
  const int node = graph.find(tensor.substr(0, tensor.rfind('.')));
  return node >= 0 && graph.nodes[static_cast<std::size_t>(node)].op == graph::Op::affine;
}

// Takes the tensor out of `from`, so that what remains is surplus.
graph::Tensor take(graph::TensorMap& from, const std::string& name, const std::vector<std::int64_t>& shape,
                   const std::filesystem::path& path) {
  const auto found = from.find(name);
  if (found == from.end()) corrupt(path, "tensor " + name, "is missing");
  if (found->second.shape != shape) corrupt(path, "tensor " + name, "has another shape than the graph gives it");
  graph::Tensor tensor = std::move(found->second);
  from.erase(found);
  return tensor;
}

std::vector<std::map<std::string, double>> ranges_from(const core::JsonCursor& cursor, std::size_t conditions) {
  if (!cursor.value().is_array() || cursor.size() != conditions) cursor.fail("must hold the ranges of each condition");
  std::vector<std::map<std::string, double>> ranges;
  for (std::size_t k = 0; k < conditions; ++k) {
    ranges.emplace_back();
    for (const std::string& node : cursor.at(k).keys()) {
      const double range = cursor.at(k).at(node).number();
      if (!(range > 0)) cursor.at(k).at(node).fail("must be above 0");
      ranges.back()[node] = range;
    }
  }
  return ranges;
}

Checkpoint parse(SafetensorsFile& content, const core::JsonCursor& structure, const std::filesystem::path& path) {
  structure.only_keys(
      {"format_version", "graph", "conditions", "masks", "input", "classes", "training", "estimator", "ranges"});
  const std::int64_t version = structure.at("format_version").integer();
  if (version != format_version)
    structure.at("format_version")
        .fail("is " + std::to_string(version) + ", this program reads " + std::to_string(format_version));

  Checkpoint checkpoint;
  checkpoint.graph = graph::graph_from_json(structure.at("graph").value());
  checkpoint.conditions = structure.at("conditions").strings();
  if (checkpoint.conditions.empty()) structure.at("conditions").fail("names no condition");
  const graph::ChannelGroups groups = graph::channel_groups(checkpoint.graph);
  const core::JsonCursor masks = structure.at("masks");
  if (!masks.value().is_array() || masks.size() != checkpoint.conditions.size())
    masks.fail("must hold one mask per condition");
  for (std::size_t k = 0; k < masks.size(); ++k) checkpoint.masks.push_back(mask_from_text(masks.at(k), groups));

  const core::JsonCursor input = structure.at("input");
  input.only_keys({"mean", "deviation", "resize", "interpolation"});
  if (input.has("resize")) checkpoint.resizing.resize = static_cast<int>(input.at("resize").integer_in(1, 1 << 16));
  if (input.has("interpolation")) {
    if (input.at("interpolation").string() != bicubic) input.at("interpolation").fail("must be \"bicubic\"");
    checkpoint.resizing.interpolation = Interpolation::bicubic;
  }
  checkpoint.input = {floats(input.at("mean")), floats(input.at("deviation"))};
  const auto channels = static_cast<std::size_t>(checkpoint.graph.input.channels);
  if (checkpoint.input.mean.size() != channels || checkpoint.input.deviation.size() != channels)
    input.fail("needs one mean and one deviation per input channel");
  for (const float deviation : checkpoint.input.deviation)
    if (!(deviation > 0)) input.at("deviation").fail("must be above 0");
  checkpoint.classes = structure.at("classes").strings();
  checkpoint.training = structure.at("training").value();
  if (structure.has("ranges")) checkpoint.ranges = ranges_from(structure.at("ranges"), checkpoint.conditions.size());
  if (structure.has("estimator")) checkpoint.estimator = structure.at("estimator").value();

  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& [name, shape] : graph::parameter_shapes(checkpoint.graph)) {
    checkpoint.weights[name] = take(content.tensors, name, shape, path);
    shapes[name] = shape;
  }
  std::vector<std::string> names = normalisation_names(checkpoint.graph);
  for (const std::string& name : stem_weights(checkpoint.graph))
    if (content.tensors.count(condition_tensor(0, name)) != 0) names.push_back(name);
  checkpoint.normalisation.resize(checkpoint.conditions.size());
  for (std::size_t k = 0; k < checkpoint.conditions.size(); ++k)
    for (const std::string& name : names)
      // Older files hold an affine node's tensors once, for all conditions.
      checkpoint.normalisation[k][name] =
          of_affine(checkpoint.graph, name) && content.tensors.count(condition_tensor(k, name)) == 0
              ? checkpoint.weights.at(name)
              : take(content.tensors, condition_tensor(k, name), shapes[name], path);
  if (!content.tensors.empty())
    corrupt(path, "tensor " + content.tensors.begin()->first, "belongs to no node of the graph");
  return checkpoint;
}

core::Json parse_structure(const std::string& text, const std::filesystem::path& path) {
  try {
    return core::parse_json(text, structure_place(path), core::ExitCode::corrupt);
  } catch (const core::Json::exception& e) {  // e.g. a number beyond every type
    corrupt(path, "structure", e.what());
  }
}

}  // namespace

bool has_private_stem(const Checkpoint& checkpoint) {
  if (checkpoint.normalisation.empty()) return false;
  const std::vector<std::string> names = stem_weights(checkpoint.graph);
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return checkpoint.normalisation[0].count(name) != 0; });
}

graph::TensorMap dense_weights(const Checkpoint& checkpoint) {
  graph::TensorMap weights = checkpoint.weights;
  const auto clean = std::find(checkpoint.conditions.begin(), checkpoint.conditions.end(), "clean");
  const auto set =
      clean == checkpoint.conditions.end() ? 0 : static_cast<std::size_t>(clean - checkpoint.conditions.begin());
  for (const auto& [name, tensor] : checkpoint.normalisation[set]) weights[name] = tensor;
  return weights;
}

Checkpoint unmasked_checkpoint(graph::Graph graph, graph::TensorMap weights) {
  Checkpoint checkpoint;
  checkpoint.graph = std::move(graph);
  checkpoint.weights = std::move(weights);
  checkpoint.conditions = {"*"};
  checkpoint.masks = {graph::full_mask(graph::channel_groups(checkpoint.graph))};
  checkpoint.normalisation.emplace_back();
  for (const std::string& name : normalisation_names(checkpoint.graph))
    checkpoint.normalisation[0][name] = checkpoint.weights.at(name);
  return checkpoint;
}

void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path) {
  core::Json masks = core::Json::array();
  for (const graph::Mask& mask : checkpoint.masks) masks.push_back(mask_to_text(mask));
  core::Json input = {{"mean", checkpoint.input.mean}, {"deviation", checkpoint.input.deviation}};
  if (checkpoint.resizing.resize > 0) input["resize"] = checkpoint.resizing.resize;
  if (checkpoint.resizing.interpolation == Interpolation::bicubic) input["interpolation"] = bicubic;
  core::Json structure = {
      {"format_version", format_version},
      {"graph", graph::to_json(checkpoint.graph)},
      {"conditions", checkpoint.conditions},
      {"masks", masks},
      {"input", input},
      {"classes", checkpoint.classes},
      {"training", checkpoint.training},
  };
  if (!checkpoint.estimator.is_null()) structure["estimator"] = checkpoint.estimator;
  if (!checkpoint.ranges.empty()) structure["ranges"] = checkpoint.ranges;
  SafetensorsFile content;
  content.metadata[checkpoint_key] = structure.dump(-1, ' ', false, core::Json::error_handler_t::replace);
  content.tensors = checkpoint.weights;
  for (std::size_t k = 0; k < checkpoint.normalisation.size(); ++k)
    for (const auto& [name, tensor] : checkpoint.normalisation[k]) content.tensors[condition_tensor(k, name)] = tensor;
  core::write_file_atomically(path, encode_safetensors(content));
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  SafetensorsFile content = decode_safetensors(core::read_file(path), path.string());
  const auto metadata = content.metadata.find(checkpoint_key);
  if (metadata == content.metadata.end()) corrupt(path, "", "holds tensors but no checkpoint");
  const core::Json structure = parse_structure(metadata->second, path);
  try {
    return parse(content, {structure, structure_place(path), "", core::ExitCode::corrupt}, path);
  } catch (const graph::GraphError& e) {
    corrupt(path, "graph", e.what());
  } catch (const core::Json::exception& e) {
    corrupt(path, "structure", e.what());
  }
}

std::optional<core::Json> checkpoint_structure(const std::filesystem::path& path) {
  const core::MappedFile file(path);
  if (!safetensors_header_names(file.bytes(), checkpoint_key)) return std::nullopt;
  const auto metadata = safetensors_metadata(file.bytes(), path.string());
  const auto found = metadata.find(checkpoint_key);
  if (found == metadata.end()) return std::nullopt;
  return parse_structure(found->second, path);
}

std::string structure_place(const std::filesystem::path& path) { return path.string() + ": structure"; }

}  // namespace automask::models
