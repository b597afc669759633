#pragma once
// Which description of the corruptions is followed. Users write it as `variant`. No pictures here, OpenCV is not
// needed.
#include <filesystem>
#include <string_view>

namespace automask::corruptions {

// fixed:            the published algorithms, mended: values are rounded, kernels sum to 1, any size from 1 x 1, gray.
// compat:           ImageNet-C's generator (hendrycks/robustness, ImageNet-C/create_c/make_imagenet_c.py), its quirks
//                   included. Its last step, saving as JPEG of quality 85, belongs to whoever writes the files.
// imagecorruptions: the package of that name (bethgelab/imagecorruptions 1.1.2), which differs in elastic_transform,
//                   motion_blur, snow, frost's scale and pictures that are not square.
enum class Edition { fixed, compat, imagecorruptions };

std::string_view to_string(Edition edition);
// Throws Error(usage) that names the editions.
Edition parse_edition(std::string_view text);

// What operators need to know besides severity and random numbers.
struct OperatorSettings {
  Edition edition = Edition::fixed;
  // Folder with photographs of frost. Where it is empty, `fixed` draws frost by formula and the others refuse.
  std::filesystem::path frost_folder;
};
inline const OperatorSettings default_settings{};

}  // namespace automask::corruptions
