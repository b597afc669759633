#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {
namespace {

void put_word(Buffers& b, int half, bool replicated, int plane, int rows_per_plane, int row_words, int y, int x,
              word_t word) {
#pragma HLS INLINE
  const int slot = replicated ? plane : plane / quads;
  const int at = (slot * rows_per_plane + y) * row_words + x / columns;
put_quads:
  for (int q = 0; q < quads; ++q) {
#pragma HLS UNROLL
    if (replicated || q == plane % quads) b.input[half][q][x % columns][at] = word;
  }
}

std::uint8_t byte_at(const word_t* memory, std::uint32_t address, std::uint32_t byte) {
  return static_cast<std::uint8_t>((memory[address + byte / 4] >> (8 * (byte % 4))) & 255U);
}

// u8 [H, W, C], mapped through the table into one plane.
void load_picture(const Instruction& i, const word_t* memory, Buffers& b) {
  const std::uint32_t address = get_unsigned(i, field::address), width = get_unsigned(i, field::row_pitch);
  const int rows = get(i, field::rows), cols = get(i, field::cols), channels = get(i, field::picture_channels);
  const std::uint32_t row = get_unsigned(i, field::picture_row), col = get_unsigned(i, field::picture_col);
  const int row_words = (cols + columns - 1) / columns;
picture_rows:
  for (int y = 0; y < rows; ++y)
  picture_cols:
    for (int x = 0; x < cols; ++x) {
#pragma HLS PIPELINE II = 1
      const std::uint32_t pixel = (row + static_cast<std::uint32_t>(y)) * width + col + static_cast<std::uint32_t>(x);
      word_t word = 0;
      for (int c = 0; c < channels; ++c)
        word = with_channel(
            word, c,
            b.table[c][byte_at(memory, address, pixel * static_cast<std::uint32_t>(channels) + std::uint32_t(c))]);
      put_word(b, get(i, field::half), get(i, field::replicated) != 0, get(i, field::first_plane), rows, row_words, y,
               x, word);
    }
}

// Plane p is port p % 4's: the planes that the ports write at one time lie in different banks. Replicated planes go to
// every bank, so that one port writes them all.
void load_planes(const Instruction& i, const word_t* memory, int port, Buffers& b) {
  const std::uint32_t address = get_unsigned(i, field::address), plane_pitch = get_unsigned(i, field::plane_pitch),
                      row_pitch = get_unsigned(i, field::row_pitch);
  const int rows = get(i, field::rows), cols = get(i, field::cols), planes = get(i, field::planes);
  const int row_words = (cols + columns - 1) / columns;
  const bool replicated = get(i, field::replicated) != 0;
  if (replicated && port != 0) return;
planes:
  for (int p = port; p < planes; p += replicated ? 1 : ports)
  rows:
    for (int y = 0; y < rows; ++y) {
      const word_t* from = memory + address + std::uint32_t(p) * plane_pitch + std::uint32_t(y) * row_pitch;
    cols:
      for (int x = 0; x < cols; x += port_words) {
#pragma HLS PIPELINE II = 1
        for (int w = 0; w < port_words; ++w)
          if (x + w < cols)
            put_word(b, get(i, field::half), replicated, get(i, field::first_plane) + p, rows, row_words, y, x + w,
                     from[x + w]);
      }
    }
}

// The address of each output's row stands with its other parameters, so that a mask may leave rows out. It costs no
// storage: the word is used at once.
Requantiser load_parameters(const word_t* block) {
  Requantiser r;
  r.bias = static_cast<std::int32_t>(block[1]);
  r.multiplier = static_cast<std::int16_t>(block[2] >> 16);
  r.shift = static_cast<std::uint8_t>(block[2] & 255U);
  return r;
}

void load_rows(const Instruction& i, const word_t* memory, int port, Buffers& b) {
  const int half = get(i, field::half), count = get(i, field::count), words = get(i, field::row_words);
  const int runs = get(i, field::runs), pitch = get(i, field::run_pitch);
rows:
  for (int o = port; o < count; o += ports) {
    const word_t* block = memory + get_unsigned(i, field::address) + o * parameter_words;
    b.requantisers[half][o] = load_parameters(block);
    const word_t* row = memory + block[0] + get_unsigned(i, field::row_offset);
  runs:
    for (int r = 0; r < runs; ++r)
    words:
      for (int w = 0; w < words; w += port_words) {
#pragma HLS PIPELINE II = 1
        for (int k = w; k < w + port_words && k < words; ++k)
          if (opcode_byte(i) == static_cast<std::uint8_t>(Opcode::load_weights))
            b.weights[half][o][r * words + k] = row[r * pitch + k];
          else
            b.filters[half][o][r * words + k] = row[r * pitch + k];
      }
  }
}

void load_list(const Instruction& i, const word_t* memory, Buffers& b) {
  const word_t* from = memory + get_unsigned(i, field::address);
list:
  for (int e = 0; e < get(i, field::count); e += 2) {
#pragma HLS PIPELINE II = 1
    const word_t word = from[e / 2];
    b.list[get(i, field::half)][e] = static_cast<std::uint16_t>(word & 0xffffU);
    b.list[get(i, field::half)][e + 1] = static_cast<std::uint16_t>(word >> 16);
  }
}

void load_table(const Instruction& i, const word_t* memory, Buffers& b) {
table:
  for (int e = 0; e < 256 * get(i, field::count); ++e) {
#pragma HLS PIPELINE II = 1
    b.table[e / 256][e % 256] =
        static_cast<std::int8_t>(byte_at(memory, get_unsigned(i, field::address), static_cast<std::uint32_t>(e)));
  }
}

void load_reciprocals(const Instruction& i, const word_t* memory, Buffers& b) {
reciprocals:
  for (int e = 1; e <= get(i, field::count); ++e) {
#pragma HLS PIPELINE II = 1
    b.reciprocal[e] = memory[get_unsigned(i, field::address) + static_cast<std::uint32_t>(e) - 1];
  }
}

// As store() has it: plane p is port p % 3's.
void load_residual(const Instruction& i, const word_t* memory, int port, Buffers& b) {
  const int rows = get(i, field::rows), cols = get(i, field::cols), planes = get(i, field::planes);
  const int words = get(i, field::by_three) != 0 ? finish_cycles : 1, half = get(i, field::half);
  if (port >= output_quads) return;
planes:
  for (int p = port; p < planes; p += output_quads)
  rows:
    for (int y = 0; y < rows; ++y) {
      const word_t* from = memory + get_unsigned(i, field::address) +
                           std::uint32_t(p) * get_unsigned(i, field::plane_pitch) +
                           std::uint32_t(y) * get_unsigned(i, field::row_pitch);
    cols:
      for (int x = 0; x < cols; x += port_words) {
#pragma HLS PIPELINE II = 1
        for (int w = 0; w < port_words; ++w)
          if (x + w < cols)
            b.residual[half][(y * cols + x + w) * words + p / output_quads][p % output_quads] = from[x + w];
      }
    }
}

}  // namespace

void load(const Instruction& i, const word_t* memory, int port, Buffers& buffers) {
  const bool single = port == 0;
  switch (static_cast<Opcode>(opcode_byte(i))) {
    case Opcode::load_planes:
      if (get(i, field::picture) == 0)
        load_planes(i, memory, port, buffers);
      else if (single)
        load_picture(i, memory, buffers);
      break;
    case Opcode::load_list:
      if (masks && single) load_list(i, memory, buffers);
      break;
    case Opcode::load_table:
      if (single) load_table(i, memory, buffers);
      break;
    case Opcode::load_weights:
    case Opcode::load_filters:
      load_rows(i, memory, port, buffers);
      break;
    case Opcode::load_reciprocals:
      if (single) load_reciprocals(i, memory, buffers);
      break;
    case Opcode::load_residual:
      load_residual(i, memory, port, buffers);
      break;
    default:
      break;
  }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
