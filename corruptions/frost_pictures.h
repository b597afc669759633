#pragma once
// Where the ice comes from: photographs of a folder, or textures drawn by formula. Both are made once and kept.
#include <filesystem>
#include <opencv2/core.hpp>
#include <vector>

#include "corruptions/edition.h"

namespace automask::corruptions {

// CV_8UC3 in RGB order. Of a folder: every PNG and JPEG by name in the `fixed` edition; frost1.png frost2.png
// frost3.png frost4.jpg frost5.jpg frost6.jpg, all of which must be there, in the others. Throws Error(usage) with the
// remedy. Threads may call it; the reference stays good.
const std::vector<cv::Mat>& frost_photographs(const std::filesystem::path& folder, Edition edition);

// Texture 0 to frost_textures - 1, CV_8UC3 of frost_side x frost_side, meant for pictures of some 224 pixels: ferns of
// ice crystals on a hazy pane. The same bytes on every host.
constexpr int frost_textures = 4, frost_side = 640;
const cv::Mat& frost_texture(int number);

}  // namespace automask::corruptions
