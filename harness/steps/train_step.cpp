// Stage train: one method on one model, data set and seed; resumes what an earlier attempt left in work/.
#include <chrono>
#include <limits>

#include "harness/steps/data.h"
#include "methods/mask_cutter.h"
#include "methods/method.h"
#include "models/preprocessing.h"
#include "models/zoo.h"

namespace automask::harness::steps {

Outcome run_train(const Context& context) {
  const auto parameters = context.parameters();
  const auto spec = dataset_spec(context);
  const auto train = load_split(context, spec, datasets::Split::train);
  const auto validation = load_split(context, spec, datasets::Split::validation);

  methods::TrainJob job;
  job.graph = models::build_model(parameters.at("model"), {spec.channels, spec.height, spec.width},
                                  static_cast<int>(train.classes.size()));
  const models::ZooEntry* entry = models::find_in_zoo(parameters.at("model").at("name").string());
  if (entry != nullptr && entry->published)
    job.preprocessing = models::with_input(entry->preprocessing, job.graph.input);
  const auto method = parameters.at("method");
  job.spec = methods::MethodSpec::from_json(method, method.string_or("name", method.at("method").string()),
                                            core::Json::object());
  // How often a checkpoint is written doesn't decide the result, so it is no parameter.
  job.spec.train.checkpoint_seconds = static_cast<int>(context.locations().integer_or("checkpoint_seconds", 20));
  const auto conditions = parameters.at("conditions");
  for (std::size_t i = 0; i < conditions.size(); ++i)
    job.conditions.push_back(corruptions::Condition::from_json(conditions.at(i)));
  job.train = &train;
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
  const auto checkpoint = methods::train(job);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
  models::save_checkpoint(checkpoint, context.folder() / "checkpoint.safetensors");
  std::filesystem::remove_all(job.work_folder);

  const double none = std::numeric_limits<double>::quiet_NaN();
  Outcome outcome;
  outcome.files = {{"checkpoint", "checkpoint.safetensors"}};
  // Of this attempt: after a resume it counts from the resume.
  outcome.metrics.push_back({"train_seconds", "", seconds, none, none, "measured", 1});
  if (checkpoint.masks.size() > 1)
    outcome.metrics.push_back(
        {"mask_overlap", "", methods::mean_overlap(checkpoint.graph, checkpoint.masks), none, none, "counted", 1});
  outcome.details = {{"training", checkpoint.training}, {"pictures", train.size()}, {"validation", validation.size()}};
  return outcome;
}

}  // namespace automask::harness::steps
