#include "methods/members.h"

#include "core/error.h"

namespace automask::methods {

TrainJob member_job(const TrainJob& job, std::size_t k, double share) {
  TrainJob member = job;
  member.conditions = {job.conditions[k]};
  member.spec.train.epochs *= share;
  member.spec.frequencies.clear();
  if (!job.work_folder.empty()) member.work_folder = job.work_folder / ("member-" + std::to_string(k));
  return member;
}

models::Checkpoint kept(const TrainJob& job, const std::string& name, const std::function<models::Checkpoint()>& make) {
  const auto file = job.work_folder / (name + ".safetensors");
  std::error_code ignored;
  if (!job.work_folder.empty() && std::filesystem::exists(file, ignored)) {
    models::Checkpoint before = models::load_checkpoint(file);
    if (before.training.value("job", core::Json()) == job.spec.parameters() &&
        before.training.value("seed", core::Json()) == core::Json(job.seed))
      return before;
  }
  models::Checkpoint made = make();
  made.training["job"] = job.spec.parameters();
  made.training["seed"] = job.seed;
  if (!job.work_folder.empty()) models::save_checkpoint(made, file);
  return made;
}

void add_estimator(const TrainJob& job, models::Bundle& bundle) {
  models::Checkpoint all;  // only its conditions are looked at
  all.conditions = bundle.conditions;
  all.training = core::Json::object();
  add_estimator(job, all);
  bundle.estimator = all.estimator;
  bundle.training.update(all.training);
}

models::Bundle train_members(const TrainJob& job) {
  if (job.conditions.empty())
    throw core::Error(core::ExitCode::steps_failed, "training " + job.spec.name, "there are no conditions",
                      "name at least \"clean\"");
  models::Bundle bundle;
  if (job.spec.method == "piggyback") {
    bundle = train_piggyback(job);
  } else {
    bundle.members = train_separate(job);
  }
  bundle.kind = job.spec.method;
  core::Json members = core::Json::array();
  for (const models::Checkpoint& member : bundle.members) members.push_back(member.training);
  for (const auto& condition : job.conditions) bundle.conditions.push_back(condition.canonical());
  core::Json validation = core::Json::object();
  for (const core::Json& member : members) validation.update(member.value("validation_top1", core::Json::object()));
  bundle.training = {{"method", job.spec.method},
                     {"options", job.spec.parameters()},
                     {"seed", job.seed},
                     {"validation_top1", validation},
                     {"members", members}};
  add_estimator(job, bundle);
  return bundle;
}

}  // namespace automask::methods
