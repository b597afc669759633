#pragma once
// Photographs as a network's weights want them.
#include "datasets/dataset.h"
#include "models/checkpoint.h"

namespace automask::harness::steps {

inline datasets::Interpolation interpolation_of(const models::Resizing& resizing) {
  return resizing.interpolation == models::Interpolation::bicubic ? datasets::Interpolation::bicubic
                                                                  : datasets::Interpolation::bilinear;
}

// A picture that has the input's size already (ImageNet-C's) is neither enlarged nor cut. `spec`: of the input.
inline cv::Mat prepared_picture(const cv::Mat& picture, datasets::DatasetSpec spec, const models::Resizing& resizing) {
  spec.resize = picture.rows == spec.height && picture.cols == spec.width ? 0 : resizing.resize;
  return datasets::preprocess(picture, spec, interpolation_of(resizing));
}

}  // namespace automask::harness::steps
