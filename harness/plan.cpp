#include "harness/plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

#include "core/error.h"
#include "core/hash.h"
#include "datasets/count.h"
#include "harness/given_networks.h"
#include "harness/layer_costs.h"
#include "hw_targets/host/registry.h"
#include "methods/masks/feasibility.h"
#include "methods/network_needs.h"
#include "methods/prerequisites.h"
#include "models/zoo.h"

namespace automask::harness {
namespace {

using core::Json;

constexpr std::size_t steps_digits = 40, names_digits = 23;  // of a portable key: 64 characters, as other keys have
constexpr int verify_pictures = 32;
constexpr int crossed_pictures = 2000;     // per condition, of networks with several sets under each of them
constexpr int calibration_pictures = 256;  // per condition; more move INT8's ranges by less than their rounding

// What of a data set's parameters decides one split: limits and the validation carve-out of the other do not, so that
// a smaller test set does not train anew.
Json split_parameters(const datasets::DatasetSpec& spec, datasets::Split split) {
  Json json = spec.parameters();
  if (split != datasets::Split::train) json.erase("validation");
  if (split == datasets::Split::train) json.erase("calibration");
  if (split == datasets::Split::calibration) {
    json.erase("limit");
  } else {
    json["limit"].erase(split == datasets::Split::test ? "train" : "test");
  }
  return json;
}

class Planner {
 public:
  Planner(const Manifest& manifest, const PlanContext& context) : manifest_(manifest), context_(context) {
    for (const auto& condition : manifest.conditions) conditions_.push_back(condition.canonical());
    for (const auto& condition : manifest.held_out) held_out_.push_back(condition.canonical());
    for (const auto& method : manifest.methods) {
      method_parameters_.push_back(trained_parameters(method));
      method_conditions_.push_back(training_conditions(manifest, method));
    }
    for (const auto& target : manifest.targets) options_.push_back(target.options());
  }

  Plan plan(const std::vector<Cell>& cells) {
    check_given_networks(cells);
    for (const Cell& cell : cells) {
      PlannedCell planned;
      planned.cell = cell;
      planned.variants = variants(cell.dataset);
      planned.train = train(cell);
      planned.before = plan_.needs[planned.train];
      planned.compile = compile(cell, planned);
      const auto& method = manifest_.methods[cell.method];
      if (adapts(method) || method.method == "piggyback") {
        planned.execute = evaluate(cell, planned, true);
      } else {
        if (method.per_condition() || (!method.files.empty() && method.files.count("*") == 0))
          planned.evaluate = evaluate(cell, planned, false);
        planned.execute = execute(cell, planned);
      }
      planned.run_key = run_key(key(planned.execute), cell);
      planned.portable_key = portable_key(cell, planned);
      plan_.cells.push_back(std::move(planned));
    }
    return std::move(plan_);
  }

 private:
  // Once for each method, before anything is planned for its cells.
  void check_given_networks(const std::vector<Cell>& cells) const {
    std::set<std::size_t> used;
    for (const Cell& cell : cells)
      if (used.insert(cell.method).second) harness::check_given_networks(manifest_, manifest_.methods[cell.method]);
  }

  // What decides the training: of a method that adapts a network at test time that network's, of files their content.
  Json trained_parameters(const methods::MethodSpec& method) {
    Json parameters = method.trained_spec().parameters();
    if (method.files.empty()) return parameters;
    methods::MethodSpec named = method;
    for (auto& [condition, file] : named.files) file = context_.file_digest(external_file(method, file));
    return named.parameters();
  }

  std::filesystem::path external_file(const methods::MethodSpec& method, const std::string& name) const {
    return existing_file(method, "file", manifest_.beside(name), "correct the path; it is relative to the manifest");
  }

  // Absolute; `option` names it.
  std::filesystem::path existing_file(const methods::MethodSpec& method, const std::string& option,
                                      const std::filesystem::path& path, const std::string& remedy) const {
    const auto file = std::filesystem::absolute(path).lexically_normal();
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error)) return file;
    throw core::Error(core::ExitCode::invalid_manifest,
                      manifest_.file.string() + ": /methods/" + method.name + "/" + option,
                      "there is no file " + file.string(), remedy);
  }

