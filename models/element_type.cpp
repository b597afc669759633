#include "models/element_type.h"

#include <bit>
#include <cstring>
#include <utility>

namespace automask::models {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little endian and tensors are copied as they are");

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
float from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16U;
  const std::uint32_t exponent = bits >> 10U & 0x1FU, fraction = bits & 0x3FFU;
  if (exponent == 0) {  // zero and subnormals: fraction x 2^-24, exact in FP32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1FU ? 0xFFU : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide << 23U | fraction << 13U);
}

// The upper half of an FP32 number.
float from_bfloat(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }

template <class Stored, class Convert>
void each(const char* from, std::size_t count, std::size_t step, float* out, const Convert& convert) {
  for (std::size_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, from + i * step * sizeof(Stored), sizeof value);
    out[i] = convert(value);
  }
}

template <class Stored>
void each_cast(const char* from, std::size_t count, std::size_t step, float* out) {
  each<Stored>(from, count, step, out, [](Stored value) { return static_cast<float>(value); });
}

}  // namespace

std::size_t bytes_of(ElementType type) {
  switch (type) {
    case ElementType::f64:
    case ElementType::i64:
      return 8;
    case ElementType::f32:
    case ElementType::i32:
      return 4;
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::i16:
      return 2;
    case ElementType::i8:
    case ElementType::u8:
    case ElementType::boolean:
      break;
  }
  return 1;
}

std::optional<ElementType> element_type_of_safetensors(std::string_view name) {
  static constexpr std::pair<std::string_view, ElementType> table[] = {
      {"F64", ElementType::f64}, {"F32", ElementType::f32},     {"F16", ElementType::f16}, {"BF16", ElementType::bf16},
      {"I64", ElementType::i64}, {"I32", ElementType::i32},     {"I16", ElementType::i16}, {"I8", ElementType::i8},
      {"U8", ElementType::u8},   {"BOOL", ElementType::boolean}};
  for (const auto& [known, type] : table)
    if (known == name) return type;
  return std::nullopt;
}

void to_floats(const char* from, ElementType type, std::size_t count, std::size_t step, float* out) {
  if (count == 0) return;
  switch (type) {
    case ElementType::f32:
      if (step == 1)
        std::memcpy(out, from, count * sizeof(float));
      else
        each_cast<float>(from, count, step, out);
      break;
    case ElementType::f64:
      each_cast<double>(from, count, step, out);
      break;
    case ElementType::f16:
      each<std::uint16_t>(from, count, step, out, from_half);
      break;
    case ElementType::bf16:
      each<std::uint16_t>(from, count, step, out, from_bfloat);
      break;
    case ElementType::i64:
      each_cast<std::int64_t>(from, count, step, out);
      break;
    case ElementType::i32:
      each_cast<std::int32_t>(from, count, step, out);
      break;
    case ElementType::i16:
      each_cast<std::int16_t>(from, count, step, out);
      break;
    case ElementType::i8:
      each_cast<std::int8_t>(from, count, step, out);
      break;
    case ElementType::u8:
      each_cast<std::uint8_t>(from, count, step, out);
      break;
    case ElementType::boolean:  // one byte, which a damaged file may fill with any value
      each<std::uint8_t>(from, count, step, out, [](std::uint8_t value) { return value != 0 ? 1.0F : 0.0F; });
      break;
  }
}

}  // namespace automask::models
