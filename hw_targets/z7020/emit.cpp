#include "hw_targets/z7020/emit.h"

#include <algorithm>
#include <string>
#include <utility>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/hls/parameters.h"
#include "hw_targets/z7020/tiling.h"

namespace automask {
namespace z7020 {
namespace {

using package::Requantisation;

constexpr int slice_words = 4096;  // of an input tile per load: small enough to be spread over steps

class Emitter {
 public:
  Emitter(const package::IntegerNetwork& network, const Lowered& lowered, const Places& places,
          const Bandwidth& bandwidth, Layers layers)
      : network_(network),
        lowered_(lowered),
        places_(places),
        bandwidth_(bandwidth),
        layers_(layers),
        schedule_(bandwidth) {}

  Code run() {
    for (std::size_t l = 0; l < lowered_.layers.size(); ++l) {
      layer_ = static_cast<int>(l);
      switch (layer().unit) {
        case Unit::array:
          emit_array();
          break;
        case Unit::window:
          emit_window();
          break;
        case Unit::arm:
          end_stream();
          code_.parts.push_back({{}, layer_});
      }
      if (layers_ == Layers::apart) end_stream();
    }
    end_stream();
    return std::move(code_);
  }

 private:
  const Layer& layer() const { return lowered_.layers[index(layer_)]; }
  const Map& map(int m) const { return lowered_.maps[index(m)]; }
  const graph::Node& node() const { return network_.graph.nodes[index(layer().node)]; }

  void end_stream() {
    std::vector<Step> steps = schedule_.take();
    if (!steps.empty()) code_.parts.push_back({std::move(steps), layers_ == Layers::apart ? layer_ : -1});
  }

  void set(Instruction& i, Field f, std::int64_t value, const char* what) const {
    if (!put(i, f, value))
      throw CompileError(layer().name, std::string(what) + " of " + std::to_string(value) + " is beyond the engine");
  }

  // Appends to the condition's tables; the word address.
  std::uint32_t table(const std::vector<std::uint32_t>& words) {
    const std::size_t at = code_.tables.size();
    code_.tables.insert(code_.tables.end(), words.begin(), words.end());
    return places_.tables + static_cast<std::uint32_t>(at);
  }

  // {rows, bias, multiplier and shift} of the outputs in these lanes; holes multiply by 0.
  std::uint32_t parameter_block(const std::vector<int>& channels, const StoredRows* rows,
                                const std::vector<int>* kept) {
    const std::vector<Requantisation>& all = network_.integers.of_node.at(node().name);
    std::vector<std::uint32_t> block;
    for (const int channel : channels) {
      const int c = std::max(channel, 0);
      const int row = kept == nullptr ? 0 : kept->at(index(c));
      block.push_back(rows == nullptr ? 0 : rows->address + static_cast<std::uint32_t>(row) * rows->pitch);
      const Requantisation r = channel < 0 ? Requantisation() : all.at(index(c));
      block.push_back(static_cast<std::uint32_t>(r.bias));
      block.push_back(static_cast<std::uint32_t>(static_cast<std::uint16_t>(r.multiplier)) << 16 | r.shift);
    }
    return table(block);
  }

  std::uint32_t address_of(int m) const { return places_.arena + places_.map.address[index(m)]; }

  Region region(int m, int plane, int planes, int top, int bottom, int left, int right) const {
    return {places_.map.storage[index(m)], places_.map.first_plane[index(m)] + plane, planes, top, bottom, left, right};
  }

  // Planes [plane, plane + planes) of a map, the pixels of a tile: what load_planes, load_residual and store share.
  void describe_tile(Instruction& i, int m, int plane, int planes, int row, int rows, int col, int cols) const {
    const Map& from = map(m);
    const int words = from.wide ? 2 : 1;
    set(i, field::address,
        std::int64_t(address_of(m)) + std::int64_t(plane) * from.plane_words() + std::int64_t(row) * from.row_words() +
            col * words,
        "an address");
    set(i, field::plane_pitch, from.plane_words(), "a plane");
    set(i, field::row_pitch, from.row_words(), "a row");
    set(i, field::planes, planes, "a number of planes");
    set(i, field::rows, rows, "a height");
    set(i, field::cols, cols * words, "a width");
  }

