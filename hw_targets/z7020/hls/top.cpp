// The function that Vitis HLS builds: four AXI masters on the HP ports, control registers on AXI-Lite. The simulation
// calls engine() itself, with buffers of its own.
#include "hw_targets/z7020/hls/units.h"

extern "C" std::uint32_t automask_z7020(automask::z7020::hls::word_t* port0, automask::z7020::hls::word_t* port1,
                                        automask::z7020::hls::word_t* port2, automask::z7020::hls::word_t* port3,
                                        std::uint32_t commands) {
#pragma HLS INTERFACE m_axi port = port0 bundle = hp0 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = port1 bundle = hp1 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = port2 bundle = hp2 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE m_axi port = port3 bundle = hp3 offset = slave max_widen_bitwidth = 64
#pragma HLS INTERFACE s_axilite port = commands
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
  return automask::z7020::hls::engine(port0, port1, port2, port3, commands, buffers);
}
