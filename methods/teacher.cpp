#include "methods/teacher.h"

#include <torch/utils.h>

#include <filesystem>

#include "core/error.h"
#include "methods/recipes.h"

namespace automask::methods {
namespace {

constexpr const char* finished = "teacher.safetensors";

// The job that trains it: the student's without all that makes the student smaller.
TrainJob job_of(const TrainJob& student) {
  TrainJob job = student;
  const core::Json method = {{"method", "augment"}};
  job.spec = MethodSpec::from_json({method, "the teacher"}, student.spec.name + "'s teacher", nullptr);
  job.spec.train = student.spec.train;
  job.spec.frequencies = student.spec.frequencies;
  job.validation = nullptr;
  if (!job.work_folder.empty()) {
    job.work_folder /= "teacher";
    std::filesystem::create_directories(job.work_folder);
  }
  if (student.progress)
    job.progress = [&student](Progress progress) {
      progress.phase = "teacher: " + progress.phase;
      student.progress(progress);
    };
  return job;
}

}  // namespace

std::unique_ptr<models::Network> teacher_of(const TrainJob& student, core::Json& record) {
  if (student.spec.distillation.teacher == DistillationOptions::Teacher::none) return nullptr;
  const TrainJob job = job_of(student);
  const std::filesystem::path file = job.work_folder.empty() ? "" : job.work_folder / finished;
  // Of the same job: a change of options, conditions or seed trains another.
  core::Json identity = {{"options", job.spec.parameters()},
                         {"seed", job.seed},
                         {"graph", graph::to_json(job.graph)},
                         {"pictures", job.train->size()},
                         {"conditions", core::Json::array()}};
  for (const corruptions::Condition& condition : job.conditions)
    identity["conditions"].push_back(condition.canonical());
  models::Checkpoint checkpoint;
  std::error_code ignored;
  if (!file.empty() && std::filesystem::exists(file, ignored)) checkpoint = models::load_checkpoint(file);
  if (!checkpoint.training.is_object() || checkpoint.training.value("teacher_of", core::Json()) != identity) {
    checkpoint = run(job, augment_recipe(job));
    checkpoint.training["teacher_of"] = identity;
    if (!file.empty()) models::save_checkpoint(checkpoint, file);
  }
  record = {{"steps", checkpoint.training.at("steps")},
            {"views", checkpoint.training.at("views")},
            {"losses", checkpoint.training.at("log").at("losses")}};
  auto teacher = std::make_unique<models::Network>(checkpoint);
  teacher->eval();
  return teacher;
}

}  // namespace automask::methods
