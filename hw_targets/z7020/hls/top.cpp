// The function that Vitis HLS builds: four AXI masters on the HP ports, control registers on AXI-Lite, at the addresses
// of registers.h (a test compares). The simulation calls engine() itself, with buffers of its own.
//
// Each use of DDR is an argument of its own, so that every process of a round has its own; arguments of one bundle
// share a master. All are given the same base address.
#include "hw_targets/z7020/hls/registers.h"
#include "hw_targets/z7020/hls/units.h"

using automask::z7020::hls::word_t;

extern "C" std::uint32_t automask_z7020(const word_t* read0, const word_t* read1, const word_t* read2,
                                        const word_t* read3, word_t* write0, word_t* write1, word_t* write2,
                                        const word_t* stream, std::uint32_t commands, std::uint32_t* version) {
#pragma HLS INTERFACE m_axi port = read0 bundle = hp0 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = read1 bundle = hp1 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = read2 bundle = hp2 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = read3 bundle = hp3 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = write0 bundle = hp0 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = write1 bundle = hp1 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = write2 bundle = hp2 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = stream bundle = hp3 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE s_axilite port = read0 offset = 0x18
#pragma HLS INTERFACE s_axilite port = read1 offset = 0x20
#pragma HLS INTERFACE s_axilite port = read2 offset = 0x28
#pragma HLS INTERFACE s_axilite port = read3 offset = 0x30
#pragma HLS INTERFACE s_axilite port = write0 offset = 0x38
#pragma HLS INTERFACE s_axilite port = write1 offset = 0x40
#pragma HLS INTERFACE s_axilite port = write2 offset = 0x48
#pragma HLS INTERFACE s_axilite port = stream offset = 0x50
#pragma HLS INTERFACE s_axilite port = commands offset = 0x58
#pragma HLS INTERFACE s_axilite port = version offset = 0x60
#pragma HLS INTERFACE s_axilite port = return
  static automask::z7020::hls::Buffers buffers;
#pragma HLS ARRAY_PARTITION variable = buffers.input complete dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.input complete dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.input complete dim = 3
#pragma HLS ARRAY_PARTITION variable = buffers.weights complete dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.weights complete dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.requantisers complete dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.filters complete dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.filters complete dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.list complete dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.accumulators complete dim = 2
#pragma HLS ARRAY_PARTITION variable = buffers.output complete dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.output complete dim = 3
#pragma HLS ARRAY_PARTITION variable = buffers.residual complete dim = 1
#pragma HLS ARRAY_PARTITION variable = buffers.residual complete dim = 3
#pragma HLS ARRAY_PARTITION variable = buffers.table complete dim = 1
// Loader, units and store share them without waiting for each other: the stream keeps them on different halves.
#pragma HLS STREAM variable = buffers.input type = unsync
#pragma HLS STREAM variable = buffers.weights type = unsync
#pragma HLS STREAM variable = buffers.requantisers type = unsync
#pragma HLS STREAM variable = buffers.filters type = unsync
#pragma HLS STREAM variable = buffers.list type = unsync
#pragma HLS STREAM variable = buffers.output type = unsync
#pragma HLS STREAM variable = buffers.residual type = unsync
#pragma HLS STREAM variable = buffers.reciprocal type = unsync
#pragma HLS STREAM variable = buffers.table type = unsync
  *version = automask::z7020::registers::engine_version;
  return automask::z7020::hls::engine({read0, read1, read2, read3, write0, write1, write2, stream}, commands, buffers);
}
