#pragma once
// Looks at a command stream before it is executed: no field may lead outside the buffers or DDR. C++14.
#include <cstdint>
#include <stdexcept>
#include <string>

namespace automask {
namespace z7020 {

// "instruction N (NAME): FAULT".
class StreamError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// DDR as the engine sees it. Streams may store to [writable_begin, writable_end) alone; commands, lists and parameter
// blocks must lie elsewhere, so that what was checked is what is executed.
struct Memory {
  const std::uint32_t* words = nullptr;
  std::uint32_t size = 0, writable_begin = 0, writable_end = 0;
};

// The stream at this word address, up to its `end`; the number of its instructions. Throws StreamError.
std::uint32_t check_stream(const Memory& memory, std::uint32_t commands);

}  // namespace z7020
}  // namespace automask
