// Stage train: one method on one model, data set and seed; resumes what an earlier attempt left in work/.
#include <chrono>
#include <limits>

#include "harness/steps/data.h"
#include "harness/steps/external.h"
#include "methods/masks/mask_cutter.h"
#include "methods/members.h"
#include "methods/method.h"
#include "methods/prerequisites.h"
#include "methods/training/input_scaling.h"
#include "models/initial_weights.h"
#include "models/model_file.h"
#include "models/preprocessing.h"
#include "models/trained_on.h"
#include "models/zoo.h"

namespace automask::harness::steps {
namespace {

std::filesystem::path external_file(const Context& context, const std::string& condition) {
  return context.locations().at("files").at(condition).string();
}

// A network from a file for each condition, with an estimator trained on this data.
models::Bundle external_bundle(const Context& context, const methods::TrainJob& job,
                               const std::vector<std::string>& classes) {
  models::Bundle bundle;
  bundle.kind = "external";
  core::Json files = core::Json::object();
  for (const auto& condition : job.conditions) {
    const std::string name = condition.canonical();
    const auto file = external_file(context, name);
    bundle.conditions.push_back(name);
    bundle.members.push_back(external_network(file, job.graph, context.parameters().at("model").value(), classes));
    if (bundle.members.back().conditions.size() != 1)
      throw core::Error(core::ExitCode::steps_failed, file.string(), "holds networks for several conditions",
                        "name it as the one file for all conditions");
    files[name] = file.filename().string();
  }
  bundle.training = {{"method", "external"}, {"files", files}, {"seed", job.seed}};
  methods::add_estimator(job, bundle);
  return bundle;
}

}  // namespace

namespace {

// Bytes that training pictures may take.
std::uint64_t picture_memory(const Context& context) {
  const std::int64_t mebibytes = context.locations().integer_or("picture_memory", -1);
  return mebibytes < 0 ? free_for_pictures() : static_cast<std::uint64_t>(mebibytes) << 20;
}

// What training needs of the data. Where there is none, only the classes are known: the test pictures' folders name
// them.
datasets::PictureSet training_pictures(const Context& context, const datasets::DatasetSpec& spec, bool trains) {
  if (trains) return load_or_read_split(context, spec, datasets::Split::train, picture_memory(context));
  datasets::PictureSet none{spec.height, spec.width, spec.channels, {}, {}, {}, {}};
  none.classes = open_split(context, spec, datasets::Split::test)->classes();
  return none;
}

methods::MethodSpec method_spec(const Context& context) {
  const auto cursor = context.parameters().at("method");
  core::Json json = cursor.value();
  // Of a file the parameters only say that it is one.
  if (cursor.string_or("init", "") == "file") json["init"] = context.locations().at("weights").string();
  return methods::MethodSpec::from_json({json, cursor.file(), "/parameters/method", core::ExitCode::steps_failed},
                                        context.locations().string_or("method_name", cursor.at("method").string()),
                                        core::Json::object());
}

// The weights to start from, and how pictures are to be prepared for them. Returns the conditions that they have seen.
std::vector<std::string> add_initial_weights(const Context& context, const models::ZooEntry* entry,
                                             methods::TrainJob& job) {
  if (job.spec.init == "scratch") return {};
  if (job.spec.backbone == methods::Backbone::deployed) {
    const std::filesystem::path file = context.locations().at("weights").string();
    if (!models::is_checkpoint(file))
      throw core::Error(core::ExitCode::steps_failed, file.string(), "is no checkpoint of a trained network",
                        "name one, which `automask export RUN --format checkpoint` writes");
    job.deployed = std::make_shared<const models::Checkpoint>(models::load_checkpoint(file));
    job.preprocessing = models::Preprocessing{job.graph.input, job.deployed->resizing, job.deployed->input};
    return {};  // extending it says what it has seen
  }
  const std::filesystem::path file =
      context.has_input(methods::initial_role)
          ? context.input_folder(methods::initial_role, Stage::train) / "checkpoint.safetensors"
          : std::filesystem::path(context.locations().at("weights").string());
  auto initial =
      models::read_initial_weights(job.graph, file, entry == nullptr ? std::vector<std::string>{} : entry->ignored);
  job.initial = std::make_shared<const graph::TensorMap>(std::move(initial.weights));
  if (initial.preprocessing) job.preprocessing = models::with_input(*initial.preprocessing, job.graph.input);
  return models::trained_on(file);
}

}  // namespace

Outcome run_train(const Context& context) {
  const auto parameters = context.parameters();
  const auto spec = dataset_spec(context);
  methods::TrainJob job;
  job.spec = method_spec(context);
  const bool trains = job.spec.train.epochs > 0;
  const auto train = training_pictures(context, spec, trains);
  const auto validation = trains
                              ? load_or_read_split(context, spec, datasets::Split::validation, picture_memory(context))
                              : datasets::PictureSet{};
  check_pictures(context, train, datasets::Split::train);
  check_pictures(context, validation, datasets::Split::validation);

  job.graph = models::build_model(parameters.at("model"), {spec.channels, spec.height, spec.width},
                                  static_cast<int>(train.classes.size()));
  const models::ZooEntry* entry = models::find_in_zoo(parameters.at("model").at("name").string());
  if (entry != nullptr && entry->published)
    job.preprocessing = models::with_input(entry->preprocessing, job.graph.input);
  const std::vector<std::string> seen_before = add_initial_weights(context, entry, job);
  // How often a checkpoint is written and how pictures get there doesn't decide the result, so they are no parameters.
  job.spec.train.checkpoint_seconds = static_cast<int>(context.locations().integer_or("checkpoint_seconds", 20));
  job.spec.train.workers = static_cast<int>(context.locations().integer_or("workers", 0));
  for (const methods::Prerequisite& wanted : methods::prerequisites(job.spec))
    if (wanted.role != methods::initial_role)  // read above, as weights to start from
      job.prerequisites[wanted.role] = std::make_shared<const models::Checkpoint>(
          models::load_checkpoint(context.input_folder(wanted.role, Stage::train) / "checkpoint.safetensors"));
  if (auto& budget = job.spec.latency_budget; budget && !budget->target.empty()) {
    const auto file = context.input_folder("costs", Stage::costs) / costs_file;
    const core::Json costs = core::read_json_file(file, core::ExitCode::steps_failed);
    methods::read_layer_costs({costs, file.string(), "", core::ExitCode::steps_failed}, *budget);
  }
  const auto conditions = parameters.at("conditions");
  for (std::size_t i = 0; i < conditions.size(); ++i)
    job.conditions.push_back(corruptions::Condition::from_json(conditions.at(i)));
  job.train = &train;
  const auto& info = methods::method_info(job.spec.method);
  const bool given = info.product == methods::Product::none;  // networks from files: only an estimator is trained
  if (trains && !given && !job.preprocessing) job.scaling = methods::scaling_of(train, context.threads());
  job.validation = &validation;
  job.seed = static_cast<std::uint64_t>(parameters.at("seed").integer());
  job.work_folder = context.folder() / "work";
  job.stop_requested = stop_requested;
  job.progress = [&](const methods::Progress& p) {
    context.progress(
        p.phase, static_cast<double>(p.step), static_cast<double>(p.steps),
        {{"rate", p.pictures_per_second}, {"unit", "pictures/s"}, {"loss", p.loss}, {"macs", p.macs_share}});
  };

  const auto clock = std::chrono::steady_clock::now();
  const double none = std::numeric_limits<double>::quiet_NaN();
  Outcome outcome;
  core::Json training;
  const bool one_for_all = job.spec.files.count("*") != 0;
  if (info.product == methods::Product::networks || (given && !one_for_all)) {
    auto bundle = info.product == methods::Product::networks ? methods::train_members(job)
                                                             : external_bundle(context, job, train.classes);
    for (auto* networks : {&bundle.members, &bundle.backbone})
      for (models::Checkpoint& network : *networks) models::add_trained_on(seen_before, network);
    for (const std::string& file : models::save_bundle(bundle, context.folder()))
      outcome.files.push_back({"checkpoint", file});
    training = bundle.training;
  } else {
    auto checkpoint =
        given ? external_network(external_file(context, "*"), job.graph, parameters.at("model").value(), train.classes)
              : methods::train(job);
    models::add_trained_on(seen_before, checkpoint);
    models::save_checkpoint(checkpoint, context.folder() / "checkpoint.safetensors");
    outcome.files = {{"checkpoint", "checkpoint.safetensors"}};
    if (checkpoint.masks.size() > 1)
      outcome.metrics.push_back(
          {"mask_overlap", "", methods::mean_overlap(checkpoint.graph, checkpoint.masks), none, none, "counted", 1});
    training = checkpoint.training;
  }
  std::filesystem::remove_all(job.work_folder);

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
  // Of this attempt: after a resume it counts from the resume.
  outcome.metrics.push_back({"train_seconds", "", seconds, none, none, "measured", 1});
  // Of one network; methods that train several have these of each in their record.
  if (training.contains("views"))
    outcome.metrics.push_back({"train_views", "", training["views"].get<double>(), none, none, "counted", 1});
  const core::Json losses = training.value("/log/losses"_json_pointer, core::Json::array());
  if (!losses.empty())
    outcome.metrics.push_back({"train_loss", "", losses.back().get<double>(), none, none, "measured", 1});
  if (training.contains("validation_top1"))
    for (const auto& [condition, top1] : training["validation_top1"].items())
      outcome.metrics.push_back({"top1_validation", condition, top1.get<double>(), none, none, "measured",
                                 static_cast<std::int64_t>(validation.size())});
  outcome.details = {{"training", training}, {"pictures", train.size()}, {"validation", validation.size()}};
  return outcome;
}

}  // namespace automask::harness::steps
