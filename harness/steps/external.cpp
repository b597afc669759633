#include "harness/steps/external.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/mapped_file.h"
#include "models/model_file.h"
#include "models/preprocessing.h"
#include "models/safetensors.h"
#include "models/trained_on.h"
#include "models/weights.h"

namespace automask::harness::steps {
namespace {

using core::Error;
using core::ExitCode;

bool is_checkpoint(const std::filesystem::path& file) {
  return file.extension() != ".onnx" &&
         models::safetensors_header_names(core::MappedFile(file).bytes(), models::checkpoint_key);
}

models::Checkpoint read(const std::filesystem::path& file, const graph::Graph& graph, const models::ZooEntry* entry) {
  if (is_checkpoint(file)) return models::load_checkpoint(file);
  models::OnnxModel model = models::read_model_file(file, {});
  if (model.graph.nodes.empty()) {
    model.graph = graph;
    model.weights = models::assign(graph, std::move(model.weights),
                                   entry == nullptr ? std::vector<std::string>{} : entry->ignored, file.string());
  }
  models::Preprocessing preprocessing;
  if (const auto found = model.metadata.find(models::preprocessing_key); found != model.metadata.end()) {
    const std::string where = file.string() + ": " + models::preprocessing_key;
    const core::Json json = core::parse_json(found->second, where, ExitCode::corrupt);
    preprocessing = models::preprocessing_from_json({json, where, "", ExitCode::corrupt}, model.graph.input.channels);
  } else if (entry != nullptr) {
    preprocessing = models::with_input(entry->preprocessing, model.graph.input);
  } else {
    throw Error(ExitCode::steps_failed, file.string(), "does not say how its pictures are to be scaled",
                "convert it with `automask models convert --model NAME`");
  }
  models::Checkpoint checkpoint = models::unmasked_checkpoint(std::move(model.graph), std::move(model.weights));
  checkpoint.input = preprocessing.scaling;
  checkpoint.resizing = preprocessing.resizing;
  return checkpoint;
}

}  // namespace

models::Checkpoint external_network(const std::filesystem::path& file, const graph::Graph& graph,
                                    const core::Json& model, const std::vector<std::string>& classes) {
  models::Checkpoint checkpoint = read(file, graph, models::find_in_zoo(model.value("name", "")));
  const graph::Shape &has = checkpoint.graph.input, &wants = graph.input;
  if (!(has == wants))
    throw Error(ExitCode::steps_failed, file.string(),
                fmt::format("is a network for pictures of {}x{}x{}, the data set's are {}x{}x{}", has.channels,
                            has.height, has.width, wants.channels, wants.height, wants.width),
                "give the data set that input, or another file");
  const auto outputs = static_cast<std::size_t>(graph::infer_shapes(checkpoint.graph).back().channels);
  if (outputs != classes.size())
    throw Error(ExitCode::steps_failed, file.string(),
                fmt::format("has {} classes, the data set {}", outputs, classes.size()),
                "give a network that was trained on these classes");
  if (checkpoint.classes.size() == classes.size() && checkpoint.classes != classes) {
    auto a = checkpoint.classes, b = classes;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    if (a == b)
      throw Error(ExitCode::steps_failed, file.string(), "has the data set's classes in another order",
                  "name the data set's \"classes\" in the order of the network's outputs");
  }
  checkpoint.classes = classes;
  core::Json record = {{"method", "external"}, {"file", file.filename().string()}};
  if (checkpoint.training.contains("others")) record["others"] = checkpoint.training["others"];
  const std::vector<std::string> seen = models::trained_on(checkpoint);
  checkpoint.training = record;
  models::add_trained_on(seen, checkpoint);
  return checkpoint;
}

}  // namespace automask::harness::steps
