#pragma once
// Networks that a manifest names as files: what they were trained on is not held out.
#include "harness/manifest.h"

namespace automask::harness {

// Of one of the manifest's methods: `init`, and the files of `external`. Of checkpoints the headers are read; files
// that do not say what they were trained on pass, since nobody knows, and those that are missing, since the plan names
// them. Error(invalid_manifest) names the place in the manifest, the held-out condition and the trained one that shows
// it.
void check_given_networks(const Manifest& manifest, const methods::MethodSpec& method);

}  // namespace automask::harness
