// The Z7020 engine's figures on the zoo, from the model and the simulation: scripts/z7020_report.sh runs this.
//
//   z7020_report [--board NAME] [--no-simulation] [--format json|text] [NETWORK ...]
//
// Every published network at its published size, with random weights: cycles do not depend on values. One picture goes
// through the simulated engine and the integer reference. Half: every second member of each maskable channel group.
#include <ctime>
#include <iostream>
#include <map>

#include "hw_targets/package/reference.h"
#include "hw_targets/z7020/builtin_boards.h"
#include "hw_targets/z7020/execute.h"
#include "hw_targets/z7020/model.h"
#include "hw_targets/z7020/resources.h"
#include "tests/unit/cpu/integer_networks.h"
#include "tests/unit/cpu/zoo_networks.h"

namespace {

using namespace automask;
using nlohmann::json;

// Normalisations folded into the layers before them, as packages have them.
graph::Graph folded(graph::Graph graph) {
  graph::TensorMap weights;
  for (const auto& [name, shape] : graph::parameter_shapes(graph)) {
    std::size_t count = 1;
    for (const auto extent : shape) count *= static_cast<std::size_t>(extent);
    weights[name] = {shape, std::vector<float>(count, 0.5F)};
  }
  models::fold_normalisation(graph, weights);
  return graph;
}

graph::Mask half_mask(const graph::Graph& graph) { return cpu::thinned(graph, 2); }

// A package of two conditions: all channels, and half of them.
package::Package package_of(const package::IntegerNetwork& network) {
  package::Package package;
  package.graph = network.graph;
  package.format = package::Format::int8;
  for (const auto& [name, shape] : graph::parameter_shapes(network.graph)) {
    if (!name.ends_with(".weight")) continue;
    const auto& values = network.weights.at(name.substr(0, name.rfind('.')));
    package.weights[name] = {shape, std::vector<float>(values.begin(), values.end())};
  }
  package.input_table = network.input_table;
  const graph::ChannelGroups groups = graph::channel_groups(network.graph);
  package.conditions.push_back({"clean", graph::full_mask(groups), {}, {}, network.integers});
  package.conditions.push_back({"half", half_mask(network.graph), {}, {}, network.integers});
  return package;
}

struct Simulated {
  std::size_t mismatches = 0;
  double seconds = 0;
};
Simulated simulate(const package::IntegerNetwork& network, const z7020::Image& image) {
  const auto port = z7020::simulation_port();
  z7020::Executor executor(image, *port);
  const auto picture = cpu::random_picture(network.graph.input, 1);
  const std::clock_t begin = std::clock();  // of the processor: the simulation has one thread
  const std::vector<std::int32_t> values = executor.values(0, picture.data());
  Simulated result;
  result.seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const std::vector<std::int32_t> expected = package::reference_values(network, picture.data()).back();
  for (std::size_t i = 0; i < expected.size(); ++i) result.mismatches += expected[i] != values[i] ? 1 : 0;
  return result;
}

json resource_table() {
  json table = json::array();
  for (const z7020::Resource& r : z7020::resources())
    table.push_back({{"part", r.part}, {"dsp48e1", r.dsp48e1}, {"ramb36", r.ramb36}});
  return {{"evidence", "modelled"},
          {"parts", table},
          {"device", {{"dsp48e1", z7020::device_dsp48e1}, {"ramb36", z7020::device_ramb36}}}};
}

double convolution_gops(const z7020::Modelled& m) {
  return 2e-3 * static_cast<double>(m.convolution_macs) / m.convolution_cycles * m.mhz;
}

void report(const models::ZooEntry& entry, const z7020::Board& board, bool simulation, json& networks, json& layers) {
  const graph::Graph graph = folded(models::build_published(entry, entry.preprocessing.input, entry.classes));
  const package::IntegerNetwork network = cpu::random_integers(graph, 1, false);
  // Tiles are chosen for each clock, as the runner does.
  const z7020::Image image = z7020::compile(network, board.bandwidth(150));
  const z7020::Modelled fast = z7020::model(image, 0, board, 150);
  const z7020::Modelled slow = z7020::model(z7020::compile(network, board.bandwidth(100)), 0, board, 100);
  json row = {{"network", entry.name},
              {"evidence", "modelled"},
              {"conv_utilisation", fast.convolution_utilisation()},
              {"latency_ms_100", slow.ms},
              {"latency_ms_150", fast.ms},
              {"latency_ms_150_without_overlap", fast.serial_ms},
              {"gops_150", convolution_gops(fast)},
              {"gops_150_end_to_end", 2e-6 * static_cast<double>(fast.macs) / fast.ms},
              {"ddr_megabytes", fast.bytes / 1e6}};
  // Half the channels: stored alone, and as a condition of a package that stores all.
  const package::Package package = package_of(network);
  const z7020::Image alone =
      z7020::compile(cpu::random_integers(graph::shrink(graph, half_mask(graph)), 1, false), board.bandwidth(150));
  const z7020::Image of_union = z7020::compile(package, board.bandwidth(150));
  row["speedup_half"] = fast.ms / z7020::model(alone, 0, board, 150).ms;
  row["speedup_half_of_union"] = z7020::model(of_union, 0, board, 150).ms / z7020::model(of_union, 1, board, 150).ms;
  row["csim_mismatches"] = nullptr;
  if (simulation) {
    const Simulated simulated = simulate(network, image);
    row["csim_mismatches"] = simulated.mismatches;
    row["csim_cpu_seconds"] = simulated.seconds;
  }
  networks.push_back(row);
  for (const z7020::LayerTime& layer : fast.layers)
    layers.push_back({{"network", entry.name},
                      {"layer", layer.name},
                      {"unit", z7020::to_string(layer.unit)},
                      {"macs", layer.macs},
                      {"model_cycles", layer.cycles},
                      {"stall_cycles", layer.stalls}});
  std::cerr << entry.name << " done\n";
}

void print_text(const json& all) {
  std::cout << "network             conv util.  ms at 100  ms at 150  GOP/s conv.  half  half of union  mismatches\n";
  for (const json& n : all["networks"]) {
    std::string name = n["network"];
    name.resize(20, ' ');
    char line[160];
    std::snprintf(line, sizeof line, "%s%9.1f %%%11.2f%11.2f%13.1f%6.2f%15.2f  %s\n", name.c_str(),
                  100 * n["conv_utilisation"].get<double>(), n["latency_ms_100"].get<double>(),
                  n["latency_ms_150"].get<double>(), n["gops_150"].get<double>(), n["speedup_half"].get<double>(),
                  n["speedup_half_of_union"].get<double>(), n["csim_mismatches"].dump().c_str());
    std::cout << line;
  }
  for (const json& r : all["resources"]["parts"])
    std::cout << r["part"].get<std::string>() << ": " << r["dsp48e1"] << " DSP48E1, " << r["ramb36"] << " RAMB36\n";
  std::cout << "evidence: modelled, " << all["board"].get<std::string>() << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::string board_name = "zedboard", format = "json";
  bool simulation = true;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--board" && i + 1 < argc) {
      board_name = argv[++i];
    } else if (argument == "--format" && i + 1 < argc) {
      format = argv[++i];
    } else if (argument == "--no-simulation") {
      simulation = false;
    } else if (argument.rfind("--", 0) == 0) {
      std::cerr << "z7020_report: unknown option " << argument << "\n";
      return 2;
    } else {
      wanted.push_back(argument);
    }
  }
  try {
    const z7020::Board board = z7020::find_board(board_name);
    json all = {{"schema_version", 1}, {"board", board.name}, {"resources", resource_table()}};
    json networks = json::array(), layers = json::array();
    for (const std::string& name : wanted)
      if (models::find_in_zoo(name) == nullptr) throw std::invalid_argument("there is no network " + name);
    for (const models::ZooEntry& entry : models::zoo())
      if (wanted.empty() ? entry.published : std::find(wanted.begin(), wanted.end(), entry.name) != wanted.end())
        report(entry, board, simulation, networks, layers);
    all["networks"] = networks;
    all["layers"] = layers;
    if (format == "json")
      std::cout << all.dump(1) << "\n";
    else
      print_text(all);
  } catch (const std::exception& e) {
    std::cerr << "z7020_report: " << e.what() << "\n";
    return 1;
  }
}
