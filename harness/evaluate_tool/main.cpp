// automask-evaluate: a trained network on pictures under conditions, written ones or made on the fly.
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/parallel.h"
#include "corruptions/writer/encode.h"
#include "corruptions/writer/pictures.h"
#include "corruptions/writer/written.h"
#include "datasets/dataset.h"
#include "datasets/labels.h"
#include "harness/class_names.h"
#include "harness/held_out.h"
#include "harness/steps/prepared_picture.h"
#include "harness/tool.h"
#include "methods/evaluate.h"
#include "models/model_file.h"
#include "results/robustness.h"
#include "results/statistics.h"

namespace {

using namespace automask;
using core::Error;
using core::ExitCode;
using core::Json;

// Where the pictures come from: the same ones under every condition.
struct Pictures {
  std::vector<std::string> conditions, classes;
  std::size_t size = 0;
  std::function<int(std::size_t)> label;
  std::function<std::string(std::size_t)> path;
  std::function<cv::Mat(std::size_t condition, std::size_t picture)> load;
};

// Labels by another list of classes, which has the same by folder or by name, in any order and with others among them.
void relabel(Pictures& pictures, const std::filesystem::path& file) {
  const auto list = datasets::parse_class_list(core::read_file(file), file.string());
  std::vector<int> labels;
  for (const std::string& name : pictures.classes) {
    int label = list.find(name);
    for (std::size_t i = 0; i < list.names.size() && label < 0; ++i)
      if (list.names[i] == name) label = static_cast<int>(i);
    if (label < 0)
      throw Error(ExitCode::usage, file.string(), "lacks the class \"" + name + "\" of the pictures",
                  core::suggestion(name, list.names));
    labels.push_back(label);
  }
  pictures.classes = list.names;
  pictures.label = [before = std::move(pictures.label), labels](std::size_t i) {
    const int label = before(i);
    return label < 0 ? label : labels.at(static_cast<std::size_t>(label));
  };
}

// A folder that `automask corrupt` wrote: its conditions, or those of them that are asked for.
Pictures written_pictures(const corruptions::WriterJob& job, const std::string& folder) {
  const auto written = std::make_shared<corruptions::WrittenVariants>(folder);
  Pictures pictures;
  std::vector<std::size_t> numbers;
  const auto& there = written->conditions();
  for (const corruptions::Condition& condition : job.conditions) {
    const auto found = std::find(there.begin(), there.end(), condition.canonical());
    if (found == there.end() && condition.clean() && job.conditions.size() > 1) {
      harness::tool_note(folder + " was not written under clean, so errors relative to it are left out");
      continue;
    }
    if (found == there.end())
      throw Error(ExitCode::usage, folder, "was not written under " + condition.canonical(),
                  core::suggestion(condition.canonical(), there));
    numbers.push_back(static_cast<std::size_t>(found - there.begin()));
  }
  for (std::size_t k = 0; job.conditions.empty() && k < there.size(); ++k) numbers.push_back(k);
  for (const std::size_t k : numbers) pictures.conditions.push_back(there[k]);
  pictures.classes = written->header().at("classes").get<std::vector<std::string>>();
  pictures.size = written->size();
  pictures.label = [written](std::size_t i) { return written->label(i); };
  if (!job.class_list.empty()) relabel(pictures, job.class_list);
  pictures.path = [written](std::size_t i) { return written->path(i); };
  pictures.load = [written, numbers](std::size_t k, std::size_t i) { return written->load(numbers[k], i); };
  return pictures;
}

// Corrupted on the fly. They pass through the encoder where that loses something, so that they equal written ones.
Pictures fresh_pictures(const corruptions::WriterJob& job) {
  const auto source = std::make_shared<corruptions::Pictures>(job);
  Pictures pictures;
  for (const corruptions::Condition& condition : job.conditions) pictures.conditions.push_back(condition.canonical());
  pictures.classes = source->classes();
  pictures.size = source->size();
  pictures.label = [source](std::size_t i) { return source->label(i); };
  pictures.path = [source](std::size_t i) { return source->path(i); };
  pictures.load = [source, &job](std::size_t k, std::size_t i) {
    std::int64_t unused = -1;
    cv::Mat picture = corruptions::corrupted(job, source->path(i), job.conditions[k], source->load(i), &unused);
    if (job.output == corruptions::Output::jpeg85)
      picture = corruptions::decode(corruptions::encode(picture, job.output), source->path(i));
    return picture;
  };
  return pictures;
}

struct Answers {
  std::vector<std::uint8_t> wrong;
  std::int64_t right = 0, right5 = 0;
};

models::ModelFileOptions options_of(const Json& request) {
  models::ModelFileOptions options;
  options.model = request.at("model");
  return options;
}

class Evaluation {
 public:
  Evaluation(const Json& request, Pictures pictures)
      : pictures_(std::move(pictures)),
        checkpoint_(models::load_network(request.at("weights").get<std::string>(), options_of(request))),
        network_(checkpoint_),
        threads_(request.at("threads")) {
    if (request.contains("normaliser"))
      normaliser_ = results::normaliser_from_json(core::JsonCursor(request.at("normaliser"), "normaliser"));
    harness::ClassMatch match = harness::match_classes(pictures_.classes, checkpoint_.classes,
                                                       outputs_of(checkpoint_.graph), request.at("job").at("source"));
    classes_ = std::move(match.outputs);
    if (!match.note.empty()) harness::tool_note(match.note);
    for (std::size_t i = 0; i < pictures_.size; ++i)
      if (pictures_.label(i) < 0)
        throw Error(ExitCode::usage, pictures_.path(i), "has no label",
                    "put pictures into class folders, or name a --ground-truth");
    at::set_num_threads(threads_);
    network_.eval();
    const graph::Shape input = checkpoint_.graph.input;
    spec_.name = "evaluate";
    spec_.channels = shape_.channels = input.channels;
    spec_.height = shape_.height = input.height;
    spec_.width = shape_.width = input.width;
  }

