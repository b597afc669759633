#include "hw_targets/cuda/constants.h"

#include <stdexcept>

#include "hw_targets/cuda/kernel_texts.h"

namespace automask {
namespace cuda {
namespace {

const char* text_of(const std::string& name) {
  for (const KernelText* text = kernel_texts(); text->name != nullptr; ++text)
    if (name == text->name) return text->text;
  throw std::logic_error("there is no kernels/" + name + ".cu");
}

}  // namespace

bool operator==(const Constants& a, const Constants& b) {
#define AUTOMASK_CUDA_SAME(field, name) \
  if (a.field != b.field) return false;
  AUTOMASK_CUDA_CONSTANTS(AUTOMASK_CUDA_SAME)
#undef AUTOMASK_CUDA_SAME
  return true;
}

std::string defines(const Constants& constants) {
  std::string text;
#define AUTOMASK_CUDA_DEFINE(field, name) text += "#define " #name " " + std::to_string(constants.field) + "\n";
  AUTOMASK_CUDA_CONSTANTS(AUTOMASK_CUDA_DEFINE)
#undef AUTOMASK_CUDA_DEFINE
  return text;
}

std::string source_of(const KernelKey& key) {
  return "#define HALF " + std::to_string(key.half ? 1 : 0) + "\n" + defines(key.constants) + text_of("prelude") +
         text_of("common") + text_of(key.name);
}

const char* const* kernel_names() {
  static const char* const names[] = {"affine",  "avg_pool", "convolution", "copy",     "global_avg_pool",
                                      "grouped", "linear",   "logits",      "max_pool", "picture",
                                      "repack",  "softmax",  nullptr};
  return names;
}

}  // namespace cuda
}  // namespace automask
