// runners calibrate: the constants of a modelled target fitted to layers that a board has timed
#include <fmt/format.h>

#include <iostream>

#include "core/atomic_file.h"
#include "harness/calibrations.h"
#include "harness/commands/commands.h"
#include "harness/layer_times.h"
#include "hw_targets/host/host.h"
#include "hw_targets/package/package.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using results::Format;
using results::Table;

struct CalibrateOptions {
  std::string runner, package, measurements, save, output, board;
  int runs = 20;
};

Error refused(ExitCode code, const std::string& what, const std::string& remedy) {
  return {code, "runners calibrate", what, remedy};
}

// Every condition's layers, each timed by itself.
Json measure(const Commands& commands, const CalibrateOptions& options, const std::string& bytes) {
  const host::RunnerSpec spec = host::find_runner(runner_registry(commands), options.runner);
  const auto session = host::Session::start(spec);
  const host::Device device = session->initialize();
  if (device.evidence != "measured")
    throw refused(
        ExitCode::usage,
        fmt::format("the times of runner {} are {}, which fits a model to itself", spec.name, device.evidence),
        "name a runner on a board (docs/first-board.md), or give --measurements");
  const package::Package package = decoded_package(bytes, options.package, "runners calibrate");
  session->load(bytes);
  const Json prepared = session->prepare({{"format", package::to_string(package.format)}, {"layers_apart", true}});
  const Json facts = calibration_facts(device.details, prepared);
  if (facts.empty())
    throw refused(ExitCode::usage, fmt::format("runner {} tells no model's profile", spec.name),
                  "calibrate a runner of the z7020 or cuda kind");
  const Json conditions = measured_conditions(*session, package, options.runs);
  session->shutdown();
  Json measured = {{"schema_version", 1}, {"evidence", "measured"}, {"runner", spec.name}, {"conditions", conditions}};
  measured.update(facts);
  return measured;
}

Json read_json(const std::string& file) {
  Json value = Json::parse(core::read_file(file), nullptr, false);
  if (value.is_discarded())
    throw refused(ExitCode::usage, file + " is no JSON", "give what `runners calibrate --save` wrote");
  return value;
}

void print(const protocol::Calibration& found, const Json& document, Format format) {
  if (format == Format::json) {
    print_document(document);
    return;
  }
  Table layers{{"condition", "layer", "measured ms", "modelled ms", "error %", "calibrated ms", "error after %"}, {}};
  const auto percent = [](double modelled, double measured) { return 100 * (modelled / measured - 1); };
  for (const protocol::CalibratedLayer& layer : found.layers)
    layers.rows.push_back({layer.measured.condition, layer.measured.layer, layer.measured.ms, layer.before_ms,
                           percent(layer.before_ms, layer.measured.ms), layer.after_ms,
                           percent(layer.after_ms, layer.measured.ms)});
  results::print(std::cout, layers, format);
  if (format != Format::table) return;
  std::cout << "\n";
  Table constants{{"constant", "before", "after", "fitted"}, {}};
  for (const protocol::CalibratedConstant& constant : found.constants)
    constants.rows.push_back({constant.name, constant.before, constant.after,
                              constant.fitted ? "yes" : "no: no measured layer depends on it"});
  results::print(std::cout, constants, format);
  fmt::print("\nerror, root of the mean square: {:.1f} % before, {:.1f} % after\n", 100 * found.error_before,
             100 * found.error_after);
}

int calibrate_command(const Commands& commands, const CalibrateOptions& options) {
  const std::string bytes = core::read_file(options.package);
  const Json measured =
      options.measurements.empty() ? measure(commands, options, bytes) : read_json(options.measurements);
  if (!options.save.empty()) core::write_file_atomically(options.save, measured.dump(1) + "\n");
  const std::string file = options.measurements.empty() ? options.runner : options.measurements;
  const Calibrated calibrated = calibrate({measured, file, options.package, bytes, options.board});
  const protocol::Calibration& found = calibrated.found;
  Json layers = Json::array(), constants = Json::array();
  for (const protocol::CalibratedLayer& layer : found.layers)
    layers.push_back({{"condition", layer.measured.condition},
                      {"layer", layer.measured.layer},
                      {"measured_ms", layer.measured.ms},
                      {"modelled_ms", layer.before_ms},
                      {"calibrated_ms", layer.after_ms}});
  for (const protocol::CalibratedConstant& constant : found.constants)
    constants.push_back({{"constant", constant.name},
                         {"before", constant.before},
                         {"after", constant.after},
                         {"fitted", constant.fitted}});
  print(found,
        {{"schema_version", 1},
         {"layers", layers},
         {"constants", constants},
         {"error_before", found.error_before},
         {"error_after", found.error_after},
         {"profile", calibrated.profile}},
        commands.table_format());
  if (!options.output.empty()) {
    core::write_file_atomically(options.output, calibrated.profile.dump(1) + "\n");
    std::cerr << "wrote " << options.output << ": give it to the runner with " << calibrated.option << "\n";
  }
  return 0;
}

}  // namespace

void add_calibrate(CLI::App& group, Commands& commands) {
  auto options = std::make_shared<CalibrateOptions>();
  auto* command =
      group.add_subcommand("calibrate", "fit a modelled target's constants to layers that a board has timed");
  command->add_option("runner", options->runner, "a registered runner on a board; not started with --measurements")
      ->type_name("NAME")
      ->required();
  command->add_option("--package", options->package, "what the board executes; many layers tell more than few")
      ->type_name("FILE")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--measurements", options->measurements, "of an earlier run, instead of measuring")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command->add_option("--save", options->save, "write the measurements there")->type_name("FILE");
  command->add_option("--output", options->output, "write the fitted profile there")->type_name("FILE");
  command->add_option("--board", options->board, "profile to start from; default: the one the runner was started with")
      ->type_name("NAME | FILE");
  command->add_option("--runs", options->runs, "timed executions of each condition; the median counts")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->footer(
      "Shows each layer's measured and modelled time and the error before and after. A constant that no measured layer "
      "depends on stays as it was. The runners of the Z7020 take the profile with --board, the cuda runner with "
      "--model.\n\n"
      "Examples:\n  automask runners calibrate z7020-board --package resnet18.safetensors --output my_board.json\n"
      "  automask runners calibrate tx2 --package resnet18_fp16.safetensors --output my_tx2.json\n"
      "  automask runners calibrate z7020-board --package p.safetensors --measurements m.json --format json\n\n"
      "Exit codes: 0 ok, 2 usage, too few measurements or a runner whose times are not measured, 4 the runner failed.");
  command->callback([&commands, options] {
    commands.action = [&commands, options] { return calibrate_command(commands, *options); };
  });
}

}  // namespace automask::harness