  // The loads of an input tile.
  void load_input(Compute& compute, int half, bool replicated, int first_plane, int planes, const Span& rows,
                  const Span& cols) {
    const int m = layer().inputs[0];
    if (m == 0 && lowered_.picture_input) {
      if (!schedule_.has_table()) {
        Instruction t = instruction(Opcode::load_table);
        set(t, field::address, places_.table, "an address");
        set(t, field::count, network_.graph.input.channels, "a number of channels");
        schedule_.load_table(t, layer_);
      }
      Load load;
      load.half = half;
      load.picture = true;
      Instruction& i = load.instruction = instruction(Opcode::load_planes);
      set(i, field::picture, 1, "");
      set(i, field::half, half, "");
      set(i, field::replicated, replicated ? 1 : 0, "");
      set(i, field::address, places_.picture, "an address");
      set(i, field::row_pitch, network_.graph.input.width, "a width");
      set(i, field::planes, 1, "");
      set(i, field::rows, rows.count, "a height");
      set(i, field::cols, cols.count, "a width");
      set(i, field::picture_row, rows.first, "a height");
      set(i, field::picture_col, cols.first, "a width");
      set(i, field::picture_channels, network_.graph.input.channels, "a number of channels");
      compute.loads.push_back(load);
      return;
    }
    // In whole rounds of the 8 quads.
    const int per_slice = std::max(slice_words / (rows.count * cols.count) / 8, 1) * 8;
    for (int p = 0; p < planes; p += per_slice) {
      const int some = std::min(per_slice, planes - p);
      Load load;
      load.half = half;
      load.reads =
          region(m, first_plane + p, some, rows.first, rows.first + rows.count, cols.first, cols.first + cols.count);
      Instruction& i = load.instruction = instruction(Opcode::load_planes);
      describe_tile(i, m, first_plane + p, some, rows.first, rows.count, cols.first, cols.count);
      set(i, field::half, half, "");
      set(i, field::replicated, replicated ? 1 : 0, "");
      set(i, field::first_plane, p, "a number of planes");
      compute.loads.push_back(load);
    }
  }

  // Geometry, limits and residual: what both computes share.
  void describe_compute(Instruction& i, const Span& rows, const Span& cols, int out_rows, int out_cols) const {
    const Layer& l = layer();
    const graph::Attributes& a = l.attributes;
    set(i, field::rows, rows.count, "a height");
    set(i, field::cols, cols.count, "a width");
    set(i, field::out_rows, out_rows, "a height");
    set(i, field::out_cols, out_cols, "a width");
    set(i, field::stride_h, a.stride_h, "a stride");
    set(i, field::stride_w, a.stride_w, "a stride");
    set(i, field::kernel_w, a.kernel_w, "a kernel");
    set(i, field::origin_y, rows.origin, "padding");
    set(i, field::origin_x, cols.origin, "padding");
    set(i, field::low, l.low, "a limit");
    set(i, field::high, l.high, "a limit");
    set(i, field::sum_low, l.sum_low, "a limit");
    set(i, field::sum_high, l.sum_high, "a limit");
    if (l.residual < 0) return;
    set(i, field::add_residual, 1, "");
    set(i, field::own_multiplier, l.own_multiplier, "a multiplier");
    set(i, field::residual_multiplier, l.residual_multiplier, "a multiplier");
    set(i, field::shift, l.shift, "a shift");
  }

  // The store of an output tile and the load of what is added to it.
  void finish_tile(Compute& c, int plane, int planes, int row, int rows, int col, int cols, bool by_three) {
    const int half = c.half_of[static_cast<int>(Buffer::output)];
    c.stores = true;
    c.store = instruction(Opcode::store);
    describe_tile(c.store, layer().output, plane, planes, row, rows, col, cols);
    set(c.store, field::half, half, "");
    set(c.store, field::by_three, by_three ? 1 : 0, "");
    c.writes = region(layer().output, plane, planes, row, row + rows, col, col + cols);
    if (layer().residual < 0) return;
    Load load;
    load.buffer = Buffer::output;
    load.half = half;
    load.reads = region(layer().residual, plane, planes, row, row + rows, col, col + cols);
    load.instruction = instruction(Opcode::load_residual);
    describe_tile(load.instruction, layer().residual, plane, planes, row, rows, col, cols);
    set(load.instruction, field::half, half, "");
    set(load.instruction, field::by_three, by_three ? 1 : 0, "");
    c.loads.push_back(load);
  }

  void use(Compute& c, Buffer buffer, int half) const { c.half_of[static_cast<int>(buffer)] = half; }

