#pragma once
// From the bytes of a picture file to pixels, as PIL and torchvision see them. OpenCV's decoders are not used: they
// paint over missing parts, convert CMYK otherwise and cost 0.2 s at the start of a program.
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <string_view>

namespace automask::datasets {

struct DecodeOptions {
  // Larger pictures are refused before memory is taken. The default is where PIL refuses: twice its
  // MAX_IMAGE_PIXELS of 1 GiB / 4 / 3 bytes a pixel.
  std::int64_t max_pixels = 2 * (std::int64_t{1} << 30) / 4 / 3;
};

// Decodes JPEG, PNG, WebP (still) and binary PGM or PPM, told apart by content, whatever the file's name says:
// CV_8UC1 for gray pictures, else CV_8UC3 in RGB order, continuous.
//
//   JPEG  libjpeg-turbo with its defaults (accurate DCT, smooth chroma), as PIL; CMYK and YCCK become RGB as in PIL
//   PNG   palettes and 1 to 4 bits are expanded, of 16 bits the upper 8 are taken (also of gray, of which PIL's convert
//         makes white whatever is above 255), alpha is dropped, no gamma
//   WebP  alpha is dropped
//
// Animations (WebP, PNG) are refused. Damage that libjpeg bridges within a JPEG stays unnoticed, as in PIL.
// EXIF orientation is not applied, as torchvision on PIL. Other formats, truncated and broken pictures and those above
// max_pixels: Error(steps_failed) that names `file`, the fault and a remedy. Thread-safe.
cv::Mat decode_picture(std::string_view bytes, const std::string& file, const DecodeOptions& options = {});

// Binary PGM or PPM of a continuous CV_8UC1 or CV_8UC3 (RGB) picture.
std::string encode_pnm(const cv::Mat& picture);

}  // namespace automask::datasets
