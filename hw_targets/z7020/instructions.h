#pragma once
// The command stream: what compiler, engine, cycle model, checker and disassembler agree on. C++14, no other room.
//
// An instruction is 16 words of 32 bits: the opcode in the lowest byte of word 0, fields where the constants below say.
// Instructions between two `step`s form a step: its loads, its one compute and its one store run at the same time, on
// different halves of the buffers, in any order; the next step starts when all have ended. Addresses and pitches
// count words of DDR. A quad is 4 channels of one pixel, one word; a plane holds one quad of every pixel of a map, row
// after row; a map of C channels is ceil(C / 4) planes.
#include <array>
#include <cstdint>

namespace automask {
namespace z7020 {

constexpr int instruction_words = 16;
using Instruction = std::array<std::uint32_t, instruction_words>;

enum class Opcode : std::uint8_t {
  end,               // of the stream
  step,              // of a step
  load_planes,       // a tile of a map, or of the picture, into the input buffer
  load_list,         // a layer's channel list: per lane the byte of a tap in the loaded weights, or `hole`
  load_table,        // the picture's table: 256 values a channel
  load_weights,      // up to 12 rows of the weights, named by a parameter block
  load_filters,      // up to 32 depthwise filters, likewise
  load_reciprocals,  // of the sizes of a mean's window: multiplier << 8 | shift
  load_residual,     // a tile of a map into the residual buffer
  convolve,          // some taps of 12 output channels of a tile
  window,            // depthwise convolution, pooling, affine or copy of 32 channels of a tile
  store,             // an output tile to DDR
};
constexpr int opcodes = 12;

constexpr std::uint16_t hole = 0xffff;  // in a channel list: a lane without a channel, whose weight is 0

// A parameter block: per output channel, 3 words: the address of its row of weights, its bias, and
// multiplier << 16 | shift.
constexpr int parameter_words = 3;

enum class WindowMode : std::uint8_t {
  depthwise,  // sum of value x filter, requantised per channel
  largest,    // of what lies inside the tile; 1 x 1: a copy
  mean,       // sum, requantised by the reciprocal of the places that count
  fixed,      // sum, requantised by the instruction's own multiplier and shift
  affine,     // value x 256, requantised per channel
};
constexpr int window_modes = 5;

struct Field {
  std::uint8_t word, shift, bits;
  bool is_signed;
};

namespace field {
// Halves of the ping-pong buffers, 0 or 1, and flags.
constexpr Field half{0, 8, 1, false};           // loads: where to; store: where from
constexpr Field input_half{0, 8, 1, false};     // computes
constexpr Field weight_half{0, 9, 1, false};    // computes; of filters, too
constexpr Field list_half{0, 10, 1, false};     // convolve
constexpr Field output_half{0, 11, 1, false};   // computes; of the residual, too
constexpr Field add_residual{0, 12, 1, false};  // computes
constexpr Field replicated{0, 13, 1, false};    // load_planes, convolve: each quad bank holds every plane
constexpr Field first{0, 14, 1, false};         // convolve: the accumulators start at 0
constexpr Field last{0, 15, 1, false};          // convolve: the sums are requantised into the output tile
constexpr Field wide{0, 16, 1, false};          // convolve: 16-bit outputs, two words each
constexpr Field picture{0, 17, 1, false};       // load_planes: from a picture of bytes, through the table
constexpr Field by_three{0, 18, 1, false};      // load_residual, store: three words a pixel, as `window` has them
constexpr Field mode{0, 20, 4, false};          // window: WindowMode

// Loads and store.
constexpr Field address{1, 0, 32, false};
constexpr Field plane_pitch{2, 0, 32, false};
constexpr Field row_pitch{3, 0, 32, false};  // picture: its width in pixels
constexpr Field planes{4, 0, 16, false};
constexpr Field first_plane{4, 16, 16, false};  // load_planes: its number in the tile
constexpr Field rows{5, 0, 16, false};          // of the tile
constexpr Field cols{5, 16, 16, false};
constexpr Field picture_row{6, 0, 16, false};  // of the tile's first pixel
constexpr Field picture_col{6, 16, 16, false};
constexpr Field picture_channels{7, 0, 8, false};
constexpr Field count{2, 0, 16, false};       // list entries, table or output channels, filters, reciprocals
constexpr Field row_offset{3, 0, 32, false};  // load_weights, load_filters: words to skip of each row
constexpr Field row_words{4, 0, 16, false};   // ... then words of each run; runs lie behind each other in the buffer
constexpr Field runs{5, 0, 16, false};        // ... runs of each row, at least 1
constexpr Field run_pitch{5, 16, 16, false};  // ... words from run to run

// Computes. A tap is a kernel position, counted row by row; quad number q of a layer is plane q % tap_quads of tap
// q / tap_quads, and 8 quads make a pass of the array.
constexpr Field quad_begin{1, 0, 32, false};  // convolve: a multiple of 8
constexpr Field quad_end{2, 0, 32, false};    // convolve
constexpr Field tap_quads{3, 0, 16, false};   // convolve: quads of a tap; a multiple of 8 unless replicated
constexpr Field kernel_w{3, 16, 8, false};
constexpr Field kernel_h{3, 24, 8, false};      // window
constexpr Field row_channels{4, 0, 16, false};  // convolve: bytes of a tap in a row of the weight buffer
constexpr Field first_tap{4, 16, 16, false};    // convolve: at the beginning of the weight buffer's rows
constexpr Field out_rows{6, 0, 16, false};
constexpr Field out_cols{6, 16, 16, false};
constexpr Field stride_h{7, 0, 8, false};
constexpr Field stride_w{7, 8, 8, false};
constexpr Field dilation_h{7, 16, 8, false};  // convolve
constexpr Field dilation_w{7, 24, 8, false};
constexpr Field origin_y{8, 0, 16, true};  // where in the input tile the first output's window begins; outside is 0
constexpr Field origin_x{8, 16, 16, true};
constexpr Field low{9, 0, 8, true};  // of the layer's own value
constexpr Field high{9, 8, 8, true};
constexpr Field sum_low{9, 16, 8, true};  // of the sum with the residual
constexpr Field sum_high{9, 24, 8, true};
constexpr Field own_multiplier{10, 0, 16, true};
constexpr Field residual_multiplier{10, 16, 16, true};
constexpr Field shift{11, 0, 8, false};  // of the sum
constexpr Field channels{11, 8, 8, false};
// window
constexpr Field fixed_multiplier{12, 0, 16, true};
constexpr Field fixed_shift{12, 16, 8, false};
constexpr Field count_top{13, 0, 16, true};  // rows and columns of the input tile that a mean counts
constexpr Field count_bottom{13, 16, 16, true};
constexpr Field count_left{14, 0, 16, true};
constexpr Field count_right{14, 16, 16, true};
}  // namespace field

inline std::int32_t get(const Instruction& i, Field f) {
  const std::uint32_t bits = i[f.word] >> f.shift;
  if (f.bits == 32) return static_cast<std::int32_t>(bits);
  const std::uint32_t mask = (std::uint32_t(1) << f.bits) - 1, sign = std::uint32_t(1) << (f.bits - 1);
  const std::uint32_t value = bits & mask;
  return f.is_signed ? static_cast<std::int32_t>(value ^ sign) - static_cast<std::int32_t>(sign)
                     : static_cast<std::int32_t>(value);
}
inline std::uint32_t get_unsigned(const Instruction& i, Field f) { return static_cast<std::uint32_t>(get(i, f)); }

// False where the value does not fit the field; the instruction is then unchanged.
inline bool put(Instruction& i, Field f, std::int64_t value) {
  const std::int64_t span = std::int64_t(1) << f.bits;
  if (f.is_signed ? value < -span / 2 || value >= span / 2 : value < 0 || value >= span) return false;
  const std::uint32_t mask = static_cast<std::uint32_t>(span - 1);
  i[f.word] = (i[f.word] & ~(mask << f.shift)) | ((static_cast<std::uint32_t>(value) & mask) << f.shift);
  return true;
}

// The one at these words of a stream.
inline Instruction instruction_at(const std::uint32_t* words) {
  Instruction i;
  for (int w = 0; w < instruction_words; ++w) i[static_cast<std::size_t>(w)] = words[w];
  return i;
}
inline Instruction instruction(Opcode opcode) {
  Instruction i{};
  i[0] = static_cast<std::uint32_t>(opcode);
  return i;
}
inline std::uint8_t opcode_byte(const Instruction& i) { return static_cast<std::uint8_t>(i[0] & 255U); }

}  // namespace z7020
}  // namespace automask
