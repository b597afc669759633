#pragma once
// NVIDIA's run-time compiler, loaded while the program runs: versions 10.2 to 13. C++14.
#include <string>
#include <vector>

#include "hw_targets/cuda/library.h"

namespace automask {
namespace cuda {

// What it made of a source: machine code where it can (11.1 and later), else PTX, which the driver compiles.
struct Image {
  std::string bytes;
  bool machine_code = false;
};

class Nvrtc {
 public:
  // `path`: of the library; empty: $AUTOMASK_NVRTC, else the usual names and folders, newest first. Of those the first
  // that compiles for `architecture` (62 for sm_62; 0: any) and is no newer than CUDA `most_major` (0: any). Throws
  // DeviceError(unsupported), which says what was found and what to install.
  explicit Nvrtc(const std::string& path = "", int architecture = 0, int most_major = 0);

  int major() const { return major_; }
  int minor() const { return minor_; }
  std::string version() const { return std::to_string(major_) + "." + std::to_string(minor_); }
  const std::string& file() const { return library_.name(); }
  bool compiles_for(int architecture) const;

  // Options besides the architecture are the same for all: C++14. Throws DeviceError(internal_error) with the
  // compiler's first complaint.
  Image compile(const std::string& source, const std::string& name, int architecture) const;
  // What, apart from the source, decides what compile() makes.
  std::string settings(int architecture) const;

 private:
  bool open(const std::string& path);

  Library library_;
  int major_ = 0, minor_ = 0;
};

}  // namespace cuda
}  // namespace automask
