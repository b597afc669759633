#include "models/model_file.h"

#include <algorithm>

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "models/checkpoint.h"
#include "models/preprocessing.h"
#include "models/safetensors.h"
#include "models/weights.h"

namespace automask::models {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

// A header follows its length, whose first byte may be any.
bool may_be_safetensors(std::string_view bytes) { return bytes.size() > 8 && bytes[8] == '{'; }
// The first field of every ONNX file known, ir_version, begins with this byte.
bool is_onnx(std::string_view bytes, const std::filesystem::path& path) {
  return path.extension() == ".onnx" || (bytes.substr(0, 1) == "\x08" && !may_be_safetensors(bytes));
}

OnnxModel of_checkpoint(const std::filesystem::path& path, const std::string& condition) {
  Checkpoint checkpoint = load_checkpoint(path);
  std::size_t chosen = 0;
  if (!condition.empty() || checkpoint.conditions.size() > 1) {
    const auto found = std::find(checkpoint.conditions.begin(), checkpoint.conditions.end(), condition);
    if (found == checkpoint.conditions.end()) {
      std::string names;
      for (const std::string& name : checkpoint.conditions) names += (names.empty() ? "" : ", ") + name;
      throw Error(ExitCode::usage, path.string(),
                  condition.empty() ? "holds a network for each of several conditions"
                                    : "holds no condition \"" + condition + "\"",
                  "choose with --condition one of: " + names);
    }
    chosen = static_cast<std::size_t>(found - checkpoint.conditions.begin());
  }
  for (auto& [name, tensor] : checkpoint.normalisation[chosen]) checkpoint.weights[name] = std::move(tensor);
  OnnxModel model;
  model.graph = graph::shrink(checkpoint.graph, checkpoint.masks[chosen]);
  model.weights = graph::shrink_weights(checkpoint.graph, checkpoint.masks[chosen], checkpoint.weights);
  model.metadata[preprocessing_key] =
      to_json(Preprocessing{checkpoint.graph.input, checkpoint.resizing, checkpoint.input}).dump();
  return model;
}

OnnxModel of_written(SafetensorsFile content, const std::filesystem::path& path) {
  const std::string where = path.string() + ": graph";
  OnnxModel model;
  try {
    model.graph = graph::graph_from_json(core::parse_json(content.metadata.at(graph_key), where, ExitCode::corrupt));
  } catch (const graph::GraphError& error) {
    throw Error(ExitCode::corrupt, where, error.what(), "convert the network again");
  } catch (const Json::exception& error) {
    throw Error(ExitCode::corrupt, where, error.what(), "convert the network again");
  }
  model.weights = assign(model.graph, std::move(content.tensors), {}, path.string());
  content.metadata.erase(graph_key);
  model.metadata = std::move(content.metadata);
  return model;
}

OnnxModel of_any(const std::filesystem::path& path, const std::string& condition) {
  const core::MappedFile file(path);
  if (is_onnx(file.bytes(), path)) return decode_onnx(file.bytes(), path.string());
  if (may_be_safetensors(file.bytes())) {
    SafetensorsFile content = decode_safetensors(file.bytes(), path.string());
    if (content.metadata.count(checkpoint_key) != 0) return of_checkpoint(path, condition);
    if (content.metadata.count(graph_key) != 0) return of_written(std::move(content), path);
  }
  OnnxModel bare;
  bare.weights = load_weights(path);
  return bare;
}

// The classes that the weights of the last layer have.
int classes_of(const graph::Graph& graph, const graph::TensorMap& weights, int fallback) {
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (node->op != graph::Op::linear && node->op != graph::Op::conv2d) continue;
    const auto found = weights.find(node->name + ".weight");
    const bool known = found != weights.end() && !found->second.shape.empty() && found->second.shape[0] > 0 &&
                       found->second.shape[0] <= 1 << 20;
    return known ? static_cast<int>(found->second.shape[0]) : fallback;
  }
  return fallback;
}

}  // namespace

