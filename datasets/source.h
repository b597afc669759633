#pragma once
// The readers' common face: start here. A source is an indexed list of labelled pictures, read and decoded one at a
// time: what is kept in memory is the index (some 200 bytes a picture, or a member of an archive), never the pictures.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "datasets/decode.h"

namespace automask::datasets {

class Source {
 public:
  virtual ~Source() = default;
  virtual std::size_t size() const = 0;
  // [0, classes().size()); -1 where the data names no class.
  virtual int label(std::size_t i) const = 0;
  // Relative path inside the source, '/' between parts; unique, stable, the key of random streams. For packed formats
  // "train-images-idx3-ubyte/000123".
  virtual std::string id(std::size_t i) const = 0;
  // The bytes of the encoded picture file; of packed formats a PGM or PPM. Thread-safe.
  virtual std::string read(std::size_t i) const = 0;
  // As stored: CV_8UC1 or CV_8UC3 in RGB order. Thread-safe. Error(steps_failed) names where(i), fault and remedy.
  virtual cv::Mat picture(std::size_t i) const;
  // For messages: "noise.tar: gaussian_noise/1/n01440764/x.JPEG".
  virtual std::string where(std::size_t i) const { return id(i); }
  // Names by label.
  virtual const std::vector<std::string>& classes() const = 0;
  // A sentence for each member of an archive that was left out: links, absolute paths, "..", doubles.
  virtual const std::vector<std::string>& skipped() const;
};

struct SourceOptions {
  // "n01440764" or "n01440764 tench, Tinca tinca" a line, in the order of the labels. Empty: the class folders, sorted.
  std::filesystem::path class_list = {};
  // Labels of pictures that lie in no class folders; for the i-th line and the i-th picture by name:
  //   "n01751748" or "490"           one a line; numbers are ILSVRC ids (from 1), and `ilsvrc_ids` says which
  // or by name, with or without extension, in any order, a header line and further fields ignored:
  //   "ILSVRC2012_val_00000001.JPEG 65", "ILSVRC2012_val_00000001,n01751748 85 1 499 272"   numbers are labels (from 0)
  std::filesystem::path ground_truth = {};
  // "1 n02119789 ..." a line: what meta.mat of ILSVRC2012's development kit says, as text.
  std::filesystem::path ilsvrc_ids = {};
  // Only what lies below this folder of the source, and paths relative to it: "gaussian_noise/1" of noise.tar.
  std::string subfolder = {};
  std::vector<std::string> classes = {};  // names by label; of shards and packed formats, whose labels are numbers
  DecodeOptions decode = {};
};

// Opens
//   a folder              class/picture, or flat with a ground truth
//   one or more tars      the same inside, or WebDataset samples (members a.jpg, a.cls or a.json {"label": 3});
//                         "shard-{000000..000009}.tar", "{a,b}.tar"; .tar is read in place by offset, .tar.gz,
//                         .tar.zst, .tar.bz2 and .tar.xz front to back, so out of order they are slow
//   CIFAR-10/100 batches  "data_batch_{1..5}.bin", "test.bin"; names from batches.meta.txt or fine_label_names.txt
//   an IDX pair           the -images-idx3-ubyte file, .gz or not; the labels lie beside it
// by name and content. Nothing is ever written. Error(steps_failed or invalid_manifest) names file, member and remedy.
std::unique_ptr<Source> open_source(const std::string& location, const SourceOptions& options = {});

}  // namespace automask::datasets
