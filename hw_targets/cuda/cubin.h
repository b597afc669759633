#pragma once
// What a kernel takes of a multiprocessor, read from its machine code (an ELF file), without a GPU. C++14.
#include <string>

namespace automask {
namespace cuda {

struct CubinFacts {
  bool found = false;    // false: no such kernel, or the file is no cubin
  int registers = 0;     // of a thread: the top byte of sh_info of .text.<kernel>, or EIATTR_REGCOUNT
  int shared_bytes = 0;  // of a block: the size of .nv.shared.<kernel>
  int stack_bytes = 0;   // of a thread: spilled registers and local arrays, EIATTR_FRAME_SIZE in .nv.info
};
// The layout is that of NVIDIA's tools as of CUDA 11 and 12 (cuobjdump -elf prints the same); any bytes are safe.
CubinFacts read_cubin(const std::string& bytes, const std::string& kernel);

}  // namespace cuda
}  // namespace automask
