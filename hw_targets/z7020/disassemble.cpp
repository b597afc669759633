#include "hw_targets/z7020/disassemble.h"

#include <algorithm>
#include <vector>

namespace automask {
namespace z7020 {
namespace {

struct Named {
  const char* name;
  Field field;
};

#define AUTOMASK_FIELD(name) \
  { #name, field::name }

const std::vector<Named>& fields_of(Opcode opcode) {
  static const std::vector<Named> none = {};
  static const std::vector<Named> list = {AUTOMASK_FIELD(half), AUTOMASK_FIELD(address), AUTOMASK_FIELD(count)};
  static const std::vector<Named> weights = {
      AUTOMASK_FIELD(half),      AUTOMASK_FIELD(address), AUTOMASK_FIELD(count),    AUTOMASK_FIELD(row_offset),
      AUTOMASK_FIELD(row_words), AUTOMASK_FIELD(runs),    AUTOMASK_FIELD(run_pitch)};
  static const std::vector<Named>& filters = weights;
  static const std::vector<Named> planes = {AUTOMASK_FIELD(half),
                                            AUTOMASK_FIELD(replicated),
                                            AUTOMASK_FIELD(picture),
                                            AUTOMASK_FIELD(address),
                                            AUTOMASK_FIELD(plane_pitch),
                                            AUTOMASK_FIELD(row_pitch),
                                            AUTOMASK_FIELD(planes),
                                            AUTOMASK_FIELD(first_plane),
                                            AUTOMASK_FIELD(rows),
                                            AUTOMASK_FIELD(cols),
                                            AUTOMASK_FIELD(picture_row),
                                            AUTOMASK_FIELD(picture_col),
                                            AUTOMASK_FIELD(picture_channels)};
  static const std::vector<Named> tile = {
      AUTOMASK_FIELD(half),      AUTOMASK_FIELD(by_three), AUTOMASK_FIELD(address), AUTOMASK_FIELD(plane_pitch),
      AUTOMASK_FIELD(row_pitch), AUTOMASK_FIELD(planes),   AUTOMASK_FIELD(rows),    AUTOMASK_FIELD(cols)};
  static const std::vector<Named> convolve = {AUTOMASK_FIELD(input_half),
                                              AUTOMASK_FIELD(weight_half),
                                              AUTOMASK_FIELD(list_half),
                                              AUTOMASK_FIELD(output_half),
                                              AUTOMASK_FIELD(add_residual),
                                              AUTOMASK_FIELD(replicated),
                                              AUTOMASK_FIELD(first),
                                              AUTOMASK_FIELD(last),
                                              AUTOMASK_FIELD(wide),
                                              AUTOMASK_FIELD(quad_begin),
                                              AUTOMASK_FIELD(quad_end),
                                              AUTOMASK_FIELD(tap_quads),
                                              AUTOMASK_FIELD(kernel_w),
                                              AUTOMASK_FIELD(row_channels),
                                              AUTOMASK_FIELD(first_tap),
                                              AUTOMASK_FIELD(rows),
                                              AUTOMASK_FIELD(cols),
                                              AUTOMASK_FIELD(out_rows),
                                              AUTOMASK_FIELD(out_cols),
                                              AUTOMASK_FIELD(stride_h),
                                              AUTOMASK_FIELD(stride_w),
                                              AUTOMASK_FIELD(dilation_h),
                                              AUTOMASK_FIELD(dilation_w),
                                              AUTOMASK_FIELD(origin_y),
                                              AUTOMASK_FIELD(origin_x),
                                              AUTOMASK_FIELD(low),
                                              AUTOMASK_FIELD(high),
                                              AUTOMASK_FIELD(sum_low),
                                              AUTOMASK_FIELD(sum_high),
                                              AUTOMASK_FIELD(own_multiplier),
                                              AUTOMASK_FIELD(residual_multiplier),
                                              AUTOMASK_FIELD(shift),
                                              AUTOMASK_FIELD(channels)};
  static const std::vector<Named> window = {AUTOMASK_FIELD(mode),
                                            AUTOMASK_FIELD(input_half),
                                            AUTOMASK_FIELD(weight_half),
                                            AUTOMASK_FIELD(output_half),
                                            AUTOMASK_FIELD(add_residual),
                                            AUTOMASK_FIELD(wide),
                                            AUTOMASK_FIELD(kernel_h),
                                            AUTOMASK_FIELD(kernel_w),
                                            AUTOMASK_FIELD(rows),
                                            AUTOMASK_FIELD(cols),
                                            AUTOMASK_FIELD(out_rows),
                                            AUTOMASK_FIELD(out_cols),
                                            AUTOMASK_FIELD(stride_h),
                                            AUTOMASK_FIELD(stride_w),
                                            AUTOMASK_FIELD(origin_y),
                                            AUTOMASK_FIELD(origin_x),
                                            AUTOMASK_FIELD(low),
                                            AUTOMASK_FIELD(high),
                                            AUTOMASK_FIELD(sum_low),
                                            AUTOMASK_FIELD(sum_high),
                                            AUTOMASK_FIELD(own_multiplier),
                                            AUTOMASK_FIELD(residual_multiplier),
                                            AUTOMASK_FIELD(shift),
                                            AUTOMASK_FIELD(fixed_multiplier),
                                            AUTOMASK_FIELD(fixed_shift),
                                            AUTOMASK_FIELD(count_top),
                                            AUTOMASK_FIELD(count_bottom),
                                            AUTOMASK_FIELD(count_left),
                                            AUTOMASK_FIELD(count_right)};
  switch (opcode) {
    case Opcode::load_planes:
      return planes;
    case Opcode::load_list:
    case Opcode::load_table:
    case Opcode::load_reciprocals:
      return list;
    case Opcode::load_weights:
      return weights;
    case Opcode::load_filters:
      return filters;
    case Opcode::load_residual:
    case Opcode::store:
      return tile;
    case Opcode::convolve:
      return convolve;
    case Opcode::window:
      return window;
    case Opcode::end:
    case Opcode::step:
      break;
  }
  return none;
}
#undef AUTOMASK_FIELD

}  // namespace

const char* name_of(const Instruction& i) {
  static const char* const names[opcodes] = {"end",           "step",         "load_planes",  "load_list",
                                             "load_table",    "load_weights", "load_filters", "load_reciprocals",
                                             "load_residual", "convolve",     "window",       "store"};
  return opcode_byte(i) < opcodes ? names[opcode_byte(i)] : "unknown";
}

std::string disassemble(const Instruction& i) {
  std::string line = name_of(i);
  if (opcode_byte(i) >= opcodes) return line;
  for (const Named& named : fields_of(static_cast<Opcode>(opcode_byte(i)))) {
    const std::int64_t value =
        named.field.bits == 32 ? std::int64_t(get_unsigned(i, named.field)) : std::int64_t(get(i, named.field));
    if (value != 0) line += std::string(" ") + named.name + " " + std::to_string(value);
  }
  return line;
}

std::string disassemble(const std::uint32_t* words, std::uint32_t size, std::uint32_t commands) {
  std::string text = "step 0\n";
  int step = 0;
  for (std::uint64_t at = commands; at + instruction_words <= size; at += instruction_words) {
    const Instruction i = instruction_at(words + at);
    const auto opcode = static_cast<Opcode>(opcode_byte(i));
    if (opcode == Opcode::step)
      text += "step " + std::to_string(++step) + "\n";
    else
      text += "  " + disassemble(i) + "\n";
    if (opcode == Opcode::end) break;
  }
  return text;
}

}  // namespace z7020
}  // namespace automask