  Work work(const Map& in, const Map& out) const {
    Work w;
    w.in_height = in.height;
    w.in_width = in.width;
    w.out_height = out.height;
    w.out_width = out.width;
    w.in_planes = in.planes();
    w.out_channels = static_cast<int>(out.channel_of_lane.size());
    w.attributes = layer().attributes;
    w.picture = layer().inputs[0] == 0 && lowered_.picture_input;
    w.residual = layer().residual >= 0;
    w.wide = out.wide;
    return w;
  }

  // The words of a tap that a condition needs of the stored rows. One burst for all taps where that is shorter.
  struct Part {
    int first = 0, words = 1;
    bool runs = false;  // a burst for each tap
    int bytes = 4;      // of a tap in the weight buffer
  };
  Part part_of(const StoredRows& rows) const {
    const Part whole = {0, divided_up(rows.tap_bytes, 4), false, rows.tap_bytes};
    if (rows.tap_bytes % 4 != 0) return whole;
    int first = rows.channels, last = 0;
    for (const int channel : places_.kept.inputs.at(node().name)) {
      first = std::min(first, rows.place.at(index(channel % rows.channels)));
      last = std::max(last, rows.place.at(index(channel % rows.channels)));
    }
    Part part;
    part.first = first / 4;
    part.words = last / 4 - part.first + 1;
    part.runs = rows.taps > 1;
    part.bytes = 4 * part.words;
    const double some = rows.taps * (part.bytes + bandwidth_.burst_bytes);
    return part.runs && some >= double(rows.taps) * rows.tap_bytes + bandwidth_.burst_bytes ? whole : part;
  }

  // Per lane of the input the byte of a tap in the weight buffer, holes where there is none.
  Load channel_list(const Map& in, const StoredRows& rows, const Part& part, int half) {
    const std::vector<int>& kept = places_.kept.inputs.at(node().name);
    const int lanes = divided_up(in.planes(), 8) * hls::lanes;
    std::vector<std::uint32_t> words(index(lanes / 2), 0xffffffffU);
    for (std::size_t lane = 0; lane < in.channel_of_lane.size(); ++lane) {
      const int channel = in.channel_of_lane[lane];
      if (channel < 0) continue;
      const auto entry =
          static_cast<std::uint32_t>(rows.place.at(index(kept.at(index(channel)) % rows.channels)) - 4 * part.first);
      const int shift = lane % 2 == 0 ? 0 : 16;
      words[lane / 2] = (words[lane / 2] & ~(0xffffU << shift)) | entry << shift;
    }
    Load load;
    load.buffer = Buffer::list;
    load.half = half;
    load.instruction = instruction(Opcode::load_list);
    set(load.instruction, field::address, table(words), "an address");
    set(load.instruction, field::count, lanes, "a number of lanes");
    set(load.instruction, field::half, half, "");
    return load;
  }

