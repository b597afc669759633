#include "core/exceptions.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace automask::core {
namespace {

TEST(FirstLine, LeavesABacktraceOut) {
  EXPECT_EQ(first_line(std::runtime_error("x: is wrong\nException raised from f at a.cpp:3\n#0 g")), "x: is wrong");
  EXPECT_EQ(first_line(std::runtime_error("one line")), "one line");
  EXPECT_EQ(first_line(std::runtime_error("")), "");
}

// methods' tests ask LibTorch itself.
TEST(OutOfMemory, IsToldFromOtherErrors) {
  EXPECT_TRUE(out_of_memory(std::bad_alloc()));
  EXPECT_TRUE(out_of_memory(std::bad_array_new_length()));
  EXPECT_TRUE(out_of_memory(std::runtime_error("CUDA out of memory. Tried to allocate 20.00 GiB (GPU 0)\nException")));
  EXPECT_FALSE(out_of_memory(std::runtime_error("the file out_of_memory.txt is not there")));
  EXPECT_FALSE(out_of_memory(std::runtime_error("another\nCUDA out of memory in a backtrace")));
}

}  // namespace
}  // namespace automask::core