  // Steps with equal keys are one step, whatever names lead to them.
  std::size_t add(Step step, std::vector<std::size_t> needs) {
    step.key = step_key(step.stage, step.parameters, step.inputs);
    const auto [found, added] = by_key_.emplace(step.key, plan_.steps.size());
    if (!added) return found->second;
    portable_.push_back(portable(step, needs));
    for (const std::size_t need : needs) step.needs.push_back(plan_.steps[need].key);
    plan_.steps.push_back(std::move(step));
    plan_.needs.push_back(std::move(needs));
    return found->second;
  }

  const std::string& key(std::size_t step) const { return plan_.steps[step].key; }

  // The key without the machine, its own and that of steps it needs.
  std::string portable(const Step& step, const std::vector<std::size_t>& needs) const {
    auto inputs = step.inputs;
    for (auto& [name, digest] : inputs)
      for (const std::size_t need : needs)
        if (digest == key(need)) digest = portable_[need];
    if (inputs == step.inputs && !step.parameters.contains("environment")) return step.key;
    Json parameters = step.parameters;
    parameters.erase("environment");
    return step_key(step.stage, parameters, inputs);
  }

  // Both 0 where they are not known: for estimates.
  double count(std::size_t dataset, datasets::Split split) {
    const auto [found, added] = counts_.emplace(std::pair{dataset, split}, 0.0);
    if (added)
      found->second = static_cast<double>(datasets::picture_count(manifest_.datasets[dataset], split).value_or(0));
    return found->second;
  }
  double macs(const Cell& cell) {
    const auto& graph = network(cell).graph;
    return graph ? static_cast<double>(graph::cost(*graph).macs) : 0;
  }
  struct Network {
    std::optional<graph::Graph> graph;  // empty where it can't be built
    bool whole = false;                 // with the data set's number of classes, and not just any
  };
  const Network& network(const Cell& cell) {
    const auto [found, added] = networks_.emplace(std::pair{cell.dataset, cell.model}, Network());
    if (!added) return found->second;
    const auto& spec = manifest_.datasets[cell.dataset];
    const auto classes = datasets::class_count(spec);
    try {
      found->second.graph = models::build_model({manifest_.models[cell.model].parameters, manifest_.file.string()},
                                                {spec.channels, spec.height, spec.width}, classes.value_or(10));
      found->second.whole = classes.has_value();
    } catch (const core::Error&) {  // the step that builds it says what is wrong
    } catch (const graph::GraphError&) {
    }
    return found->second;
  }

  // What a network cannot do, and budgets that it cannot meet, are known before any teacher is trained.
  void check_network(const Cell& cell, const methods::MethodSpec& method) {
    const Network& its = network(cell);
    if (!its.graph) return;
    try {
      methods::check_network(*its.graph, method);
      if (its.whole) methods::check_budgets(*its.graph, method, manifest_.conditions.size());
    } catch (const core::Error& error) {
      throw core::Error(core::ExitCode::invalid_manifest, manifest_.file.string() + ": /methods/" + method.name,
                        error.where() + ": " + error.problem(), error.remedy());
    }
  }
  double tested(const Cell& cell) {
    return macs(cell) * count(cell.dataset, datasets::Split::test) *
           static_cast<double>(conditions_.size() + held_out_.size());
  }

  const std::string& fingerprint(std::size_t dataset, datasets::Split split) {
    const auto [found, added] = fingerprints_.emplace(std::pair{dataset, split}, "");
    if (added) found->second = context_.fingerprint(manifest_.datasets[dataset], split);
    return found->second;
  }

  // Where a step finds the data set, and what its sentences call it; neither decides a result.
  void locate(Step& step, std::size_t dataset) const {
    const auto& spec = manifest_.datasets[dataset];
    Json entry = manifest_.document.at("datasets").at(spec.name);
    entry["path"] = std::filesystem::absolute(spec.root).lexically_normal().string();
    step.locations["dataset"] = std::move(entry);
    step.locations["dataset_name"] = spec.name;
  }

