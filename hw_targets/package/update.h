#pragma once
// What turns one package into another: the tensors that are new or differ, and the difference of their structures. A
// backbone that stayed frozen isn't in it, so that a new condition reaches a device without weights. docs/package.md,
// section 12. C++14.
#include <string>

#include "hw_targets/package/package.h"

namespace automask {
namespace package {

// `base`, `next`: bytes of two packages; the files' names are for errors. The same packages give the same bytes. Throws
// PackageError where either is none.
std::string encode_update(const std::string& base, const std::string& base_file, const std::string& next,
                          const std::string& next_file);

// The bytes of the package that the update leads to, decoded and checked. Throws PackageError where `base` is not the
// package that it starts from, or either file is damaged.
std::string apply_update(const std::string& base, const std::string& base_file, const std::string& update,
                         const std::string& update_file);

}  // namespace package
}  // namespace automask
