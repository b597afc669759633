#pragma once
// The preprocessing that belongs to weights: for another input, and as JSON for people and the metadata of files.
#include "core/json.h"
#include "models/zoo.h"

namespace automask::models {

// The same for another input size: the crop's share of the resized picture stays. Where the channels are more or fewer
// than those published, all are scaled as the first.
Preprocessing with_input(Preprocessing preprocessing, const graph::Shape& input);

// {"resize": 256, "interpolation": "bilinear", "crop": [224, 224], "mean": [...], "deviation": [...]}; `resize` 0 is
// the crop's own size.
core::Json to_json(const Preprocessing& preprocessing);
// What to_json() wrote, for a network whose input has `channels`. The cursor's error names what is missing or wrong.
Preprocessing preprocessing_from_json(const core::JsonCursor& cursor, int channels);

}  // namespace automask::models
