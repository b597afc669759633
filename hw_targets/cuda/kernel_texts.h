#pragma once
// The files of kernels/, built into the program: boards compile them for themselves. C++14.

namespace automask {
namespace cuda {

struct KernelText {
  const char* name;  // "convolution" for kernels/convolution.cu
  const char* text;
};
const KernelText* kernel_texts();  // ends with a null name

}  // namespace cuda
}  // namespace automask
