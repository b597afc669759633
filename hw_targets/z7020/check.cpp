#include "hw_targets/z7020/check.h"

#include <algorithm>

#include "hw_targets/package/integer.h"
#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/disassemble.h"
#include "hw_targets/z7020/hls/parameters.h"
#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {
namespace {

constexpr std::uint32_t most_shift = package::most_shift;

class Checker {
 public:
  Checker(const Memory& memory, std::uint32_t commands) : memory_(memory), commands_(commands) {}

  std::uint32_t run() {
    require(memory_.writable_begin <= memory_.writable_end && memory_.writable_end <= memory_.size,
            "the writable part of the memory is none");
    int in_step = 0;
    for (;; ++number_) {
      constant(std::uint64_t(commands_) + std::uint64_t(number_) * instruction_words, instruction_words);
      i_ = instruction_at(memory_.words + commands_ + std::size_t(number_) * instruction_words);
      require(opcode_byte(i_) < opcodes, "there is no such opcode");
      require(++in_step <= hls::step_instructions, "a step has more than 32 instructions");
      const auto opcode = static_cast<Opcode>(opcode_byte(i_));
      if (opcode == Opcode::end) return number_ + 1;
      if (opcode == Opcode::step) {
        in_step = 0;
        before_[0] = list_[0];
        before_[1] = list_[1];
      } else {
        check(opcode);
      }
    }
  }

 private:
  std::int64_t value(Field f) const { return f.bits == 32 ? std::int64_t(get_unsigned(i_, f)) : get(i_, f); }

  void require(bool holds, const std::string& fault) const {
    if (holds) return;
    throw StreamError("instruction " + std::to_string(number_) + " (" + name_of(i_) + "): " + fault);
  }
  void inside(std::uint64_t begin, std::uint64_t words) const {
    require(begin + words <= memory_.size, "it reaches beyond the memory");
  }
  // What must not change while the stream runs.
  void constant(std::uint64_t begin, std::uint64_t words) const {
    inside(begin, words);
    require(begin + words <= memory_.writable_begin || begin >= memory_.writable_end,
            "it reads commands, lists or parameters where results are written");
  }

  // Planes of a tile in DDR.
  void tile(bool writes) const {
    const std::int64_t rows = value(field::rows), cols = value(field::cols), planes = value(field::planes);
    require(rows > 0 && cols > 0 && planes > 0, "its tile is empty");
    const std::uint64_t begin = std::uint64_t(value(field::address));
    const std::uint64_t words = std::uint64_t(planes - 1) * std::uint64_t(value(field::plane_pitch)) +
                                std::uint64_t(rows - 1) * std::uint64_t(value(field::row_pitch)) + std::uint64_t(cols);
    inside(begin, words);
    require(!writes || (begin >= memory_.writable_begin && begin + words <= memory_.writable_end),
            "it stores where nothing may be written");
  }

  void input_tile(std::int64_t slots) const {
    const std::int64_t words = slots * value(field::rows) * divided_up<std::int64_t>(value(field::cols), hls::columns);
    require(words > 0 && words <= hls::input_words, "its tile does not fit the input buffer");
  }

  void output_tile() const {
    const std::int64_t words = value(field::by_three) != 0 ? hls::finish_cycles : 1;
    require(value(field::planes) <= (words == 1 ? hls::output_quads : hls::quads), "it moves too many planes");
    require(value(field::rows) * value(field::cols) * words <= hls::tile_entries,
            "its tile does not fit the output buffer");
  }

  void load_planes() const {
    const std::int64_t last = value(field::first_plane) + value(field::planes);
    input_tile(value(field::replicated) != 0 ? last : divided_up<std::int64_t>(last, hls::quads));
    if (value(field::picture) == 0) return tile(false);
    const std::int64_t width = value(field::row_pitch), channels = value(field::picture_channels);
    require(value(field::planes) == 1, "a picture is one plane");
    require(channels >= 1 && channels <= hls::table_channels, "a picture has 1 to 4 channels");
    require(value(field::rows) > 0 && value(field::cols) > 0 && value(field::picture_col) + value(field::cols) <= width,
            "its tile is not inside the picture");
    const std::int64_t pixels =
        (value(field::picture_row) + value(field::rows) - 1) * width + value(field::picture_col) + value(field::cols);
    inside(std::uint64_t(value(field::address)), std::uint64_t(divided_up<std::int64_t>(pixels * channels, 4)));
  }

  void load_list() {
    const std::int64_t count = value(field::count), address = value(field::address);
    require(count > 0 && count % 2 == 0 && count <= hls::list_entries, "its list does not fit the list buffer");
    constant(std::uint64_t(address), std::uint64_t(count / 2));
    std::int64_t largest = 0;
    for (std::int64_t e = 0; e < count; ++e) {
      const std::uint32_t entry = (memory_.words[address + e / 2] >> (16 * (e % 2))) & 0xffffU;
      if (entry != hole) largest = std::max<std::int64_t>(largest, entry);
    }
    list_[value(field::half)] = {count, largest};
  }

