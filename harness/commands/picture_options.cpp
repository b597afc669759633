#include "harness/commands/picture_options.h"

#include "harness/environment.h"

namespace automask::harness {

corruptions::WriterJob PictureOptions::job(const Commands& commands) const {
  corruptions::WriterJob job;
  job.source = source;
  job.class_list = classes;
  job.ground_truth = ground_truth;
  job.ilsvrc_ids = ilsvrc_ids;
  job.subfolder = subfolder;
  job.subset = subset;
  job.settings.edition = corruptions::parse_edition(variant);
  job.settings.frost_folder = frost;
  job.seed = seed;
  job.split = split;
  const bool compat = job.settings.edition == corruptions::Edition::compat;
  job.output = corruptions::parse_output(output.empty() ? (compat ? "jpeg85" : "png") : output);
  job.preparation = corruptions::parse_preparation(preprocess.empty() ? (compat ? "imagenet224" : "none") : preprocess);
  job.threads = commands.thread_count();
  job.program_version = version();
  return job;
}

}  // namespace automask::harness