bool is_checkpoint(const std::filesystem::path& path) {
  const core::MappedFile file(path);
  return !is_onnx(file.bytes(), path) && may_be_safetensors(file.bytes()) &&
         safetensors_header_names(file.bytes(), checkpoint_key);
}

OnnxModel read_model_file(const std::filesystem::path& path, const ModelFileOptions& options) {
  OnnxModel model = of_any(path, options.condition);
  if (options.model.empty()) return model;
  const ZooEntry* entry = find_in_zoo(options.model);
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const ZooEntry& each : zoo()) names.push_back(each.name);
    throw Error(ExitCode::usage, "--model", "unknown model \"" + options.model + "\"",
                core::suggestion(options.model, names));
  }
  const graph::Shape input = options.input.value_or(entry->preprocessing.input);
  try {
    const graph::Graph published = build_published(*entry, input, entry->classes);
    const int classes = options.classes.value_or(classes_of(published, model.weights, entry->classes));
    model.graph = build_published(*entry, input, classes);
    model.weights = assign(model.graph, std::move(model.weights), entry->ignored, path.string());
  } catch (const graph::GraphError& error) {
    throw Error(ExitCode::usage, "--model " + options.model, error.what(), "choose another --input or --classes");
  }
  if (model.metadata.count(preprocessing_key) == 0)
    model.metadata[preprocessing_key] = to_json(with_input(entry->preprocessing, input)).dump();
  return model;
}

Checkpoint load_network(const std::filesystem::path& path, const ModelFileOptions& options) {
  if (is_checkpoint(path)) {
    Checkpoint checkpoint = load_checkpoint(path);
    if (!options.model.empty() && options.model != checkpoint.graph.name)
      throw Error(ExitCode::usage, path.string(), "holds a " + checkpoint.graph.name + ", not a " + options.model,
                  "leave --model out, or give its weights");
    return checkpoint;
  }
  OnnxModel model = read_model_file(path, options);
  if (model.graph.nodes.empty())
    throw Error(ExitCode::usage, path.string(), "holds weights and no network",
                "name the network with --model, one of `automask models list`");
  const auto found = model.metadata.find(preprocessing_key);
  if (found == model.metadata.end())
    throw Error(ExitCode::usage, path.string(), "does not say how its pictures are to be prepared",
                "name the network with --model, or convert its weights with `automask models convert`");
  const std::string where = path.string() + ": " + preprocessing_key;
  const Json json = core::parse_json(found->second, where, ExitCode::corrupt);
  const Preprocessing preprocessing =
      preprocessing_from_json({json, where, "", ExitCode::corrupt}, model.graph.input.channels);
  if (!(preprocessing.input == model.graph.input))
    throw Error(ExitCode::corrupt, where, "has another size than the network's input", "convert the network again");
  Checkpoint checkpoint = unmasked_checkpoint(std::move(model.graph), std::move(model.weights));
  checkpoint.input = preprocessing.scaling;
  checkpoint.resizing = preprocessing.resizing;
  checkpoint.training = {{"weights", path.filename().string()}};
  return checkpoint;
}

void write_model_file(const OnnxModel& model, const std::filesystem::path& path) {
  if (path.extension() == ".onnx") {
    if (model.graph.nodes.empty())
      throw Error(ExitCode::usage, path.string(), "an ONNX file needs the network, and there are only weights",
                  "name the network with --model");
    core::write_file_atomically(path, encode_onnx(model));
  } else if (path.extension() == ".safetensors") {
    SafetensorsFile content{model.metadata, model.weights};
    if (!model.graph.nodes.empty()) content.metadata[graph_key] = graph::to_json(model.graph).dump();
    core::write_file_atomically(path, encode_safetensors(content));
  } else {
    throw Error(ExitCode::usage, path.string(), "is no kind of file that is written",
                "let its name end in .safetensors or .onnx");
  }
}

}  // namespace automask::models
