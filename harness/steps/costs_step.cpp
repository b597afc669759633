// Stage costs: what each layer of a network costs on a target, asked from its runner before a method with a
// latency_budget is trained. Times depend on shapes, so the network's weights are drawn.
#include "core/atomic_file.h"
#include "harness/layer_costs.h"
#include "harness/steps/data.h"
#include "harness/steps/turn.h"
#include "hw_targets/compiler/compile.h"
#include "hw_targets/compiler/quantise.h"
#include "hw_targets/host/registry.h"
#include "methods/options.h"
#include "methods/recipes/denoiser.h"
#include "models/checkpoint.h"
#include "models/network.h"
#include "models/zoo.h"

namespace automask::harness::steps {
namespace {

// As the method's own package will be: every convolution and linear layer has its name.
package::Package untrained_package(const graph::Graph& graph, std::vector<std::string> classes,
                                   const std::string& format) {
  models::Checkpoint checkpoint;
  models::Network(graph, 1, 0).store(checkpoint);
  const auto channels = static_cast<std::size_t>(graph.input.channels);
  checkpoint.conditions = {"*"};
  checkpoint.input = {std::vector<float>(channels, 0.5F), std::vector<float>(channels, 0.25F)};
  checkpoint.classes = std::move(classes);
  checkpoint.training = core::Json::object();
  package::Package package = compiler::compile(checkpoint);
  if (format == "fp16") return compiler::to_half(package);
  if (format != "int8") return package;
  // Ranges come from one picture with every level in it.
  compiler::CalibrationPictures picture;
  picture.count = 1;
  picture.pixels.resize(channels * static_cast<std::size_t>(graph.input.height * graph.input.width));
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(i * 37);
  return compiler::quantise(package, {picture}, {});
}

// What the method will train: the model, of `denoise` with its denoiser.
graph::Graph trained_graph(const core::JsonCursor& parameters, graph::Graph model) {
  if (!parameters.has("denoiser")) return model;
  methods::MethodSpec spec;
  methods::option("denoiser").read(parameters.at("denoiser"), spec);
  return methods::with_denoiser(model, spec.denoiser);
}

}  // namespace

Outcome run_costs(const Context& context) {
  const auto parameters = context.parameters();
  const auto spec = dataset_spec(context);
  const auto classes = open_split(context, spec, datasets::Split::train)->classes();
  const graph::Graph graph =
      trained_graph(parameters, models::build_model(parameters.at("model"), {spec.channels, spec.height, spec.width},
                                                    static_cast<int>(classes.size())));
  CostsRequest request;
  request.prepare = parameters.at("options").value();
  request.lanes = static_cast<int>(parameters.at("lanes").integer());
  request.runs = static_cast<int>(parameters.at("runs").integer());
  request.shares = parameters.at("shares").value().get<std::vector<double>>();
  const package::Package package = untrained_package(graph, classes, parameters.at("options").at("format").string());

  const auto runner = host::runner_from_json(context.locations().at("runner"));
  Turn turn(context.store(), runner.name);
  const auto session = host::Session::start(runner);
  const host::Device device = session->initialize();
  context.progress("costs", 0, 1);
  const core::Json costs = ask_layer_costs(*session, device, runner.name, package, request);
  session->shutdown();
  core::write_file_atomically(context.folder() / costs_file, costs.dump(1) + "\n");
  Outcome outcome;
  outcome.files = {{"layer_costs", costs_file}};
  outcome.details = {{"device", device.details}, {"check", costs.at("check")}};
  return outcome;
}

}  // namespace automask::harness::steps
