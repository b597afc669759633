#pragma once
// The two jobs of automask-package.
#include "core/json.h"

namespace automask::harness::package_tool {

// {"command": "export", "format": package, onnx or onnx-qdq, "condition": name, "all" or "", "output": file or "",
//  "stem": of the file's name where there is no output, ...} -> {"files": [{"file", "condition": name or null,
//  "numbers", "bytes"}]}. More of the job: subject.h, pictures.h, make.h.
core::Json export_job(const core::Json& job);

// {"command": "verify", "conditions": [names], "split", "limit", "runner": null or the registration, "device_threads",
//  "max_loss": null or points, ...} -> what `automask verify --format json` prints.
core::Json verify_job(const core::Json& job);

}  // namespace automask::harness::package_tool