  const std::vector<std::size_t>& variants(std::size_t dataset) {
    const auto [found, added] = variants_.emplace(dataset, std::vector<std::size_t>{});
    if (!added) return found->second;
    const auto& spec = manifest_.datasets[dataset];
    const Json pictures = split_parameters(spec, datasets::Split::test);
    std::vector<std::string> tested = conditions_;
    tested.insert(tested.end(), held_out_.begin(), held_out_.end());
    for (const std::string& condition : tested) {
      Step step;
      step.stage = Stage::variant;
      step.label = "variant " + spec.name + " " + condition;
      step.parameters = {
          {"dataset", pictures}, {"split", "test"}, {"condition", condition}, {"seed", manifest_.corruption_seed}};
      step.inputs = {{"data", fingerprint(dataset, datasets::Split::test)}};
      step.locations = {{"threads", context_.threads}};
      locate(step, dataset);
      step.work = variant_work(count(dataset, datasets::Split::test) * spec.channels * spec.height * spec.width,
                               context_.threads);
      found->second.push_back(add(std::move(step), {}));
    }
    return found->second;
  }

  std::size_t train(const Cell& cell) {
    const auto [found, added] =
        trained_.emplace(std::tuple{cell.dataset, cell.model, cell.method, cell.seed}, std::size_t{0});
    if (!added) return found->second;
    return found->second = train(cell, manifest_.methods[cell.method], method_parameters_[cell.method], cell.seed);
  }

  // Which network a teacher is, and which target was asked for a latency budget, stands in the key of that step, by
  // what it is and not by its name.
  static Json without_names(Json method) {
    if (method.contains("distillation")) method["distillation"].erase("model");
    if (method.contains("latency_budget") && method["latency_budget"].contains("target"))
      method["latency_budget"]["target"] = "*";
    return method;
  }

  std::size_t train(const Cell& cell, const methods::MethodSpec& method, const Json& parameters, std::int64_t seed) {
    const auto& spec = manifest_.datasets[cell.dataset];
    const auto& model = manifest_.models[cell.model];
    check_network(cell, method);
    Step step;
    step.stage = Stage::train;
    step.label = "train " + spec.name + " " + model.name + " " + method.name + " seed " + std::to_string(seed);
    step.parameters = {{"dataset", split_parameters(spec, datasets::Split::train)},
                       {"model", model.parameters},
                       {"method", without_names(parameters)},
                       {"conditions", training_conditions(manifest_, method)},
                       {"seed", seed}};
    // Each condition's part of a batch was normalised by itself once; here and not as a code version, since only masks
    // that share a normalisation are trained otherwise by it.
    if (method.per_condition() && method.normalisation == methods::Normalisation::shared && method.consensus != 1)
      step.parameters["normalised"] = "whole";
    // Every condition's part of a batch was as large as any other's once.
    if (method.per_condition() && !method.frequencies.empty()) step.parameters["shown"] = "by frequency";
    // Without training only the classes count, and they are those of the test files.
    const auto split = method.train.epochs > 0 ? datasets::Split::train : datasets::Split::test;
    step.inputs = {{"data", fingerprint(cell.dataset, split)}};
    step.locations = {{"threads", context_.threads},
                      {"method_name", method.name},
                      {"checkpoint_seconds", method.train.checkpoint_seconds},
                      {"workers", method.train.workers}};
    locate(step, cell.dataset);
    if (method.train.picture_memory) step.locations["picture_memory"] = *method.train.picture_memory;
    if (method.init != "scratch" && method.init != "clean") {
      const auto file = initial_weights(method, model);
      step.inputs.emplace_back("weights", context_.file_digest(file));
      step.locations["weights"] = file.string();
    }
    for (const auto& [condition, file] : method.files)
      step.locations["files"][condition] = external_file(method, file).string();
    if (method.train.epochs > 0)
      step.work = training_work(method, macs(cell), macs(with_model(cell, method.distillation.model)),
                                count(cell.dataset, datasets::Split::train));
    std::vector<std::size_t> needs;
    if (method.latency_budget && !method.latency_budget->target.empty()) {
      needs.push_back(costs(cell, method));
      step.inputs.emplace_back("costs", key(needs.back()));
    }
    for (const auto& [role, wanted, its_seed, model_of_it] : methods::prerequisites(method.trained_spec())) {
      const auto seed_of_it = its_seed ? static_cast<std::int64_t>(*its_seed) : seed;
      needs.push_back(train(with_model(cell, model_of_it), wanted, wanted.parameters(), seed_of_it));
      step.inputs.emplace_back(role, key(needs.back()));
    }
    return add(std::move(step), std::move(needs));
  }

