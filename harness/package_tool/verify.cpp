// verify: the networks of a checkpoint and of its package are one function; what the package costs in accuracy, bytes
// and, on a target, time.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/error.h"
#include "corruptions/variant.h"
#include "harness/class_names.h"
#include "harness/conditions.h"
#include "harness/held_out.h"
#include "harness/package_tool/jobs.h"
#include "harness/package_tool/latency.h"
#include "harness/package_tool/make.h"
#include "harness/package_tool/pictures.h"
#include "harness/tool.h"
#include "hw_targets/compiler/agreement.h"
#include "hw_targets/compiler/compile.h"
#include "hw_targets/compiler/package_reference.h"
#include "hw_targets/compiler/plain_network.h"
#include "models/network.h"
#include "results/statistics.h"

namespace automask::harness::package_tool {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

constexpr int proof_pictures = 16;
constexpr int batch_size = 64;
constexpr std::int64_t default_limit = 1000;
constexpr int int8_patience = 10;  // times what affordable_pictures() calls some seconds

class Verification {
 public:
  explicit Verification(const Json& job)
      : job_(job), subject_(read_subject(job)), threads_(job.at("threads")), set_threads_(threads_) {
    Made made = make_package(job, subject_, "");
    package_ = std::move(made.package);
    bytes_ = std::move(made.bytes);
    document_ = {{"source", subject_.name},
                 {"package",
                  {{"file", made.found ? Json(subject_.package_file) : Json()},
                   {"numbers", to_string(package_.format)},
                   {"conditions", package_.conditions.size()},
                   {"bytes", bytes_.size()}}},
                 {"checks", Json::array()},
                 {"accuracy", Json::array()},
                 {"latency", Json::array()},
                 {"device", nullptr},
                 {"notes", Json::array()}};
    if (has_pictures(job, subject_)) load_test_pictures();
  }

  Json run() {
    sizes();
    if (subject_.checkpoint)
      one_function();
    else
      note("there is no checkpoint to hold the package against; name it with --checkpoint");
    if (pictures_)
      accuracy();
    else
      note("no accuracy without pictures; name them with --data");
    if (!job_.at("runner").is_null()) latency();
    bool functions = true, gate = true;
    for (const Json& check : document_.at("checks"))
      (check.at("check") == "accuracy" ? gate : functions) &= check.at("passed").get<bool>();
    document_["passed"] = functions && gate;
    document_["exit_code"] = static_cast<int>(!functions ? ExitCode::steps_failed
                                              : !gate    ? ExitCode::gate_missed
                                                         : ExitCode::ok);
    return document_;
  }

 private:
  void note(const std::string& sentence) { document_["notes"].push_back(sentence); }
  void check(const std::string& what, const std::string& condition, const Json& value, const Json& allowed, bool passed,
             const std::string& detail = "") {
    document_["checks"].push_back({{"check", what},
                                   {"condition", condition},
                                   {"value", value},
                                   {"allowed", allowed},
                                   {"passed", passed},
                                   {"detail", detail}});
  }
  std::int64_t macs() const { return graph::cost(package_.graph).macs; }

  void load_test_pictures() {
    const std::int64_t asked = job_.at("limit");
    std::int64_t limit = asked > 0 ? asked : default_limit;
    if (asked == 0 && package_.format == package::Format::int8) {
      const std::int64_t conditions = static_cast<std::int64_t>(test_conditions().size());
      limit = compiler::affordable_pictures(macs() * conditions / int8_patience, static_cast<int>(default_limit));
    }
    pictures_ = SplitPictures(job_, subject_, split()).spread(limit);
    if (asked == 0 && static_cast<std::int64_t>(pictures_->size()) == limit)
      note(fmt::format("accuracy on {} pictures, spread evenly; --limit takes another number", limit));
  }
  datasets::Split split() const {
    const std::string name = job_.at("split");
    return name == "train"        ? datasets::Split::train
           : name == "validation" ? datasets::Split::validation
                                  : datasets::Split::test;
  }