  void emit_array() {
    const Layer& l = layer();
    const graph::Attributes& a = l.attributes;
    const Map &in = map(l.inputs[0]), &out = map(l.output);
    const StoredRows& rows = places_.store.rows_of(node().name, places_.kept);
    const std::vector<int>& kept = places_.kept.outputs.at(node().name);
    Work w = work(in, out);
    w.out_channels = static_cast<int>(kept.size());
    const Part part = part_of(rows);
    w.row_channels = part.bytes;
    w.runs = part.runs;
    const Tiling t = tile_array(w, bandwidth_, l.name);
    const int taps = a.kernel_h * a.kernel_w;
    if (part.bytes % 4 != 0 && t.chunk_taps < taps)
      throw CompileError(l.name, "its filter has " + std::to_string(taps) + " taps, the weight buffer holds " +
                                     std::to_string(t.chunk_taps));
    list_half_ ^= 1;
    Load list = channel_list(in, rows, part, list_half_);
    bool listed = false;
    std::vector<std::uint32_t> blocks;  // one per 12 outputs
    for (int o = 0; o < w.out_channels; o += hls::outputs) {
      std::vector<int> channels;
      for (int c = o; c < std::min(o + hls::outputs, w.out_channels); ++c) channels.push_back(c);
      blocks.push_back(parameter_block(channels, &rows, &kept));
    }
    for (int y = 0; y < out.height; y += t.rows)
      for (int x = 0; x < out.width; x += t.cols) {
        const int out_rows = std::min(t.rows, out.height - y), out_cols = std::min(t.cols, out.width - x);
        const Span in_rows = span(y, out_rows, a.stride_h, a.pad_top, (a.kernel_h - 1) * a.dilation_h + 1, in.height);
        const Span in_cols = span(x, out_cols, a.stride_w, a.pad_left, (a.kernel_w - 1) * a.dilation_w + 1, in.width);
        input_half_ ^= 1;
        bool loaded = false;
        for (int o = 0; o < w.out_channels; o += hls::outputs) {
          const int channels = std::min(hls::outputs, w.out_channels - o);
          output_half_ ^= 1;
          for (int first = 0; first < taps; first += t.chunk_taps) {
            const int last = std::min(first + t.chunk_taps, taps);
            weight_half_ ^= 1;
            Compute c;
            c.layer = layer_;
            use(c, Buffer::input, input_half_);
            use(c, Buffer::weights, weight_half_);
            use(c, Buffer::list, list_half_);
            use(c, Buffer::output, output_half_);
            if (!loaded) load_input(c, input_half_, t.replicated, 0, in.planes(), in_rows, in_cols);
            if (!listed) c.loads.push_back(list);
            loaded = listed = true;
            const int some_taps = last - first, skipped = first * rows.tap_bytes / 4 + part.first;
            Load weights;
            weights.buffer = Buffer::weights;
            weights.half = weight_half_;
            weights.instruction = instruction(Opcode::load_weights);
            set(weights.instruction, field::half, weight_half_, "");
            set(weights.instruction, field::address, blocks[index(o / hls::outputs)], "an address");
            set(weights.instruction, field::count, channels, "a number of channels");
            set(weights.instruction, field::row_offset, skipped, "a row of weights");
            set(weights.instruction, field::row_words, part.runs ? part.words : divided_up(some_taps * part.bytes, 4),
                "a row of weights");
            set(weights.instruction, field::runs, part.runs ? some_taps : 1, "a kernel");
            set(weights.instruction, field::run_pitch, part.runs ? rows.tap_bytes / 4 : 0, "a row of weights");
            c.loads.push_back(weights);
            Instruction& i = c.instruction = instruction(Opcode::convolve);
            describe_compute(i, in_rows, in_cols, out_rows, out_cols);
            set(i, field::input_half, input_half_, "");
            set(i, field::weight_half, weight_half_, "");
            set(i, field::list_half, list_half_, "");
            set(i, field::output_half, output_half_, "");
            set(i, field::replicated, t.replicated ? 1 : 0, "");
            set(i, field::first, first == 0 ? 1 : 0, "");
            set(i, field::last, last == taps ? 1 : 0, "");
            set(i, field::wide, out.wide ? 1 : 0, "");
            set(i, field::dilation_h, a.dilation_h, "a dilation");
            set(i, field::dilation_w, a.dilation_w, "a dilation");
            set(i, field::quad_begin, std::int64_t(first) * t.tap_quads, "a kernel");
            set(i, field::quad_end, std::int64_t(last) * t.tap_quads, "a kernel");
            set(i, field::tap_quads, t.tap_quads, "a number of planes");
            set(i, field::row_channels, part.bytes, "a number of channels");
            set(i, field::first_tap, first, "a kernel");
            set(i, field::channels, channels, "");
            if (last == taps) finish_tile(c, o / 4, divided_up(channels, 4), y, out_rows, x, out_cols, false);
            schedule_.add(c);
          }
        }
      }
  }

  // What each output needs besides the window: filters or an affine's parameters.
  bool has_parameters() const { return layer().mode == WindowMode::depthwise || layer().mode == WindowMode::affine; }

  Load filters(int plane, int planes, const Map& in) {
    const std::vector<int> channels(in.channel_of_lane.begin() + plane * 4,
                                    in.channel_of_lane.begin() + (plane + planes) * 4);
    Load load;
    load.buffer = Buffer::weights;
    load.half = weight_half_;
    load.instruction = instruction(Opcode::load_filters);
    const bool depthwise = layer().mode == WindowMode::depthwise;
    const StoredRows* rows = depthwise ? &places_.store.rows_of(node().name, places_.kept) : nullptr;
    const std::vector<int>* kept = depthwise ? &places_.kept.outputs.at(node().name) : nullptr;
    set(load.instruction, field::address, parameter_block(channels, rows, kept), "an address");
    set(load.instruction, field::count, static_cast<int>(channels.size()), "");
    set(load.instruction, field::row_words, depthwise ? rows->pitch : 0, "a filter");
    set(load.instruction, field::runs, 1, "");
    set(load.instruction, field::half, weight_half_, "");
    return load;
  }

