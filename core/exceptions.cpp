#include "core/exceptions.h"

#include <algorithm>
#include <array>
#include <new>
#include <string_view>

namespace automask::core {

std::string first_line(const std::exception& error) {
  const std::string_view all = error.what();
  return std::string(all.substr(0, all.find('\n')));
}

bool out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  // c10::Error itself cannot be named here: this room is without LibTorch.
  static constexpr std::array<std::string_view, 4> words = {"DefaultCPUAllocator: can't allocate memory",
                                                            "DefaultCPUAllocator: not enough memory",
                                                            "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED"};
  const std::string line = first_line(error);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return line.find(word) != std::string::npos; });
}

}  // namespace automask::core
