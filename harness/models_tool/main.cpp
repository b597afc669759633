// automask-models: reads and writes files of networks for `automask models`, since ONNX's library and the reader of zip
// archives would slow down every command's start.
#include "harness/tool.h"
#include "models/fold.h"
#include "models/model_file.h"
#include "models/weights.h"

namespace {

using namespace automask;
using core::Json;

models::ModelFileOptions options_of(const Json& request) {
  models::ModelFileOptions options;
  options.model = request.at("model");
  options.condition = request.at("condition");
  if (const Json& classes = request.at("classes"); !classes.is_null()) options.classes = classes.get<int>();
  if (const Json& input = request.at("input"); !input.is_null())
    options.input = graph::Shape{input.at(0), input.at(1), input.at(2)};
  return options;
}

// {"graph": null or the network, "tensors": [{"tensor", "shape"}], "values", "preprocessing"}; for convert also
// "bytes" of what was written.
Json work(const Json& request) {
  const std::string from = request.at("from"), to = request.at("to");
  models::OnnxModel model = models::read_model_file(from, options_of(request));
  const bool network = !model.graph.nodes.empty();
  if (request.at("fold").get<bool>()) {
    if (!network)
      throw core::Error(core::ExitCode::usage, "--fold", "needs the network, and " + from + " holds only weights",
                        "name the network with --model");
    models::fold_normalisation(model.graph, model.weights);
  }
  Json result = {{"graph", network ? graph::to_json(model.graph) : Json()}, {"preprocessing", nullptr}};
  if (!to.empty()) {
    models::write_model_file(model, to);
    result["bytes"] = std::filesystem::file_size(to);
  }
  std::size_t values = 0;
  Json tensors = Json::array();
  for (const auto& [name, tensor] : model.weights) {
    values += tensor.data.size();
    tensors.push_back({{"tensor", name}, {"shape", models::shape_text(tensor.shape)}});
  }
  result["values"] = values;
  result["tensors"] = tensors;
  if (const auto text = model.metadata.find(models::preprocessing_key); text != model.metadata.end()) {
    const Json preprocessing = Json::parse(text->second, nullptr, false);
    if (preprocessing.is_object()) result["preprocessing"] = preprocessing;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) { return harness::tool_main(argc, argv, work); }
