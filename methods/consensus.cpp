#include "methods/consensus.h"

#include <filesystem>

#include "core/atomic_file.h"
#include "core/error.h"

namespace automask::methods {
namespace {

constexpr double candidates[] = {0.3, 0.6, 1};
constexpr double epochs_share = 0.25;  // of the training's

TrainJob short_job(const TrainJob& job, const std::string& candidate) {
  TrainJob result = job;
  result.seed = 0;
  result.spec.train.epochs *= epochs_share;
  result.spec.distillation.teacher = DistillationOptions::Teacher::none;
  result.spec.qat.epochs = 0;
  if (!job.work_folder.empty()) {
    result.work_folder = job.work_folder / "consensus" / candidate;
    std::filesystem::create_directories(result.work_folder);
  }
  if (job.progress)
    result.progress = [&job, candidate](Progress progress) {
      progress.phase = "consensus " + candidate + ": " + progress.phase;
      job.progress(progress);
    };
  return result;
}

double validation_mean(const TrainJob& job, const models::Checkpoint& checkpoint) {
  const std::vector<double> weights = job.spec.weights_of(job.conditions);
  double mean = 0;
  for (std::size_t k = 0; k < weights.size(); ++k)
    mean += weights[k] * checkpoint.training.at("validation_top1").at(job.conditions[k].canonical()).get<double>();
  return mean;
}

}  // namespace

double chosen_consensus(const TrainJob& job, Recipe recipe, core::Json& record) {
  if (!job.validation || job.validation->size() == 0)
    throw core::Error(core::ExitCode::steps_failed, "training " + job.spec.name,
                      "consensus \"auto\" is chosen on validation pictures, and there are none",
                      "set the data set's \"validation\", or give consensus a number");
  record = {{"epochs", job.spec.train.epochs * epochs_share}, {"candidates", core::Json::array()}};
  double best = -1, chosen = 1;
  for (const double candidate : candidates) {
    const std::string name = core::Json(candidate).dump();
    const TrainJob tried = short_job(job, name);
    const std::filesystem::path file = tried.work_folder.empty() ? "" : tried.work_folder / "result.json";
    std::error_code ignored;
    double top1;
    if (!file.empty() && std::filesystem::exists(file, ignored)) {
      top1 = core::read_json_file(file, core::ExitCode::corrupt).at("validation_top1").get<double>();
    } else {
      recipe.consensus = candidate;
      top1 = validation_mean(tried, run(tried, recipe));
      if (!file.empty()) core::write_file_atomically(file, core::Json{{"validation_top1", top1}}.dump());
    }
    record["candidates"].push_back({{"consensus", candidate}, {"validation_top1", top1}});
    if (top1 >= best) best = top1, chosen = candidate;
  }
  record["chosen"] = chosen;
  return chosen;
}

}  // namespace automask::methods