  void count_places(Instruction& i, const Span& rows, const Span& cols, const Map& in) const {
    const graph::Attributes& a = layer().attributes;
    const bool padding = a.count_include_pad;
    set(i, field::count_top, (padding ? -a.pad_top : 0) - rows.first, "padding");
    set(i, field::count_bottom, in.height + (padding ? a.pad_bottom : 0) - rows.first, "padding");
    set(i, field::count_left, (padding ? -a.pad_left : 0) - cols.first, "padding");
    set(i, field::count_right, in.width + (padding ? a.pad_right : 0) - cols.first, "padding");
  }

  void emit_window() {
    const Layer& l = layer();
    const graph::Attributes& a = l.attributes;
    const Map &in = map(l.inputs[0]), &out = map(l.output);
    const Tiling t = tile_window(work(in, out), bandwidth_, l.name);
    Load reciprocals;
    bool first_compute = true;
    if (l.mode == WindowMode::mean) {
      std::vector<std::uint32_t> words;
      for (int n = 1; n <= a.kernel_h * a.kernel_w; ++n) {
        const Requantisation r = package::reciprocal(n);
        words.push_back(static_cast<std::uint32_t>(static_cast<std::uint16_t>(r.multiplier)) << 8 | r.shift);
      }
      reciprocals.buffer = Buffer::reciprocals;
      reciprocals.instruction = instruction(Opcode::load_reciprocals);
      set(reciprocals.instruction, field::address, table(words), "an address");
      set(reciprocals.instruction, field::count, static_cast<int>(words.size()), "a window");
    }
    std::vector<Load> parameters(index(divided_up(in.planes(), 8)));
    if (has_parameters())
      for (std::size_t g = 0; g < parameters.size(); ++g)
        parameters[g] = filters(static_cast<int>(g) * 8, std::min(8, in.planes() - static_cast<int>(g) * 8), in);
    for (int y = 0; y < out.height; y += t.rows)
      for (int x = 0; x < out.width; x += t.cols) {
        const int out_rows = std::min(t.rows, out.height - y), out_cols = std::min(t.cols, out.width - x);
        const Span in_rows = span(y, out_rows, a.stride_h, a.pad_top, a.kernel_h, in.height);
        const Span in_cols = span(x, out_cols, a.stride_w, a.pad_left, a.kernel_w, in.width);
        for (int plane = 0; plane < in.planes(); plane += 8) {
          const int planes = std::min(8, in.planes() - plane);
          input_half_ ^= 1;
          output_half_ ^= 1;
          Compute c;
          c.layer = layer_;
          use(c, Buffer::input, input_half_);
          use(c, Buffer::output, output_half_);
          load_input(c, input_half_, false, plane, planes, in_rows, in_cols);
          Instruction& i = c.instruction = instruction(Opcode::window);
          describe_compute(i, in_rows, in_cols, out_rows, out_cols);
          if (has_parameters()) {
            weight_half_ ^= 1;
            use(c, Buffer::weights, weight_half_);
            set(i, field::weight_half, weight_half_, "");
            Load load = parameters[index(plane / 8)];
            load.half = weight_half_;
            set(load.instruction, field::half, weight_half_, "");
            c.loads.push_back(load);
          }
          if (l.mode == WindowMode::mean) {
            use(c, Buffer::reciprocals, 0);
            if (first_compute) c.loads.push_back(reciprocals);
            count_places(i, in_rows, in_cols, in);
          }
          if (l.mode == WindowMode::fixed) {
            const Requantisation& r = network_.integers.of_node.at(node().name).at(0);
            set(i, field::fixed_multiplier, r.multiplier, "a multiplier");
            set(i, field::fixed_shift, r.shift, "a shift");
          }
          first_compute = false;
          set(i, field::mode, static_cast<int>(l.mode), "");
          set(i, field::wide, out.wide ? 1 : 0, "");
          set(i, field::kernel_h, a.kernel_h, "a kernel");
          set(i, field::input_half, input_half_, "");
          set(i, field::output_half, output_half_, "");
          finish_tile(c, plane, planes, y, out_rows, x, out_cols, true);
          schedule_.add(c);
        }
      }
  }

  const package::IntegerNetwork& network_;
  const Lowered& lowered_;
  const Places& places_;
  Bandwidth bandwidth_;
  Layers layers_;
  Schedule schedule_;
  Code code_;
  int layer_ = 0, input_half_ = 0, weight_half_ = 0, list_half_ = 0, output_half_ = 0;
};

}  // namespace

Code emit(const package::IntegerNetwork& network, const Lowered& lowered, const Places& places,
          const Bandwidth& bandwidth, Layers layers) {
  return Emitter(network, lowered, places, bandwidth, layers).run();
}

}  // namespace z7020
}  // namespace automask