  // The same with another model of the manifest; as it is where the name is empty.
  Cell with_model(Cell cell, const std::string& name) const {
    for (std::size_t i = 0; i < manifest_.models.size(); ++i)
      if (manifest_.models[i].name == name) cell.model = i;
    return cell;
  }

  // What the layers of the cell's model cost on the target that the method's latency_budget names.
  std::size_t costs(const Cell& cell, const methods::MethodSpec& method) {
    const auto found = std::find_if(manifest_.targets.begin(), manifest_.targets.end(),
                                    [&](const auto& target) { return target.name == method.latency_budget->target; });
    const auto target = static_cast<std::size_t>(found - manifest_.targets.begin());
    const auto& spec = manifest_.datasets[cell.dataset];
    const auto& model = manifest_.models[cell.model];
    const Runner& on = runner(target);
    const CostsRequest request;
    Step step;
    step.stage = Stage::costs;
    const bool denoised = method.method == "denoise";
    step.label = "costs " + spec.name + " " + model.name + (denoised ? " with a denoiser" : "") + " on " + found->name;
    // Of the data only sizes and the number of classes count, not how many pictures.
    Json data = split_parameters(spec, datasets::Split::train);
    for (const char* key : {"limit", "validation"}) data.erase(key);
    step.parameters = {{"model", model.parameters}, {"dataset", data},
                       {"runner", on.name},         {"options", preparation(options_[target])},
                       {"lanes", method.lanes},     {"shares", request.shares},
                       {"runs", request.runs},      {"environment", on.environment}};
    if (denoised) step.parameters["denoiser"] = method.parameters().at("denoiser");
    step.inputs = {{"data", fingerprint(cell.dataset, datasets::Split::train)}};
    step.locations = {{"runner", on.location}, {"threads", context_.threads}};
    locate(step, cell.dataset);
    return add(std::move(step), {});
  }

  // The folders are searched once for a network, however many methods and seeds start from it.
  std::filesystem::path initial_weights(const methods::MethodSpec& method, const ModelSpec& model) {
    if (method.init != "published")
      return existing_file(method, "init", method.init, R"(name a file with weights, or write "published")");
    const std::string name = model.parameters.at("name");
    const auto [found, added] = published_.emplace(name, "");
    if (!added) return found->second;
    try {
      found->second = context_.published_weights(name);
    } catch (const core::Error& error) {
      const auto* entry = models::find_in_zoo(name);
      const bool nobody_has = entry != nullptr && !entry->published;
      throw core::Error(error.code(), manifest_.file.string() + ": /models/" + model.name,
                        error.where() + ": " + error.problem(),
                        nobody_has ? "let training start from \"scratch\" or a file" : error.remedy());
    }
    return found->second;
  }

  std::size_t compile(const Cell& cell, const PlannedCell& planned) {
    // Clean pictures where there are some, so that a new condition in front doesn't compile anew.
    const auto clean = std::find(conditions_.begin(), conditions_.end(), "clean");
    const std::size_t pictures =
        planned.variants[clean == conditions_.end() ? 0 : static_cast<std::size_t>(clean - conditions_.begin())];
    const std::string& format = manifest_.targets[cell.target].format;
    const auto [found, added] = compiled_.emplace(std::tuple{planned.train, pictures, format}, std::size_t{0});
    if (!added) return found->second;
    Step step;
    step.stage = Stage::compile;
    step.label = "compile " + manifest_.datasets[cell.dataset].name + " " + manifest_.models[cell.model].name + " " +
                 manifest_.methods[cell.method].name + " seed " + std::to_string(cell.seed) +
                 (format == "fp32" ? "" : " " + format);
    step.parameters = {{"verify_pictures", verify_pictures}};
    step.inputs = {{"checkpoint", key(planned.train)}, {"pictures", key(pictures)}};
    step.locations = {{"threads", context_.threads}};
    if (format != "fp32") step.parameters["format"] = format;
    if (format == "int8") {
      // Ranges come from training pictures under the method's conditions, or from pictures held out.
      step.parameters["calibration"] = {{"rule", "mse"}, {"pictures", calibration_pictures}};
      const auto split = datasets::calibration_split(manifest_.datasets[cell.dataset]);
      step.parameters["dataset"] = split_parameters(manifest_.datasets[cell.dataset], split);
      step.parameters["conditions"] = method_conditions_[cell.method];
      step.parameters["seed"] = cell.seed;
      step.inputs.emplace_back("data", fingerprint(cell.dataset, split));
      locate(step, cell.dataset);
    }
    return found->second = add(std::move(step), {planned.train, pictures});
  }

