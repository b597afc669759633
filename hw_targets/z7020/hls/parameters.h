#pragma once
// The engine's sizes, in one place: the HLS source is built from them, the compiler's tiles fit them, and resources.h
// counts DSPs and block memories from them. C++14; no other header needed, so that Vitis HLS reads it as it is.

namespace automask {
namespace z7020 {
namespace hls {

constexpr int quad_channels = 4;              // channels that lie together in DDR: one 32-bit word
constexpr int quads = 8;                      // quads of the array's input side: 8 x 4 = 32 channels
constexpr int lanes = quads * quad_channels;  // input channels that enter the array in a cycle
constexpr int outputs = 12;                   // output channels that leave it: 3 quads
constexpr int output_quads = outputs / quad_channels;
constexpr int pairs = outputs / 2;  // two weights share a DSP48E1
constexpr int columns = 4;          // adjacent pixels of a row lie in different banks
constexpr int input_words = 1024;   // of each quad's bank of one column: one RAMB36
constexpr int weight_words = 1024;  // of each output channel's weights: 4096 bytes, one RAMB36
constexpr int list_entries = 4096;  // lanes of one layer's channel list
// What masks need of the engine: the channel list, its loader and the array's weights looked up by it (byte_of_lane()
// in convolve.cpp). Without, the array takes the stored channels in their order: for comparing areas, and networks
// without masks and concatenations alone.
#ifdef AUTOMASK_WITHOUT_MASKS
constexpr bool masks = false;
#else
constexpr bool masks = true;
#endif
constexpr int tile_entries = 1024;  // accumulators of 12 channels; words of 12 channels of an output tile
constexpr int window_taps = 3;      // adjacent pixels that the window unit takes in a cycle
constexpr int finish_cycles = (lanes + outputs - 1) / outputs;  // that the requantisers need for 32 channels
constexpr int filter_words = 32;                                // of each lane's depthwise filter: up to 128 taps
constexpr int reciprocals = 256;                                // largest window of a mean whose size varies
constexpr int table_channels = 4;                               // of a picture that is read as it is
constexpr int register_cycles = lanes / 2;  // to refill the array's weights: two bytes a cycle and output
constexpr int ports = 4;                    // AXI masters, the Z7020's HP ports
constexpr int port_words = 2;               // 64 bits: what each moves a cycle
constexpr int step_instructions = 32;       // of one step at most, `step` or `end` included
constexpr int halves = 2;                   // ping-pong

// The split of two products is exact while the lower sum stays within 17 bits: 4 x 127 x 127 < 2^16.
constexpr int packing_shift = 17;
static_assert(quad_channels * 127 * 127 < (1 << (packing_shift - 1)), "a cascade must not overflow its lower product");

}  // namespace hls
}  // namespace z7020
}  // namespace automask
