#pragma once
// The Z7020 runner's room: start here. C++14, no LibTorch.
//
//   package -> lower (layers.h) -> cut (tiling.h) -> schedule (schedule.h) -> Image (compile.h)
//           -> Executor (execute.h) -> Port (port.h): the HLS source as C++ here, a board there (board_port.h)
//
// hls/ is the accelerator itself: an array of 32 input x 12 output channels that takes one pixel a cycle, a window unit
// for depthwise convolution and pooling, and buffers that are filled and emptied while the other half is computed on.
// instructions.h and hls/registers.h are all that the two sides share. hls/parameters.h holds every size.
// docs/z7020.md explains both, docs/first-board.md leads to a board.
#include "hw_targets/z7020/compile.h"
#include "hw_targets/z7020/execute.h"
#include "hw_targets/z7020/model.h"
#include "hw_targets/z7020/port.h"
