#pragma once
// A shared library that is loaded while the program runs, so that it starts on machines without it. POSIX, C++14.
#include <string>
#include <utility>
#include <vector>

namespace automask {
namespace cuda {

class Library {
 public:
  Library() = default;
  // The first of these names that loads; none: empty, and fault() says what the last one lacked.
  explicit Library(const std::vector<std::string>& names);
  Library(Library&& other) noexcept { *this = std::move(other); }
  Library& operator=(Library&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(name_, other.name_);
    std::swap(fault_, other.fault_);
    return *this;
  }
  ~Library();

  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& name() const { return name_; }
  const std::string& fault() const { return fault_; }
  void* symbol(const char* name) const;  // nullptr: it has none
  template <class Function>
  bool find(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(symbol(name));
    return function != nullptr;
  }

 private:
  void* handle_ = nullptr;
  std::string name_, fault_;
};

}  // namespace cuda
}  // namespace automask
