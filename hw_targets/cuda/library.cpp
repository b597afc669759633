#include "hw_targets/cuda/library.h"

#include <dlfcn.h>

namespace automask {
namespace cuda {

Library::Library(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    handle_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) {
      name_ = name;
      return;
    }
    const char* fault = ::dlerror();
    fault_ = fault == nullptr ? name + " does not load" : fault;
  }
}

Library::~Library() {
  if (handle_ != nullptr) ::dlclose(handle_);
}

void* Library::symbol(const char* name) const { return handle_ == nullptr ? nullptr : ::dlsym(handle_, name); }

}  // namespace cuda
}  // namespace automask
