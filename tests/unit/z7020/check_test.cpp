// Streams that would lead outside the buffers or the memory are refused by name.
#include "hw_targets/z7020/check.h"

#include <gmock/gmock.h>

#include "hw_targets/z7020/disassemble.h"
#include "tests/unit/z7020/agreement.h"

namespace automask::z7020 {
namespace {

using cpu::Builder;
using graph::Op;

package::IntegerNetwork small_network() {
  Builder b({3, 16, 16});
  const int stem = b.relu(b.conv(0, 20, 3, 1, 1));
  const int deep = b.relu(b.conv(stem, 20, 3, 1, 1, 20));
  const int block = b.relu(b.add({b.conv(deep, 20, 1), stem}));
  graph::Attributes a;
  a.kernel_h = a.kernel_w = 3;
  a.stride_h = a.stride_w = 2;
  a.pad_top = a.pad_left = 1;
  b.classify(b.node(Op::avg_pool, {block}, a), 10);
  return cpu::random_integers(b.network, 1, false);
}

Memory memory_of(const Image& image) {
  return {image.words.data(), image.memory_words, image.arena, image.arena + image.arena_words};
}

// The sentence that refuses the stream after `change` of the first instruction of this opcode.
template <class Change>
std::string refusal(Opcode opcode, Change change) {
  Image image = compile(small_network());
  const std::uint32_t commands = image.programs[0].segments[0].commands;
  for (std::uint32_t n = 0; n < image.programs[0].segments[0].count; ++n) {
    std::uint32_t* at = image.words.data() + commands + n * instruction_words;
    if ((*at & 255U) != static_cast<std::uint32_t>(opcode)) continue;
    Instruction i;
    std::copy_n(at, instruction_words, i.begin());
    change(i, image);
    std::copy(i.begin(), i.end(), at);
    break;
  }
  try {
    check_stream(memory_of(image), commands);
  } catch (const StreamError& e) {
    return e.what();
  }
  return "accepted";
}
auto set(Field f, std::int64_t value) {
  return [=](Instruction& i, Image&) { EXPECT_TRUE(put(i, f, value)); };
}

TEST(Check, AcceptsWhatTheCompilerWrites) {
  const Image image = compile(small_network());
  const Program& program = image.programs[0];
  ASSERT_EQ(program.segments.size(), 1U);
  EXPECT_EQ(check_stream(memory_of(image), program.segments[0].commands), program.segments[0].count);
}

TEST(Check, RefusesEachWayOut) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal(Opcode::step, [](Instruction& i, Image&) { i[0] = 77; }),
              HasSubstr("(unknown): there is no such"));
  EXPECT_THAT(refusal(Opcode::end, [](Instruction& i, Image&) { i[0] = 1; }), HasSubstr("beyond the memory"));
  EXPECT_THAT(refusal(Opcode::load_planes, set(field::rows, 1000)), HasSubstr("(load_planes): its tile does not fit"));
  EXPECT_THAT(refusal(Opcode::load_planes, set(field::picture_col, 5)), HasSubstr("not inside the picture"));
  EXPECT_THAT(refusal(Opcode::load_planes, set(field::address, 0xffffffffU)), HasSubstr("beyond the memory"));
  EXPECT_THAT(refusal(Opcode::load_list, set(field::count, 8192)), HasSubstr("list buffer"));
  EXPECT_THAT(refusal(Opcode::load_list, [](Instruction& i, Image& m) { put(i, field::address, m.arena); }),
              HasSubstr("where results are written"));
  EXPECT_THAT(refusal(Opcode::load_list, set(field::count, 2)),
              HasSubstr("(convolve): its channel list is not loaded"));
  EXPECT_THAT(refusal(Opcode::load_table, set(field::count, 5)), HasSubstr("1 to 4 channels"));
  EXPECT_THAT(refusal(Opcode::load_weights, set(field::count, 13)), HasSubstr("too many rows"));
  EXPECT_THAT(refusal(Opcode::load_weights, set(field::row_words, 1025)), HasSubstr("do not fit"));
  EXPECT_THAT(refusal(Opcode::load_weights, set(field::row_offset, 0xfffffff0U)), HasSubstr("beyond the memory"));
  EXPECT_THAT(refusal(Opcode::load_filters, set(field::row_words, 33)), HasSubstr("do not fit"));
  EXPECT_THAT(refusal(Opcode::load_filters, set(field::row_offset, 0xfffffff0U)), HasSubstr("beyond the memory"));
  EXPECT_THAT(refusal(Opcode::load_reciprocals, set(field::count, 257)), HasSubstr("256 reciprocals"));
  EXPECT_THAT(refusal(Opcode::load_residual, set(field::planes, 9)), HasSubstr("too many planes"));
  EXPECT_THAT(refusal(Opcode::convolve, set(field::out_rows, 1025)), HasSubstr("output buffer"));
  EXPECT_THAT(refusal(Opcode::convolve, set(field::row_channels, 4095)), HasSubstr("weight buffer"));
  EXPECT_THAT(refusal(Opcode::convolve, set(field::shift, 47)), HasSubstr("above 46"));
  EXPECT_THAT(refusal(Opcode::convolve, set(field::kernel_w, 0)), HasSubstr("kernel is empty"));
  EXPECT_THAT(refusal(Opcode::convolve, set(field::channels, 13)), HasSubstr("12 outputs"));
  EXPECT_THAT(refusal(Opcode::window, set(field::mode, 9)), HasSubstr("no such mode"));
  EXPECT_THAT(refusal(Opcode::window, set(field::kernel_h, 200)), HasSubstr("128 taps"));
  EXPECT_THAT(refusal(Opcode::store, set(field::address, 0)), HasSubstr("nothing may be written"));
}

TEST(Disassemble, NamesFieldsAndSteps) {
  const Image image = compile(small_network());
  const std::string text = disassemble(image.words.data(), image.memory_words, image.programs[0].segments[0].commands);
  EXPECT_THAT(text, testing::StartsWith("step 0\n  load_table "));
  EXPECT_THAT(text, testing::HasSubstr("convolve "));
  EXPECT_THAT(text, testing::HasSubstr(" replicated 1"));
  EXPECT_THAT(text, testing::EndsWith("  end\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), image.programs[0].segments[0].count + 1);
}

TEST(Instruction, KeepsFieldsApart) {
  Instruction i = instruction(Opcode::convolve);
  EXPECT_TRUE(put(i, field::origin_y, -5));
  EXPECT_TRUE(put(i, field::origin_x, 32767));
  EXPECT_FALSE(put(i, field::origin_x, 32768));
  EXPECT_FALSE(put(i, field::channels, -1));
  EXPECT_EQ(get(i, field::origin_y), -5);
  EXPECT_EQ(get(i, field::origin_x), 32767);
  EXPECT_EQ(opcode_byte(i), static_cast<int>(Opcode::convolve));
}

}  // namespace
}  // namespace automask::z7020