  Json run() {
    Json rows = Json::array();
    std::vector<results::Wrongs> wrongs;
    const double total = static_cast<double>(pictures_.conditions.size() * pictures_.size);
    for (std::size_t k = 0; k < pictures_.conditions.size(); ++k) {
      const Answers answers = under(k, [&](std::size_t done) {
        harness::tool_progress("evaluate", static_cast<double>(k * pictures_.size + done), total,
                               {{"unit", "pictures/s"}});
      });
      rows.push_back(row(k, answers));
      wrongs.push_back({pictures_.conditions[k], answers.wrong});
    }
    return {{"rows", rows},
            {"robustness", to_json(results::robustness(wrongs, normaliser_))},
            {"normaliser", to_json(results::normaliser_from(wrongs, checkpoint_.graph.name))},
            {"errors", errors_of(wrongs)}};
  }

 private:
  static constexpr std::size_t batch = 64;

  static std::size_t outputs_of(const graph::Graph& graph) {
    return static_cast<std::size_t>(graph::infer_shapes(graph).back().channels);
  }

  int set_of(const std::string& condition) const { return harness::set_for(checkpoint_.conditions, condition); }

  Answers under(std::size_t k, const std::function<void(std::size_t)>& progress) {
    Answers answers;
    const torch::NoGradGuard no_grad;
    for (std::size_t begin = 0; begin < pictures_.size; begin += batch) {
      if (harness::tool_stop_requested()) throw Error(ExitCode::interrupted, "evaluate", "interrupted");
      const std::size_t count = std::min(batch, pictures_.size - begin);
      shape_.pixels.resize(count * shape_.picture_bytes());
      core::parallel_for(count, threads_, [&](std::size_t i) {
        const cv::Mat picture =
            harness::steps::prepared_picture(pictures_.load(k, begin + i), spec_, checkpoint_.resizing);
        std::copy_n(picture.data, shape_.picture_bytes(), &shape_.pixels[i * shape_.picture_bytes()]);
      });
      const torch::Tensor x =
          methods::input_of(shape_.pixels.data(), static_cast<std::int64_t>(count), shape_, checkpoint_.input);
      judge(network_.forward(x, set_of(pictures_.conditions[k])).contiguous(), begin, count, answers);
      progress(begin + count);
    }
    return answers;
  }

  // The rank of the right class is the number of logits above its own.
  void judge(const torch::Tensor& logits, std::size_t begin, std::size_t count, Answers& answers) const {
    const auto width = static_cast<std::size_t>(logits.size(1));
    const float* values = logits.data_ptr<float>();
    for (std::size_t i = 0; i < count; ++i, values += width) {
      const std::size_t right = classes_.at(static_cast<std::size_t>(pictures_.label(begin + i)));
      const auto above = std::count_if(values, values + width, [&](float value) { return value > values[right]; });
      // Equal logits: the first class wins, as argmax has it.
      const auto tied = std::count(values, values + right, values[right]);
      const bool correct = above + tied == 0;
      answers.wrong.push_back(correct ? 0 : 1);
      answers.right += correct ? 1 : 0;
      answers.right5 += above + tied < 5 ? 1 : 0;
    }
  }

  Json row(std::size_t k, const Answers& answers) const {
    const auto n = static_cast<std::int64_t>(pictures_.size);
    const results::Interval interval = results::wilson_percent(answers.right, n);
    const std::string& condition = pictures_.conditions[k];
    return {{"condition", condition},
            {"top1", 100.0 * double(answers.right) / double(n)},
            {"ci_lo", interval.low},
            {"ci_hi", interval.high},
            {"top5", 100.0 * double(answers.right5) / double(n)},
            {"n", n},
            {"normalisation", checkpoint_.conditions.at(static_cast<std::size_t>(set_of(condition)))},
            {"evidence", "measured"}};
  }

  static Json errors_of(const std::vector<results::Wrongs>& wrongs) {
    Json errors = Json::object();
    for (const auto& one : wrongs) errors[one.condition] = std::count(one.wrong.begin(), one.wrong.end(), 1);
    return errors;
  }

  Pictures pictures_;
  models::Checkpoint checkpoint_;
  models::Network network_;
  int threads_;
  results::Normaliser normaliser_ = results::alexnet_normaliser();
  std::vector<std::size_t> classes_;  // the network's output by the data's label
  datasets::DatasetSpec spec_;
  datasets::PictureSet shape_;  // of the batch at hand
};

Json work(const Json& request) {
  corruptions::WriterJob job = corruptions::writer_job_from_json(request.at("job"));
  const bool written = corruptions::holds_written_variants(job.source);
  if (!written && job.conditions.empty()) job.conditions.emplace_back();  // clean
  Pictures pictures = written ? written_pictures(job, job.source) : fresh_pictures(job);
  if (pictures.size == 0)
    throw Error(ExitCode::usage, job.source, "holds no pictures", "name a folder, a tar file or shards with pictures");
  return Evaluation(request, std::move(pictures)).run();
}

}  // namespace

int main(int argc, char** argv) { return harness::tool_main(argc, argv, work); }
