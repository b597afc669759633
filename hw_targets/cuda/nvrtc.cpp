#include "hw_targets/cuda/nvrtc.h"

#include <cstdlib>

#include "hw_targets/cuda/device.h"
#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace cuda {
namespace {

// Signatures from CUDA's documentation, "NVRTC", which have not changed since 7.0 but for what was added.
using Program = void*;
using VersionOf = int(int*, int*);
using CreateProgram = int(Program*, const char*, const char*, int, const char* const*, const char* const*);
using CompileProgram = int(Program, int, const char* const*);
using SizeOf = int(Program, std::size_t*);
using TextOf = int(Program, char*);
using DestroyProgram = int(Program*);
using CountOf = int(int*);
using ListOf = int(int*);

std::vector<std::string> usual_paths() {
  std::vector<std::string> names;
  for (const char* version : {"13", "12", "11.2", "11.1", "11.0", "10.2", "10.1", "10.0"})
    names.push_back(std::string("libnvrtc.so.") + version);
  names.emplace_back("libnvrtc.so");
  names.emplace_back("/usr/local/cuda/lib64/libnvrtc.so");
  names.emplace_back("/usr/local/cuda/targets/aarch64-linux/lib/libnvrtc.so");
  return names;
}

template <class Function>
Function& need(const Library& library, const char* name) {
  Function* function = nullptr;
  if (!library.find(function, name))
    throw DeviceError(protocol::unsupported, library.name() + " lacks " + name + "; install CUDA 10.0 or later");
  return *function;
}

std::string text_of(const Library& library, Program program, const char* size_name, const char* text_name) {
  std::size_t size = 0;
  if (need<SizeOf>(library, size_name)(program, &size) != 0 || size == 0) return "";
  std::string text(size, '\0');
  if (need<TextOf>(library, text_name)(program, &text[0]) != 0) return "";
  return text;
}

std::string first_complaint(const std::string& log) {
  const auto at = log.find("error");
  if (at == std::string::npos) return log.substr(0, 200);
  const auto begin = log.rfind('\n', at) + 1;
  return log.substr(begin, log.find('\n', at) - begin);
}

}  // namespace

bool Nvrtc::open(const std::string& path) {
  library_ = Library({path});
  return library_ && need<VersionOf>(library_, "nvrtcVersion")(&major_, &minor_) == 0;
}

Nvrtc::Nvrtc(const std::string& path, int architecture, int most_major) {
  const char* named = std::getenv("AUTOMASK_NVRTC");
  std::vector<std::string> paths = usual_paths();
  if (!path.empty()) {
    paths = {path};
  } else if (named != nullptr && *named != '\0') {
    paths = {named};
  }
  std::string refused;
  for (const std::string& candidate : paths) {
    if (!open(candidate)) continue;
    if (most_major != 0 && major_ > most_major) {
      refused = candidate + " is of CUDA " + version() + ", newer than the driver, which supports CUDA " +
                std::to_string(most_major) + ": update the driver or install an older toolkit";
    } else if (architecture != 0 && !compiles_for(architecture)) {
      refused = candidate + " of CUDA " + version() + " does not compile for sm_" + std::to_string(architecture) +
                " any more: install an older toolkit (CUDA 12.9 is the last one for sm_5x to sm_7x)";
    } else {
      return;
    }
  }
  throw DeviceError(protocol::unsupported,
                    !refused.empty() ? refused
                                     : "CUDA's run-time compiler, libnvrtc, does not load (" + library_.fault() +
                                           "): install the CUDA toolkit or set AUTOMASK_NVRTC to the library");
}

bool Nvrtc::compiles_for(int architecture) const {
  CountOf* count_of = nullptr;
  ListOf* list_of = nullptr;
  if (!library_.find(count_of, "nvrtcGetNumSupportedArchs") || !library_.find(list_of, "nvrtcGetSupportedArchs"))
    return architecture >= 30 && architecture <= 75;  // before 11.2 it doesn't say: 10.x compiles for these
  int count = 0;
  if (count_of(&count) != 0 || count <= 0) return false;
  std::vector<int> all(static_cast<std::size_t>(count));
  if (list_of(all.data()) != 0) return false;
  for (const int each : all)
    if (each == architecture) return true;
  return false;
}

std::string Nvrtc::settings(int architecture) const {
  return "NVRTC " + version() + " sm_" + std::to_string(architecture) + " c++14";
}

Image Nvrtc::compile(const std::string& source, const std::string& name, int architecture) const {
  const bool machine_code =
      library_.symbol("nvrtcGetCUBIN") != nullptr && library_.symbol("nvrtcGetCUBINSize") != nullptr;
  const std::string target =
      std::string("--gpu-architecture=") + (machine_code ? "sm_" : "compute_") + std::to_string(architecture);
  const char* const options[] = {target.c_str(), "--std=c++14"};
  Program program = nullptr;
  if (need<CreateProgram>(library_, "nvrtcCreateProgram")(&program, source.c_str(), (name + ".cu").c_str(), 0, nullptr,
                                                          nullptr) != 0)
    throw DeviceError(protocol::internal_error, "NVRTC takes no program; is its memory used up?");
  struct Owner {
    const Library& library;
    Program program;
    ~Owner() {
      DestroyProgram* destroy = nullptr;
      if (library.find(destroy, "nvrtcDestroyProgram")) destroy(&program);
    }
  } owner{library_, program};
  if (need<CompileProgram>(library_, "nvrtcCompileProgram")(program, 2, options) != 0)
    throw DeviceError(protocol::internal_error,
                      "kernel " + name + " does not compile with " + settings(architecture) + ": " +
                          first_complaint(text_of(library_, program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog")));
  Image image;
  image.machine_code = machine_code;
  image.bytes = machine_code ? text_of(library_, program, "nvrtcGetCUBINSize", "nvrtcGetCUBIN")
                             : text_of(library_, program, "nvrtcGetPTXSize", "nvrtcGetPTX");
  if (image.bytes.empty())
    throw DeviceError(protocol::internal_error, "NVRTC " + version() + " made no code of kernel " + name);
  return image;
}

}  // namespace cuda
}  // namespace automask
