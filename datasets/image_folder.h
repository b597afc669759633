#pragma once
// Folders of encoded pictures, one per class (ImageNet, Tiny-ImageNet's training part).
#include <memory>
#include <string>
#include <string_view>

#include "datasets/dataset.h"

namespace automask::datasets {

// Decodes JPEG or PNG, told apart by content: CV_8UC1 for gray pictures, else CV_8UC3 in RGB order; alpha is dropped,
// 16 bits become 8, EXIF orientation is not applied (as torchvision on PIL). Error(steps_failed) names `file` when the
// picture is broken or cut off, which decoders alone would paint over in gray.
cv::Mat decode_picture(std::string_view bytes, const std::string& file);

std::unique_ptr<Dataset> open_image_folder(const DatasetSpec& spec, Split split);

}  // namespace automask::datasets
