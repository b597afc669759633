#pragma once
// What of Linux a board's engine is reached by: a UIO device for its registers and interrupt, and a buffer of
// contiguous memory that it and the processors see: of u-dma-buf, or a second map of the UIO device. C++14.
#include <cstdint>
#include <string>
#include <vector>

namespace automask {
namespace z7020 {

// Closes on destruction.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(other.release()) {}
  File& operator=(File&& other) noexcept;
  ~File();
  int get() const { return descriptor_; }
  int release();

 private:
  int descriptor_ = -1;
};

struct BoardOptions {
  std::string root;                    // stands before /sys and /dev
  std::string uio = "automask_z7020";  // the device's name in the device tree, or "uioN"
  std::string buffer;                  // of u-dma-buf, e.g. "udmabuf0"; empty: map 1 of the UIO device
  bool interrupt = false;              // wait for it; otherwise look at the control register
  double timeout_seconds = 10;         // of one stream
};

struct BoardFiles {
  File registers, buffer;
  File interrupts;  // of its own, or none: then the registers'
  std::string registers_name, buffer_name;
  std::uint64_t buffer_offset = 0;  // where in the file
  std::uint64_t buffer_bytes = 0;
  std::uint64_t bus_address = 0;  // of the buffer, as the engine sees it
};

// Throws PortError: no such device, no buffer, no permission.
BoardFiles open_board(const BoardOptions& options);

}  // namespace z7020
}  // namespace automask