  // Asked for, else the run's, else the package's own.
  std::vector<std::string> test_conditions() const {
    std::vector<std::string> names;
    for (const Json& name : job_.at("conditions"))
      names.push_back(corruptions::Condition::parse(name.get<std::string>()).canonical());
    if (!names.empty()) return names;
    if (!subject_.run.is_null()) return subject_.run.at("conditions").get<std::vector<std::string>>();
    for (const std::string& name : package::condition_names(package_)) {
      const std::string tested = serves_all(name) ? "clean" : name;
      if (std::find(names.begin(), names.end(), tested) == names.end()) names.push_back(tested);
    }
    return names;
  }

  void sizes() {
    document_["bytes"] = package::bytes_by_part(package_);
    if (subject_.checkpoint) document_["bytes"]["dense_fp32"] = 4 * graph::cost(subject_.checkpoint->graph).parameters;
  }

  void one_function() {
    tool_progress("compare", 0, 1);
    std::vector<std::uint8_t> sample;
    int count = proof_pictures;
    if (pictures_) {
      count = static_cast<int>(std::min<std::size_t>(proof_pictures, pictures_->size()));
      sample.assign(pictures_->pixels.begin(),
                    pictures_->pixels.begin() + static_cast<std::ptrdiff_t>(count * pictures_->picture_bytes()));
    } else {
      sample = noise_pictures(subject_.input(), count);
    }
    if (package_.format == package::Format::int8) {
      count = compiler::affordable_pictures(macs() * static_cast<std::int64_t>(package_.conditions.size()), count);
      sample.resize(sample.size() / static_cast<std::size_t>(proof_pictures) * static_cast<std::size_t>(count));
    }
    const auto result = compiler::verify(*subject_.checkpoint, package_, sample, count, threads_);
    for (const auto& row : result.rows) {
      check("masked = shrunk", row.condition, row.shrunk_difference, result.tolerance,
            row.shrunk_difference <= result.tolerance);
      check("masked = package", row.condition, row.package_difference, result.package_tolerance,
            row.package_difference <= result.package_tolerance,
            fmt::format("same class on {} of {} pictures, largest {:.2g}", row.same_class, count,
                        row.largest_difference));
    }
  }

  std::vector<char> right(const torch::Tensor& logits, const std::vector<std::size_t>& outputs, std::size_t begin,
                          const datasets::PictureSet& of) const {
    const torch::Tensor best = logits.argmax(1).contiguous();
    std::vector<char> answers;
    for (std::int64_t i = 0; i < best.size(0); ++i) {
      const int label = of.labels[begin + static_cast<std::size_t>(i)];
      answers.push_back(static_cast<std::size_t>(best.data_ptr<std::int64_t>()[i]) ==
                        outputs.at(static_cast<std::size_t>(label)));
    }
    return answers;
  }

