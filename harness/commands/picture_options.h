#pragma once
// How commands that corrupt pictures read them and what they make of them.
#include <cstdint>
#include <string>

#include "corruptions/writer/job.h"
#include "harness/commands/commands.h"

namespace automask::harness {

// As the options of those names on the command line; empty: the edition's default.
struct PictureOptions {
  std::string source;
  std::string corruptions, severities = "1-5", variant = "fixed", output, preprocess;
  std::string classes, ground_truth, ilsvrc_ids, subfolder, frost, subset, split = "test";
  std::uint64_t seed = 0;

  // Without conditions, which commands choose differently. Error(usage) names a wrong value.
  corruptions::WriterJob job(const Commands& commands) const;
};

}  // namespace automask::harness