  // `alone`: no runner executes the network, all of its accuracy is here.
  std::size_t evaluate(const Cell& cell, const PlannedCell& planned, bool alone) {
    const auto& method = manifest_.methods[cell.method];
    Step step;
    step.stage = Stage::evaluate;
    step.label = "evaluate " + manifest_.datasets[cell.dataset].name + " " + manifest_.models[cell.model].name + " " +
                 method.name + " seed " + std::to_string(cell.seed);
    step.parameters = {
        {"conditions", conditions_}, {"pictures", alone ? 0 : crossed_pictures}, {"threads", method.train.threads}};
    if (alone) step.parameters["method"] = without_names(method.parameters());
    if (cell.repetition > 0 && alone) step.parameters["repetition"] = cell.repetition;
    step.inputs = {{"checkpoint", key(planned.train)}};
    step.work = forward_work(alone ? "evaluate " + method.method : "evaluate", tested(cell), method.train.threads);
    std::vector<std::size_t> needs = {planned.train};
    add_variants(step, needs, planned);
    step.locations = {{"threads", context_.threads}};
    if (adapts(method)) {
      // methods::stream_order; here and not as a code version, since only methods that adapt answer by it.
      step.parameters["order"] = "mixed";
      add_validation(step, cell);
    }
    return add(std::move(step), std::move(needs));
  }

  // Test-time adaptation.
  static bool adapts(const methods::MethodSpec& method) { return method.trained_spec().method != method.method; }

  // Pictures held out of training that its constants can be chosen on.
  void add_validation(Step& step, const Cell& cell) {
    const auto& spec = manifest_.datasets[cell.dataset];
    if (spec.validation == 0) return;
    step.parameters["dataset"] = split_parameters(spec, datasets::Split::train);
    step.parameters["seed"] = cell.seed;
    step.inputs.emplace_back("data", fingerprint(cell.dataset, datasets::Split::train));
    locate(step, cell.dataset);
  }

  // The pictures of all conditions, and which of them were held out.
  void add_variants(Step& step, std::vector<std::size_t>& needs, const PlannedCell& planned) const {
    if (!held_out_.empty()) step.parameters["held_out"] = held_out_;
    for (std::size_t i = 0; i < planned.variants.size(); ++i) {
      const std::string& condition = i < conditions_.size() ? conditions_[i] : held_out_[i - conditions_.size()];
      step.inputs.emplace_back("variant:" + condition, key(planned.variants[i]));
      needs.push_back(planned.variants[i]);
    }
  }

  // A target's runner with the digest of where it would run.
  struct Runner {
    std::string name;
    Json location;
    std::string environment;
  };
  const Runner& runner(std::size_t target) {
    const auto [found, added] = runners_.emplace(target, Runner{});
    if (!added) return found->second;
    const std::string& name = manifest_.targets[target].runner;
    host::RunnerSpec spec;
    try {
      spec = context_.runner(name);
    } catch (const core::Error& error) {
      throw core::Error(core::ExitCode::invalid_manifest,
                        manifest_.file.string() + ": /targets/" + manifest_.targets[target].name + "/runner",
                        error.where().empty() ? error.problem() : error.where() + ": " + error.problem(),
                        error.remedy());
    }
    return found->second = {name, host::to_json(spec), context_.environment_digest(spec)};
  }

