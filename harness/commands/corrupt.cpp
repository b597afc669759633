// corrupt: data sets under conditions, written for any tool that reads folders or shards
#include <fmt/format.h>

#include <iostream>

#include "corruptions/writer/job.h"
#include "harness/commands/commands.h"
#include "harness/commands/picture_options.h"
#include "harness/environment.h"
#include "harness/progress.h"
#include "harness/store_layout.h"
#include "harness/tool.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using corruptions::Condition;
using corruptions::Edition;
using corruptions::WriterJob;
using results::Format;

struct CorruptOptions : PictureOptions {
  std::string destination, layout = "folder", part = "1/1";
  std::vector<std::string> conditions;
  int pictures_per_shard = 1000;
  std::int64_t max_pixels = WriterJob().max_pixels;
  bool resume = false, verify = false, dry_run = false, keep_going = false;
  std::string progress = "auto";
};

std::filesystem::path data_program() { return program_folder() / "automask-data"; }

void read_part(const std::string& text, WriterJob& job) {
  char slash = 0, rest = 0;
  if (std::sscanf(text.c_str(), "%d%c%d%c", &job.part, &slash, &job.parts, &rest) != 3 || slash != '/' ||
      job.part < 1 || job.part > job.parts || job.parts > 100'000)
    throw Error(ExitCode::usage, "--shard " + text, "is not of the form i/n with 1 <= i <= n", "give, e.g., 1/4");
}

WriterJob job_of(const Commands& commands, const CorruptOptions& options) {
  WriterJob job = options.job(commands);
  job.destination = options.destination;
  job.layout = corruptions::parse_layout(options.layout);
  job.pictures_per_shard = options.pictures_per_shard;
  if (job.pictures_per_shard < 1)
    throw Error(ExitCode::usage, "--pictures-per-shard", "must be at least 1", "give, e.g., 1000");
  read_part(options.part, job);
  job.resume = options.resume;
  job.keep_going = options.keep_going;
  job.max_pixels = options.max_pixels;

  std::string grid = options.corruptions;
  if (grid.empty() && options.conditions.empty()) grid = "imagenet-c";
  if (!grid.empty()) job.conditions = corruptions::corruption_grid(grid, options.severities);
  for (const std::string& text : options.conditions) {
    const Condition condition = Condition::parse(text);
    if (std::find(job.conditions.begin(), job.conditions.end(), condition) == job.conditions.end())
      job.conditions.push_back(condition);
  }
  const bool photographs = std::any_of(job.conditions.begin(), job.conditions.end(), [](const Condition& condition) {
    return std::any_of(condition.links().begin(), condition.links().end(),
                       [](const auto& link) { return link.name == "frost"; });
  });
  if (photographs && job.settings.edition != Edition::fixed && job.settings.frost_folder.empty())
    throw Error(ExitCode::usage, "--variant " + options.variant,
                "needs photographs of frost, which come with the original generator and not with this program",
                "name their folder with --frost DIR, or leave frost out of --corruptions");
  return job;
}

int show_estimate(const Commands& commands, const Json& estimate) {
  if (commands.table_format() == Format::json) {
    Json document = estimate;
    document["schema_version"] = 1;
    std::cout << document.dump(2) << "\n";
    return 0;
  }
  results::Table table{{"condition", "bytes", "thread_seconds"}, {}};
  for (const Json& row : estimate.at("conditions"))
    table.rows.push_back({row.at("condition"), human_bytes(static_cast<std::int64_t>(row.at("bytes").get<double>())),
                          human_seconds(row.at("seconds"))});
  results::print(std::cout, table, commands.table_format());
  const double bytes = estimate.at("bytes"), free = estimate.at("free_bytes");
  std::cout << fmt::format("\n{} pictures, estimated from {} of them: {} on disk ({} free), {} on {} threads{}\n",
                           estimate.at("pictures").get<std::size_t>(), estimate.at("sampled").get<std::size_t>(),
                           human_bytes(static_cast<std::int64_t>(bytes)), human_bytes(static_cast<std::int64_t>(free)),
                           human_seconds(estimate.at("seconds")), commands.thread_count(),
                           bytes > free ? ": it does not fit" : "");
  return 0;
}

int show_summary(const Commands& commands, const WriterJob& job, const Json& summary) {
  const std::size_t written = summary.at("written"), found = summary.at("found"), skipped = summary.at("skipped");
  const bool stopped = summary.at("stopped");
  if (commands.table_format() == Format::json) {
    Json document = summary;
    document.update(
        {{"schema_version", 1}, {"destination", job.destination.string()}, {"conditions", job.conditions.size()}});
    std::cout << document.dump(2) << "\n";
  } else if (written == 0 && found > 0 && !stopped) {
    std::cout << fmt::format("{}: everything is up to date: {} pictures under {} conditions are there{}\n",
                             job.destination.string(), found, job.conditions.size(),
                             skipped == 0 ? "" : fmt::format(", {} were left out", skipped));
  } else {
    std::cout << fmt::format("{}: {} pictures under {} conditions written, {} found, {} left out; {} in {}\n",
                             job.destination.string(), written, job.conditions.size(), found, skipped,
                             human_bytes(summary.at("bytes")), human_seconds(summary.at("seconds")));
    if (stopped) std::cout << "interrupted; the same command with --resume goes on\n";
  }
  if (stopped) return static_cast<int>(ExitCode::interrupted);
  return static_cast<int>(skipped > 0 ? ExitCode::steps_failed : ExitCode::ok);
}

int show_verdict(const Commands& commands, const std::string& destination, const Json& verdict) {
  if (commands.table_format() == Format::json) {
    Json document = verdict;
    document["schema_version"] = 1;
    std::cout << document.dump(2) << "\n";
  } else {
    for (const Json& fault : verdict.at("faults")) std::cout << fault.get<std::string>() << "\n";
    std::cout << fmt::format("{}: {} files checked, {} missing, {} changed{}\n", destination,
                             verdict.at("files").get<std::size_t>(), verdict.at("missing").get<std::size_t>(),
                             verdict.at("changed").get<std::size_t>(),
                             verdict.at("unfinished") == 0 ? "" : "; the run is unfinished, go on with --resume");
  }
  return static_cast<int>(verdict.at("good") == true ? ExitCode::ok : ExitCode::corrupt);
}

int corrupt_command(const Commands& commands, const CorruptOptions& options) {
  const auto progress = parse_progress(options.progress);
  commands.table_format();
  if (options.verify) {
    // `automask corrupt --verify DST` and `automask corrupt --verify SRC DST` mean the same.
    const std::string folder = options.destination.empty() ? options.source : options.destination;
    const Json verdict =
        run_tool(data_program(), {{"task", "verify"}, {"destination", folder}, {"threads", commands.thread_count()}},
                 "verify " + folder, progress);
    return show_verdict(commands, folder, verdict);
  }
  if (options.destination.empty())
    throw Error(ExitCode::usage, "corrupt", "needs a destination", "write `automask corrupt SRC DST`");
  const WriterJob job = job_of(commands, options);
  if (options.dry_run)
    return show_estimate(
        commands,
        run_tool(data_program(), {{"task", "estimate"}, {"job", to_json(job)}, {"sample", 8}}, "estimate", progress));
  return show_summary(
      commands, job,
      run_tool(data_program(), {{"task", "write"}, {"job", to_json(job)}}, "corrupt " + options.source, progress));
}

}  // namespace

