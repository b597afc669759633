#include "corruptions/random.h"

#include <array>

#include "core/normal.h"
#include "core/vector_clones.h"

namespace automask::corruptions {
namespace {

constexpr int bits = 12;
constexpr std::uint32_t cells = 1u << bits;
constexpr std::uint32_t outer = 16;  // cells at each end where the quantile bends too much to interpolate

double exact(std::uint32_t word) { return core::normal_quantile((word + 0.5) * 0x1p-32); }

// quantile[i] at the lower edge of cell i and the rise over the cell.
struct Table {
  std::array<float, cells> value{}, rise{};
  Table() {
    for (std::uint32_t i = 0; i < cells; ++i) {
      const double low = core::normal_quantile(i == 0 ? 0x1p-33 : static_cast<double>(i) / cells);
      const double high = core::normal_quantile(i + 1 == cells ? 1 - 0x1p-33 : static_cast<double>(i + 1) / cells);
      value[i] = static_cast<float>(low);
      rise[i] = static_cast<float>((high - low) * 0x1p-20);
    }
  }
};
const Table& table() {
  static const Table kept;
  return kept;
}

AUTOMASK_VECTOR_CLONES void interpolate(const float* value, const float* rise, const std::uint32_t* words,
                                        std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto cell = static_cast<std::int32_t>(words[i] >> (32 - bits));
    const auto place = static_cast<std::int32_t>(words[i] & ((1u << (32 - bits)) - 1));
    out[i] = value[cell] + rise[cell] * (static_cast<float>(place) + 0.5F);
  }
}

AUTOMASK_VECTOR_CLONES void centre(const std::uint32_t* words, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(static_cast<std::int32_t>(words[i])) * 0x1p-31F;
}

bool in_tail(std::uint32_t word) { return (word >> (32 - bits)) - outer >= cells - 2 * outer; }

template <class Convert>
void fill(core::RandomStream& random, std::span<float> out, Convert&& convert) {
  std::array<std::uint32_t, 1024> words;
  while (!out.empty()) {
    const std::size_t some = std::min(words.size(), out.size());
    random.fill({words.data(), some});
    convert(words.data(), some, out.data());
    out = out.subspan(some);
  }
}

}  // namespace

float normal_of(std::uint32_t word) {
  if (in_tail(word)) return static_cast<float>(exact(word));
  const Table& t = table();
  float out = 0;
  interpolate(t.value.data(), t.rise.data(), &word, 1, &out);
  return out;
}

void fill_normal(core::RandomStream& random, std::span<float> out) {
  const Table& t = table();
  fill(random, out, [&](const std::uint32_t* words, std::size_t count, float* to) {
    interpolate(t.value.data(), t.rise.data(), words, count, to);
    for (std::size_t i = 0; i < count; ++i)
      if (in_tail(words[i])) to[i] = static_cast<float>(exact(words[i]));
  });
}

void fill_uniform(core::RandomStream& random, std::span<float> out) { fill(random, out, centre); }

}  // namespace automask::corruptions
