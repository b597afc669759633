#pragma once
// Real pictures for the trainings of these tests: Fashion-MNIST (Debian's dataset-fashion-mnist).
#include "datasets/dataset.h"

namespace automask::testing {

// `train` pictures for training, 500 for testing, both spread over their split. Read once.
template <int train>
const datasets::PictureSet& fashion(datasets::Split split) {
  static const auto load = [](datasets::Split s) {
    const core::Json json = {{"reader", "idx"},
                             {"path", "/usr/share/datasets/fashion-mnist"},
                             {"input", {1, 28, 28}},
                             {"validation", 500},
                             {"limit", {{"train", train}, {"test", 500}}}};
    const auto spec = datasets::DatasetSpec::from_json({json, "test"}, "fashion_mnist");
    return datasets::load(*datasets::open(spec, s), spec, 2);
  };
  static const datasets::PictureSet training = load(datasets::Split::train), test = load(datasets::Split::test);
  return split == datasets::Split::train ? training : test;
}

}  // namespace automask::testing
