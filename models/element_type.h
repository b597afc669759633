#pragma once
// Number formats of tensors in files, and their way to FP32.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace automask::models {

enum class ElementType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::size_t bytes_of(ElementType type);

// "F16", "BF16", ... as safetensors writes them; nothing for formats that are not read (e.g. F8_E4M3).
std::optional<ElementType> element_type_of_safetensors(std::string_view name);

// count values of `type`, little endian and unaligned at `from`, `step` values apart -> out[0, count). F64 and integers
// round to nearest, all other formats are exact; NaN stays NaN.
void to_floats(const char* from, ElementType type, std::size_t count, std::size_t step, float* out);

}  // namespace automask::models
