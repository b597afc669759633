#include "harness/starter.h"

namespace automask::harness {

std::string_view starter_manifest() {
  return R"json({
  "$schema": "./manifest.schema.json",
  "name": "first_study",
  "description": "JSON has no comments: entries may have a \"description\", which decides nothing.",
  "datasets": {
    "fashion_mnist": {
      "description": "60,000 + 10,000 pictures of clothes, from the package dataset-fashion-mnist; another folder: --data DIR. The limits keep this first study short; remove them for all pictures.",
      "reader": "idx",
      "path": "/usr/share/datasets/fashion-mnist",
      "input": [1, 28, 28],
      "validation": 1000,
      "limit": {"train": 6000, "test": 1000}
    }
  },
  "conditions": [
    "clean",
    "gaussian_noise:3",
    "jpeg:q20",
    "gaussian_noise:2 > jpeg:q30"
  ],
  "models": {
    "small": {"description": "a residual network of 8 layers", "name": "resnet8", "width": 8}
  },
  "train": {
    "description": "the schedule, the same for every method",
    "epochs": 1
  },
  "methods": {
    "clean": {"description": "what happens if nothing is done", "method": "clean"},
    "automask": {"description": "half of the multiply-accumulates", "method": "automask", "mac_budget": 0.5}
  },
  "targets": {
    "cpu": {"runner": "cpu", "threads": 1, "format": "fp32"}
  },
  "seeds": [0]
}
)json";
}

std::string_view starter_readme() {
  return R"md(# A first study

`study.json` says what is compared with what; `manifest.schema.json` lets an editor check and complete it.

    automask validate study.json      # is it right?
    automask plan study.json          # what would be done, and how long does it take?
    automask run study.json           # do it; interrupted or killed, it goes on where it was
    automask query --saved accuracy_by_condition
    automask report --output report

Results lie in `.automask/` (or in the folder given by `--store`). To try a change without editing:
`automask run study.json --set train.epochs=3 --filter method=automask`.
)md";
}

}  // namespace automask::harness
