// runners costs: what each layer of a network costs on a device, for a method's latency_budget
#include <iostream>

#include "core/atomic_file.h"
#include "harness/commands/commands.h"
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
  std::vector<double> shares = CostsRequest().shares;
  std::vector<std::string> prepare;
  int lanes = CostsRequest().lanes, runs = CostsRequest().runs;
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

int costs_command(const Commands& commands, const CostsOptions& options) {
  if (options.shares.empty() || options.shares.front() != 1)
    throw refused("--shares begins not with 1", "write --shares 1,0.5");
  const package::Package package = decoded_package(core::read_file(options.package), options.package, "runners costs");
  const Json prepare = prepare_options(options, package);
  const host::RunnerSpec spec = host::find_runner(runner_registry(commands), options.runner);
  const auto session = host::Session::start(spec);
  const host::Device device = session->initialize();
  const Json document =
      ask_layer_costs(*session, device, spec.name, package, {options.shares, options.lanes, options.runs, prepare});
  session->shutdown();

  // How far the straight lines are from what was asked, per share.
  Table shares{{"share", "MMAC", "asked ms", "by the costs ms", "error %"}, {}};
  for (const Json& row : document.at("check"))
    shares.rows.push_back({row.at("share"), row.at("mmac"), row.at("asked_ms"), row.at("predicted_ms"),
                           100 * (row.at("predicted_ms").get<double>() / row.at("asked_ms").get<double>() - 1)});
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
  command->add_option("runner", options->runner, "a registered runner that tells single layers: cpu, cuda, z7020")
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