  std::size_t execute(const Cell& cell, const PlannedCell& planned) {
    const Runner& on = runner(cell.target);
    Step step;
    step.stage = Stage::execute;
    step.label = "execute " + describe(manifest_, cell);
    step.parameters = {{"runner", on.name},
                       {"options", options_[cell.target]},
                       {"conditions", conditions_},
                       {"seed", cell.seed},
                       {"environment", on.environment}};
    if (cell.repetition > 0) step.parameters["repetition"] = cell.repetition;
    // Networks for each condition once ran at the board's highest clock, whatever was asked; here and not as a code
    // version, since only they did.
    if (methods::method_info(manifest_.methods[cell.method].method).product == methods::Product::networks &&
        options_[cell.target].contains("clock_mhz"))
      step.parameters["clock"] = "as asked";
    if (options_[cell.target].value("limit", 0) > 0) step.parameters["pictures"] = "as asked";  // likewise once all
    step.inputs = {{"package", key(planned.compile)}};
    step.work = forward_work("execute " + on.name + " " + manifest_.targets[cell.target].format, tested(cell),
                             options_[cell.target].value("threads", 1));
    if (on.name != "cpu") step.work.guessed_rate = 0;  // what another device takes nobody can guess
    std::vector<std::size_t> needs = {planned.compile};
    add_variants(step, needs, planned);
    step.locations = {{"runner", on.location}, {"threads", context_.threads}};
    return add(std::move(step), std::move(needs));
  }

  std::string run_key(const std::string& execute, const Cell& cell) const {
    core::FieldHasher hasher;
    hasher.add("execute", execute).add("experiment", manifest_.name);
    hasher.add("cell", describe(manifest_, cell));
    // They are worked out when the run is recorded: other mixes are another run of the same steps.
    for (const Mix& mix : manifest_.mixes) hasher.add("mix " + mix.name, Json(mix.weights).dump());
    return hasher.hex();
  }

  std::string portable_key(const Cell& cell, const PlannedCell& planned) const {
    core::FieldHasher steps;
    steps.add("execute", portable_[planned.execute]);
    if (planned.evaluate) steps.add("evaluate", portable_[*planned.evaluate]);
    // An evaluation does not need the package, whose bytes are in the run all the same.
    if (plan_.steps[planned.execute].stage == Stage::evaluate) steps.add("compile", portable_[planned.compile]);
    // They decide what is summarised.
    steps.add("conditions", Json(conditions_).dump()).add("held out", Json(held_out_).dump());
    for (const Mix& mix : manifest_.mixes) steps.add("mix " + mix.name, Json(mix.weights).dump());
    return steps.hex().substr(0, steps_digits) + "-" + run_key("", cell).substr(0, names_digits);
  }

  const Manifest& manifest_;
  const PlanContext& context_;
  Plan plan_;
  std::vector<std::string> portable_;  // per step of the plan
  std::vector<std::string> conditions_, held_out_;
  std::vector<Json> method_parameters_, options_;
  std::vector<std::vector<std::string>> method_conditions_;
  std::unordered_map<std::string, std::size_t> by_key_;
  std::map<std::pair<std::size_t, datasets::Split>, std::string> fingerprints_;
  std::map<std::string, std::filesystem::path> published_;  // of a network's name
  std::map<std::size_t, std::vector<std::size_t>> variants_;
  std::map<std::pair<std::size_t, datasets::Split>, double> counts_;
  std::map<std::pair<std::size_t, std::size_t>, Network> networks_;  // of data set and model
  std::map<std::tuple<std::size_t, std::size_t, std::size_t, std::int64_t>, std::size_t> trained_;
  std::map<std::tuple<std::size_t, std::size_t, std::string>, std::size_t> compiled_;
  std::map<std::size_t, Runner> runners_;
};

}  // namespace

std::vector<std::size_t> PlannedCell::steps() const {
  std::vector<std::size_t> all = variants;
  all.insert(all.end(), before.begin(), before.end());
  all.insert(all.end(), {train, compile});
  if (evaluate) all.push_back(*evaluate);
  all.push_back(execute);
  return all;
}

std::string steps_of_portable_key(const std::string& portable_key) { return portable_key.substr(0, steps_digits); }

std::vector<std::string> training_conditions(const Manifest& manifest, const methods::MethodSpec& method) {
  if (method.trained_spec().method == "clean") return {"clean"};
  std::vector<std::string> names;
  for (const auto& condition : manifest.conditions) names.push_back(condition.canonical());
  return names;
}

Plan make_plan(const Manifest& manifest, const std::vector<Cell>& cells, const PlanContext& context) {
  return Planner(manifest, context).plan(cells);
}

}  // namespace automask::harness