void add_corrupt(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand("corrupt", "write a data set under corruptions, codecs and chains of them");
  auto options = std::make_shared<CorruptOptions>();
  command
      ->add_option("source", options->source,
                   "folder of class folders, tar file(s) like x-{00..09}.tar, CIFAR batches, an IDX file")
      ->type_name("SRC")
      ->required();
  command->add_option("destination", options->destination, "new folder")->type_name("DST");
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    return command->add_option(name, value, help)->type_name(type);
  };
  text("--corruptions", options->corruptions, "all|NAME,...",
       "imagenet-c (its 15; the default without --condition), extra (its other 4), all (the 19), or names");
  text("--severities", options->severities, "1-5", "of --corruptions")->capture_default_str();
  command->add_option("--condition", options->conditions, "a chain, e.g. \"shot_noise:3 > jpeg:q30\"; may be repeated")
      ->type_name("CHAIN")
      ->allow_extra_args(false);
  text("--variant", options->variant, "NAME",
       "fixed; compat: as the original generator, with its quirks, from pictures of 224 x 224; imagecorruptions")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of all random numbers")->type_name("N")->capture_default_str();
  text("--output", options->output, "CODEC", "png, jpeg85 (compat's default) or raw (.npy)");
  text("--layout", options->layout, "LAYOUT", "folder (CORRUPTION/SEVERITY/class/file) or shards (WebDataset)")
      ->capture_default_str();
  text("--preprocess", options->preprocess, "NAME",
       "none, or imagenet224: short side to 256, the centre's 224 x 224 (compat's default)");
  text("--classes", options->classes, "FILE", "class names, one a line in the order of their labels");
  text("--ground-truth", options->ground_truth, "FILE", "labels of pictures that lie in no class folders");
  text("--ilsvrc-ids", options->ilsvrc_ids, "FILE", "what a ground truth of ILSVRC ids means: \"1 n02119789\" a line");
  text("--subfolder", options->subfolder, "DIR", "only this part of the source");
  text("--subset", options->subset, "LIST", "file with the paths of the pictures to take, one a line");
  text("--frost", options->frost, "DIR", "photographs of frost, needed by compat and imagecorruptions");
  text("--shard", options->part, "i/n", "only the i-th of n parts, for n machines")->capture_default_str();
  command->add_option("--pictures-per-shard", options->pictures_per_shard, "of the layout shards")
      ->type_name("N")
      ->capture_default_str();
  text("--split", options->split, "NAME", "names the random numbers: test and train get different noise")
      ->capture_default_str();
  command->add_option("--max-pixels", options->max_pixels, "larger pictures are refused; 0: none")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--resume", options->resume, "go on with an interrupted run");
  command->add_flag("--keep-going", options->keep_going, "leave unreadable pictures out and list them in the index");
  command->add_flag("--dry-run", options->dry_run, "estimate disk and time, write nothing");
  command->add_flag("--verify", options->verify, "compare every file in DST with the index");
  text("--progress", options->progress, "KIND", "auto, plain, jsonl or none; on stderr")->capture_default_str();
  command->footer(
      "The same bytes for any number of threads and any division into parts. DST/index.jsonl lists parameters,\n"
      "versions, sizes and hashes. Nothing outside of DST is written.\n\n"
      "Examples:\n  automask corrupt imagenet/val imagenet-c --dry-run\n"
      "  automask corrupt ILSVRC2012_img_val.tar imagenet-c --variant compat --frost frost --ground-truth val.txt\n"
      "  automask corrupt photos out --corruptions snow,fog --severities 3 --condition \"shot_noise:3 > jpeg:q30\"\n"
      "  automask corrupt --verify imagenet-c\n\n"
      "Exit codes: 0 ok, 2 usage, 4 stopped by a fault or pictures left out, 8 files missing or changed,\n"
      "130 interrupted.");
  command->callback(
      [&commands, options] { commands.action = [&commands, options] { return corrupt_command(commands, *options); }; });
}

}  // namespace automask::harness
