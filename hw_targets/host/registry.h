#pragma once
// A runner's registration as JSON, for a process that passes it on to another: a resolved copy, "file" included.
#include "core/json.h"
#include "hw_targets/host/host.h"

namespace automask::host {

core::Json to_json(const RunnerSpec& spec);
RunnerSpec runner_from_json(const core::JsonCursor& cursor);

}  // namespace automask::host
