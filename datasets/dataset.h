#pragma once
// The readers' common face: start here. A data set is a list of labelled pictures, decoded on demand.
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "datasets/picture_set.h"
#include "datasets/spec.h"

namespace automask::datasets {

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::size_t size() const = 0;
  virtual int label(std::size_t i) const = 0;
  // Relative path inside the data set, "train-images-idx3-ubyte/000123" for packed formats; unique, stable.
  virtual std::string id(std::size_t i) const = 0;
  // As stored: CV_8UC1 or CV_8UC3 in RGB order. Thread-safe. Error(steps_failed) names file and fault.
  virtual cv::Mat picture(std::size_t i) const = 0;
  virtual const std::vector<std::string>& classes() const = 0;
};

// Opens a split; limits and the validation carve-out of the spec are applied. Truncated, foreign or missing
// files: Error(steps_failed) with file, offset or member, and remedy.
std::unique_ptr<Dataset> open(const DatasetSpec& spec, Split split);

// Brings a picture to the spec's input: colour conversion, antialiased triangle resize of the short side, centre crop.
cv::Mat preprocess(const cv::Mat& picture, const DatasetSpec& spec);

// All pictures of a data set, preprocessed, in order; the same bytes for any number of threads.
PictureSet load(const Dataset& dataset, const DatasetSpec& spec, int threads);

}  // namespace automask::datasets