  void load_rows(std::int64_t most, std::int64_t words) const {
    const std::int64_t count = value(field::count), address = value(field::address);
    require(count >= 1 && count <= most, "it loads too many rows");
    require(value(field::runs) >= 1, "its rows have no runs");
    require(value(field::row_words) * value(field::runs) <= words, "its rows do not fit the buffer");
    const std::int64_t reach = (value(field::runs) - 1) * value(field::run_pitch) + value(field::row_words);
    constant(std::uint64_t(address), std::uint64_t(count * parameter_words));
    for (std::int64_t o = 0; o < count; ++o) {
      const std::uint32_t* block = memory_.words + address + o * parameter_words;
      require((block[2] & 255U) <= most_shift, "a shift is above 46");
      inside(std::uint64_t(block[0]) + std::uint64_t(value(field::row_offset)), std::uint64_t(reach));
    }
  }

  void load_reciprocals() const {
    const std::int64_t count = value(field::count), address = value(field::address);
    require(count >= 1 && count <= hls::reciprocals, "it has more than 256 reciprocals");
    constant(std::uint64_t(address), std::uint64_t(count));
    for (std::int64_t n = 0; n < count; ++n)
      require((memory_.words[address + n] & 255U) <= most_shift, "a shift is above 46");
  }

  void compute(std::int64_t words) const {
    const std::int64_t pixels = value(field::out_rows) * value(field::out_cols);
    require(pixels > 0 && pixels * words * (value(field::wide) != 0 ? 2 : 1) <= hls::tile_entries,
            "its tile does not fit the output buffer");
    require(value(field::shift) <= most_shift, "a shift is above 46");
    require(value(field::kernel_w) > 0, "its kernel is empty");
  }

  void convolve() const {
    compute(1);
    const std::int64_t begin = value(field::quad_begin), end = value(field::quad_end), quads = value(field::tap_quads);
    const bool replicated = value(field::replicated) != 0;
    require(quads > 0 && quads * hls::quad_channels <= hls::list_entries, "it has more lanes than the list buffer");
    require(begin < end && end <= (std::int64_t(1) << 14) * quads, "it has too many quads");
    require(replicated || (quads % hls::quads == 0 && begin % hls::quads == 0), "its quads are no passes");
    input_tile(replicated ? quads : quads / hls::quads);
    require(value(field::channels) >= 1 && value(field::channels) <= hls::outputs, "it has 1 to 12 outputs");
    // Loads of the same step may or may not have happened.
    const List &now = list_[value(field::list_half)], &before = before_[value(field::list_half)];
    require(quads * hls::quad_channels <= std::min(now.count, before.count), "its channel list is not loaded");
    const std::int64_t first = value(field::first_tap);
    require(begin / quads >= first, "it begins before its weights");
    const std::int64_t byte =
        ((end - 1) / quads - first) * value(field::row_channels) + std::max(now.largest, before.largest);
    require(byte < 4 * hls::weight_words, "its weights do not fit the weight buffer");
  }

  void window() const {
    compute(hls::finish_cycles);
    input_tile(1);
    require(value(field::mode) < window_modes, "there is no such mode");
    require(value(field::kernel_h) > 0, "its kernel is empty");
    require(static_cast<WindowMode>(value(field::mode)) != WindowMode::depthwise ||
                value(field::kernel_h) * value(field::kernel_w) <= 4 * hls::filter_words,
            "its filters have more than 128 taps");
    require(value(field::fixed_shift) <= most_shift, "a shift is above 46");
  }

  void check(Opcode opcode) {
    switch (opcode) {
      case Opcode::load_planes:
        return load_planes();
      case Opcode::load_list:
        return load_list();
      case Opcode::load_table:
        require(value(field::count) >= 1 && value(field::count) <= hls::table_channels, "a table has 1 to 4 channels");
        return inside(std::uint64_t(value(field::address)), std::uint64_t(value(field::count) * 64));
      case Opcode::load_weights:
        return load_rows(hls::outputs, hls::weight_words);
      case Opcode::load_filters:
        return load_rows(hls::lanes, hls::filter_words);
      case Opcode::load_reciprocals:
        return load_reciprocals();
      case Opcode::load_residual:
        output_tile();
        return tile(false);
      case Opcode::convolve:
        return convolve();
      case Opcode::window:
        return window();
      case Opcode::store:
        output_tile();
        return tile(true);
      case Opcode::end:
      case Opcode::step:
        return;
    }
  }

  Memory memory_;
  std::uint32_t commands_, number_ = 0;
  Instruction i_{};
  struct List {
    std::int64_t count = 0, largest = 0;  // entries; the largest but holes
  };
  List list_[2], before_[2];  // now, and when the step began
};

}  // namespace

std::uint32_t check_stream(const Memory& memory, std::uint32_t commands) { return Checker(memory, commands).run(); }

}  // namespace z7020
}  // namespace automask
