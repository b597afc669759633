// runners costs: what each layer of a network costs on a device, for a method's latency_budget
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "core/atomic_file.h"
#include "harness/commands.h"
#include "harness/layer_costs.h"
#include "harness/layer_times.h"
#include "hw_targets/host/host.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using results::Format;
using results::Table;

struct CostsOptions {
  std::string runner, package, output;
  std::vector<double> shares = {1, 0.75, 0.5, 0.25};
  std::vector<std::string> prepare;
  int lanes = 1, runs = 20;
};

Error refused(const std::string& what, const std::string& remedy) {
  return {ExitCode::usage, "runners costs", what, remedy};
}

// "clock_mhz=100": JSON where it is some, else text.
Json prepare_options(const CostsOptions& options, const package::Package& package) {
  Json json = {{"format", package::to_string(package.format)}};
  for (const std::string& option : options.prepare) {
    const auto equals = option.find('=');
    if (equals == std::string::npos || equals == 0)
      throw refused("--option " + option + " is no KEY=VALUE", "write --option clock_mhz=100");
    const std::string text = option.substr(equals + 1);
    const Json value = Json::parse(text, nullptr, false);
    json[option.substr(0, equals)] = value.is_discarded() ? Json(text) : value;
  }
  return json;
}

// Per condition {"layers": [{"name", "ms"}]}: from the model, or the medians of executions on the device.
Json ask(host::Session& session, const host::Device& device, const package::Package& package, const Json& prepare,
         int runs) {
  session.load(package::encode(package));
  if (device.evidence != "measured") return session.prepare(prepare).value("modelled", Json::array());
  Json apart = prepare;
  apart["layers_apart"] = true;
  session.prepare(apart);
  return measured_conditions(session, package, runs);
}

int costs_command(const Commands& commands, const CostsOptions& options) {
  if (options.shares.empty() || options.shares.front() != 1)
    throw refused("--shares begins not with 1", "write --shares 1,0.5");
  const package::Package package =
      with_shares(decoded_package(core::read_file(options.package), options.package, "runners costs"), options.shares,
                  options.lanes);
  const Json prepare = prepare_options(options, package);
  const host::RunnerSpec spec = host::find_runner(runner_registry(commands), options.runner);
  const auto session = host::Session::start(spec);
  const host::Device device = session->initialize();
  const Json answers = ask(*session, device, package, prepare, options.runs);
  session->shutdown();
  const std::vector<LayerPoint> points = points_of(package, answers, spec.name);
  methods::LatencyBudget costs;
  costs.runner = spec.name;
  costs.evidence = device.evidence;
  costs.layers = fitted_costs(points);
  costs.mmac = static_cast<double>(graph::cost(package.graph).macs) / 1e6;

  // How far the straight lines are from what was asked, per share.
  Table shares{{"share", "MMAC", "asked ms", "by the costs ms", "error %"}, {}};
  Json check = Json::array();
  std::size_t at = 0;
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    double asked = 0, predicted = costs.fixed_ms(), mmac = 0;
    for (const std::size_t end = at + answers[k].at("layers").size(); at < end; ++at) {
      const auto layer = std::find_if(costs.layers.begin(), costs.layers.end(),
                                      [&](const auto& cost) { return cost.layer == points[at].layer; });
      asked += points[at].ms;
      mmac += points[at].mmac;
      predicted += layer->ms_per_mmac * points[at].mmac;
    }
    shares.rows.push_back({options.shares[k], mmac, asked, predicted, 100 * (predicted / asked - 1)});
    check.push_back({{"share", options.shares[k]}, {"mmac", mmac}, {"asked_ms", asked}, {"predicted_ms", predicted}});
  }
  Json document = methods::layer_costs_json(costs);
  document.update({{"device", device.name},
                   {"format", package::to_string(package.format)},
                   {"options", prepare},
                   {"check", check}});
  if (commands.table_format() == Format::json) {
    print_document(document);
  } else {
    results::print(std::cout, shares, commands.table_format());
  }
  if (!options.output.empty()) {
    core::write_file_atomically(options.output, document.dump(1) + "\n");
    std::cerr << "wrote " << options.output << ": a method takes it as {\"latency_budget\": {\"ms\": N, \"costs\": \""
              << options.output << "\"}}\n";
  }
  return 0;
}

}  // namespace

void add_costs(CLI::App& group, Commands& commands) {
  auto options = std::make_shared<CostsOptions>();
  auto* command = group.add_subcommand("costs", "ask a runner what each layer of a network costs, for budgets of time");
  command->add_option("runner", options->runner, "a registered runner that tells single layers: z7020, cuda")
      ->type_name("NAME")
      ->required();
  command->add_option("--package", options->package, "of the dense network, in the format that will be executed")
      ->type_name("FILE")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("-o,--output", options->output, "write the costs there")->type_name("FILE");
  command->add_option("--shares", options->shares, "of every group's channels: where the runner is asked")
      ->delimiter(',')
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  command->add_option("--lanes", options->lanes, "kept channels in multiples of so many")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--option", options->prepare, "of the target, as in a manifest; may be given again")
      ->type_name("KEY=VALUE");
  command->add_option("--runs", options->runs, "timed executions where the device measures; the median counts")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->footer(
      "The network is placed at several widths; each layer's time becomes a fixed part and one that grows with its "
      "multiply-accumulates. Whether times are measured or modelled stands in the file.\n\n"
      "Examples:\n  automask runners costs z7020 --package resnet18.safetensors --lanes 4 -o z7020_resnet18.json\n"
      "  automask runners costs tx2 --package resnet18_fp16.safetensors --shares 1,0.5,0.25 --format json\n\n"
      "Exit codes: 0 ok, 2 usage or a runner that does not tell single layers, 4 the runner failed.");
  command->callback(
      [&commands, options] { commands.action = [&commands, options] { return costs_command(commands, *options); }; });
}

}  // namespace automask::harness