  void accuracy() {
    const std::vector<std::string> conditions = test_conditions(), names = package::condition_names(package_);
    const auto outputs = static_cast<std::size_t>(graph::infer_shapes(package_.graph).back().channels);
    const ClassMatch match = match_classes(pictures_->classes, package_.classes, outputs, subject_.name);
    if (!match.note.empty()) note(match.note);
    std::optional<models::Network> masked;
    if (subject_.checkpoint) {
      masked.emplace(*subject_.checkpoint);
      masked->eval();
    }
    corruptions::VariantOptions options;
    if (!subject_.run.is_null()) options.seed = subject_.run.at("corruption_seed").get<std::uint64_t>();
    options.split = job_.at("split");
    options.threads = threads_;
    const torch::InferenceMode guard;
    const std::size_t n = pictures_->size();
    for (std::size_t c = 0; c < conditions.size(); ++c) {
      const auto variant = corruptions::make_variant(*pictures_, corruptions::Condition::parse(conditions[c]), options);
      datasets::PictureSet set = variant.pictures;
      const int own = set_for(names, conditions[c]);
      compiler::PackageReference reference(package_, own);
      std::int64_t before = 0, after = 0, gained = 0, lost = 0;
      for (std::size_t begin = 0; begin < n; begin += batch_size) {
        if (tool_stop_requested()) throw Error(ExitCode::interrupted, "verify", "interrupted");
        const auto size = static_cast<std::int64_t>(std::min<std::size_t>(batch_size, n - begin));
        const torch::Tensor batch =
            torch::from_blob(set.picture(begin).data(), {size, set.height, set.width, set.channels}, torch::kByte);
        const auto packaged = right(reference.logits(batch, threads_), match.outputs, begin, set);
        auto trained = packaged;
        if (masked)
          trained = right(masked->forward(models::to_input(batch, subject_.checkpoint->input),
                                          set_for(subject_.checkpoint->conditions, conditions[c])),
                          match.outputs, begin, set);
        for (std::size_t i = 0; i < packaged.size(); ++i) {
          before += trained[i];
          after += packaged[i];
          gained += packaged[i] && !trained[i];
          lost += trained[i] && !packaged[i];
        }
        tool_progress("accuracy", static_cast<double>(c * n + begin) + static_cast<double>(size),
                      static_cast<double>(conditions.size() * n));
      }
      add_accuracy(conditions[c], names[static_cast<std::size_t>(own)], static_cast<std::int64_t>(n), after,
                   masked ? std::optional(before) : std::nullopt, gained, lost);
      if (c == 0 || own != 0) variants_[own] = std::move(set);
    }
  }

  void add_accuracy(const std::string& condition, const std::string& own, std::int64_t n, std::int64_t after,
                    std::optional<std::int64_t> before, std::int64_t gained, std::int64_t lost) {
    const auto percent = [n](std::int64_t hits) { return 100.0 * static_cast<double>(hits) / static_cast<double>(n); };
    const auto interval = results::wilson_percent(after, n);
    Json row = {{"condition", condition},    {"served_by", own},           {"n", n},
                {"package", percent(after)}, {"package_lo", interval.low}, {"package_hi", interval.high},
                {"checkpoint", nullptr},     {"difference", nullptr},      {"difference_lo", nullptr},
                {"difference_hi", nullptr},  {"evidence", "measured"}};
    if (before) {
      const auto paired = results::paired_difference_percent(gained, lost, n);
      row.update({{"checkpoint", percent(*before)},
                  {"difference", paired.difference},
                  {"difference_lo", paired.interval.low},
                  {"difference_hi", paired.interval.high}});
      if (const Json& most = job_.at("max_loss"); !most.is_null())
        check("accuracy", condition, -paired.difference, most, -paired.difference <= most.get<double>(),
              "points lost, measured");
    }
    document_["accuracy"].push_back(std::move(row));
  }

  void latency() {
    LatencyRequest request;
    request.runner = &job_.at("runner");
    request.threads = job_.at("device_threads");
    request.package = &package_;
    request.bytes = &bytes_;
    for (std::size_t k = 0; k < package_.conditions.size(); ++k) {
      if (const auto found = variants_.find(static_cast<int>(k)); found != variants_.end()) {
        request.pictures.push_back(found->second);
      } else {
        datasets::PictureSet noise;
        noise.height = subject_.input().height;
        noise.width = subject_.input().width;
        noise.channels = subject_.input().channels;
        noise.pixels = noise_pictures(subject_.input(), proof_pictures);
        noise.labels.resize(proof_pictures);
        request.pictures.push_back(std::move(noise));
      }
    }
    const LatencyResult result = measure_latency(request);
    document_["device"] = result.device;
    document_["latency"] = result.rows;
    for (const Json& row : result.checks) document_["checks"].push_back(row);
  }

  const Json& job_;
  Subject subject_;
  int threads_;
  compiler::Threads set_threads_;
  package::Package package_;
  std::string bytes_;
  std::optional<datasets::PictureSet> pictures_;
  std::map<int, datasets::PictureSet> variants_;  // by the package's condition: what it was trained for
  Json document_;
};

}  // namespace

Json verify_job(const Json& job) { return Verification(job).run(); }

}  // namespace automask::harness::package_tool
