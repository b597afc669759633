#pragma once
// Data sets as manifests declare them: splits, limits, input size. What one is made of stands in source.h.
#include <memory>
#include <opencv2/core.hpp>

#include "datasets/picture_set.h"
#include "datasets/source.h"
#include "datasets/spec.h"

namespace automask::datasets {

// Opens a split; limits and the validation carve-out of the spec are applied. Truncated, foreign or missing
// files: Error(steps_failed) with file, offset or member, and remedy.
std::unique_ptr<Source> open(const DatasetSpec& spec, Split split);

// Of PIL: a triangle, and Keys' cubic with a = -0.5; both widened when shrinking.
enum class Interpolation { bilinear, bicubic };

// Brings a picture to the spec's input: colour conversion, antialiased resize of the short side (to the input's or to
// spec.resize), centre crop.
cv::Mat preprocess(const cv::Mat& picture, const DatasetSpec& spec,
                   Interpolation interpolation = Interpolation::bilinear);
// ImageNet's reference evaluation, Resize(resize) and CenterCrop(crop) of torchvision on PIL, to the last bit of PIL 12
// (13 is a level off in tall pictures). `picture`: CV_8UC1 or CV_8UC3, as the result of crop x crop. crop <= resize.
cv::Mat resize_and_centre_crop(const cv::Mat& picture, int resize = 256, int crop = 224);

// All pictures of a data set, preprocessed, in order; the same bytes for any number of threads.
PictureSet load(const Source& source, const DatasetSpec& spec, int threads);
// Those alone, in that order.
PictureSet load(const Source& source, const std::vector<std::uint32_t>& pictures, const DatasetSpec& spec, int threads);
// All of them, held in memory where they take at most `most_bytes`; else each is read, decoded and prepared whenever it
// is asked for. The same bytes either way.
PictureSet load_or_read(std::shared_ptr<const Source> source, const DatasetSpec& spec, int threads,
                        std::uint64_t most_bytes);

}  // namespace automask::datasets
