#include "harness/work.h"

#include <algorithm>

namespace automask::harness {
namespace {

// One thread of a desktop processor, and a GPU without its half-precision units.
constexpr double cpu_thread_rate = 2e10, gpu_rate = 5e12;
constexpr double values_rate = 2e7;  // of one thread; corruptions differ by a factor of ten either way

}  // namespace

Work variant_work(double values, int threads) { return {"variant", values, values_rate * threads, values}; }

Work forward_work(const std::string& kind, double macs, int threads) { return {kind, macs, cpu_thread_rate * threads}; }

Work training_work(const methods::MethodSpec& method, double macs, double teacher_macs, double pictures) {
  const auto& train = method.train;
  const bool gpu = train.device == methods::Processor::cuda,
             taught = method.distillation.teacher != methods::DistillationOptions::Teacher::none;
  const double macs_per_picture = 3 * method.passes_per_picture() * macs + (taught ? teacher_macs : 0);
  Work work;
  work.kind = gpu ? "train cuda" : "train cpu " + std::to_string(train.threads);
  work.amount = macs_per_picture * pictures * (train.epochs + method.qat.epochs);
  work.guessed_rate = gpu ? gpu_rate : cpu_thread_rate * train.threads;
  return work;
}

core::Json to_json(const Work& work) { return {{"kind", work.kind}, {"amount", work.amount}}; }

Work work_from_json(const core::Json& json) {
  Work work;
  if (!json.is_object()) return work;
  if (const auto kind = json.find("kind"); kind != json.end() && kind->is_string())
    work.kind = kind->get<std::string>();
  if (const auto amount = json.find("amount"); amount != json.end() && amount->is_number())
    work.amount = std::max(amount->get<double>(), 0.0);
  return work;
}

}  // namespace automask::harness
